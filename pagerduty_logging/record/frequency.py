"""`min_occurrences`: a problem does not page until it has happened often enough."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cachetools import LRUCache

from pagerduty_logging.events_api import options
from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.state.lock import ReentrantLock


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
        """The option in words, for the ledger."""
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
