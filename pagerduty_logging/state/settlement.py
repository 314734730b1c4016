"""What becomes of an event, for the problem that it reports."""

from __future__ import annotations

from collections.abc import Callable

from pagerduty_logging.state.problem import NEVER, Last, Outcome, Problem
from pagerduty_logging.state.why import Why
from pagerduty_logging.state.worse import Worse, forget


class Settlement:
    """Settles an event once, by the first caller that knows what became of it.

    Args:
        settle: takes note of it, see `Throttle.settle`.

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
        *("_settle", "_settled", "before", "noted"),
        *("problem", "quiet_until", "reports", "why", "worse"),
    )

    def __init__(self, settle: Callable[[Settlement, Problem, Outcome], int]) -> None:
        self.problem: Problem | None = None
        self.reports = 1
        self.why = Why.FIRST
        self.worse: Worse | None = None
        self.noted: Last | None = None
        self.before: Last | None = None
        self.quiet_until = NEVER
        self._settle = settle
        self._settled = False

    def __call__(self, outcome: Outcome) -> int:
        if self._settled or self.problem is None:
            return 0
        self._settled = True
        return self._settle(self, self.problem, outcome)


def settled(settlement: Settlement, problem: Problem, outcome: Outcome) -> int:
    """Count what an event has reported, or has not; return the records that it stood for.

    Those are the ones that it reports, and the repeats held back since.
    """
    stood_for = settlement.reports + problem.unreported
    arrived = outcome in (Outcome.DELIVERED, Outcome.NOT_NEEDED)
    match outcome:
        case Outcome.LOST | Outcome.UNDONE:
            problem.reported -= settlement.reports
        case Outcome.REJECTED:
            problem.reported = problem.occurrences  # the summary of what was dropped reports them
    if settlement.why.follows_up:  # those leave the window as it is
        if not arrived:
            _restore(settlement, problem)
        return stood_for
    problem.under_way -= 1
    if settlement.worse and problem.course and not arrived:
        forget(problem.course, settlement.worse)
    if outcome is Outcome.UNDONE:
        problem.occurrences -= 1
        _restore(settlement, problem)
    elif not arrived:
        problem.last = problem.last._replace(lost=True)
    return stood_for


def _restore(settlement: Settlement, problem: Problem) -> None:
    """Know of a problem what was known before the event, unless there was another one since."""
    if problem.last is settlement.noted and settlement.before is not None:
        problem.last = settlement.before
