"""Records whose message is a mapping, as structlog hands them to logging: the event and its fields."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pagerduty_logging.record.web_request import message_of

EVENT_NAMES = ("event", "message", "msg")
# fmt: off
TOLD_OTHERWISE = frozenset((
    "_from_structlog", "_record", "exc_info", "level", "log_level", "logger", "pagerduty", "positional_args",
    "stack_info", "timestamp",
))
# fmt: on
"""What the record itself tells, and structlog's own remarks."""


def event_of(record: logging.LogRecord) -> tuple[object, dict[object, object]]:
    """Return what a record says, and its fields; without a mapping for a message just its own message.

    Runs the program's code.
    """
    said: Any = record.msg
    if record.args or not issubclass(type(said), Mapping):
        return message_of(record), {}
    name = next((name for name in EVENT_NAMES if name in said), None)
    if name is None:
        return message_of(record), {}
    return said[name], {key: said[key] for key in said if key != name and key not in TOLD_OTHERWISE}
