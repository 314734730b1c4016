"""What became of the records of a handler: `handler.stats`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pagerduty_logging.state.asking import StateStats


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What became of every record and event so far.

    `accepted == delivered + pending + dead_lettered + sum(dropped.values()) + told_elsewhere`, always.

    Attributes:
        accepted: events taken in to be sent, also those that a dead process left in the spool.
        delivered: events PagerDuty has accepted.
        pending: events that wait or are under way.
        suppressed: records counted as repeats, for which no event was needed.
        ignored: records that do not page, by the rule that says so: "logger" (`ignore_loggers`), "exception"
            (`ignore_exceptions`), "exit" (the report of an exit with success), "echo"
            (a line that repeats what another one has just reported), "record"
            (`extra={"pagerduty": False}`), "filter" (of the handler) or "before_send".
        dead_lettered: events PagerDuty refused for good.
        dropped: events given up for another reason: "overflow" (more than there is room for), "expired"
            (older than `retry.max_age`), "unreadable" (logged where no stack or memory was left) or
            "silenced" (by `pagerduty-logging silence`).
        told_elsewhere: events that were not needed, because another process that shares the state reported
            the problem.
        retries: failed attempts after which the event was kept.
        oldest_pending_age: seconds the oldest pending event has waited; None if there is none.
        last_error: the latest failure, in words; None if there was none.
        state: whether the shared state answers, since when, and why not; None: there is none.
        out_of_reach: what keeps every ERROR from the handler, in words, such as a library's `dictConfig` that
            removed it; None if errors reach it, or if that cannot be known.
    """

    accepted: int = 0
    delivered: int = 0
    pending: int = 0
    suppressed: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    dead_lettered: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    told_elsewhere: int = 0
    retries: int = 0
    oldest_pending_age: float | None = None
    last_error: str | None = None
    state: StateStats | None = None
    out_of_reach: str | None = None


def total(several: Sequence[Stats]) -> Stats:
    """Return the sum of what several deliveries did, each with a routing key of its own."""
    if len(several) == 1:
        return several[0]
    ages = [stats.oldest_pending_age for stats in several if stats.oldest_pending_age is not None]
    return replace(
        several[0],
        accepted=sum(stats.accepted for stats in several),
        delivered=sum(stats.delivered for stats in several),
        pending=sum(stats.pending for stats in several),
        suppressed=sum(stats.suppressed for stats in several),
        ignored=dict(sum((Counter(stats.ignored) for stats in several), Counter())),
        dead_lettered=sum(stats.dead_lettered for stats in several),
        dropped=dict(sum((Counter(stats.dropped) for stats in several), Counter())),
        told_elsewhere=sum(stats.told_elsewhere for stats in several),
        retries=sum(stats.retries for stats in several),
        oldest_pending_age=max(ages, default=None),
        last_error=next((stats.last_error for stats in several if stats.last_error is not None), None),
    )
