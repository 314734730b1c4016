"""Events without a record, which the worker asks for: follow-ups, and reports at the end."""

from __future__ import annotations

from typing import Literal, Protocol

from pagerduty_logging.delivery.event import Pending


class Reports(Protocol):
    """Makes events when they are due, one after the other.

    Attributes:
        ending: True while all that was held back is to be reported, until that is done.
    """

    @property
    def ending(self) -> bool: ...

    def wait(self, now: float) -> float | None:
        """Return the seconds until there may be an event to make; None: there is none."""

    def next(self, now: float) -> Pending | None:
        """Return the next event that is due; None if there is none."""

    def end(self) -> None:
        """Report everything that was held back, at the end of the process."""

    def close(self) -> None:
        """Report what is worth an event now, before it is due: the handler is closed."""

    def again(self, key: str) -> bool:
        """Report a problem again, if it went on in a window of this process only; return whether."""

    @property
    def left(self) -> int:
        """How many problems are due for a report and not reported yet."""
        ...


class NoReports:
    """No such events: only what is submitted is sent."""

    ending: Literal[False] = False
    left = 0

    def wait(self, now: float) -> None:
        """There will be none."""

    def next(self, now: float) -> None:
        """There is none."""

    def end(self) -> None:
        """There is nothing to report."""

    def close(self) -> None:
        """There is nothing to report."""

    def again(self, key: str) -> bool:
        """There is nothing to report."""
        return False
