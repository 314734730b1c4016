"""When a state that failed may be called again, and for how long a call may block the worker."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

FIRST_PAUSE = 1.0
"""Seconds after a failure in which the state is not called."""
LONGEST_PAUSE = 60.0
"""The pause doubles with each failure, up to so many seconds."""
PATIENCE = 0.25
"""Seconds for which failing calls may block the worker, in any minute."""
HAND_IN_SHARE = 0.3
"""Of these seconds, the part for the answer to a hand-in: claims need the rest."""
UNHURRIED = 3.0
"""Seconds that a call may take if nobody waits for its answer."""
LEAST_PATIENCE = 0.02
"""A call with less time than this is not worth making."""
QUICK = 0.03
"""Seconds that a call may take if the state answers again, but has blocked the worker long enough before: a
working state answers much sooner."""
MINUTE = 60.0


@dataclass(slots=True)
class Breaker:
    """A circuit breaker: open after a failure, until its pause is over. All times on one monotonic clock.

    Attributes:
        open: the last call failed.
        until: no call before then.
    """

    open: bool = False
    until: float = float("-inf")
    _failures: int = 0
    _failed_at: float = float("-inf")
    _held: deque[tuple[float, float]] = field(default_factory=deque)

    def patience(self, now: float) -> float:
        """Return the seconds that a call may take now; 0.0: make none."""
        if now < self.until:
            return 0.0
        while self._held and now - self._held[0][0] >= MINUTE:
            self._held.popleft()
        left = PATIENCE - sum(seconds for _, seconds in self._held)
        if not self.open:
            return max(left, QUICK)
        return left if left >= LEAST_PATIENCE else 0.0

    def spare(self, now: float) -> float:
        """Return the seconds to wait for what is not needed now: none within a minute of a wait in vain.

        A machine with more work than it can do is late again and again; claims are to find what they need.
        """
        patience = self.patience(now)
        return 0.0 if self._held else HAND_IN_SHARE * patience

    def failed(self, now: float, held: float) -> None:
        """Note a call that failed at `now`, after it had blocked the worker for `held` seconds."""
        self.held(now, held)
        if now - self._failed_at >= LONGEST_PAUSE + MINUTE and not self.open:
            self._failures = 0  # it had worked for a while
        self.open = True
        self.until = now + min(FIRST_PAUSE * 2.0 ** min(self._failures, 10), LONGEST_PAUSE)
        self._failures += 1
        self._failed_at = now

    def held(self, now: float, seconds: float) -> None:
        """Note that a wait without an answer blocked the worker, up to `now`."""
        if seconds > 0.0:
            self._held.append((now, seconds))

    def allow_once_more(self) -> None:
        """Allow a call now, whatever failed before: the process is ending."""
        self.until = float("-inf")
        self._held.clear()

    def answered(self) -> None:
        """Note a call that was answered; an unreliable state is called as rarely as one that is gone."""
        self.open = False
        self.until = float("-inf")
