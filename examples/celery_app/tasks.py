"""A shop's Celery tasks: one that fails is one page, which names the task.

    celery -A tasks worker --loglevel INFO
    python -c 'import tasks; tasks.pay.delay(7)'

Needs no broker to be installed: messages are files in the folder `queue`.
"""

import logging
from pathlib import Path

from celery import Celery
from celery.utils.log import get_task_logger

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.celery import install

Path("queue").mkdir(exist_ok=True)
folders = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue"}
app = Celery("shop", broker="filesystem://", broker_transport_options=folders)

install(PagerDutyHandler(client="Shop"))

log = get_task_logger(__name__)


class Declined(Exception):
    """The bank does not pay."""

    def __init__(self, order: int, reason: str) -> None:
        super().__init__(f"order {order}: {reason}")


@app.task
def pay(order: int) -> None:
    """Fail, and page: Celery logs what a task raises."""
    raise Declined(order, "no money left")


@app.task
def pay_carefully(order: int) -> None:
    """Fail, and page once, although the error is logged twice."""
    try:
        pay(order)
    except Declined:
        log.exception("cannot charge order %d", order)
        raise


@app.task(bind=True, max_retries=1, default_retry_delay=0)
def ship(self, order: int) -> None:
    """Fail twice, and page for the last failure only: a retry does not page."""
    try:
        {"apples": 3}["pears"]
    except KeyError as error:
        raise self.retry(exc=error) from error


@app.task
def remind(order: int) -> None:
    """Log an error and go on: that pages as well."""
    logging.getLogger("shop.mail").error("no address for order %d", order)
