"""A shop's RQ jobs: one that fails is one page, which names the job.

    redis-server &
    rq worker -c settings --worker-class pagerduty_logging.integrations.rq.Worker
    rq enqueue -c settings jobs.pay :7

The logging is the worker's: it is in `settings.py`.
"""

import logging

log = logging.getLogger("shop.jobs")


class Declined(Exception):
    """The bank does not pay."""


def pay(order: int) -> None:
    """Fail, and page: RQ logs what a job raises."""
    raise Declined(f"order {order}: no money left")


def pay_carefully(order: int) -> None:
    """Fail, and page once, although the error is logged twice."""
    try:
        pay(order)
    except Declined:
        log.exception("cannot charge order %d", order)
        raise


def remind(order: int) -> None:
    """Log an error and go on: that pages as well."""
    log.error("no address for order %d", order)
