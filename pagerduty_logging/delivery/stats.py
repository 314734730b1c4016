"""What a program is told of its pages: `handler.stats`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What became of every record and event so far.

    `accepted == delivered + pending + dead_lettered + sum(dropped.values())`, always.

    Attributes:
        accepted: events taken in to be sent, also those that a dead process left in the spool.
        delivered: events PagerDuty has accepted.
        pending: events that wait or are under way.
        suppressed: records counted as repeats, for which no event was needed.
        ignored: records that do not page, by the rule that says so: "logger" (`ignore_loggers`), "exception"
            (`ignore_exceptions`), "exit" (the report of an exit with all well), "echo"
            (a line that repeats what another one has just reported), "record"
            (`extra={"pagerduty": False}`), "filter" (of the handler) or "before_send".
        dead_lettered: events PagerDuty refused for good.
        dropped: events given up for another reason: "overflow" (more than there is room for), "expired"
            (older than `retry.max_age`) or "unreadable" (logged where no stack or memory was left).
        retries: failed attempts after which the event was kept.
        oldest_pending_age: seconds the oldest pending event has waited; None if there is none.
        last_error: the latest failure, in words; None if there was none.
        out_of_reach: what keeps every ERROR from the handler, in words, such as a library's `dictConfig` that
            threw it out; None if errors reach it, or if that cannot be known.
    """

    accepted: int = 0
    delivered: int = 0
    pending: int = 0
    suppressed: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    dead_lettered: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    oldest_pending_age: float | None = None
    last_error: str | None = None
    out_of_reach: str | None = None
