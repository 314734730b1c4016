"""Page for structlog's events that are JSON lines already when they reach the standard library."""

import logging

import structlog

from pagerduty_logging import PagerDutyHandler

logging.basicConfig(handlers=[logging.StreamHandler(), PagerDutyHandler()], format="%(message)s")

structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)

logger = structlog.get_logger("shop.orders").bind(order=7)
order = {"number": 7}
try:
    order["card"]
except KeyError:
    logger.exception("cannot charge order")
