"""What becomes of an event, for the problem that it reports."""

from __future__ import annotations

from typing import Protocol

from pagerduty_logging.state.problem import NEVER, EventOutcome, Last, Problem
from pagerduty_logging.state.why import Why
from pagerduty_logging.state.worse import Worse, forget


class Settles(Protocol):
    """Takes note of what became of events."""

    def settle(self, settlement: Settlement, problem: Problem, outcome: EventOutcome) -> int:
        """See `Throttle.settle`."""


class Settlement:
    """Settles an event once, by the first caller that knows what became of it.

    Args:
        settles: takes note of it.

    Attributes:
        problem: whose event it is; None: there is none so far.
        reports: the occurrences that the event reports.
        why: the reason of the event.
        worse: in which way its problem got worse, if it opens a second alert.
        noted: what the problem knows of this event.
        before: what it knew of the event before.
        quiet_until: until when it was quiet before.
    """

    __slots__ = (
        *("_settled", "_settles", "before", "noted"),
        *("problem", "quiet_until", "reports", "why", "worse"),
    )

    def __init__(self, settles: Settles) -> None:
        self.problem: Problem | None = None
        self.reports = 1
        self.why = Why.FIRST
        self.worse: Worse | None = None
        self.noted: Last | None = None
        self.before: Last | None = None
        self.quiet_until = NEVER
        self._settles = settles
        self._settled = False

    def __call__(self, outcome: EventOutcome) -> int:
        if self._settled or self.problem is None:
            return 0
        self._settled = True
        return self._settles.settle(self, self.problem, outcome)


def arrived(outcome: EventOutcome) -> bool:
    """Return whether an event, or another one in its place, was sent; or nobody wants one now."""
    return outcome in (EventOutcome.DELIVERED, EventOutcome.NOT_NEEDED)


def leaves_no_trace(settlement: Settlement, outcome: EventOutcome) -> bool:
    """Return whether a problem is afterwards as before the event: not so if the first alert's was lost."""
    beside = settlement.worse is not None or settlement.why.follows_up
    return outcome is EventOutcome.UNDONE or (beside and not arrived(outcome))


def settled(settlement: Settlement, problem: Problem, outcome: EventOutcome) -> int:
    """Count what an event has reported, or has not; return the records that it stood for.

    Those are the ones that it reports, and the repeats held back since.
    """
    stood_for = settlement.reports + problem.unreported
    follows_up = settlement.why.follows_up
    match outcome:
        case EventOutcome.LOST | EventOutcome.REFUSED | EventOutcome.UNDONE:
            problem.reported -= settlement.reports
        case EventOutcome.REJECTED:
            problem.reported = problem.occurrences  # the summary of what was dropped reports them
    if outcome is EventOutcome.UNDONE and not follows_up:
        problem.occurrences -= 1
    if not follows_up:
        problem.under_way -= 1
    if settlement.worse is not None and problem.course is not None and not arrived(outcome):
        forget(problem.course, settlement.worse)
    if leaves_no_trace(settlement, outcome):
        if problem.last is settlement.noted and settlement.before is not None:  # and nothing came since
            problem.last = settlement.before
    elif not arrived(outcome):
        refused = problem.occurrences if outcome is EventOutcome.REFUSED else 0
        severity, seen, at, window, *_ = problem.last
        # Not `_replace`, which in a storm fills Python's list of free tuples: 200 kB.
        problem.last = Last(severity, seen, at, window, lost=True, refused=refused)
    return stood_for
