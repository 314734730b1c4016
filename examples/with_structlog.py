"""Page for structlog's events as they pass through the standard library, their fields among the details.

The handler that pages needs no formatter: it reads the event itself. `ProcessorFormatter` is for the
handlers that write lines.
"""

import logging

import structlog

from pagerduty_logging import PagerDutyHandler

console = logging.StreamHandler()
console.setFormatter(structlog.stdlib.ProcessorFormatter(processor=structlog.dev.ConsoleRenderer()))
logging.basicConfig(handlers=[console, PagerDutyHandler()], level=logging.INFO)

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),  # for `logger.error("order %s failed", 7)`
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
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
