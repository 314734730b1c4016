"""Records that hold nothing but plain data: a copy of one can be read on any thread, at any time."""

from __future__ import annotations

import logging
import time
from sys import getsizeof
from typing import Any

LEAST = 2_000
"""About how many bytes of memory a copy takes at least."""
MAX_BYTES = 50_000
"""Bytes that the texts of a copy may take; a greater record is read, and shortened, at once."""
MAX_INTEGER = 2**64

_PLAIN = frozenset((str, int, float, bool, type(None)))
# Not made by logging's record factory, which may be the application's.
_NAMES = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None)))


def attributes_of(record: logging.LogRecord) -> tuple[dict[str, Any], int] | None:
    """Return a record's attributes without the exception, and about how many bytes they take.

    None: reading the record may run the application's code, or the copy would be too big.
    """
    if type(record) is not logging.LogRecord:
        return None
    attributes = record.__dict__
    try:
        args = attributes["args"]
        if not (
            type(attributes["msg"]) is str
            and type(args) is tuple
            and type(attributes["name"]) is str
            and type(attributes["levelname"]) is str
            and type(attributes["filename"]) is str
            and type(attributes["lineno"]) is int
        ):
            return None
    except KeyError:
        return None
    size = LEAST + len(record.msg)
    arg: Any
    for arg in args:
        kind = type(arg)
        if kind is str:
            size += 4 * len(arg)
        elif kind not in _PLAIN or (kind is int and not -MAX_INTEGER < arg < MAX_INTEGER):
            return None
    printed, stack = attributes.get("exc_text"), attributes.get("stack_info")
    if printed is not None or stack is not None:
        size += getsizeof(printed) + getsizeof(stack)
    if len(attributes) != len(_NAMES):
        if not attributes.keys() >= _NAMES:
            return None
        for name in attributes.keys() - _NAMES:
            value = attributes[name]
            if type(name) is not str or type(value) not in _PLAIN or name == "pagerduty":
                return None
            size += 100 + getsizeof(value)
    if size > MAX_BYTES:
        return None
    copy = attributes.copy()
    copy["exc_info"] = None
    return copy, size


_TEXTS = ("name", "levelname", "pathname", "filename", "funcName")
_NO_LEVEL = "Level None"


def completed(record: logging.LogRecord) -> logging.LogRecord:
    """Return the record, or a copy with all attributes: a record made by hand or sent may lack any of them.

    In the copy names are texts, and the line is a number.
    """
    attributes = record.__dict__
    level = attributes.get("levelno", logging.ERROR)
    wrong = {name for name in _TEXTS if not issubclass(type(attributes.get(name)), str)}
    if not issubclass(type(attributes.get("lineno")), int):
        wrong.add("lineno")
    if (
        type(attributes.get("levelname")) is str and attributes["levelname"] == _NO_LEVEL
    ):  # as `makeLogRecord` has it
        wrong.add("levelname")
    if not wrong and attributes.keys() >= _NAMES:
        return record
    complete = logging.LogRecord("root", logging.ERROR, "", 0, "", (), None, "")
    now = time.time()
    complete.__dict__.update(created=now, msecs=now % 1 * 1_000, levelname=_level_name(level))
    complete.__dict__.update((name, attributes[name]) for name in attributes.keys() - wrong)
    return complete


def _level_name(level: object) -> str:
    return logging.getLevelName(level) if type(level) is int else "ERROR"
