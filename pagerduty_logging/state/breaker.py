"""When may a state that failed be asked again, and for how long may that hold the worker?"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

FIRST_PAUSE = 1.0
"""Seconds after a failure in which the state is not asked."""
LONGEST_PAUSE = 60.0
"""The pause doubles with each failure, up to so many seconds."""
PATIENCE = 0.25
"""Seconds that failing calls may hold the worker, in any minute."""
LEAST_PATIENCE = 0.02
"""A call with less time than this is not worth making."""
MINUTE = 60.0


@dataclass(slots=True)
class Breaker:
    """Open after a failure: nothing is asked until its pause is over. All times on one monotonic clock."""

    failures: int = 0
    until: float = float("-inf")
    _held: deque[tuple[float, float]] = field(default_factory=deque)

    @property
    def closed(self) -> bool:
        """Whether the last call was answered."""
        return self.failures == 0

    def patience(self, now: float) -> float:
        """Return the seconds that a call may take now; 0.0: do not ask."""
        if now < self.until:
            return 0.0
        while self._held and now - self._held[0][0] >= MINUTE:
            self._held.popleft()
        left = PATIENCE - sum(seconds for _, seconds in self._held)
        return left if left >= LEAST_PATIENCE else 0.0

    def failed(self, now: float, held: float) -> None:
        """Note a call that failed at `now`, after it had held the worker for `held` seconds."""
        self.held(now, held)
        self.until = now + min(FIRST_PAUSE * 2.0 ** min(self.failures, 10), LONGEST_PAUSE)
        self.failures += 1

    def held(self, now: float, seconds: float) -> None:
        """Note that waiting in vain held the worker, up to `now`."""
        if seconds > 0.0:
            self._held.append((now, seconds))

    def answered(self) -> None:
        """Note a call that was answered."""
        self.failures = 0
        self.until = float("-inf")
