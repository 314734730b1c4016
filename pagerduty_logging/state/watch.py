"""When to look whether a problem went on after its first event."""

from __future__ import annotations

import math
from collections import deque

from pagerduty_logging.state.problem import WORTH_A_FOLLOW_UP, Problem

OVERDUE = 2.0
"""Times the seconds until the first look after which nobody else is about to look."""


class Watch:
    """The problems that are looked at a while after their first event: after twice as long each time.

    Args:
        first: seconds until the first look; 0: none is looked at.
    """

    def __init__(self, first: float) -> None:
        self._first = first
        # By the seconds since the event: of those, each that comes later is due later.
        self._looks: dict[float, deque[tuple[float, Problem]]] = {}

    def add(self, problem: Problem, now: float) -> None:
        """Look at a problem whose first event was sent now."""
        if self._first:
            self._add(problem, now + self._first, self._first)

    def _add(self, problem: Problem, due: float, elapsed: float) -> None:
        self._looks.setdefault(elapsed, deque()).append((due, problem))

    def is_overdue(self, elapsed: float) -> bool:
        """Whether a problem has been looked at so many seconds after its event, if it is at all."""
        return 0.0 < OVERDUE * self._first <= elapsed

    @property
    def due(self) -> float:
        """When the next look is due, on the throttle's clock; infinity: never."""
        return min((looks[0][0] for looks in list(self._looks.values()) if looks), default=math.inf)

    def went_on(self, now: float) -> list[Problem]:
        """Return the problems that are worth a follow-up now."""
        found = []
        for elapsed in sorted(self._looks):
            looks = self._looks[elapsed]
            while looks and looks[0][0] <= now:
                _, problem = looks.popleft()
                going_on = problem.reportable >= WORTH_A_FOLLOW_UP
                if going_on and not problem.under_way and not problem.last.lost:
                    found.append(problem)
                elif now < problem.quiet_until and not problem.over:
                    self._add(problem, now + elapsed, 2 * elapsed)
        return found
