"""What the worker asks for beside what was logged: events that no record calls for."""

from __future__ import annotations

from typing import Literal, Protocol

from pagerduty_logging.delivery.event import Pending


class Reports(Protocol):
    """Makes events when it is their time, one after the other.

    Attributes:
        ending: all that was held back is to be reported now; until that is done.
    """

    @property
    def ending(self) -> bool: ...

    def wait(self, now: float) -> float | None:
        """Return the seconds until there may be an event to make; None: never, as things are."""

    def next(self, now: float) -> Pending | None:
        """Return the next event that is to be sent by now; None if there is none."""

    def end(self) -> None:
        """Report everything that was held back: the process ends."""

    def close(self) -> None:
        """Report what is worth an event, before its time."""

    def again(self, key: str) -> bool:
        """Report a problem again, if it went on in a window that is not open for all; return whether."""

    @property
    def left(self) -> int:
        """How many problems there are whose report is to be made now, and is not."""
        ...


class NoReports:
    """Where all that is sent was handed in."""

    ending: Literal[False] = False
    left = 0

    def wait(self, now: float) -> None:
        """There is none to come."""

    def next(self, now: float) -> None:
        """There is none."""

    def end(self) -> None:
        """There is nothing to report."""

    def close(self) -> None:
        """There is nothing to report."""

    def again(self, key: str) -> bool:
        """There is nothing to report."""
        return False
