"""The requests that a process sends to the shared state, and the replies: plain values.

One exchange is one round trip and one step: all of it happens, or nothing. Both stores take the same
`Request` and give the same `Reply`. Severities are ranks: 0 critical, 1 error, 2 warning, 3 info. Times in a
request are ages, in seconds, and times in a reply are on the store's clock, in seconds since the epoch: what
the clocks of hosts show is compared nowhere. Nobody changes a value that was made: those of an exchange are
not frozen, because each would take three times as long to make.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from pagerduty_logging.events_api.clock import monotonic

LEASE = 30.0
"""Seconds for which one process has the right to send a problem's event."""
FORMAT = 1
"""Version of what is stored."""
FIRST_HOSTS = 3
"""Names of hosts that an event shows."""
MAX_NAMES = 1_000
"""Hosts, and processes, counted for a problem; beyond, their number is "at least" that."""
SLACK = 1.0
"""Seconds by which times of processes may be in the wrong order. A resolve counts so much earlier."""
NEW_WITHIN = 3_600.0
"""Seconds after a release's first start in which a problem first seen is new in it."""
RESERVED_SHARE = 5
"""One in so many of a minute's events is kept for critical ones."""
GIVE_BACK = -1
"""What is asked of the budget instead of a severity, for an event that was not taken."""
MINUTE = 60.0
MOMENT = 0.01
"""Seconds that make no difference to an age."""
MAX_BATCH = 200
"""Problems in one exchange, which holds up everybody else."""


class StateError(Exception):
    """The state did not answer; the text says what is wrong and what to do, without a secret."""


def digest(routing_key: str) -> str:
    """Return a name for a routing key that does not reveal it."""
    return hashlib.sha256(f"pagerduty-logging state {routing_key}".encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sender:
    """The sender of a request: one handler of one process.

    Attributes:
        name: the handler's, unique for all time.
        process, host: names of its process, unique for all time and shared by its handlers, and of its host.
        space: the digest of the routing key: whose problems, whose budget.
        release: the program's; None: unknown.
        remember: seconds that a problem is known after its last occurrence.
        per_minute: events that the routing key takes in a minute.
    """

    name: str
    process: str
    host: str
    space: str
    release: str | None = None
    remember: float = 604_800.0
    per_minute: int = 100


@dataclass(slots=True)
class Count:
    """Occurrences of one problem that the state does not know yet.

    Attributes:
        key: the dedup key.
        n: how many.
        first, last: ages of the first and the last of them.
        severity: of the worst of them.
        silenced: how many of them a silence kept back.
        summary: what a page says, redacted; empty: as before.
        logger: the one that logged the occurrences; empty: as before.
    """

    key: str
    n: int
    first: float
    last: float
    severity: int
    silenced: int = 0
    summary: str = ""
    logger: str = ""


@dataclass(slots=True)
class Outcome:
    """What became of a problem, or of a lease on it.

    Attributes:
        what: "commit": PagerDuty took an event; "release": it did not; "resolve": the problem is over.
        age: since then.
        severity, occurrences: those that the event reported, for a commit.
        window: seconds from then in which repeats are counted, not sent, for a commit.
        follow_up: the event reported the size of a known problem, and its window stays.
        change: it is a change event, as in `Claim`.
    """

    what: Literal["commit", "release", "resolve"]
    key: str
    age: float
    severity: int = 0
    occurrences: int = 0
    window: float = 0.0
    follow_up: bool = False
    change: bool = False


@dataclass(slots=True)
class Claim:
    """May I send this event?

    Attributes:
        key: the dedup key, or the name of a change.
        severity: the event's.
        age: of the newest occurrence that it reports.
        follow_up: the event reports the size of a known problem within its window.
        change: it is a change event: no problem, and known to nobody but those who claim it.
    """

    key: str
    severity: int
    age: float
    follow_up: bool = False
    change: bool = False


@dataclass(slots=True, kw_only=True)
class Request:
    """One exchange.

    Attributes:
        started: age of the sender, so that a release knows its first start.
        sequence: number of what is handed in; a store applies each number of a sender once, in order.
            0: nothing is handed in.
        counts, outcomes: what is handed in, in this order.
        claim: answered after that.
        spend: severity of an event without a problem, for which the budget is asked; or `GIVE_BACK`.
        made: when it was made, on this host's monotonic clock: what is handed in may have to wait.
        silences: version of those known to the sender, "" for none; with another one they come with the
            reply, and neither `claim` nor `spend` is answered.
        ends: the sender's process is ending.
    """

    sender: Sender
    started: float = 0.0
    sequence: int = 0
    counts: tuple[Count, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    claim: Claim | None = None
    spend: int | None = None
    silences: str = ""
    ends: bool = False
    made: float = field(default_factory=monotonic)

    def as_of_now(self) -> Request:
        """Return the request with the ages that its values have now."""
        waited = monotonic() - self.made
        if waited < MOMENT:
            return self
        counts = [replace(one, first=one.first + waited, last=one.last + waited) for one in self.counts]
        outcomes = [replace(outcome, age=outcome.age + waited) for outcome in self.outcomes]
        claim = self.claim and replace(self.claim, age=self.claim.age + waited)
        return replace(self, counts=tuple(counts), outcomes=tuple(outcomes), claim=claim)


@dataclass(slots=True)
class Standing:
    """How a problem stands for all, after a hand-in.

    Attributes:
        told: an event reported it, and its window is open.
        leased: a process is about to report it.
        window_left: seconds.
        severity: that of the event, within the window.
        untold: occurrences that no event reports, if the last process that meets the problem asks as it ends.
    """

    told: bool
    leased: bool
    window_left: float = 0.0
    severity: int | None = None
    untold: int = 0

    @property
    def news(self) -> bool:
        """Whether the next occurrence is to be claimed: no event reported the problem, or it was resolved."""
        return not (self.told or self.leased)


@dataclass(slots=True, kw_only=True)
class Figures:
    """What all processes know of a problem together.

    Attributes:
        occurrences: all of them, everywhere, since the problem began.
        suppressed: those since the last event.
        silenced: those among them that a silence kept back.
        first_seen, last_seen: seconds since the epoch, on the store's clock.
        hosts, host_names: how many; the first few.
        processes: how many processes saw it.
        more: `hosts` or `processes` is at its bound: there are more.
        events: events that reported the problem.
        told_severity: of the last event's window; None: there was no event.
        told_at: when the last event was sent, a follow-up too; None: there was none.
        first_release: the release in which the problem was first seen; None: unknown.
    """

    occurrences: int
    suppressed: int
    silenced: int = 0
    first_seen: float
    last_seen: float
    hosts: int = 1
    host_names: tuple[str, ...] = ()
    processes: int = 1
    more: bool = False
    events: int = 0
    told_severity: int | None = None
    told_at: float | None = None
    first_release: str | None = None


@dataclass(slots=True, kw_only=True)
class Mine(Figures):
    """Send it, then commit or release. The figures are those before the event, which it reports.

    Attributes:
        window: seconds of the last event's window; 0.0: there was none.
        quiet: nothing happened in the last event's window.
        new_in_release: seconds from the first start of `first_release` to the first occurrence, where that
            is the sender's own release and less than an hour.
    """

    window: float = 0.0
    quiet: bool = True
    new_in_release: float | None = None


@dataclass(slots=True)
class Anothers:
    """Do not send it: another process does, or did, or the problem was resolved since.

    Attributes:
        told: it was reported: drop this event. Otherwise keep it, and claim again.
        again_in: seconds after which to claim again, or that are left of the window.
        since: seconds since it was reported, or since the other process began to.
        untold: occurrences in its window that no event reports; 0 also if the size was reported already.
    """

    told: bool
    again_in: float
    since: float = 0.0
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Later:
    """The budget of the routing key is spent: claim again after so many seconds."""

    again_in: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """The state does not answer: behave as without one. `many_handlers`: of this process ask it."""

    many_handlers: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Silenced:
    """Do not send it: it is silenced. Count the occurrences as silenced."""

    silence: Silence
    left: float


Answer: TypeAlias = Mine | Anothers | Later | Silenced | Unknown


@dataclass(slots=True)
class Reply:
    """What a store answers.

    Attributes:
        now: the store's clock.
        standings: by dedup key, of what was handed in.
        answer: to the claim; None: there was none, or the silences come first.
        wait: seconds until the event without a problem may be sent; None: not asked, or as above.
        silences: all of them, with their version, if the sender knows another.
        handed_in: number of what was applied, now or before; 0: there was nothing, or nothing was written.
    """

    now: float
    standings: dict[str, Standing] = field(default_factory=dict)
    answer: Mine | Anothers | Later | None = None
    wait: float | None = None
    silences: tuple[str, tuple[Silence, ...]] | None = None
    handed_in: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Somebody has silenced a problem, a logger or everything for a while.

    Attributes:
        id: its name.
        by, what: "key", "logger" or "all"; the dedup key, or a glob.
        until, since: on the store's clock.
        reason, who: shown to people.
        critical: it keeps critical events back, too.
    """

    id: str
    by: Literal["key", "logger", "all"]
    what: str
    since: float
    until: float
    reason: str
    who: str
    critical: bool = False
