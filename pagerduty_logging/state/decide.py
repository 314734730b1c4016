"""What becomes of one problem: pure decisions for SQLite. `exchange.lua` decides the same for Redis.

Times are seconds since the epoch, on the store's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pagerduty_logging.state.protocol import (
    LEASE,
    NEW_WITHIN,
    SLACK,
    Anothers,
    Claim,
    Count,
    Later,
    Mine,
    Outcome,
    Standing,
)


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
    silenced: int = 0

    def window_left(self, now: float) -> float:
        """Return the seconds left of the window; a clock that was set back ends it."""
        left = self.told_at + self.window - now
        return left if self.told_severity is not None and 0.0 < left <= self.window else 0.0


@dataclass(slots=True)
class Record(Sent):
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


def reopened(record: Record | None, at: float, release: str | None) -> Record:
    """Return the record of a problem that begins, perhaps not for the first time."""
    if record is None:
        return Record(first=at, last=at, release=release)
    at = max(at, record.resolved)
    return Record(
        first=at,
        last=at,
        resolved=record.resolved,
        release=record.release,
        summary=record.summary,
        logger=record.logger,
    )


def counted(record: Record | None, count: Count, release: str | None, now: float) -> Record:
    """Return the record with occurrences added; it is another one if the problem begins with them."""
    first, last = now - count.first, now - count.last
    if record is None or (record.over and last > record.resolved):
        record = reopened(record, first, release)
    record.n += count.n
    record.last = max(record.last, last)
    if record.over:  # they happened before the problem was resolved
        return record
    record.first = min(record.first, max(first, record.resolved))
    record.worst = min(record.worst, count.severity)
    record.silenced += count.silenced
    record.summary = count.summary or record.summary
    record.logger = count.logger or record.logger
    record.busy = record.busy or record.told_at < last <= record.told_at + record.window
    return record


def concluded(record: Record | None, outcome: Outcome, name: str, now: float) -> Record | None:
    """Return the record after an event of `name` was taken or lost, or after the problem was resolved."""
    at = now - outcome.age
    tells = None if record is None else _tells(record, name)
    if record is not None and record.lease_by == name:
        if outcome.what == "release":
            record.lease(record.under_by, record.under_until, record.under_severity, record.under_tells)
            record.under()
        else:
            record.lease()
    if record is not None and record.under_by == name:
        record.under()
    if outcome.what == "release":
        return record
    if outcome.what == "resolve":
        if record is None:
            record = Record(first=at, last=at)
        if record.told_at > at + SLACK:  # an event opened the alert again since
            return record
        record.over, record.resolved = True, max(record.resolved, at - SLACK)
        record.told, record.silenced, record.told_severity = record.n, 0, None
        record.lease()
        record.under()
        return record
    if record is not None and record.over and at <= record.resolved:
        return record
    if record is None or record.over:  # the state was emptied since: what was told holds
        record = reopened(record, at, None)
        record.n = outcome.occurrences
        record.worst = outcome.severity
        tells = None
    known = record.told_severity
    follow_up = outcome.follow_up and known is not None
    # Two events within a lease of each other were under way at once: their window is one. Otherwise an older
    # one, reported late, changes no later window, and a lesser one makes that of a worse one no longer.
    beside = abs(at - record.told_at) <= LEASE
    if known is None or (at >= record.told_at + record.window and not follow_up):
        record.told_severity = outcome.severity
    elif follow_up or beside or at > record.told_at:
        record.told_severity = min(known, outcome.severity)
    told = outcome.occurrences if tells is None else record.told + tells
    record.told = max(record.told, min(told, record.n))
    record.events += 1
    record.silenced = 0
    record.sent_at = max(record.sent_at, at)
    if follow_up:
        record.followed = True
    elif at >= record.told_at and (beside or outcome.severity == record.told_severity):
        record.told_at, record.window = at, outcome.window
        record.followed = record.busy = False
    return record


def _tells(record: Record, name: str) -> int | None:
    """Return how many occurrences the event reports for which somebody has a lease; None: there is none."""
    if record.lease_by == name:
        return record.lease_tells
    return record.under_tells if record.under_by == name else None


def others(record: Record, claim: Claim, name: str, now: float) -> Anothers | None:
    """Return why an event need not be sent by the claimer of this name; None: it may be."""
    if record.over:
        return Anothers(True, 0.0) if now - claim.age <= record.resolved else None
    leased = record.lease_left(now)
    if leased and record.lease_by != name and claim.severity >= record.lease_severity:
        return Anothers(False, leased, LEASE - leased)
    left = record.window_left(now)
    if claim.follow_up and record.told_severity is not None:
        return Anothers(True, left, record.window - left) if record.followed and left else None
    if record.told_severity is None or claim.severity < record.told_severity:
        return None
    if left:
        return Anothers(True, left, record.window - left, 0 if record.followed else record.untold(now))
    return Anothers(True, 0.0, record.window) if _told_since(record, now - claim.age) else None


def _told_since(record: Record, at: float) -> bool:
    """Whether an event has reported all that happened up to a time, although its window is over."""
    return 0 < record.n <= record.told and at <= record.sent_at


def claimed(
    record: Record | None,
    claim: Claim,
    name: str,
    release: str | None,
    now: float,
    budget: Callable[[int], float],
) -> tuple[Record | None, Anothers | Later | None]:
    """Decide who sends an event; with no answer it is the claimer's, and its lease is in the record.

    Args:
        budget: spends one event of a severity and returns 0.0, or the seconds until there is room.
    """
    answer = None if record is None else others(record, claim, name, now)
    if answer is not None:
        return record, answer
    if record is None or record.over:
        record = reopened(record, now - claim.age, release)
    if claim.follow_up and record.told_severity is not None and record.n <= record.told:
        return record, Anothers(True, record.window_left(now))
    wait = budget(claim.severity)
    if wait > 0.0:
        return record, Later(wait)
    if record.under_by == name:
        record.under()
    if record.lease_left(now) and record.lease_by != name:
        record.under(record.lease_by, record.lease_until, record.lease_severity, record.lease_tells)
    record.lease(name, now + LEASE, claim.severity, record.untold(now))
    return record, None


def figures(
    record: Record,
    claim: Claim,
    release: str | None,
    release_started: float | None,
    hosts: tuple[int, tuple[str, ...]],
    processes: int,
    bound: int,
) -> Mine:
    """Return what the claimed event tells."""
    own = 0 if claim.follow_up else 1
    new = None
    if release is not None and release == record.release and release_started is not None:
        after = max(record.first - release_started, 0.0)
        new = after if after <= NEW_WITHIN else None
    return Mine(
        occurrences=max(record.n, own),
        suppressed=max(record.lease_tells - own, 0),
        silenced=record.silenced,
        first_seen=record.first,
        last_seen=record.last,
        hosts=max(hosts[0], 1),
        host_names=hosts[1],
        processes=max(processes, 1),
        more=max(hosts[0], processes) >= bound,
        events=record.events,
        told_severity=record.told_severity,
        window=record.window,
        quiet=not record.busy,
        first_release=record.release,
        new_in_release=new,
    )


def standing(record: Record | None, now: float) -> Standing:
    """Say how a problem stands for all."""
    if record is None:
        return Standing(False, False)
    left = record.window_left(now)
    told = record.over or left > 0.0
    return Standing(
        told and not record.over,
        record.lease_left(now) > 0.0,
        left if not record.over else 0.0,
        record.told_severity if left and not record.over else None,
    )


def most_in_a_minute(per_minute: int, severity: int, reserved_share: int) -> int:
    """Return how many events may be sent in a minute for one of this severity to be among them."""
    return per_minute - (per_minute // reserved_share if severity else 0)


def budget_wait(sent: list[float], most: int, now: float) -> float:
    """Return the seconds until an event may be sent; `sent`: when those of the last minute were, in order."""
    over = len(sent) - most
    return 0.0 if over < 0 else max(sent[over] + 60.0 - now, 0.001)
