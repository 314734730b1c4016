"""What a formatted message says: its words, the fields of a JSON line, the traceback merged into it."""

from __future__ import annotations

import json
from typing import NamedTuple, cast

from pagerduty_logging.events_api.safejson import JSON, jsonable
from pagerduty_logging.events_api.text import plain
from pagerduty_logging.record import printed_traceback
from pagerduty_logging.record.exceptions import Frame, Raised

MESSAGE_NAMES = ("event", "message", "msg")
"""Where JSON lines keep the message: structlog's, python-json-logger's and other formatters' names."""
TRACEBACK_NAMES = ("exception", "exc_info", "exc_text", "stack_trace", "traceback")
TOLD_OTHERWISE = frozenset(
    ("level", "levelname", "levelno", "logger", "name", "timestamp", "asctime", "created", "stack_info")
)
"""Fields of JSON lines that the record itself tells."""


class Said(NamedTuple):
    """A message, taken apart."""

    words: str
    fields: dict[str, JSON]
    chain: tuple[Raised, ...]


def read(message: str) -> Said:
    """Take a message apart; what is neither JSON nor a traceback is its words."""
    line = _json_line(message)
    if line is None:
        words, traceback = printed_traceback.split(plain(message))
        return Said(words, {}, printed_traceback.parse(traceback))
    name = next(name for name in MESSAGE_NAMES if isinstance(line.get(name), str))
    words, traceback = printed_traceback.split(plain(str(line.pop(name))))
    for name in TRACEBACK_NAMES:
        text = line.get(name)
        if isinstance(text, str) and "\n" in text:
            del line[name]
            traceback = traceback or text
    fields = {name: value for name, value in line.items() if name not in TOLD_OTHERWISE}
    return Said(words, fields, printed_traceback.parse(traceback))


def chain_in(value: JSON) -> tuple[Raised, ...] | None:
    """Return the exceptions that structlog's `dict_tracebacks` tells of; None if `value` is nothing such.

    Only names and numbers are taken of it: it holds the values of variables too.
    """
    if not (isinstance(value, list) and value):
        return None
    chain: list[Raised] = []
    for told in value:
        if not (isinstance(told, dict) and "exc_type" in told and isinstance(told.get("frames"), list)):
            return None
        frames = [_frame(frame) for frame in cast("list[JSON]", told["frames"]) if isinstance(frame, dict)]
        relation = "caused by" if told.get("is_cause") else "while handling"
        text = str(told.get("exc_value", ""))
        chain.append(Raised(str(told["exc_type"]), text, tuple(frames), relation=relation if chain else ""))
    return tuple(chain)


def _frame(told: dict[str, JSON]) -> Frame:
    line = told.get("lineno")
    path = str(told.get("filename") or "?")
    return Frame(path, line if isinstance(line, int) else 0, str(told.get("name", "")), source="")


def _json_line(message: str) -> dict[str, JSON] | None:
    """Return the object that a message is the JSON of, if one of its fields is a message."""
    if not (message.startswith("{") and message.rstrip().endswith("}")):
        return None
    try:
        found = jsonable(json.loads(message))
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict) and any(isinstance(found.get(name), str) for name in MESSAGE_NAMES):
        return found
    return None
