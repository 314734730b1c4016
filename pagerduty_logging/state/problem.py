"""One problem as a process knows it, and the decision whether an occurrence of it is news."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.state import why as words
from pagerduty_logging.state.protocol import Mine
from pagerduty_logging.state.why import Why
from pagerduty_logging.state.worse import Course, WorseBy

NEVER = float("-inf")

MAX_KINDS = 16
"""Types of exceptions that one problem's short cuts are known for."""

WORTH_A_FOLLOW_UP = 10
"""Repeats that no event has reported, from which a follow-up is sent."""


class EventOutcome(enum.Enum):
    """What became of an event."""

    DELIVERED = "delivered"
    LOST = "lost"  # expired, or the process could not make it
    REFUSED = "refused"  # by PagerDuty, for good: `on_error` was called, and no further event is tried for it
    REJECTED = "rejected"  # there was no room for it, which another event reports
    NOT_NEEDED = "not needed"  # another process reported the problem, or it is silenced
    UNDONE = "undone"  # as if its record had not been logged: it is decided again, or not wanted


@dataclass(slots=True)
class History:
    """What is known of a problem when an event is made; times are seconds since the epoch.

    Attributes:
        occurrences: all of them so far.
        suppressed: those that no event reported, this event's own apart.
        first_seen: when the first one happened.
        since: when the occurrence behind the last event happened.
        why: the reason of the event, in words.
        everywhere: what a shared state knows of it; None: there is none, or it does not answer.
        shared: whether there is a shared state.
    """

    occurrences: int
    suppressed: int
    first_seen: float
    since: float = 0.0
    why: str = Why.FIRST.value
    everywhere: Mine | None = None
    shared: bool = False


class Last(NamedTuple):
    """The last event of a problem, follow-ups included; the severity is that of the most severe so far.

    Attributes:
        severity: of the most severe event so far.
        seen: when the occurrence behind it happened, in seconds since the epoch.
        at: the same on the throttle's clock.
        window: seconds that the quiet window takes which it opens.
        lost: it was lost, and no event was submitted since.
        refused: occurrences by the time that PagerDuty refused it for good; 0: it did not.
    """

    severity: Severity
    seen: float = 0.0
    at: float = 0.0
    window: float = 0.0
    lost: bool = False
    refused: int = 0


@dataclass(slots=True)
class HandedIn:
    """What a shared state knows of a problem.

    Attributes:
        number: of occurrences.
        last: when the last of them happened, in seconds since the epoch.
        fresh: whether the problem waits to be handed in.
        open_until: when the quiet window ends, where no thread hands in: a call does now and then before.
    """

    number: int = 0
    last: float = 0.0
    fresh: bool = True
    open_until: float = NEVER


@dataclass(slots=True, eq=False)
class Problem:
    """One problem's state.

    Attributes:
        key: its dedup key.
        last: its last event.
        first_seen: when the first occurrence happened, in seconds since the epoch.
        quiet_until: on the throttle's clock; repeats before are counted and nothing else. The hot
            path reads this and `occurrences` without a lock.
        occurrences: all of them. `+= 1` is one uninterrupted step on CPython with its global lock;
            a build without it may lose some under contention.
        reported: how many of them events report, those under way included.
        under_way: events submitted and neither delivered nor lost, follow-ups apart.
        level: of the most severe record by which its short cuts are known, as `logging` counts.
        origin: its dedup key and the logger, by which its short cuts are known.
        kinds: types of the exceptions that came with it, at most `MAX_KINDS`: a repeat with another one is
            looked at closely. A tuple: of so few the first is found sooner than in a set.
        over: it was resolved; what comes next is another problem with the same key.
        course: what tells whether it gets worse; None: nobody wants to know.
        handed_in: what a shared state knows of it; None: there is none, or it knows nothing.
        said: what its last event said, as a follow-up needs it; None: no event was made.
    """

    key: str
    last: Last
    first_seen: float
    quiet_until: float = NEVER
    occurrences: int = 0
    reported: int = 0
    under_way: int = 0
    level: float = NEVER
    origin: tuple[str, str] = ("", "")
    kinds: tuple[type, ...] = ()
    over: bool = False
    course: Course | None = None
    handed_in: HandedIn | None = None
    said: object = None

    @property
    def unreported(self) -> int:
        """How many occurrences no event reports, neither a delivered one nor one under way."""
        return self.occurrences - self.reported

    @property
    def window_ends(self) -> float:
        """When the quiet window ends, on the throttle's clock; the hot path may have to ask before."""
        closer = self.course or self.handed_in
        return self.quiet_until if closer is None else max(self.quiet_until, closer.open_until)

    @property
    def reportable(self) -> int:
        """How many occurrences an event without a record may still report."""
        return 0 if self.over or self.said is None else self.unreported


@dataclass(slots=True)
class Sighting:
    """The throttle's answer to an occurrence.

    Attributes:
        why: the reason to page for it; None: it is a repeat, which is counted.
        problem: whose occurrence it is.
        history: what is known of the problem, this occurrence included.
        worse: in which way it got worse, if that opens a second alert.
    """

    why: Why | None
    problem: Problem
    history: History
    worse: WorseBy | None = None


def judge(problem: Problem | None, severity: Severity, now: float) -> Why | None:
    """Return why an occurrence of this severity pages, given what is known of its problem; None: a repeat."""
    if problem is None:
        return Why.FIRST
    if problem.last.lost:
        return Why.LOST
    if problem.reported == 0:
        return Why.FIRST
    if severity.rank < problem.last.severity.rank:
        return Why.WORSE
    return None if problem.under_way or now < problem.quiet_until else Why.AGAIN


def reason(why: Why, problem: Problem, severity: Severity, now: float) -> str:
    """Say why an event is sent, before the problem takes note of it."""
    match why:
        case Why.WORSE:
            return words.worse(problem.last.severity, severity)
        case Why.AGAIN:
            return words.again(now - problem.last.at, problem.unreported)
        case _:
            return why.said()


def next_window(why: Why, problem: Problem, now: float, shortest: float, longest: float) -> float:
    """Return the seconds of the quiet window that an event opens.

    That of a reminder is twice the one before, or the shortest after quiet: if nothing was held back in the
    window, or if a window's time has passed since it closed. What got worse leaves it as it is.
    """
    before = problem.last.window
    match why:
        case Why.WORSE:
            return before
        case Why.AGAIN:
            quiet = problem.unreported == 0 or now - problem.window_ends >= before
            return shortest if quiet else min(2 * before, longest)
        case _:
            return shortest
