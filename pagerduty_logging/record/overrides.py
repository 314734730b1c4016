"""What a record says about its own page: `extra={"pagerduty": {...}}`.

Nothing here runs the application's code, because it is used when that code has just failed. So `type(...)` is
checked, and not `isinstance`, which asks the object's own `__class__`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pagerduty_logging.events_api.events import Severity

NAME = "pagerduty"
GUARDED = "_pagerduty_guarded"
"""Marks the record of a guarded job: neither `min_occurrences` nor `ignore_exceptions` holds it back."""
ACTIONS = ("trigger", "acknowledge", "resolve")
IN_ANY_CASE = ("severity", "event_action")
"""Entries whose value is one of a few words, which may be written in any case."""
SHOWN = frozenset(
    (
        "client",
        "client_url",
        "component",
        "custom_details",
        "class",
        "event_class",
        "group",
        "images",
        "links",
        "source",
    )
)
"""Overrides that only change what a page shows."""
CHANGING = frozenset(("dedup_key", "severity"))
"""Overrides that decide which problem it is, or how severe."""
DECIDING = SHOWN | CHANGING

_SEVERITIES = {str(severity): severity for severity in Severity}


def said_by(attributes: Mapping[str, object]) -> object:
    """Return what a record with these attributes says under our name, right or wrong; None if nothing.

    structlog keeps it in the event, which is the record's message; loguru in the record's `extra`.
    """
    said = attributes.get(NAME)
    if said is None:
        around: Any = attributes.get("msg")
        if type(around) is not str and issubclass(type(around), dict):
            said = dict.get(around, NAME)
        around = attributes.get("extra")
        if said is None and around is not None and issubclass(type(around), dict):
            said = dict.get(around, NAME)
    return said


def own_key(attributes: Mapping[str, object]) -> str | None:
    """Return the dedup key that a record with these attributes asks for; None if it asks for none."""
    said: Any = said_by(attributes)
    return text(said, "dedup_key") if issubclass(type(said), dict) else None


def text(overrides: Any, name: str) -> str | None:
    """Return one of a record's overrides, if it is a text that is not blank."""
    said = dict.get(overrides, name)
    if not issubclass(type(said), str):
        return None
    found = str.__str__(said)
    return found if found.strip() else None


def severity_of(level: object, overrides: Mapping[str, Any]) -> Severity:
    """Return the severity that a record asks for, else that of its level; 40 if it has no number.

    A level between the standard ones counts as the one below it.
    """
    wanted = _SEVERITIES.get((text(overrides, "severity") or "").strip().lower()) if overrides else None
    if wanted is not None:
        return wanted
    number = level if type(level) is int else _number(level)
    if number >= logging.ERROR:
        return Severity.CRITICAL if number >= logging.CRITICAL else Severity.ERROR
    return Severity.WARNING if number >= logging.WARNING else Severity.INFO


def _number(level: Any) -> float:
    if type(level) in (int, float):
        return float(level)
    if issubclass(type(level), int):  # such as a member of an IntEnum
        return int.__index__(level)
    return logging.ERROR


def faults(overrides: Mapping[str, object]) -> list[str]:
    """Name the overrides that the handler itself could not use."""
    found = []
    action = overrides.get("event_action", "trigger")
    if action not in ACTIONS:
        found.append(f"event_action: must be one of {', '.join(ACTIONS)}")
    key = overrides.get("dedup_key", "-")
    if not (isinstance(key, str) and key.strip()):
        found.append("dedup_key: must be a text that is not empty")
    return found
