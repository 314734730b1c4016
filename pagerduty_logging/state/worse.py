"""Whether a problem got worse, in a way that is worth a second alert beside its first.

PagerDuty wakes nobody for another event of an incident that is open, whatever its severity.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from pagerduty_logging.events_api.encoding import fit_dedup_key
from pagerduty_logging.events_api.events import Severity

MAX_ERRORS = 20
"""Types of exceptions told apart for one problem."""
LEAST = 10
"""Occurrences from which there is a rate to speak of."""


class WorseBy(enum.StrEnum):
    """In which way a problem got worse: each has at most one alert."""

    SEVERITY = "severity"
    RATE = "rate"
    EXCEPTION = "exception"


class Worse(NamedTuple):
    """In which way a problem got worse.

    Attributes:
        kind: the way.
        said: the same in words.
        error: the type of the exception with which it did; empty: without one.
    """

    kind: WorseBy
    said: str
    error: str


class Limit(NamedTuple):
    """From when on a problem is worse for happening more often.

    Attributes:
        times: so many times as often as an event reported.
        period: seconds from one look to the next.
    """

    times: float
    period: float


@dataclass(slots=True)
class Course:
    """What is known of one problem, to notice that it gets worse; without escalation there is none.

    Attributes:
        errors: the types of its exceptions so far.
        opened: the kinds of which there is an alert.
        rate: occurrences a second, the most that an event has reported; 0.0: none has.
        counted: how many occurrences there were when the rate was last looked at.
        counted_on: when that was, on the throttle's clock.
        open_until: when the quiet window ends; the hot path asks the throttle now and then before.
    """

    counted_on: float
    errors: set[str] = field(default_factory=set)
    opened: set[WorseBy] = field(default_factory=set)
    rate: float = 0.0
    counted: int = 0
    open_until: float = -math.inf


def second_key(key: str, kind: WorseBy) -> str:
    """Return the dedup key of the alert beside the problem's first."""
    return fit_dedup_key(f"{key}-worse-{kind}")


def second_keys(key: str) -> list[str]:
    """Return the dedup keys of all the alerts that a problem may have beside its first."""
    return [second_key(key, kind) for kind in WorseBy]


def look(
    course: Course, before: Severity, now: Severity, error: str, occurrences: int, at: float, limit: Limit
) -> Worse | None:
    """Return in which way a problem got worse; None: in none, or there is an alert of that kind.

    Args:
        course: the problem's; takes note of what it was asked.
        before: the severity so far.
        now: that of the occurrence.
        error: the type of its exception; empty: it has none.
        occurrences: all so far.
        at: on the throttle's clock.
        limit: from which rate it is worse.
    """
    looks: tuple[tuple[WorseBy, Callable[[], str | None]], ...] = (
        (WorseBy.SEVERITY, lambda: severity(course, before, now)),
        (WorseBy.EXCEPTION, lambda: exception(course, error)),
        (WorseBy.RATE, lambda: rate(course, occurrences, at, limit.times, limit.period)),
    )
    for kind, found in looks:
        said = found()
        if said is not None:
            course.opened.add(kind)
            return Worse(kind, said, error)
    return None


def forget(course: Course, worse: Worse) -> None:
    """Let a problem get worse in the same way once more: the alert was not opened."""
    course.opened.discard(worse.kind)
    if worse.kind is WorseBy.EXCEPTION:
        course.errors.discard(worse.error)


def severity(course: Course, before: Severity, now: Severity) -> str | None:
    """Say that the severity has risen to critical; None: it has not, or that was said."""
    if WorseBy.SEVERITY in course.opened or now is not Severity.CRITICAL or before is Severity.CRITICAL:
        return None
    return f"{before} → {now}"


def exception(course: Course, error: str) -> str | None:
    """Take note of the type of an exception, "" for none; say that it is a new one."""
    if not error or error in course.errors:
        return None
    known = sorted(course.errors)
    if len(course.errors) < MAX_ERRORS:
        course.errors.add(error)
    if not known or WorseBy.EXCEPTION in course.opened:
        return None
    return f"{error} instead of {known[0]}"


def rate(course: Course, occurrences: int, now: float, times: float, period: float) -> str | None:
    """Say that it happens so many times as often as was reported; looks once a period.

    Args:
        course: the problem's; takes note that it was looked at.
        occurrences: all so far.
        now: on the throttle's clock.
        times: how many times as often is worse.
        period: seconds from one look to the next.
    """
    elapsed = now - course.counted_on
    if elapsed < period:
        return None
    happened = occurrences - course.counted
    course.counted, course.counted_on = occurrences, now
    found = happened / max(elapsed, 1.0)
    if not course.rate or happened < LEAST or WorseBy.RATE in course.opened or found < times * course.rate:
        return None
    return f"{_per_minute(found)} a minute, {math.floor(found / course.rate):,} times as often"


def reported(course: Course, occurrences: int, seconds: float) -> None:
    """Take note of the rate that an event reports."""
    course.rate = max(course.rate, occurrences / max(seconds, 1.0))


def _per_minute(rate: float) -> str:
    found = rate * 60
    return f"{found:,.0f}" if found >= 10 else f"{found:.1f}"


def checked_escalation(escalation: object, times: object) -> float | None:
    """Return from how many times as frequent a problem is worse; None: nothing opens a second alert.

    Raises:
        TypeError, ValueError: naming the option that is wrong.
    """
    if escalation not in ("same", "alert"):
        raise ValueError('escalation must be "same" or "alert"')
    if isinstance(times, bool) or not isinstance(times, (int, float)):
        raise TypeError(f"escalation_rate must be a number, not {type(times).__name__}")
    if not (math.isfinite(times) and times > 1):
        raise ValueError("escalation_rate must be a finite number above 1")
    return float(times) if escalation == "alert" else None
