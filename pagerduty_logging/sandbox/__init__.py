"""A local stand-in for PagerDuty's Events API v2, for tests and for trying things out.

Needs the extra: `pip install "pagerduty-logging[sandbox]"`.
"""

try:
    import flask as _flask  # noqa: F401
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        'the sandbox needs Flask: pip install "pagerduty-logging[sandbox]"', name="flask"
    ) from None

from pagerduty_logging.sandbox.faults import (
    Answer,
    Delay,
    Drip,
    Endless,
    Fault,
    Garbage,
    Hang,
    Redirect,
    Reset,
)
from pagerduty_logging.sandbox.rules import EXAMPLE_ROUTING_KEY
from pagerduty_logging.sandbox.server import Sandbox
from pagerduty_logging.sandbox.values import (
    AcceptedEvent,
    Alert,
    ChangeEvent,
    Occurrence,
    Request,
    RoutingKey,
)

__all__ = [
    "EXAMPLE_ROUTING_KEY",
    "AcceptedEvent",
    "Alert",
    "Answer",
    "ChangeEvent",
    "Delay",
    "Drip",
    "Endless",
    "Fault",
    "Garbage",
    "Hang",
    "Occurrence",
    "Redirect",
    "Request",
    "Reset",
    "RoutingKey",
    "Sandbox",
]
