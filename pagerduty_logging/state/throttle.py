"""Is this occurrence news? A problem is paged once, then its repeats are counted for a while.

A window of silence begins with an event and holds only as long as the event lives: if PagerDuty never
got it, the next occurrence is news again.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cachetools import Cache, TTLCache

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.state.lock import ReentrantLock

REMEMBERED = 86_400.0
"""Seconds a problem is known after its last event, so that the next can tell what happened between."""

LOCK_TIMEOUT = 0.5
"""Longest wait for the lock, in seconds; it is normally held for microseconds."""

BRIEFLY = 0.05
"""Longest wait for the lock, in seconds, in a call of the application's that needs no answer."""

MAX_KINDS = 16
"""Types of exceptions that one problem's short cuts are known for."""

NEVER = float("-inf")


class Outcome(enum.Enum):
    """What became of an event."""

    DELIVERED = "delivered"
    LOST = "lost"  # refused, expired, or the process could not make it
    REJECTED = "rejected"  # there was no room for it


class Verdict(enum.Enum):
    """What an occurrence is."""

    FIRST = "first"  # never seen, or its event was lost: page
    ESCALATED = "escalated"  # more severe than what was paged: page at once
    REMINDER = "reminder"  # again, after the window: page, and tell what was held back
    REPEAT = "repeat"  # within the window, or while its event is under way: count


@dataclass(slots=True)
class History:
    """What is known of a problem when an event tells of it; times are seconds since the epoch.

    Attributes:
        occurrences: all of them so far.
        suppressed: those since the last event, this one apart, that no event told of.
        first_seen: when the first one happened.
        since: when what the last event told of happened.
    """

    occurrences: int
    suppressed: int
    first_seen: float
    since: float = 0.0


@dataclass(slots=True, eq=False)
class Problem:
    """One problem's state.

    Attributes:
        key: its dedup key.
        severity: of the most severe event so far.
        quiet_until: on the throttle's clock; repeats before are counted and nothing else. The hot
            path reads this and `occurrences` without a lock.
        occurrences: all of them. `+= 1` is one uninterrupted step on CPython with its global lock;
            a build without it may lose some under contention.
        told: the occurrences up to and with the last event.
        told_at: when what the last event told of happened, in seconds since the epoch.
        origin: its dedup key and the logger, by which its short cuts are known.
        level: of the most severe record by which its short cuts are known, as `logging` counts.
        kinds: types of the exceptions that came with it, at most `MAX_KINDS`: a repeat with another one is
            looked at closely.
        under_way: events submitted and neither delivered nor lost.
        lost: an event was lost, and none was submitted since.
        over: it was resolved; what comes next is another problem with the same key.
    """

    key: str
    severity: Severity
    first_seen: float
    quiet_until: float = NEVER
    occurrences: int = 0
    told: int = 0
    told_at: float = 0.0
    level: float = NEVER
    under_way: int = 0
    lost: bool = False
    over: bool = False
    origin: tuple[str, str] = ("", "")
    kinds: frozenset[type] = frozenset()


@dataclass(slots=True)
class Sighting:
    """The throttle's answer to an occurrence."""

    verdict: Verdict
    problem: Problem
    history: History


def judge(problem: Problem | None, severity: Severity, now: float) -> Verdict:
    """Decide what an occurrence of this severity is, given what is known of its problem."""
    if problem is None or problem.told == 0 or problem.lost:
        return Verdict.FIRST
    if severity.rank < problem.severity.rank:
        return Verdict.ESCALATED
    return Verdict.REPEAT if problem.under_way or now < problem.quiet_until else Verdict.REMINDER


class Throttle:
    """The problems a process knows, bounded in number and time; safe to share between threads.

    Args:
        repeat_interval: seconds after an event in which repeats are counted, not sent.
        max_fingerprints: how many problems are known at once; the least recently seen go first.
        clock: seconds, monotonic.

    Attributes:
        known: short cuts to problems by logger and message, for the hot path to read without a lock. They
            hold for records up to the problem's `level`.
        known_at: the same by call site, file and line, and by what tells its problems apart.
    """

    def __init__(
        self,
        repeat_interval: float,
        max_fingerprints: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._repeat_interval = repeat_interval
        self._max_fingerprints = max_fingerprints
        self._clock = clock
        self.known: dict[str, dict[str, Problem]] = {}
        self.known_at: dict[tuple[str, int], dict[object, Problem]] = {}
        self._shortcuts = 0
        self._begin()

    def _begin(self) -> None:
        memory = max(REMEMBERED, 2 * self._repeat_interval)
        self._problems: TTLCache[str, Problem] = TTLCache(self._max_fingerprints, memory, timer=self._clock)
        # Those with an event under way, as few as there can be events: they join the others with its end.
        self._open: dict[str, Problem] = {}
        self._lock = ReentrantLock()

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
    ) -> Sighting:
        """Take note of an occurrence; whatever is not a REPEAT is to be paged, and then settled.

        Args:
            key: the dedup key of its problem.
            severity: of this occurrence.
            seen: when it happened, in seconds since the epoch.
            settlement: of the event that is to page, also if this is interrupted.
            now: when it happened, on the throttle's clock; default: now.
        """
        if now is None:
            now = self._clock()
        return self._lock.run(self._sight, key, severity, seen, settlement, now, or_else=self._sight_apart)

    def _sight(
        self, key: str, severity: Severity, seen: float, settlement: Settlement | None, now: float
    ) -> Sighting:
        problem = self._open.get(key)
        # Asked first without the time: most are not there, which `get` is slow to find.
        if problem is None and Cache.__contains__(self._problems, key):
            problem = self._problems.get(key)
        if problem is None:
            return self._begin_problem(key, severity, seen, settlement, now)
        sighting = self._note(problem, severity, seen, settlement, now)
        if sighting.verdict is not Verdict.REPEAT:
            self._open[key] = problem
        return sighting

    def _sight_apart(
        self, key: str, severity: Severity, seen: float, settlement: Settlement | None, now: float
    ) -> Sighting:
        """Page for what a signal handler or a finaliser logs while this very thread is in `_sight`.

        One page too many is harmless, PagerDuty merges by dedup key; half a cache update is not.
        """
        return self._note(Problem(key, severity, seen), severity, seen, settlement, now)

    def _begin_problem(
        self, key: str, severity: Severity, seen: float, settlement: Settlement | None, now: float
    ) -> Sighting:
        """Note the first occurrence of all; as `_note` does for a new problem, at a third of its time."""
        problem = Problem(key, severity, seen, now + self._repeat_interval, 1, 1, seen, NEVER, 1)
        sighting = Sighting(Verdict.FIRST, problem, History(1, 0, seen))
        if settlement is not None:
            settlement.problem = problem
        self._open[key] = problem  # last, for there may be no stack left to come here
        return sighting

    def _note(
        self,
        problem: Problem,
        severity: Severity,
        seen: float,
        settlement: Settlement | None,
        now: float,
    ) -> Sighting:
        verdict = judge(problem, severity, now)
        problem.occurrences += 1
        problem.first_seen = min(problem.first_seen, seen)  # an older one may have waited longer
        suppressed = problem.occurrences - problem.told - 1 if problem.told else 0
        history = History(problem.occurrences, suppressed, problem.first_seen, problem.told_at)
        if verdict is not Verdict.REPEAT:
            problem.under_way += 1
            if settlement is not None:
                settlement.problem = problem
            problem.told, problem.told_at = problem.occurrences, seen
            problem.severity = severity if problem.lost else min(problem.severity, severity, key=_rank)
            problem.lost = False
        if problem.under_way:
            # The hot path must check here again at least once a window.
            problem.quiet_until = now + self._repeat_interval
        return Sighting(verdict, problem, history)

    def settle(self, problem: Problem, outcome: Outcome) -> int:
        """Take note of what became of a problem's event: only a delivered one keeps its window of silence.

        A problem that was rejected with its only event is forgotten: a storm of them takes no memory.

        Returns:
            the records that the event stood for: its own, and the repeats held back since.
        """
        # With a bound: a finaliser may log on the thread that is in `sight`, and wait for whoever settles.
        return self._lock.run(
            self._settle, problem, outcome, or_else=self._settle_apart, timeout=LOCK_TIMEOUT
        )

    def _settle(self, problem: Problem, outcome: Outcome) -> int:
        stood_for = self._settle_apart(problem, outcome)
        if not problem.under_way and self._open.get(problem.key) is problem:
            del self._open[problem.key]
            if outcome is not Outcome.REJECTED or problem.occurrences > 1:
                self._problems[problem.key] = problem  # anew, so that it is remembered from this event on
        return stood_for

    def _settle_apart(self, problem: Problem, outcome: Outcome) -> int:
        """Settle but for the bookkeeping of all problems: the problem's next event makes up for it."""
        problem.under_way -= 1
        problem.lost = problem.lost or outcome is not Outcome.DELIVERED
        quiet = not (problem.lost or problem.over)
        problem.quiet_until = self._clock() + self._repeat_interval if quiet else NEVER
        return 1 + problem.occurrences - problem.told

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
        self._begin()


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


def _rank(severity: Severity) -> int:
    return severity.rank


class Settlement:
    """Settles an event once, whoever knows first what became of it.

    Attributes:
        problem: whose event it is; None: there is none so far.
    """

    __slots__ = ("_settled", "_throttle", "problem")

    def __init__(self, throttle: Throttle) -> None:
        self.problem: Problem | None = None
        self._throttle = throttle
        self._settled = False

    def __call__(self, outcome: Outcome) -> int:
        if self._settled or self.problem is None:
            return 0
        self._settled = True
        return self._throttle.settle(self.problem, outcome)
