"""Page for what a function raises in an executor: a future keeps it, and if nobody asks, nobody knows."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pagerduty_logging import PagerDutyHandler

logging.basicConfig(handlers=[logging.StreamHandler(), PagerDutyHandler()])
log = logging.getLogger("shop.orders")


def log_failure(future: Future[Any]) -> None:
    """Log what a future's function raised. The exception is the message, so that each is its own problem."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error(error, exc_info=error)


def charge(order: int) -> int:
    """Charge an order, if it can be."""
    if order == 7:
        raise ConnectionResetError("the bank closed the connection")
    return order * {11: 100, 12: 250}[order]


with ThreadPoolExecutor() as executor:
    for order in (7, 11, 12, 13):
        executor.submit(charge, order).add_done_callback(log_failure)
