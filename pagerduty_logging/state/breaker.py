"""When a state that failed may be called again, and for how long a call may block the worker."""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pagerduty_logging.state.protocol import StateError

NO_ANSWER, LATE, LOCKED = "no answer", "does not answer in time", "is locked by another program"
"""How the reasons begin, or end, that say no more than that."""
FIRST_PAUSE = 1.0
"""Seconds after a failure in which the state is not called."""
LONGEST_PAUSE = 60.0
"""The pause doubles with each failure, up to so many seconds."""
PATIENCE = 0.25
"""Seconds for which failing calls may block the worker, in any minute."""
PATIENCE_AT_THE_END = 1.0
"""The same for one call of a process that ends: where many end at once, all of them want the CPU."""
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
LAST_WAIT = 2.0
"""Seconds that the end of the process waits for one answer."""
LAST_PAUSE, LONGEST_LAST_PAUSE = 0.05, 0.4
"""Seconds before the next try then, which double with each that fails; they may be half as long."""
AWAY, AWAY_TRIES = 4.0, 8
"""Seconds, and tries that may fail, for a state that has not answered for long."""
FINAL_WAIT = 0.01
"""Seconds that are to be left for one answer."""


class CutOff(StateError):
    """The connection was closed before the answer: asked once more, on another one, the state may answer."""


@dataclass(slots=True)
class Breaker:
    """A circuit breaker: open after a failure, until its pause is over. All times on one monotonic clock.

    Attributes:
        open: the last call failed.
        until: no call before then.
        was_cut_off: the connection of the last call was closed before the answer.
        ends_until: the process is ending until then.
    """

    open: bool = False
    until: float = float("-inf")
    was_cut_off: bool = False
    ends_until: float = float("-inf")
    _failures: int = 0
    _failed_at: float = float("-inf")
    _held: deque[tuple[float, float]] = field(default_factory=deque)
    _more: float = 0.0

    def patience(self, now: float) -> float:
        """Return the seconds that a call may take now; 0.0: make none."""
        if now < self.until:
            return 0.0
        if now < self.ends_until and not self.open:
            return PATIENCE_AT_THE_END
        while self._held and now - self._held[0][0] >= MINUTE:
            self._held.popleft()
        left = PATIENCE + self._more
        if self._held:
            left = min(left - sum([seconds for _, seconds in self._held]), PATIENCE)
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

    def cut_off(self, now: float, held: float) -> bool:
        """Note a connection that was closed before the answer; return whether to ask once more."""
        if self.open or self.was_cut_off:
            return False
        self.was_cut_off = True
        self.held(now, held)
        return True

    def held(self, now: float, seconds: float) -> None:
        """Note that a wait without an answer blocked the worker, up to `now`."""
        if seconds > 0.0:
            self._held.append((now, seconds))

    def allow_once_more(self) -> None:
        """Allow a call now, whatever failed before: the process is ending."""
        self.until = float("-inf")
        self._held.clear()

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Allow calls in the pause, which may block for as long once more: somebody waits for them.

        One that fails then makes the pause no longer.
        """
        was_open, until, failures = self.open, self.until, self._failures
        self.until, self._more = float("-inf"), PATIENCE
        try:
            yield
        finally:
            self._more = 0.0
            if self.open and was_open:
                self.until, self._failures = until, failures

    def answered(self) -> None:
        """Note a call that was answered; an unreliable state is called as rarely as one that is gone."""
        self.open = self.was_cut_off = False
        self.until = float("-inf")


def _sleep(seconds: float) -> None:
    time.sleep(seconds)  # looked up when it is called: gevent may have replaced it by then


class LastTries:
    """The tries at the end of a process: as many as the time allows, each some time after the one before.

    Args:
        seconds: for all of them.
        clock: seconds, monotonic.
        sleep: waits for so many seconds.
        away: the state has not answered for long: few tries, that may fail, and little time.
    """

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float],
        sleep: Callable[[float], object] = _sleep,
        away: bool = False,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._end = clock() + (min(seconds, AWAY) if away else seconds)
        self._pause = LAST_PAUSE
        self._left = AWAY_TRIES if away else math.inf

    def wait(self) -> float:
        """Return the seconds to wait for an answer to the next one; 0.0: there is no time for one."""
        left = self._end - self._clock()
        return min(left, LAST_WAIT) if left > FINAL_WAIT and self._left > 0 else 0.0

    def rest(self) -> None:
        """Pause after one that failed: processes that end together are not to try again together."""
        self._left -= 1
        left = max(self._end - self._clock(), 0.0)
        self._sleep(min(random.uniform(self._pause / 2, self._pause), left))
        self._pause = min(2 * self._pause, LONGEST_LAST_PAUSE)
