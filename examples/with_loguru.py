"""Page for loguru's records: the handler is a sink like any other.

`format="{message}"` keeps the date and the rest of loguru's line out of the summary.
"""

from loguru import logger

from pagerduty_logging import PagerDutyHandler

pagerduty = PagerDutyHandler()
logger.add(pagerduty, format="{message}", level="ERROR")

order = {"number": 7}
try:
    order["card"]
except KeyError:
    logger.bind(order=7).exception("cannot charge order")

pagerduty.flush()
