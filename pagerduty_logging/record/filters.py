"""Which records never page: ignored loggers and exceptions, echoes, and exits with success."""

from __future__ import annotations

import fnmatch
import logging
import re
import sys
from collections.abc import Callable, Sequence

from pagerduty_logging.events_api import options
from pagerduty_logging.record import echoes, overrides
from pagerduty_logging.record.exits import reports_clean_exit, reports_unfinished_task
from pagerduty_logging.record.printed_traceback import HEADER

ECHOES = ("django.server",)
"""Loggers that only repeat what another logger reports: that of Django's development server."""


class Ignored:
    """The loggers and exceptions that never page, and reports of an exit with success.

    Args:
        loggers: names of loggers, each with all loggers below it, as everywhere in logging. A name with "*",
            "?" or "[" is a glob that a logger's whole name must match: "vendor.*" does not match "vendor".
        exceptions: types, or dotted names of types that need not be imported; subclasses count too.
        is_ending: whether the process ends; the unfinished tasks that asyncio reports then are not failures.

    Raises:
        TypeError: naming the option that is wrong.
    """

    def __init__(
        self,
        loggers: Sequence[str],
        exceptions: Sequence[type[BaseException] | str],
        is_ending: Callable[[], bool] = lambda: False,
    ) -> None:
        loggers = options.several("ignore_loggers", loggers, _is_text, "logger names or globs")
        exceptions = options.several(
            "ignore_exceptions", exceptions, _is_exception, "exception types or dotted names"
        )
        patterns = "|".join(map(pattern_of, loggers))
        self._loggers = re.compile(patterns).match if patterns else None
        self._echoes = echoes.Echoes()
        self._is_ending = is_ending
        self._types = tuple(kind for kind in exceptions if isinstance(kind, type))
        self._names = frozenset(name for name in exceptions if isinstance(name, str))

    def rule_for(self, record: logging.LogRecord, error: BaseException | None) -> str | None:
        """Return the name of the rule by which a record with this exception does not page, or None."""
        attributes = record.__dict__
        name, message = attributes.get("name"), attributes.get("msg")
        if name in ECHOES:
            return "logger"
        if name == "asyncio" and reports_unfinished_task(message) and self._is_ending():
            return "exit"
        if (
            type(message) is not str
            or (sys.exception() is not None and not attributes.get("args"))
            or HEADER in message
            or name in echoes.SERVERS
        ):
            try:
                if self._echoes.matches(record):
                    return "echo"
            except AttributeError:  # a record made by hand may lack anything
                pass
        if self._loggers is not None and type(name) is str and self._loggers(name):
            return "logger"
        if error is None or overrides.GUARDED in attributes:
            return None
        if self._types and issubclass(type(error), self._types):
            return "exception"
        if issubclass(type(error), SystemExit) and reports_clean_exit(
            error, logger=name, path=attributes.get("pathname", ""), function=attributes.get("funcName")
        ):
            return "exit"
        if self._names and any(not self._names.isdisjoint(_names(t)) for t in type(error).__mro__):
            return "exception"
        return None


def pattern_of(logger: str) -> str:
    """Return the regular expression of a glob, or of a plain name and all names below it."""
    if any(character in logger for character in "*?["):
        return fnmatch.translate(logger)
    return rf"{re.escape(logger)}(?s:\..*)?\Z"


def _is_text(glob: object) -> bool:
    return isinstance(glob, str)


def _is_exception(kind: object) -> bool:
    if isinstance(kind, str):
        return all(map(str.isidentifier, kind.replace(".<locals>", "").split(".")))
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _names(kind: type) -> tuple[str, ...]:
    dotted = f"{kind.__module__}.{kind.__qualname__}"
    return (dotted, kind.__qualname__) if kind.__module__ == "builtins" else (dotted,)
