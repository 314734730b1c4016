"""Is this occurrence news? A problem is paged once, then its repeats are counted for a while.

A quiet window begins with an event and holds only as long as the event lives: if PagerDuty never
got it, the next occurrence is news again.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.state import worse as worse_than
from pagerduty_logging.state.known import REMEMBERED, KnownProblems
from pagerduty_logging.state.lock import ReentrantLock
from pagerduty_logging.state.outbox import HAND_IN
from pagerduty_logging.state.problem import (
    NEVER,
    EventOutcome,
    HandedIn,
    History,
    Last,
    Problem,
    Sighting,
    judge,
    next_window,
    reason,
)
from pagerduty_logging.state.settlement import Settlement, leaves_no_trace, settled
from pagerduty_logging.state.shortcuts import ShortCuts
from pagerduty_logging.state.unreported import BRIEFLY, Unreported
from pagerduty_logging.state.watch import Watch
from pagerduty_logging.state.why import Why
from pagerduty_logging.state.worse import Course, reported

LOCK_TIMEOUT = 0.5
"""Longest wait for the lock, in seconds; it is normally held for microseconds."""

JITTER = 0.1
"""Share by which the window of a reminder is longer or shorter, so that a fleet does not speak in chorus."""

NONE_HELD = (0, 0.0)
_BEFORE = {severity: Last(severity) for severity in Severity}
"""What a problem knows of the event before its first."""

MAX_FRESH = 20_000
"""Problems with occurrences to be handed in to a shared state; the oldest are left out."""


class Throttle:
    """The problems a process knows, bounded in number and time; safe to share between threads.

    Args:
        repeat_interval: seconds after an event in which repeats are counted, not sent.
        max_fingerprints: how many problems are known at once; the least recently seen go first.
        clock: seconds, monotonic.
        max_repeat_interval: seconds; each reminder doubles the window of its problem up to this.
        follow_up: seconds after a first event in which its size is reported; 0: never.
        random: a number in [0, 1), for jitter.
        escalation_rate: a problem that happens so many times as often as an event reported opens a second
            alert, as one does that gets critical, or has another exception; None: nothing opens one.

    Attributes:
        shortcuts: by what the hot path knows repeats.
        unreported: finds what no event has reported.
        fresh: problems with occurrences that are still to be handed in to a shared state; None: there is no
            such state.
        in_call: no thread hands in what is counted: repeats come by now and then, so that a call does.
    """

    def __init__(
        self,
        repeat_interval: float,
        max_fingerprints: int,
        clock: Callable[[], float] = monotonic,
        *,
        max_repeat_interval: float = 3600.0,
        follow_up: float = 15.0,
        random: Callable[[], float] = random.random,
        escalation_rate: float | None = None,
    ) -> None:
        self._repeat_interval = repeat_interval
        self._longest = max(repeat_interval, max_repeat_interval)
        self._follow_up = follow_up
        self._max_fingerprints = max_fingerprints
        self._clock = clock
        self._random = random
        self._worse = None if escalation_rate is None else worse_than.Limit(escalation_rate, repeat_interval)
        self.shortcuts = ShortCuts(max_fingerprints)
        self.fresh: deque[Problem] | None = None
        self.in_call = False
        self._begin()

    def _begin(self) -> None:
        memory = max(REMEMBERED, 2 * self._repeat_interval)
        self._known = KnownProblems(self._max_fingerprints, memory, self._clock)
        self._lock = ReentrantLock()
        self.unreported = Unreported(
            self._known,
            self._lock,
            self.settlement,
            self._clock,
            shortest=self._repeat_interval,
            longest=self._longest,
            watch=Watch(self._follow_up),
        )

    def settlement(self) -> Settlement:
        """Return what settles the next event."""
        return Settlement(self)

    def knows(self, key: str) -> bool:
        """Return whether a problem is known."""
        return key in self._known

    @property
    def escalates(self) -> bool:
        """Whether a problem that gets worse opens a second alert."""
        return self._worse is not None

    def sight(
        self,
        key: str,
        severity: Severity,
        seen: float,
        settlement: Settlement | None = None,
        now: float | None = None,
        error: str = "",
        held: tuple[int, float] = NONE_HELD,
    ) -> Sighting:
        """Take note of an occurrence; what is no repeat is to be paged, and then settled.

        Args:
            key: the dedup key of its problem.
            severity: of this occurrence.
            seen: when it happened, in seconds since the epoch.
            settlement: of the event that is to page, also if this is interrupted.
            now: when it happened, on the throttle's clock; default: now.
            error: the type of its exception; empty: it has none.
            held: how many happened before it that were held back, and when the first of them did: its
                event reports them too.
        """
        if now is None:
            now = self._clock()
        return self._lock.run(
            self._sight, key, severity, seen, settlement, now, error, held, or_else=self._sight_apart
        )

    def _sight(
        self,
        key: str,
        severity: Severity,
        seen: float,
        settlement: Settlement | None,
        now: float,
        error: str,
        held: tuple[int, float],
    ) -> Sighting:
        problem = self._known.find(key)
        if problem is None:
            if not held[0]:
                return self._begin_problem(key, severity, seen, settlement, now, error)
            problem = self._new(key, severity, seen, now)
        sighting = self._note(problem, severity, seen, settlement, now, error, held)
        if sighting.why is not None:
            self._known.open(problem)
        return sighting

    def _sight_apart(
        self,
        key: str,
        severity: Severity,
        seen: float,
        settlement: Settlement | None,
        now: float,
        error: str,
        held: tuple[int, float],
    ) -> Sighting:
        """Page for what a signal handler or a finaliser logs while this very thread is in `_sight`.

        One page too many is harmless, PagerDuty merges by dedup key; half a cache update is not.
        """
        problem = self._new(key, severity, seen, now)
        return self._note(problem, severity, seen, settlement, now, error, held)

    def _new(self, key: str, severity: Severity, seen: float, now: float) -> Problem:
        course = None if self._worse is None else Course(now)
        return Problem(key, Last(severity), seen, course=course)

    def _begin_problem(
        self, key: str, severity: Severity, seen: float, settlement: Settlement | None, now: float, error: str
    ) -> Sighting:
        """Note the first occurrence of all; as `_note` does for a new problem, at a third of its time."""
        last = Last(severity, seen, now, self._repeat_interval)
        problem = Problem(key, last, seen, now + self._repeat_interval, 1, 1, 1)
        if self._worse is not None:
            problem.course = Course(now, {error} if error else set())
        sighting = Sighting(Why.FIRST, problem, History(1, 0, seen, shared=self.fresh is not None))
        if settlement is not None:
            settlement.problem, settlement.noted, settlement.before = problem, last, _BEFORE[severity]
        if self.fresh is not None:
            self._freshen(problem)
        self._known.open(problem)  # last, for there may be no stack left to come here
        return sighting

    def _note(
        self,
        problem: Problem,
        severity: Severity,
        seen: float,
        settlement: Settlement | None,
        now: float,
        error: str = "",
        held: tuple[int, float] = NONE_HELD,
    ) -> Sighting:
        if held[0]:
            problem.occurrences += held[0]
            problem.first_seen = min(problem.first_seen, held[1])
        course, last, quiet_until = problem.course, problem.last, problem.quiet_until
        closer = course or problem.handed_in
        if closer is not None and now < closer.open_until:
            problem.quiet_until = min(closer.open_until, now + self._look_each)
        why, worse = judge(problem, severity, now), None
        if why is not Why.LOST and course is not None and self._worse is not None:
            number = problem.occurrences + 1
            worse = worse_than.look(course, last.severity, severity, error, number, now, self._worse)
        if worse is not None:
            why = Why.WORSE
        suppressed = problem.unreported
        problem.first_seen = min(problem.first_seen, seen)  # an older one may have waited longer
        history = History(
            problem.occurrences + 1,
            suppressed,
            problem.first_seen,
            last.seen,
            shared=self.fresh is not None,
        )
        if why is not None:
            history.why = why.said(worse.said) if worse else reason(why, problem, severity, now)
            window = next_window(why, problem, now, self._repeat_interval, self._longest)
            worst = severity if last.lost else min(last.severity, severity, key=_rank)
            problem.last = Last(worst, seen, now, window)
            problem.under_way += 1
            if course is not None and why is Why.AGAIN:
                reported(course, suppressed + 1, now - last.at)
            problem.reported += suppressed + 1
            if settlement is not None:
                settlement.problem, settlement.reports, settlement.why = problem, suppressed + 1, why
                settlement.worse = worse
                settlement.noted, settlement.before = problem.last, last
                settlement.quiet_until = quiet_until
        problem.occurrences += 1
        if self.fresh is not None:
            self._freshen(problem)
        if problem.under_way:
            # The hot path must check here again at least once a window.
            problem.quiet_until = now + self._repeat_interval
        return Sighting(why, problem, history, worse.kind if worse else None)

    def report_nowhere(self, problem: Problem) -> None:
        """Let no event follow for the last repeat: it was the same failure, on its way up."""
        problem.reported += 1

    def _freshen(self, problem: Problem) -> None:
        if self.fresh is None or (problem.handed_in is not None and problem.handed_in.fresh):
            return
        if problem.handed_in is None:
            problem.handed_in = HandedIn()
        problem.handed_in.fresh = True
        self.fresh.append(problem)

    def settle(self, settlement: Settlement, problem: Problem, outcome: EventOutcome) -> int:
        """Take note of what became of a problem's event: only a delivered one keeps its quiet window.

        A problem that was rejected with its only event is forgotten: a storm of them takes no memory.

        Returns:
            the records that the event stood for: those it reports, and the repeats held back since.
        """
        # With a bound: a finaliser may log on the thread that is in `sight`, and wait for one that settles.
        return self._lock.run(
            self._settle, settlement, problem, outcome, or_else=self._settle_apart, timeout=LOCK_TIMEOUT
        )

    def _settle(self, settlement: Settlement, problem: Problem, outcome: EventOutcome) -> int:
        stood_for = self._settle_apart(settlement, problem, outcome)
        if not problem.under_way:
            ended = outcome not in (EventOutcome.REJECTED, EventOutcome.UNDONE)
            only = 0 if outcome is EventOutcome.UNDONE else 1
            keep = ended or problem.occurrences > only
            self._known.close(problem, keep=keep)
            if not keep and problem.origin[0]:
                self.shortcuts.let_go()
        first = settlement.why in (Why.FIRST, Why.LOST)
        if first and outcome is EventOutcome.DELIVERED and not problem.over:
            self.unreported.watch(problem)
        return stood_for

    def _settle_apart(self, settlement: Settlement, problem: Problem, outcome: EventOutcome) -> int:
        """Settle but for the bookkeeping of all problems: the problem's next event makes up for it."""
        stood_for = settled(settlement, problem, outcome)
        if settlement.why.follows_up:  # those leave the window as it is
            return stood_for
        if not leaves_no_trace(settlement, outcome):
            quiet = not (problem.last.lost or problem.over)
            self._open_window(problem, self._window(problem.last.window) if quiet else NEVER)
        elif not problem.under_way:
            problem.quiet_until = settlement.quiet_until
        return stood_for

    def _open_window(self, problem: Problem, seconds: float) -> None:
        now = self._clock()
        problem.quiet_until = ends = now + seconds
        closer = problem.course or (problem.handed_in if self.in_call else None)
        if closer is not None:
            closer.open_until = ends
            problem.quiet_until = min(ends, now + self._look_each)

    @property
    def _look_each(self) -> float:
        """For how many seconds the hot path need not ask."""
        return min(self._repeat_interval, HAND_IN) if self.in_call else self._repeat_interval

    def _window(self, window: float) -> float:
        """Return the seconds of a window that begins now: varied, so that a fleet does not send at once."""
        return window if window <= self._repeat_interval else window * (1 + JITTER * (2 * self._random() - 1))

    def set_window(self, key: str, seconds: float) -> None:
        """Let a problem's window end in so many seconds, as a shared state says; 0.0: the next is news.

        That of one with an event under way is left alone: it depends on what becomes of the event.
        """
        self._lock.run(self._set_window, key, seconds, or_else=_left_alone, timeout=BRIEFLY)

    def _set_window(self, key: str, seconds: float) -> None:
        problem = self._known.closed(key)
        if problem is not None and not (problem.under_way or problem.over or problem.last.lost):
            self._open_window(problem, seconds if seconds > 0.0 else NEVER)

    def end(self, key: str) -> None:
        """From now on, let no short cut recognise a repeat of this problem.

        To be called when a resolve is asked for; `resolved` follows when its turn comes.
        """
        self._lock.run(self._end, key, or_else=self._end_open, timeout=BRIEFLY)

    def _end(self, key: str) -> None:
        self._end_open(key)
        _end_one(self._known.closed(key))

    def _end_open(self, key: str) -> None:
        _end_one(self._known.opened(key))

    def resolved(self, key: str) -> None:
        """The problem with this dedup key is over: its next occurrence is news."""
        self._lock.run(self._resolved, key, or_else=self.end)

    def _resolved(self, key: str) -> None:
        for problem in self._known.pop(key):
            problem.over = True
            problem.quiet_until = problem.level = NEVER

    def forget(self) -> None:
        """Know nothing: this is another process than the one that knew."""
        self.shortcuts.forget()
        if self.fresh is not None:
            self.fresh.clear()
        self._begin()


def _left_alone(key: str, seconds: float) -> None:
    return


def _end_one(problem: Problem | None) -> None:
    if problem is not None:
        problem.over = True
        problem.level = NEVER


def _rank(severity: Severity) -> int:
    return severity.rank
