"""What becomes of one problem: pure decisions for SQLite. `exchange.lua` decides the same for Redis.

Times are seconds since the epoch, on the store's clock.
"""

from __future__ import annotations

from collections.abc import Callable

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
from pagerduty_logging.state.records import Record

LITTLE = 20
"""One in so many occurrences may be left that no event reports when the last process ends."""
APART = 50.0
"""Seconds since the last event in which a program that ends again and again reports no size once more."""


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


def counted(
    record: Record | None,
    count: Count,
    release: str | None,
    now: float,
    process: str = "",
    *,
    ends: bool = False,
) -> Record | None:
    """Return the record with occurrences added; it is another one if the problem begins with them.

    No problem begins with none: None, if there was none.

    Args:
        record: as it was.
        count: of occurrences.
        release: which runs.
        now: on the store's clock.
        process: that met them.
        ends: it is ending.
    """
    first, last = now - count.first, now - count.last
    if record is None or (record.over and last > record.resolved):
        if not count.n and not count.summary:
            return record
        record = reopened(record, first, release)
    record.n += count.n
    record.last = max(record.last, last)
    if ends:
        record.gone(process)
    elif count.n:
        record.seen(process, now)
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
    if record is None or record.over:
        record = reopened(record, at, None)
    if not record.n:  # the state was emptied since: what was told holds
        record.n, record.worst = outcome.occurrences, min(record.worst, outcome.severity)
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
    is_last, record.sent_at = at >= record.sent_at, max(record.sent_at, at)
    if follow_up:
        record.ended = record.followed
        record.followed = True
    elif at >= record.told_at and (beside or outcome.severity == record.told_severity):
        record.told_at, record.window = at, outcome.window
        if is_last:  # else its size was reported since
            record.followed = record.busy = record.ended = False
    return record


def _tells(record: Record, name: str) -> int | None:
    """Return how many occurrences the event reports for which somebody has a lease; None: there is none."""
    if record.lease_by == name:
        return record.lease_tells
    return record.under_tells if record.under_by == name else None


def others(record: Record, claim: Claim, name: str, now: float, ends: str = "") -> Anothers | None:
    """Return why an event need not be sent by the claimer of this name; None: it may be.

    Args:
        record: of the problem.
        claim: what is asked.
        name: of the claimer.
        now: on the store's clock.
        ends: its process, if that is ending.
    """
    if record.over:
        return Anothers(True, 0.0) if now - claim.age <= record.resolved else None
    leased = record.lease_left(now)
    if leased and record.lease_by != name and claim.severity >= record.lease_severity:
        return Anothers(False, leased, LEASE - leased)
    left = record.window_left(now)
    if claim.follow_up and record.told_severity is not None:
        done = record.followed and left and not _untold_at_the_end(record, ends, now)
        return Anothers(True, left, record.window - left) if done else None
    if record.told_severity is None or claim.severity < record.told_severity:
        return None
    if left:
        return Anothers(True, left, record.window - left, 0 if record.followed else record.untold(now))
    return Anothers(True, 0.0, record.window) if _told_since(record, now - claim.age) else None


def _untold_at_the_end(record: Record, ends: str, now: float) -> int:
    """Return what no event reports and none will: this process ends, and no other goes on; 0: little."""
    untold = record.untold(now)
    if not ends or record.over or record.others_go_on(ends, now) or untold * LITTLE <= record.n:
        return 0
    return 0 if record.ended and 0.0 <= now - record.sent_at < APART else untold


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
    ends: str = "",
) -> tuple[Record | None, Anothers | Later | None]:
    """Decide who sends an event; with no answer it is the claimer's, and its lease is in the record.

    Args:
        record, claim, name, now, ends: see `others`.
        release: which runs.
        budget: spends one event of a severity and returns 0.0, or the seconds until there is room.
    """
    answer = None if record is None else others(record, claim, name, now, ends)
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
        told_at=max(record.told_at, record.sent_at) or None,
        window=record.window,
        quiet=not record.busy,
        first_release=record.release,
        new_in_release=new,
    )


def standing(record: Record | None, now: float, ends: str = "") -> Standing:
    """Say how a problem stands for all; `ends`: the process that asks, if it is ending."""
    if record is None:
        return Standing(False, False)
    left = record.window_left(now)
    told = record.over or left > 0.0
    return Standing(
        told and not record.over,
        record.lease_left(now) > 0.0,
        left if not record.over else 0.0,
        record.told_severity if left and not record.over else None,
        _untold_at_the_end(record, ends, now) if left else 0,
    )


def most_in_a_minute(per_minute: int, severity: int, reserved_share: int) -> int:
    """Return how many events may be sent in a minute for one of this severity to be among them."""
    return per_minute - (per_minute // reserved_share if severity else 0)


def budget_wait(sent: list[float], most: int, now: float) -> float:
    """Return the seconds until an event may be sent; `sent`: when those of the last minute were, in order."""
    over = len(sent) - most
    return 0.0 if over < 0 else max(sent[over] + 60.0 - now, 0.001)
