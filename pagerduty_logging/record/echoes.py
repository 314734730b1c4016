"""Echoes: lines that only repeat what another line or our middleware has just reported. They do not page."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

from pagerduty_logging.record.printed_lines import PrintedLines

REPORTED: Final = "__pagerduty_logging_uncaught__"
"""The attribute by which the middleware of `integrations` marks an exception that it has paged for."""

MAX_SECONDS: Final = 5.0
"""Seconds after an error in which uvicorn's line that it ends is an echo of that."""

_TORNADO: Final = "tornado.access"
_UVICORN: Final = "uvicorn.error"
_NO_START: Final = "Application startup failed. Exiting."
HEADER: Final = "Traceback (most recent call last):"
_DEFERRED: Final = "Unhandled error in Deferred:"
"""What Twisted logs before the failure itself, always (twisted: internet/defer.py, `DebugInfo.__del__`)."""


SERVERS: Final = frozenset((_TORNADO, _UVICORN))


class Echoes:
    """Recognises echoes, given in turn every record of `SERVERS`, and all others that may be one: those with
    `HEADER` in their message, or an object for it; and bare texts that are logged while an exception is
    handled. Safe to share between threads."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._printed_lines = PrintedLines()

    def matches(self, record: logging.LogRecord) -> bool:
        """Return whether a record is an echo; call it on the thread that logs, as often as you like."""
        if self._printed_lines.matches(record):
            return True
        found = is_echo(record, self._last)
        if record.name == _UVICORN and record.levelno >= logging.ERROR and record.msg != _NO_START:
            self._last = record.created
        return found


def is_echo(record: logging.LogRecord, last_of_uvicorn: float = float("-inf")) -> bool:
    """Return whether a record is an echo.

    Args:
        record: any.
        last_of_uvicorn: when uvicorn last logged an error that is not an echo, in seconds since the epoch.
    """
    if record.name == _TORNADO:
        return _answers_failure()
    if record.exc_info:
        return False
    if type(record.msg) is not str:
        return type(record.msg).__module__.startswith("twisted.") and str(record.msg) == _DEFERRED
    if record.name == _UVICORN and record.msg == _NO_START:
        return 0.0 <= record.created - last_of_uvicorn <= MAX_SECONDS
    return HEADER in record.msg and _is_reported()


def _answers_failure() -> bool:
    """Return whether Tornado logs the answer to an exception that `tornado.application` has logged already.

    An answer of 500 that the application gave, or asked for by an `HTTPError`, is logged by this line alone.
    """
    error = sys.exc_info()[1]
    return error is not None and not any(
        f"{kind.__module__}.{kind.__qualname__}" == "tornado.web.HTTPError" for kind in type(error).__mro__
    )


def _is_reported() -> bool:
    """Return whether the exception that is being handled here was paged for as it left the application."""
    error: Any = sys.exc_info()[1]
    try:
        return error is not None and REPORTED in error.__dict__
    except Exception:  # a type may do anything to its attributes
        return False
