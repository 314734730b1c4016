"""An AWS Lambda function whose errors page before it answers; its handler is `shop.handler`.

To run it on your own machine, use Lambda's runtime interface client, with a runtime API:
`python -m awslambdaric shop.handler`.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

from pagerduty_logging import PagerDutyHandler

log = logging.getLogger("shop")

# Lambda has put a handler on the root logger already, so that `basicConfig` would do nothing. It freezes
# the process with the answer, so pages are sent inside the call. Three seconds are less than its own limit.
pagerduty = PagerDutyHandler(timeout=3.0)
logging.getLogger().addHandler(pagerduty)


def paging(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Log what the function raises: Lambda itself prints it, and does not log it."""

    @functools.wraps(function)
    def invoked(event: Any, context: Any) -> Any:
        try:
            return function(event, context)
        except Exception:
            log.exception("%s failed", context.function_name)
            raise
        finally:
            pagerduty.flush(1.0)  # pages that could not be sent when they were logged

    return invoked


@paging
def handler(event: Any, context: Any) -> dict[str, Any]:
    """Charge an order."""
    if "address" not in event:
        log.error("no address for order %s", event["order"])
    if event["order"] == 13:
        raise LookupError("there is no order 13")
    return {"charged": event["order"]}
