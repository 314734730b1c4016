"""Is this occurrence news? A problem is paged once, then its repeats are counted for a while.

A window of silence begins with an event and holds only as long as the event lives: if PagerDuty never
got it, the next occurrence is news again.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from cachetools import Cache

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.state import why as words
from pagerduty_logging.state import worse as worse_than
from pagerduty_logging.state.lock import ReentrantLock
from pagerduty_logging.state.problem import (
    MAX_KINDS,
    NEVER,
    History,
    Outcome,
    Problem,
    Sighting,
    judge,
    next_window,
    reason,
)
from pagerduty_logging.state.watch import Remembered, Watch
from pagerduty_logging.state.why import Why
from pagerduty_logging.state.worse import Course, Kind, reported

REMEMBERED = 86_400.0
"""Seconds a problem is known after its last event, so that the next can report what happened between."""

LOCK_TIMEOUT = 0.5
"""Longest wait for the lock, in seconds; it is normally held for microseconds."""

BRIEFLY = 0.05
"""Longest wait for the lock, in seconds, in a call of the application's that needs no answer."""

JITTER = 0.1
"""Share by which the window of a reminder is longer or shorter, so that a fleet does not speak in chorus."""

MAX_FRESH = 20_000
"""Problems of which the shared state may have to be told; the oldest are left out."""


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
        known: short cuts to problems by logger and message, for the hot path to read without a lock. They
            hold for records up to the problem's `level`.
        known_at: the same by call site, file and line, and by what tells its problems apart.
        fresh: problems with occurrences that nobody has handed in to a shared state, for whoever does so to
            take out; None: there is no such state.
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
        self._escalation_rate = escalation_rate
        self.known: dict[str, dict[str, Problem]] = {}
        self.known_at: dict[tuple[str, int], dict[object, Problem]] = {}
        self.fresh: deque[Problem] | None = None
        self._shortcuts = 0
        self._begin()

    def _begin(self) -> None:
        memory = max(REMEMBERED, 2 * self._repeat_interval)
        self._problems = Remembered(self._max_fingerprints, memory, self._clock)
        # Those with an event under way, as few as there can be events: they join the others with its end.
        self._open: dict[str, Problem] = {}
        self._watch = Watch(self._follow_up)
        self._lock = ReentrantLock()

    def knows(self, key: str) -> bool:
        """Return whether a problem is known."""
        return key in self._open or key in self._problems

    @property
    def escalates(self) -> bool:
        """Whether a problem that gets worse opens a second alert."""
        return self._escalation_rate is not None

    def know(
        self, logger: str, message: str, level: float, problem: Problem, kind: type | None = None
    ) -> None:
        """Let repeats up to a level be recognised by logger and message, without their fingerprint.

        Args:
            logger, message: what they have in common.
            level: as `logging` counts.
            problem: what they repeat.
            kind: the type of the exception that came with this one.
        """
        self._know(self.known, logger, message, problem)
        _extend(problem, logger, level, kind)

    def know_at(
        self,
        place: tuple[str, int],
        token: object,
        logger: str,
        level: float,
        problem: Problem,
        kind: type | None = None,
    ) -> None:
        """Let repeats be recognised by their call site; see `know`.

        Args:
            place: file and line of the call.
            token: what tells the problems apart that are logged there.
        """
        self._know(self.known_at, place, token, problem)
        _extend(problem, logger, level, kind)

    def _know(
        self, known: dict[Any, dict[Any, Problem]], outer: object, inner: object, problem: Problem
    ) -> None:
        if problem.over:
            return
        if self._shortcuts >= self._max_fingerprints:
            self.known.clear()  # these are short cuts and no more: what is news is decided by `sight`
            self.known_at.clear()
            self._shortcuts = 0
        inside = known.get(outer)
        if inside is None:
            inside = known.setdefault(outer, {})
        if inner not in inside:
            self._shortcuts += 1
        inside[inner] = problem

    def sight(
        self,
        key: str,
        severity: Severity,
        seen: float,
        settlement: Settlement | None = None,
        now: float | None = None,
        error: str = "",
    ) -> Sighting:
        """Take note of an occurrence; what is no repeat is to be paged, and then settled.

        Args:
            key: the dedup key of its problem.
            severity: of this occurrence.
            seen: when it happened, in seconds since the epoch.
            settlement: of the event that is to page, also if this is interrupted.
            now: when it happened, on the throttle's clock; default: now.
            error: the type of its exception; empty: it has none.
        """
        if now is None:
            now = self._clock()
        return self._lock.run(
            self._sight, key, severity, seen, settlement, now, error, or_else=self._sight_apart
        )

    def _sight(
        self, key: str, severity: Severity, seen: float, settlement: Settlement | None, now: float, error: str
    ) -> Sighting:
        problem = self._open.get(key)
        # Asked first without the time: most are not there, which `get` is slow to find.
        if problem is None and Cache.__contains__(self._problems, key):
            problem = self._problems.get(key)
        if problem is None:
            return self._begin_problem(key, severity, seen, settlement, now, error)
        sighting = self._note(problem, severity, seen, settlement, now, error)
        if sighting.why is not None:
            self._open[key] = problem
        return sighting

    def _sight_apart(
        self, key: str, severity: Severity, seen: float, settlement: Settlement | None, now: float, error: str
    ) -> Sighting:
        """Page for what a signal handler or a finaliser logs while this very thread is in `_sight`.

        One page too many is harmless, PagerDuty merges by dedup key; half a cache update is not.
        """
        return self._note(Problem(key, severity, seen), severity, seen, settlement, now, error)

    def _begin_problem(
        self, key: str, severity: Severity, seen: float, settlement: Settlement | None, now: float, error: str
    ) -> Sighting:
        """Note the first occurrence of all; as `_note` does for a new problem, at a third of its time."""
        problem = Problem(key, severity, seen, now + self._repeat_interval, 1, 1, seen, now, NEVER, 1)
        problem.window = self._repeat_interval
        if self._escalation_rate is not None:
            problem.course = Course(now, {error} if error else set())
        sighting = Sighting(Why.FIRST, problem, History(1, 0, seen))
        if settlement is not None:
            settlement.problem, settlement.told = problem, 1
        if self.fresh is not None:
            self._freshen(problem)
        self._open[key] = problem  # last, for there may be no stack left to come here
        return sighting

    def _note(
        self,
        problem: Problem,
        severity: Severity,
        seen: float,
        settlement: Settlement | None,
        now: float,
        error: str = "",
    ) -> Sighting:
        course = problem.course
        if course is not None and now < course.open_until:
            problem.quiet_until = min(course.open_until, now + self._repeat_interval)
        why = judge(problem, severity, now)
        worse, detail = self._worse(problem, severity, now, error) if why is not Why.LOST else (None, "")
        if worse is not None:
            why = Why.WORSE
        suppressed = problem.untold
        problem.first_seen = min(problem.first_seen, seen)  # an older one may have waited longer
        history = History(problem.occurrences + 1, suppressed, problem.first_seen, problem.told_at)
        if why is not None:
            history.why = why.said(detail) if worse else reason(why, problem, severity, now, suppressed)
            if why is Why.AGAIN:
                problem.window = next_window(problem, now, self._repeat_interval, self._longest)
            elif why is not Why.WORSE:
                problem.window = self._repeat_interval
            problem.under_way += 1
            if settlement is not None:
                settlement.problem, settlement.told, settlement.why = problem, suppressed + 1, why
                settlement.worse = worse
            if course is not None and why is Why.AGAIN:
                reported(course, suppressed + 1, now - problem.told_on)
            problem.told += suppressed + 1
            problem.told_at, problem.told_on = seen, now
            problem.severity = severity if problem.lost else min(problem.severity, severity, key=_rank)
            problem.lost = False
        problem.occurrences += 1
        if self.fresh is not None:
            self._freshen(problem)
        if problem.under_way:
            # The hot path must check here again at least once a window.
            problem.quiet_until = now + self._repeat_interval
        return Sighting(why, problem, history, worse)

    def _worse(self, problem: Problem, severity: Severity, now: float, error: str) -> tuple[Kind | None, str]:
        """Return in which way the problem got worse, to be reported by a second alert, and say it."""
        course, rate, period = problem.course, self._escalation_rate, self._repeat_interval
        if course is None or rate is None:
            return None, ""
        looks: tuple[tuple[Kind, Callable[[], str | None]], ...] = (
            (Kind.SEVERITY, lambda: worse_than.severity(course, problem.severity, severity)),
            (Kind.EXCEPTION, lambda: worse_than.exception(course, error)),
            (Kind.RATE, lambda: worse_than.rate(course, problem.occurrences + 1, now, rate, period)),
        )
        for kind, look in looks:
            said = look()
            if said is not None:
                course.opened.add(kind)
                return kind, said
        return None, ""

    def add_held(self, sighting: Sighting, settlement: Settlement, times: int, first_seen: float) -> None:
        """Count what was held back before the occurrence that was just seen; its event reports them too."""
        problem, history = sighting.problem, sighting.history
        problem.occurrences += times
        history.occurrences += times
        problem.first_seen = history.first_seen = min(history.first_seen, first_seen)
        if sighting.why is not None:
            problem.told += times
            settlement.told += times

    def tell_nobody(self, problem: Problem) -> None:
        """Let no event follow for the last repeat: it was the same failure, on its way up."""
        problem.told += 1

    def _freshen(self, problem: Problem) -> None:
        if not problem.fresh and self.fresh is not None:
            problem.fresh = True
            self.fresh.append(problem)

    def settle(self, settlement: Settlement, problem: Problem, outcome: Outcome) -> int:
        """Take note of what became of a problem's event: only a delivered one keeps its window of silence.

        A problem that was rejected with its only event is forgotten: a storm of them takes no memory.

        Returns:
            the records that the event stood for: those it reports, and the repeats held back since.
        """
        # With a bound: a finaliser may log on the thread that is in `sight`, and wait for one that settles.
        return self._lock.run(
            self._settle, settlement, problem, outcome, or_else=self._settle_apart, timeout=LOCK_TIMEOUT
        )

    def _settle(self, settlement: Settlement, problem: Problem, outcome: Outcome) -> int:
        stood_for = self._settle_apart(settlement, problem, outcome)
        if not problem.under_way and self._open.get(problem.key) is problem:
            del self._open[problem.key]
            if problem.occurrences > 1 or outcome in (Outcome.DELIVERED, Outcome.LOST, Outcome.NOT_NEEDED):
                self._problems[problem.key] = problem  # anew, so that it is remembered from this event on
        first = settlement.why in (Why.FIRST, Why.LOST)
        if first and outcome is Outcome.DELIVERED and not problem.over:
            self._watch.add(problem, self._clock())
        return stood_for

    def _settle_apart(self, settlement: Settlement, problem: Problem, outcome: Outcome) -> int:
        """Settle but for the bookkeeping of all problems: the problem's next event makes up for it."""
        stood_for = settlement.told + problem.untold
        match outcome:
            case Outcome.LOST:
                problem.told -= settlement.told
            case Outcome.REJECTED:
                problem.told = problem.occurrences  # the summary of what was dropped reports them
            case Outcome.UNDONE:
                problem.told -= settlement.told
                problem.occurrences -= 1
        if not settlement.why.follows_up:  # those leave the window as it is
            problem.under_way -= 1
            if settlement.worse and problem.course and outcome not in (Outcome.DELIVERED, Outcome.NOT_NEEDED):
                problem.course.opened.discard(settlement.worse)
            problem.lost = problem.lost or outcome not in (Outcome.DELIVERED, Outcome.NOT_NEEDED)
            quiet = not (problem.lost or problem.over)
            self._open_window(problem, self._window(problem) if quiet else NEVER)
        return stood_for

    def _open_window(self, problem: Problem, seconds: float) -> None:
        now = self._clock()
        problem.quiet_until = now + seconds
        if problem.course is not None:
            problem.course.open_until = problem.quiet_until
            problem.quiet_until = min(problem.quiet_until, now + self._repeat_interval)

    def _window(self, problem: Problem) -> float:
        """Return the seconds that the window stays open which now begins."""
        if problem.window <= self._repeat_interval:
            return problem.window
        return problem.window * (1 + JITTER * (2 * self._random() - 1))

    # --- what no record calls for -------------------------------------------------------------------

    @property
    def due(self) -> float:
        """When to ask for the next follow-up, on the clock; infinity: never, as things are."""
        return self._watch.due

    def went_on(self, now: float) -> list[Problem]:
        """Return the problems that went on since their first event, enough to be worth a follow-up."""
        return self._lock.run(self._watch.went_on, now, or_else=_none_now)

    def held_back(self, now: float, least: int = 1) -> list[Problem]:
        """Return the problems with occurrences that no event reports, the most severe and frequent first.

        Those that were silent for longer than the longest window are not among them: to report them now
        would open an incident again that was closed long ago.
        """
        return self._lock.run(self._held_back, now, least, or_else=_none_now)

    def _held_back(self, now: float, least: int) -> list[Problem]:
        closed = (self._problems.get(key) for key in list(self._problems))
        known = [problem for problem in closed if problem is not None]
        known += [*self._open.values(), *self._problems.forgotten]
        found = [p for p in known if p.reportable >= least and self._is_recent(p, now)]
        return sorted(found, key=lambda problem: (problem.severity.rank, -problem.untold))

    def _is_recent(self, problem: Problem, now: float) -> bool:
        return problem.lost or now - problem.quiet_until <= self._longest

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
        suppressed = problem.reportable
        if not suppressed:
            return None
        settlement = Settlement(self)
        settlement.problem, settlement.told, settlement.why = problem, suppressed, why
        said = words.size(suppressed, now - problem.told_on) if why is Why.SIZE else why.said()
        if problem.course is not None:
            reported(problem.course, suppressed, now - problem.told_on)
        history = History(problem.told + suppressed, suppressed, problem.first_seen, problem.told_at, said)
        problem.told += suppressed
        problem.told_at, problem.told_on = seen, now
        if not why.follows_up:  # it opens a window, as the event of a record does
            problem.under_way += 1
            problem.window = self._repeat_interval
            self._open[problem.key] = problem
        return history, settlement

    def set_window(self, key: str, seconds: float) -> None:
        """Let a problem's window end in so many seconds, as a shared state says; 0.0: the next is news.

        That of one with an event under way is left alone: it depends on what becomes of the event.
        """
        self._lock.run(self._set_window, key, seconds, or_else=_left_alone, timeout=BRIEFLY)

    def _set_window(self, key: str, seconds: float) -> None:
        problem = self._problems.get(key)
        if problem is not None and not (problem.under_way or problem.over or problem.lost):
            self._open_window(problem, seconds if seconds > 0.0 else NEVER)

    def reopened(self, key: str) -> Problem | None:
        """Close a problem's window, which is not open for all; return the problem if it went on within it."""
        return self._lock.run(self._reopened, key, or_else=_unknown_now, timeout=BRIEFLY)

    def _reopened(self, key: str) -> Problem | None:
        problem = self._problems.get(key)
        if problem is None or problem.under_way or problem.quiet_until <= self._clock():
            return None
        problem.quiet_until = NEVER
        return problem if problem.reportable else None

    def end(self, key: str) -> None:
        """Let nothing that is logged from now on pass for a repeat of this problem at first sight.

        To be called when a resolve is asked for; `resolved` follows when its turn comes.
        """
        self._lock.run(self._end, key, or_else=self._end_open, timeout=BRIEFLY)

    def _end(self, key: str) -> None:
        self._end_open(key)
        _end_one(self._problems.get(key))

    def _end_open(self, key: str) -> None:
        _end_one(self._open.get(key))

    def resolved(self, key: str) -> None:
        """The problem with this dedup key is over: its next occurrence is news."""
        self._lock.run(self._resolved, key, or_else=self.end)

    def _resolved(self, key: str) -> None:
        for problem in (self._open.pop(key, None), self._problems.pop(key, None)):
            if problem is not None:
                problem.over = True
                problem.quiet_until = problem.level = NEVER

    def forget(self) -> None:
        """Know nothing: this is another process than the one that knew."""
        self.known.clear()
        self.known_at.clear()
        self._shortcuts = 0
        if self.fresh is not None:
            self.fresh.clear()
        self._begin()


def _unknown_now(key: str) -> None:
    return


def _left_alone(key: str, seconds: float) -> None:
    return


def _extend(problem: Problem, logger: str, level: float, kind: type | None) -> None:
    """Note for which records a problem's short cuts hold."""
    if problem.over:
        return
    problem.origin = (problem.key, logger)
    if level > problem.level:
        problem.level = level
    if kind is not None and kind not in problem.kinds and len(problem.kinds) < MAX_KINDS:
        problem.kinds |= {kind}


def _end_one(problem: Problem | None) -> None:
    if problem is not None:
        problem.over = True
        problem.level = NEVER


def _none_now(now: float, least: int = 1) -> list[Problem]:
    return []


def _nothing_now(problem: Problem, why: Why, seen: float, now: float) -> None:
    return None


def _rank(severity: Severity) -> int:
    return severity.rank


class Settlement:
    """Settles an event once, by the first caller that knows what became of it.

    Attributes:
        problem: whose event it is; None: there is none so far.
        told: the occurrences that the event reports.
        why: the reason of the event.
        worse: in which way its problem got worse, if it opens a second alert.
    """

    __slots__ = ("_settled", "_throttle", "problem", "told", "why", "worse")

    def __init__(self, throttle: Throttle) -> None:
        self.problem: Problem | None = None
        self.told = 1
        self.why = Why.FIRST
        self.worse: Kind | None = None
        self._throttle = throttle
        self._settled = False

    def __call__(self, outcome: Outcome) -> int:
        if self._settled or self.problem is None:
            return 0
        self._settled = True
        return self._throttle.settle(self, self.problem, outcome)


Report: TypeAlias = tuple[History, Settlement]
"""What an event that no record calls for says, and what settles it."""
