"""A local stand-in for PagerDuty's Events API v2, for tests and for trying things out.

Needs the extra: `pip install 'pagerduty-logging[sandbox]'`.
"""

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
from pagerduty_logging.sandbox.server import EXAMPLE_ROUTING_KEY, Sandbox
from pagerduty_logging.sandbox.store import (
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
