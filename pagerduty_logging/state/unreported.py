"""What no event has reported, and no further record may call for: reported in time, or at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pagerduty_logging.state import why as words
from pagerduty_logging.state.known import KnownProblems
from pagerduty_logging.state.lock import ReentrantLock
from pagerduty_logging.state.problem import History, Last, Problem
from pagerduty_logging.state.settlement import Settlement
from pagerduty_logging.state.watch import Watch
from pagerduty_logging.state.why import Why
from pagerduty_logging.state.worse import reported

BRIEFLY = 0.05
"""Longest wait for the lock, in seconds, in a call of the application's that needs no answer."""
MANY = 1_000
"""Problems that others tell of, from which on those that are forgotten here are dropped."""

Report: TypeAlias = tuple[History, Settlement]
"""What an event that no record calls for says, and what settles it."""


class Unreported:
    """Finds the problems that are worth an event, and notes that they have one. Safe to share.

    Args:
        known: the problems.
        lock: is held by the thread that changes them.
        settlement: makes what settles an event.
        clock: seconds, monotonic.
        shortest: seconds of a first quiet window.
        longest: seconds up to which reminders double it.
        watch: says when to look at a problem.
    """

    def __init__(
        self,
        known: KnownProblems,
        lock: ReentrantLock,
        settlement: Callable[[], Settlement],
        clock: Callable[[], float],
        *,
        shortest: float,
        longest: float,
        watch: Watch,
    ) -> None:
        self._known = known
        self._lock = lock
        self._settlement = settlement
        self._clock = clock
        self._shortest = shortest
        self._longest = longest
        self._watch = watch
        # What another process is said to have told of last, with nothing of this one's that is untold.
        self._met_elsewhere: set[Problem] = set()

    @property
    def due(self) -> float:
        """When to ask for the next follow-up, on the clock; infinity: never, as things are."""
        return self._watch.due

    def watch(self, problem: Problem) -> None:
        """Look at a problem in a while: its first event was delivered. The lock must be held."""
        self._watch.add(problem, self._clock())

    def went_on(self, now: float) -> list[Problem]:
        """Return the problems that went on since their first event, enough to be worth a follow-up."""
        return self._lock.run(self._watch.went_on, now, or_else=_none_now)

    def held_back(self, now: float, least: int = 1) -> list[Problem]:
        """Return the problems with occurrences that no event reports, the most severe and frequent first.

        Those that were silent for longer than the longest window are not among them: to report them now
        would open an incident again that was closed long ago. Nor are those of which PagerDuty refused all
        that there is to report.
        """
        return self._lock.run(self._held_back, now, least, or_else=_none_now)

    def count(self, least: int) -> int:
        """Return how many problems have so many occurrences that no event reports; see `held_back`."""
        return len(self.held_back(self._clock(), least))

    def _held_back(self, now: float, least: int) -> list[Problem]:
        found = [p for p in self._known.all() if self._left(p) >= least and self._is_wanted(p, now)]
        return sorted(found, key=lambda problem: (problem.last.severity.rank, -problem.unreported))

    def _left(self, problem: Problem) -> int:
        """Return how many occurrences a report of a problem would tell of."""
        left = problem.reportable
        return 1 if not left and problem in self._met_elsewhere else left

    def _is_wanted(self, problem: Problem, now: float) -> bool:
        if problem.last.refused == problem.occurrences:
            return False
        return problem.last.lost or now - problem.quiet_until <= self._longest

    def report(self, problem: Problem, why: Why, seen: float, now: float) -> Report | None:
        """Take note of an event that reports what was held back; None: there is nothing to report.

        Args:
            problem: the problem.
            why: the reason.
            seen: now, in seconds since the epoch.
            now: the same on the throttle's clock.
        """
        return self._lock.run(self._report, problem, why, seen, now, or_else=_nothing_now)

    def _report(self, problem: Problem, why: Why, seen: float, now: float) -> Report | None:
        if self._left(problem) > problem.reportable:
            problem.reported -= 1
        self._met_elsewhere.discard(problem)
        suppressed, last = problem.reportable, problem.last
        if not suppressed:
            return None
        settlement = self._settlement()
        settlement.problem, settlement.reports, settlement.why = problem, suppressed, why
        said = words.size(suppressed, now - last.at) if why is Why.SIZE else why.said()
        if problem.course is not None:
            reported(problem.course, suppressed, now - last.at)
        history = History(
            problem.reported + suppressed,
            suppressed,
            problem.first_seen,
            last.seen,
            said,
            shared=problem.handed_in is not None,
        )
        problem.reported += suppressed
        window = last.window
        if not why.follows_up:  # it opens a window, as the event of a record does
            problem.under_way += 1
            window = self._shortest
            self._known.open(problem)
        settlement.before = last
        settlement.noted = problem.last = Last(last.severity, seen, now, window, last.lost)
        return history, settlement

    def overdue(self, key: str, elapsed: float) -> Problem | None:
        """Return a problem whose size nobody has reported so many seconds after its event, as was due.

        Its last occurrence, for which another process is said to have sent an event, is to be reported.
        """
        if not self._watch.is_overdue(elapsed):
            return None
        return self._lock.run(self._overdue, key, or_else=_unknown_now, timeout=BRIEFLY)

    def _overdue(self, key: str) -> Problem | None:
        problem = self._known.closed(key)
        if problem is None or problem.under_way or problem.over or problem.said is None:
            return None
        if not problem.unreported:
            if len(self._met_elsewhere) >= MANY:
                self._met_elsewhere.intersection_update(self._known.all())
            self._met_elsewhere.add(problem)
        return problem

    def reopened(self, key: str) -> Problem | None:
        """Close a problem's window, which is not open for all; return the problem if it went on within it."""
        return self._lock.run(self._reopened, key, or_else=_unknown_now, timeout=BRIEFLY)

    def _reopened(self, key: str) -> Problem | None:
        problem, now = self._known.closed(key), self._clock()
        if problem is None or problem.under_way or problem.window_ends <= now:
            return None
        closer = problem.course or problem.handed_in
        if closer is not None:
            closer.open_until = now
        problem.quiet_until = now  # it has gone on until now: at the end of the process that is reported
        return problem if problem.reportable else None


def _unknown_now(key: str) -> None:
    return


def _none_now(now: float, least: int = 1) -> list[Problem]:
    return []


def _nothing_now(problem: Problem, why: Why, seen: float, now: float) -> None:
    return None
