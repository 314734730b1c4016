"""When events without a record are due: for the size of a problem, and for what is left at the end."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from pagerduty_logging.delivery.event import Pending
from pagerduty_logging.state.problem import WORTH_A_FOLLOW_UP, Problem
from pagerduty_logging.state.throttle import Throttle
from pagerduty_logging.state.why import Why


class FollowUps:
    """The events of one handler that report suppressed occurrences. For the worker, except `end` and `close`.

    Args:
        throttle: knows the problems.
        make: makes the event of a problem, for a reason, at a time on the throttle's clock; None: there is
            nothing to report.
    """

    def __init__(self, throttle: Throttle, make: Callable[[Problem, Why, float], Pending | None]) -> None:
        self._throttle = throttle
        self._make = make
        self.reset()

    def reset(self) -> None:
        """Start with nothing to report, in a forked child."""
        self._why = Why.END
        self._due: deque[tuple[Problem, Why]] = deque()
        # Set on one thread and done on another, so that a call in between is not lost.
        self._asked = self._found = self._done = 0

    @property
    def ending(self) -> bool:
        """Whether everything suppressed is to be reported now."""
        return self._asked != self._done or bool(self._due)

    def end(self) -> None:
        """Report everything suppressed, at the end of the process."""
        self._why = Why.END
        self._asked += 1

    def close(self) -> None:
        """Report now what would get a follow-up later, because the handler is closed."""
        if self._asked == self._done:  # at the end of the process more is reported
            self._why = Why.SIZE
        self._asked += 1

    def wait(self, now: float) -> float | None:
        """Return the seconds until there may be an event to make; None: there is nothing to wait for."""
        if self._due or self.ending:
            return 0.0
        due = self._throttle.unreported.due
        return None if due == math.inf else max(due - now, 0.0)

    def next(self, now: float) -> Pending | None:
        """Return the next event that is due; None: there is none."""
        unreported, asked = self._throttle.unreported, self._asked
        if self._found != asked:
            why = self._why
            # Reports are among those that are found now.
            self._due = deque((problem, due) for problem, due in self._due if not due.follows_up)
            self._due.extend((problem, why) for problem in unreported.held_back(now, _least(why)))
            self._found = asked
        if not self._due and unreported.due <= now:
            self._due.extend((problem, Why.SIZE) for problem in unreported.went_on(now))
        while self._due:
            made = self._make(*self._due.popleft(), now)
            if made is not None:
                return made
        self._done = asked
        return None

    def again(self, key: str) -> bool:
        """Report a problem again, if it went on in a window that is not open for all; return whether."""
        problem = self._throttle.unreported.reopened(key)
        if problem is not None:
            self._due.append((problem, Why.FIRST))
        return problem is not None

    def size(self, key: str, elapsed: float) -> None:
        """Report the size of a problem that others have met too, so many seconds after its event.

        Nothing is reported while the process that sent the event is still expected to do so.
        """
        problem = self._throttle.unreported.overdue(key, elapsed)
        if problem is not None:
            self._due.append((problem, Why.SIZE))

    @property
    def left(self) -> int:
        """The number of problems whose report is due now and not made yet."""
        found = self._found == self._asked
        return len(self._due) if found else self._throttle.unreported.count(_least(self._why))


def _least(why: Why) -> int:
    """Return from how many occurrences a problem is worth its report: at the end, all that are left are."""
    return 1 if why is Why.END else WORTH_A_FOLLOW_UP
