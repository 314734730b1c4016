"""Page beside python-json-logger: its formatter may sit on the handler that pages too."""

import logging

from pythonjsonlogger.json import JsonFormatter

from pagerduty_logging import PagerDutyHandler

lines = JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s")
pagerduty = PagerDutyHandler()
pagerduty.setFormatter(lines)
console = logging.StreamHandler()
console.setFormatter(lines)
logging.basicConfig(handlers=[console, pagerduty])

logger = logging.getLogger("shop.orders")
order = {"number": 7}
try:
    order["card"]
except KeyError:
    logger.exception("cannot charge order", extra={"order": 7})
