"""Occurrences that a shared state does not know yet: found without work for the thread that logs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from pagerduty_logging.events_api.clock import time_of_day
from pagerduty_logging.state.known import REMEMBERED
from pagerduty_logging.state.outbox import HAND_IN
from pagerduty_logging.state.problem import HandedIn, Problem
from pagerduty_logging.state.records import ACTIVE
from pagerduty_logging.state.shared import SharedState
from pagerduty_logging.state.throttle import Throttle


@dataclass(slots=True)
class _Entry:
    """The problems of one dedup key: another one begins with each resolve.

    Attributes:
        problems: in the order in which they began.
        logger: of their records, once it is known.
    """

    problems: list[Problem] = field(default_factory=list)
    logger: str = ""


class Counting:
    """Notes in the state what the throttle has seen. For one thread at a time: the one that sends.

    A repeat only raises a number, so every problem with an open window is checked every few seconds. If none
    has one, nothing is checked.

    Args:
        state: counts for all.
        throttle: counts.
        clock: the throttle's, in seconds.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        state: SharedState,
        throttle: Throttle,
        clock: Callable[[], float],
        wall: Callable[[], float] = time_of_day,
    ) -> None:
        self._state = state
        self._throttle = throttle
        self._clock = clock
        self._wall = wall
        self._entries: dict[str, _Entry] = {}
        self._looked = clock() - HAND_IN
        self._hand_in_at = -math.inf
        self._looked_at = wall()

    def wait(self) -> float | None:
        """Return the seconds until the next check; None: there is nothing to check."""
        if not (self._entries or self._throttle.fresh):
            return None
        now, pause = self._clock(), self._state.pause()
        if pause > 0.0:
            self._hand_in_at = now + pause
        if self._hand_in_at > self._looked:  # what is handed in then is to be found just before
            return pause
        return max(self._looked + HAND_IN - now, pause)

    def known_here(self, key: str) -> int:
        """Return how often this process has seen a problem."""
        entry = self._entries.get(key)
        return entry.problems[-1].occurrences if entry is not None else 1

    def note(self, key: str, logger: str) -> float | None:
        """Note the occurrences of one problem; return when the last of them happened, None without any."""
        self._take_fresh()
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.logger = logger or entry.logger
        newest = None
        for problem in entry.problems:
            last = self._note(entry, problem, claimed=True)
            if last is not None:
                newest = max(newest or last, last)
        return newest

    def note_all(self, *, at_once: bool = False) -> None:
        """Note those of all problems, if a check is due, or at once."""
        now = self._clock()
        if not at_once and self.wait() != 0.0:
            return
        self._take_fresh()
        for key, entry in list(self._entries.items()):
            for problem in list(entry.problems):
                if self._note(entry, problem) is None and _is_quiet(problem, now):
                    entry.problems.remove(problem)
            if not entry.problems:
                del self._entries[key]
        self._looked = now
        self._looked_at = self._wall()

    def note_end(self) -> None:
        """Note all for the last time, and of which problems this process was until a moment ago."""
        self.note_all(at_once=True)
        now = self._wall()
        for key, entry in self._entries.items():
            problem = entry.problems[-1]
            handed_in, severity = problem.handed_in, problem.last.severity.rank
            if handed_in is not None and 0.0 <= now - handed_in.last < ACTIVE:
                self._state.count(key, 0, first=handed_in.last, last=handed_in.last, severity=severity)

    def _take_fresh(self) -> None:
        fresh = self._throttle.fresh
        while fresh:
            problem = fresh.popleft()
            self._entries.setdefault(problem.key, _Entry()).problems.append(problem)

    def _note(self, entry: _Entry, problem: Problem, *, claimed: bool = False) -> float | None:
        """Note what was not noted; what is to be claimed is silenced by the answer, and not before."""
        handed_in = problem.handed_in = problem.handed_in or HandedIn()
        number = problem.occurrences - handed_in.number
        if number <= 0:
            return None
        now = self._wall()
        first, last = max(self._looked_at, handed_in.last), now
        if handed_in.number <= 0:
            first = problem.first_seen
        if number == 1:
            last = problem.last.seen if problem.reported == problem.occurrences else now
        oldest = now - REMEMBERED
        last = min(max(last, oldest), now)
        first = min(max(first, oldest), last)
        severity, key = problem.last.severity.rank, problem.key
        handed_in.number += number
        handed_in.last = last
        kept_back = not claimed and self._state.silenced(key, entry.logger, severity) is not None
        self._state.count(
            key,
            number,
            first=first,
            last=last,
            severity=severity,
            logger=entry.logger,
            silenced=number if kept_back else 0,
        )
        return last


def _is_quiet(problem: Problem, now: float) -> bool:
    """Whether no further occurrence is counted without `fresh` saying so."""
    if problem.under_way > 0 or problem.quiet_until > now:
        return False
    handed_in = problem.handed_in
    if handed_in is None:
        return True
    handed_in.fresh = False
    if problem.occurrences <= handed_in.number:
        return True
    handed_in.fresh = True  # one came in the meantime
    return False
