"""Page for loguru's records by way of the standard library, and show standard records in loguru.

Every loguru record is logged again by a logger of its module's name; the handlers of the standard library
take it from there.
"""

import logging
from typing import TYPE_CHECKING

from loguru import logger

from pagerduty_logging import PagerDutyHandler

if TYPE_CHECKING:
    from loguru import Message

pagerduty = PagerDutyHandler()
logging.basicConfig(handlers=[pagerduty], level=logging.INFO)


def propagate(message: "Message") -> None:
    """Log a loguru record again with the standard library."""
    record = message.record
    error = record["exception"]
    logging.getLogger(record["name"]).log(
        record["level"].no,
        "%s",
        record["message"],
        exc_info=None if error is None or error.value is None else error.value,
        extra=record["extra"],
    )


logger.add(propagate)

order = {"number": 7}
try:
    order["card"]
except KeyError:
    logger.bind(order=7).exception("cannot charge order")

pagerduty.flush()
