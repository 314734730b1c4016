"""The problems a process knows, bounded in number and time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from cachetools import Cache, TTLCache

from pagerduty_logging.state.problem import Problem

REMEMBERED = 86_400.0
"""Seconds a problem is known after its last event, so that the next can report what happened between."""
MAX_FORGOTTEN = 1_000
"""Problems that were removed for others although they had something to report."""


class KnownProblems:
    """Problems by dedup key. Everything except `in` needs the throttle's lock.

    Args:
        most: how many are known, without those with an event under way; the least recently seen go first.
        seconds: how long each is known after its last event.
        timer: seconds, monotonic.
    """

    def __init__(self, most: int, seconds: float, timer: Callable[[], float]) -> None:
        self._closed = _Closed(most, seconds, timer)
        # Those with an event under way; when it ends they join the others.
        self._open: dict[str, Problem] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._open or key in self._closed

    def find(self, key: str) -> Problem | None:
        """Return the problem with a key, which counts as seen."""
        problem = self._open.get(key)
        # `in` first, which is faster: most are not there.
        if problem is None and Cache.__contains__(self._closed, key):
            problem = self._closed.get(key)
        return problem

    def closed(self, key: str) -> Problem | None:
        """Return the problem with a key, if no event of it is under way."""
        return self._closed.get(key)

    def opened(self, key: str) -> Problem | None:
        """Return the problem with a key, if an event of it is under way."""
        return self._open.get(key)

    def open(self, problem: Problem) -> None:
        """An event of a problem is under way."""
        self._open[problem.key] = problem

    def close(self, problem: Problem, *, keep: bool) -> None:
        """No event of a problem is under way any more.

        Args:
            problem: the problem.
            keep: False: it is forgotten, unless it was known before this event.
        """
        if self._open.get(problem.key) is problem:
            del self._open[problem.key]
            if keep:
                self._closed[problem.key] = problem  # again, so that it is remembered from this event on

    def pop(self, key: str) -> list[Problem]:
        """Forget the problem with a key, and return it."""
        found = (self._open.pop(key, None), self._closed.pop(key, None))
        return [problem for problem in found if problem is not None]

    def all(self) -> list[Problem]:
        """Return all problems, and the latest that were removed with something to report."""
        closed = (self._closed.get(key) for key in list(self._closed))
        found = [problem for problem in closed if problem is not None]
        return [*found, *self._open.values(), *self._closed.forgotten]


class _Closed(TTLCache[str, Problem]):
    """The problems without an event under way.

    Attributes:
        forgotten: the latest that were removed for others although they had something to report.
    """

    def __init__(self, most: int, seconds: float, timer: Callable[[], float]) -> None:
        super().__init__(most, seconds, timer=timer)
        self.forgotten: deque[Problem] = deque(maxlen=MAX_FORGOTTEN)

    def popitem(self) -> tuple[str, Problem]:
        """Make room: remove the problem that was seen longest ago."""
        key, problem = super().popitem()
        if problem.said is not None:
            self.forgotten.append(problem)
        return key, problem
