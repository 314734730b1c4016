"""Echoes: lines that only repeat what another line or our middleware has just reported. They do not page.

A traceback that is logged line by line is one failure, and not twenty: paramiko logs so (5.1: transport.py,
`Transport._log` of a list), as does a loop over `format_exc()`. Only the line that says what was raised
pages, and not even that one if an earlier line has said it.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from pagerduty_logging.events_api import safejson
from pagerduty_logging.record.printed_traceback import HEADER

REPORTED: Final = "__pagerduty_logging_uncaught__"
"""The attribute by which the middleware of `integrations` marks an exception that it has paged for."""

MAX_SECONDS: Final = 5.0
"""Seconds after an error within which uvicorn's line that it exits is an echo of that error."""

_TORNADO: Final = "tornado.access"
_JUPYTER: Final = (("jupyter_server", "log.py"), ("jupyterhub", "log.py"))
"""Where Jupyter's servers log an answer, by the application's logger: the headers, and then a line."""
_UVICORN: Final = "uvicorn.error"
_NO_START: Final = "Application startup failed. Exiting."
_DEFERRED: Final = "Unhandled error in Deferred:"
"""What Twisted logs before the failure itself, always (twisted: internet/defer.py, `DebugInfo.__del__`)."""
SERVERS: Final = frozenset((_TORNADO, _UVICORN))
"""Loggers whose every record may be an echo."""
_HEADERS: Final = frozenset((HEADER, "+ Exception Group Traceback (most recent call last):"))
MAX_SECONDS_BETWEEN: Final = 1.0
"""Longest time, in seconds, between a line that says what was raised and the traceback after it."""
MAX_PLACES: Final = 100
"""Call sites remembered as saying what was raised before they log the traceback."""
_MAX_TEXT: Final = 500
_MARGIN: Final = " \t|"
"""What an exception group prints in the margin."""


class Echoes:
    """Recognises echoes. Safe to share between threads.

    It must see, in order, every record of `SERVERS`, and all others that may be an echo: with `HEADER` in
    their message, with an object as message, or a text without arguments while an exception is handled.
    """

    def __init__(self) -> None:
        self._last = float("-inf")
        self._printed_lines = PrintedLines()

    def matches(self, record: logging.LogRecord) -> bool:
        """Return whether a record is an echo; call it on the thread that logs; repeated calls do no harm."""
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
    if record.funcName == "log_request" and PurePath(record.pathname).parts[-2:] in _JUPYTER:
        return _answers_failure() or str(record.msg).startswith("{")
    if record.exc_info:
        return False
    if type(record.msg) is not str:
        return type(record.msg).__module__.startswith("twisted.") and str(record.msg) == _DEFERRED
    if record.name == _UVICORN and record.msg == _NO_START:
        return 0.0 <= record.created - last_of_uvicorn <= MAX_SECONDS
    return HEADER in record.msg and _is_reported()


def _answers_failure() -> bool:
    """Return whether Tornado logs the answer to an exception that `tornado.application` has logged already.

    An answer of 500 that the application gave itself, or asked for by an `HTTPError`, has no other line.
    """
    error = sys.exc_info()[1]
    return error is not None and not any(
        f"{kind.__module__}.{kind.__qualname__}" == "tornado.web.HTTPError" for kind in type(error).__mro__
    )


def _is_reported() -> bool:
    """Return whether the exception that is being handled here has paged when it left the application."""
    error: Any = sys.exc_info()[1]
    try:
        return error is not None and REPORTED in error.__dict__
    except Exception:  # a type may override how its attributes are read
        return False


# --- a traceback that is logged line by line ------------------------------------------------------


class PrintedLines:
    """Recognises the lines of a printed traceback, each logged as a record. Safe to share between threads.

    It must see every text without arguments that is logged while an exception is handled, repeats excepted.
    """

    def __init__(self) -> None:
        self._here = _Thread()
        self._say_first: set[tuple[object, ...]] = set()

    def matches(self, record: logging.LogRecord) -> bool:
        """Return whether a record is such a line, and does not page; call it on the thread that logs."""
        text = record.msg
        # `with_exception` has given a library's report the exception that is being handled.
        if type(text) is not str or record.args or not _is_handled(record.exc_info):
            return False
        printing = self._here.printing
        line = text.strip(_MARGIN)
        if printing is None and line not in _HEADERS:
            self._here.said = _Line(record.name, text[:_MAX_TEXT], record.created)
            return False
        error = sys.exception()
        if error is None:
            self._here.printing = None
            return False
        if line in _HEADERS:
            printing = self._here.printing = self._begun(record, error)
        if printing is None or printing.error != id(error) or record.name != printing.logger:
            self._here.printing = None
            return False
        return line in printing.lines and (printing.is_said or line != printing.last)

    def _begun(self, record: logging.LogRecord, error: BaseException) -> _Printing | None:
        place = (record.name, record.pathname, record.lineno, type(error))
        said = self._here.said
        self._here.said = None
        text = safejson.text(error, _MAX_TEXT).partition("\n")[0]
        if (
            said is not None
            and said.logger == record.name
            and 0.0 <= record.created - said.at <= MAX_SECONDS_BETWEEN
            and text
            and text in said.text
            and len(self._say_first) < MAX_PLACES
        ):
            self._say_first.add(place)
        # Remembered, because the next time the line before may be a repeat, which is not seen here.
        is_said = place in self._say_first
        lines = frozenset(_lines(traceback.format_exception(error)))
        last = next(line for line in _lines(traceback.format_exception_only(error)) if line)
        return _Printing(record.name, id(error), lines, last, is_said) if last in lines else None


def _is_handled(exc_info: object) -> bool:
    """Return whether a record has no exception, or the one that is being handled."""
    return not exc_info or (type(exc_info) is tuple and len(exc_info) == 3 and exc_info[1] is sys.exception())


def _lines(printed: list[str]) -> list[str]:
    return [line.strip(_MARGIN) for line in "".join(printed).split("\n")]


class _Line(NamedTuple):
    logger: str
    text: str
    at: float


class _Printing(NamedTuple):
    logger: str
    error: int
    """The identity of the exception that is being handled."""
    lines: frozenset[str]
    last: str
    """The line that says what was raised."""
    is_said: bool


class _Thread(threading.local):
    def __init__(self) -> None:
        self.said: _Line | None = None
        self.printing: _Printing | None = None
