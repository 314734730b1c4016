"""What a record says about its own page: `extra={"pagerduty": {...}}`.

Nothing here runs the program's code, so that it can be trusted when that code has just failed. Hence
types are asked what they are, not objects, whose `__class__` may be anything.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pagerduty_logging.events_api.events import Severity

NAME = "pagerduty"
ACTIONS = ("trigger", "acknowledge", "resolve")

_SEVERITIES = {str(severity): severity for severity in Severity}
_NONE: dict[object, Any] = {}


def wishes_in(said: object) -> dict[object, Any]:
    """Return the wishes in what a record says under our name; empty if there are none."""
    wishes: Any = said
    return wishes if issubclass(type(said), dict) else _NONE


def said_by(record: logging.LogRecord) -> object:
    """Return what the record says under our name, right or wrong; None if nothing.

    structlog keeps it in the event, which is the record's message; loguru in the record's `extra`.
    """
    attributes = record.__dict__
    said = attributes.get(NAME)
    if said is None:
        around: Any = attributes.get("msg")
        if type(around) is not str and issubclass(type(around), dict):
            said = dict.get(around, NAME)
        around = attributes.get("extra")
        if said is None and around is not None and issubclass(type(around), dict):
            said = dict.get(around, NAME)
    return said


def wish(wishes: dict[object, Any], name: str) -> str | None:
    """Return one of a record's wishes, if it is a text that says something."""
    said = dict.get(wishes, name)
    if said is None:
        return None
    text = str.__str__(said) if issubclass(type(said), str) else ""
    return text if text.strip() else None


def severity_of(record: logging.LogRecord, wishes: dict[object, Any]) -> Severity:
    """Return the severity that is among the record's wishes, else its level's.

    A custom level counts as the standard one below it.
    """
    wished = _SEVERITIES.get(wish(wishes, "severity") or "") if wishes else None
    if wished is not None:
        return wished
    level = record.levelno
    if type(level) is not int:
        level = level if type(level) is float else logging.ERROR
    if level >= logging.ERROR:
        return Severity.CRITICAL if level >= logging.CRITICAL else Severity.ERROR
    return Severity.WARNING if level >= logging.WARNING else Severity.INFO


def faults(wishes: Mapping[str, object]) -> list[str]:
    """Name the wishes that the handler itself had to pass over."""
    found = []
    action = wishes.get("event_action", "trigger")
    if action not in ACTIONS:
        found.append(f"event_action: must be one of {', '.join(ACTIONS)}")
    key = wishes.get("dedup_key", "-")
    if not (isinstance(key, str) and key.strip()):
        found.append("dedup_key: must be a text that is not empty")
    return found
