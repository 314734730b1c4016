"""What does not page: loggers and exceptions that are known noise, and problems that happen too seldom."""

from __future__ import annotations

import fnmatch
import logging
import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cachetools import LRUCache

from pagerduty_logging.events_api import options
from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.record.clean_exits import reports_clean_exit
from pagerduty_logging.record.echoes import Echoes
from pagerduty_logging.state.lock import ReentrantLock

ECHOES = ("django.server",)
"""Loggers that repeat failures which another logger reports: that of Django's development server."""


class Ignored:
    """The loggers and exceptions that never page, and reports of an exit with success.

    Args:
        loggers: names of loggers, each with all loggers below it, as everywhere in logging. A name with "*",
            "?" or "[" is a glob that a logger's whole name must match: "vendor.*" does not match "vendor".
        exceptions: types, or dotted names of types that need not be imported; subclasses count too.

    Raises:
        TypeError: naming the option that is wrong.
    """

    def __init__(self, loggers: Sequence[str], exceptions: Sequence[type[BaseException] | str]) -> None:
        loggers = options.several("ignore_loggers", loggers, _is_text, "logger names or globs")
        exceptions = options.several(
            "ignore_exceptions", exceptions, _is_exception, "exception types or dotted names"
        )
        patterns = "|".join(map(pattern_of, loggers))
        self._loggers = re.compile(patterns).match if patterns else None
        self._echoes = Echoes()
        self._types = tuple(kind for kind in exceptions if isinstance(kind, type))
        self._names = frozenset(name for name in exceptions if isinstance(name, str))

    def rule_for(self, record: logging.LogRecord, error: BaseException | None) -> str | None:
        """Return the name of the rule that keeps a record, with this exception, from paging; else None."""
        name = record.__dict__.get("name")
        if name in ECHOES:
            return "logger"
        try:
            if self._echoes.matches(record):
                return "echo"
        except AttributeError:  # a record made by hand may lack anything
            pass
        if self._loggers is not None and type(name) is str and self._loggers(name):
            return "logger"
        if error is None:
            return None
        if self._types and issubclass(type(error), self._types):
            return "exception"
        if reports_clean_exit(record, error):
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
    return isinstance(kind, str) or (isinstance(kind, type) and issubclass(kind, BaseException))


def _names(kind: type) -> tuple[str, ...]:
    dotted = f"{kind.__module__}.{kind.__qualname__}"
    return (dotted, kind.__qualname__) if kind.__module__ == "builtins" else (dotted,)


class Held(NamedTuple):
    """The occurrences that were held back before a problem paged."""

    times: int
    first_seen: float
    """Seconds since the epoch."""


class Frequency:
    """Counts whether a problem has happened often enough in a short time; safe to share between threads.

    Args:
        occurrences: how often.
        seconds: within how long.
        max_problems: how many problems are watched at once; the least recently seen go first.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        occurrences: int,
        seconds: float,
        max_problems: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._occurrences = occurrences
        self._seconds = seconds
        self._clock = clock
        self._watched: LRUCache[str, _Watched] = LRUCache(max_problems)
        self._lock = ReentrantLock()

    @property
    def words(self) -> str:
        """What holds back what does not happen often enough."""
        return f"min_occurrences: not {self._occurrences:,} times within {self._seconds:g} s"

    def note(self, key: str, seen: float, now: float | None = None) -> Held | None:
        """Note an occurrence.

        Args:
            key: the dedup key of its problem.
            seen: when it happened, in seconds since the epoch.
            now: the same on the clock; default: now.

        Returns:
            what was held back since it last happened often enough, if it does now; None: hold it back too.
        """
        if now is None:
            now = self._clock()
        # Inside another call on this thread a page too many is better than half a cache update.
        return self._lock.run(self._note, key, seen, now, or_else=_held_nothing)

    def _note(self, key: str, seen: float, now: float) -> Held | None:
        watched = self._watched.get(key)
        if watched is None:
            watched = self._watched[key] = _Watched(self._occurrences, seen)
        watched.times.append(now)
        enough = len(watched.times) == self._occurrences and now - watched.times[0] <= self._seconds
        if enough:
            held, watched.held = watched.held, 0
            return Held(held, watched.first_seen)
        watched.held += 1
        return None


def _held_nothing(key: str, seen: float, now: float) -> Held:
    return Held(0, seen)


class _Watched:
    """One problem's latest occurrences."""

    __slots__ = ("first_seen", "held", "times")

    def __init__(self, occurrences: int, seen: float) -> None:
        self.times: deque[float] = deque(maxlen=occurrences)
        self.held = 0
        self.first_seen = seen


def frequency(
    option: tuple[int, float] | None, max_problems: int, clock: Callable[[], float] = monotonic
) -> Frequency | None:
    """Return what the option `min_occurrences` asks for; raise a TypeError or ValueError that names it."""
    if option is None:
        return None
    if isinstance(option, str) or not isinstance(option, Sequence) or len(option) != 2:
        raise TypeError("min_occurrences must be (times, seconds)")
    times, seconds = option
    return Frequency(
        options.count("min_occurrences", times),
        options.seconds("min_occurrences", seconds),
        max_problems,
        clock,
    )
