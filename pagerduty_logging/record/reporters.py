"""Records by which a library reports what it caught: arguments are not shown, only their types and names.

A task queue that logs a failed call has the call's arguments in its message; they belong to users.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from copy import copy
from datetime import date, time, timedelta
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pagerduty_logging.events_api import safejson
from pagerduty_logging.record.paths import is_library, is_ours

_CALL = re.compile(r"(?P<name>[A-Za-z_][\w.<>-]{0,200}+)\((?P<arguments>.*)\)[\s.]*", re.DOTALL)
_PLAIN = (
    str,
    bytes,
    bool,
    int,
    float,
    type(None),
    BaseException,
    date,
    time,
    timedelta,
    UUID,
    PurePath,
    type,
)
MAX_NAMES = 20
"""Names of entries that are shown of a mapping."""


def is_report(record: logging.LogRecord, *, caught: bool) -> bool:
    """Return whether a library logs an exception that it `caught`, rather than the application."""
    path: Any = record.pathname
    return caught and type(path) is str and is_library(path) and not is_ours(path)


def without_contents(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy of a report whose arguments and extras are shown by name and type.

    What is affected: the `repr` of a call, a mapping, an object of the library. Texts, numbers and exceptions
    stay. Runs the objects' `__str__`.
    """
    shown = copy(record)
    args: Any = record.args
    if isinstance(args, Mapping):
        shown.args = {name: _in_words(value) for name, value in args.items()}
    elif isinstance(args, tuple):
        shown.args = tuple(_in_words(value) for value in args)
    for name, value in record.__dict__.items():
        if name not in _USUAL and isinstance(value, (Mapping, str)):
            shown.__dict__[name] = _shown(value)
    return shown


_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "pagerduty", "taskName"}


class _Words(str):
    """What is shown in place of a value; `%r` puts no quotes around it."""

    __slots__ = ()
    __repr__ = str.__str__


def _in_words(value: object) -> object:
    shown = _shown(value)
    return _Words(shown) if isinstance(shown, str) and not isinstance(value, str) else shown


def _shown(value: object) -> object:
    if isinstance(value, str):
        return _without_arguments(value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        names = ", ".join(safejson.text(name, 100) for name in list(value)[:MAX_NAMES])
        return f"{safejson.type_name(value)} of {names}" if names else value
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"{safejson.type_name(value)} of {len(value)}" if value else value
    text = safejson.text(value, 1_000)
    return _without_arguments(text) if _CALL.fullmatch(text) else safejson.type_name(value)


def _without_arguments(text: str) -> str:
    call = _CALL.fullmatch(text)
    return f"{call['name']}(…)" if call is not None and call["arguments"].strip() else text
