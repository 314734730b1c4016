"""What is stored of one problem: who may send its next event, what was sent, who meets it.

Times are seconds since the epoch, on the store's clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from pagerduty_logging.state.protocol import LEASE

ACTIVE = 15.0
"""Seconds after a hand-in in which its process is taken to go on: it would hand in again."""


@dataclass(slots=True)
class Leases:
    """Who may send the next event of a problem.

    Attributes:
        lease_by, lease_until, lease_severity: who may send one now, until when, and which.
        lease_tells: occurrences that this event reports.
        under_by, under_until, under_severity, under_tells: the same of the lease that a more severe event
            passed by.
    """

    lease_by: str = ""
    lease_until: float = 0.0
    lease_severity: int = 3
    lease_tells: int = 0
    under_by: str = ""
    under_until: float = 0.0
    under_severity: int = 3
    under_tells: int = 0

    def lease_left(self, now: float) -> float:
        """Return the seconds left of the lease; a clock that was set back ends it."""
        left = self.lease_until - now
        return left if self.lease_by and 0.0 < left <= LEASE else 0.0

    def held_by(self, name: str, now: float) -> bool:
        """Return whether somebody has a lease that goes on."""
        under = self.under_by == name and 0.0 < self.under_until - now <= LEASE
        return under or (self.lease_by == name and self.lease_left(now) > 0.0)

    def lease(self, by: str = "", until: float = 0.0, severity: int = 3, tells: int = 0) -> None:
        """Give the lease to somebody, or to nobody."""
        self.lease_by, self.lease_until, self.lease_severity, self.lease_tells = by, until, severity, tells

    def under(self, by: str = "", until: float = 0.0, severity: int = 3, tells: int = 0) -> None:
        """Remember the lease that a more severe event passed by, or none."""
        self.under_by, self.under_until, self.under_severity, self.under_tells = by, until, severity, tells


@dataclass(slots=True)
class Sent(Leases):
    """What events of a problem were sent, and which may be.

    Attributes:
        events: how many reported it.
        told: occurrences that they reported.
        told_severity: of the worst event in the last window; None: there was none.
        told_at, window: when the last event was taken, and for how many seconds it keeps repeats back.
        sent_at: when the last event of any kind was taken, a follow-up too.
        followed: a follow-up was sent in this window.
        busy: something happened in this window.
        ended: so was one by the last process to end, in this window.
        silenced: occurrences since the last event that a silence kept back.
    """

    events: int = 0
    told: int = 0
    told_severity: int | None = None
    told_at: float = 0.0
    window: float = 0.0
    sent_at: float = 0.0
    followed: bool = False
    busy: bool = False
    ended: bool = False
    silenced: int = 0

    def window_left(self, now: float) -> float:
        """Return the seconds left of the window; a clock that was set back ends it."""
        left = self.told_at + self.window - now
        return left if self.told_severity is not None and 0.0 < left <= self.window else 0.0


@dataclass(slots=True)
class Seen(Sent):
    """Which processes go on that meet the problem: two are enough to know whether another one does.

    Attributes:
        seen_by, seen_at: the process that handed in last, and when.
        before_by, before_at: the same of the one before.
    """

    seen_by: str = ""
    seen_at: float = 0.0
    before_by: str = ""
    before_at: float = 0.0

    def seen(self, process: str, now: float) -> None:
        """Note that a process meets the problem."""
        if self.seen_by != process:
            self.before_by, self.before_at = self.seen_by, self.seen_at
        self.seen_by, self.seen_at = process, now

    def gone(self, process: str) -> None:
        """Note that a process has ended."""
        if self.seen_by == process:
            self.seen_by, self.seen_at = self.before_by, self.before_at
            self.before_by = ""
        elif self.before_by == process:
            self.before_by = ""

    def others_go_on(self, process: str, now: float) -> bool:
        """Return whether another process meets the problem, too, and has not ended."""
        seen = self.seen_by not in ("", process) and 0.0 <= now - self.seen_at < ACTIVE
        return seen or (self.before_by not in ("", process) and 0.0 <= now - self.before_at < ACTIVE)


@dataclass(slots=True)
class Record(Seen):
    """What is stored of one problem: all of this in one row.

    Attributes:
        n: occurrences.
        first, last: when the first and the last occurrence happened.
        worst: severity of the worst occurrence.
        resolved, over: when it was resolved last, and whether nothing happened since.
        release: in which the problem was first seen.
        summary, logger: what a page says.
        host, process: who saw it first.
    """

    n: int = 0
    first: float = 0.0
    last: float = 0.0
    worst: int = 3
    resolved: float = 0.0
    over: bool = False
    release: str | None = None
    summary: str = ""
    logger: str = ""
    host: str = ""
    process: str = ""

    def untold(self, now: float) -> int:
        """Return how many occurrences no event reports, neither one that was taken nor one under way."""
        under_way = self.under_tells if self.under_by and 0.0 < self.under_until - now <= LEASE else 0
        return max(self.n - self.told - under_way, 0)
