"""The outbox: occurrences and outcomes that a process has not handed in to the state yet.

A batch keeps its number and its content until the state has answered it: however often it is sent, and
whichever answer is lost, it counts once.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pagerduty_logging.state.protocol import MAX_BATCH, Count, Outcome

MAX_KEYS = 10_000
"""Problems, and outcomes, that are kept while the state does not answer."""

HAND_IN = 5.0
"""Seconds between hand-ins: counts elsewhere are behind by so much, and silences take effect within it."""
ENDING = 30.0
"""Seconds for which a process is ending at most: where its main thread alone has ended, it goes on."""
IN_STEP = 4 * HAND_IN
"""Seconds after a problem was told in which another one does not change when the processes hand in."""
SPREAD = 0.2
"""Seconds by which the hand-ins of processes in step are apart, at most."""


@functools.cache
def apart(process: str) -> float:
    """Return by how many seconds a process hands in later than others."""
    return random.Random(process).uniform(0.0, SPREAD)


def next_hand_in(due: float, now: float) -> float:
    """Return when to hand in next, after a hand-in that was due before now: in step with others all the same.

    One that was late by more than half of the time leaves one out.
    """
    late = now - due
    return now + HAND_IN if late > IN_STEP else due + HAND_IN * (1 + (late + HAND_IN / 2) // HAND_IN)


def with_age(outcome: Outcome, age: float) -> Outcome:
    """Return an outcome as of so many seconds ago; `replace` takes many calls, on the way to a page."""
    return Outcome(
        outcome.what,
        outcome.key,
        age,
        outcome.severity,
        outcome.occurrences,
        outcome.window,
        outcome.follow_up,
        outcome.change,
    )


@dataclass(slots=True)
class _Tally:
    n: int
    first: float
    last: float
    severity: int
    silenced: int
    summary: str
    logger: str
    quiet: int
    """How many of the `n` were silenced; some of those handed in before may have been, too."""


@dataclass(slots=True)
class Batch:
    """Counts and outcomes under one number; times in it are seconds since the epoch, on this host's clock."""

    sequence: int = 0
    counts: Sequence[tuple[str, _Tally]] = ()
    outcomes: Sequence[Outcome] = ()

    def aged(self, now: float) -> tuple[tuple[Count, ...], tuple[Outcome, ...]]:
        """Return it as it is sent: with ages instead of times."""
        counts, outcomes = [], []
        for key, tally in self.counts:
            first, last = max(now - tally.first, 0.0), max(now - tally.last, 0.0)
            silenced, summary, logger = tally.silenced, tally.summary, tally.logger
            counts.append(Count(key, tally.n, first, last, tally.severity, silenced, summary, logger))
        for outcome in self.outcomes:
            outcomes.append(with_age(outcome, max(now - outcome.age, 0.0)))
        return tuple(counts), tuple(outcomes)


NOTHING = Batch()


@dataclass(slots=True)
class Outbox:
    """Gathers what is to be handed in.

    Attributes:
        clean: takes secrets out of the name of a logger, which is stored.
        forgotten: occurrences for which there was no room while the state did not answer.
        sent: a batch that was sent, and may have arrived or not.
        ends_until: on the clock, until when this is the rest, for the process is ending; None: it goes on.
    """

    clean: Callable[[str], str] = str
    forgotten: int = 0
    sent: Batch | None = None
    ends_until: float | None = None
    _sequence: int = 0
    _counts: dict[str, _Tally] = field(default_factory=dict)
    _outcomes: dict[tuple[str, str, bool], Outcome] = field(default_factory=dict)

    def count(
        self,
        key: str,
        n: int,
        times: tuple[float, float],
        severity: int,
        silenced: int = 0,
        summary: str = "",
        logger: str = "",
    ) -> None:
        """Add occurrences; `times` are those of the first and the last."""
        logger = logger and self.clean(logger)
        tally = self._counts.get(key)
        if tally is not None:
            tally.n += n
            tally.first, tally.last = min(tally.first, times[0]), max(tally.last, times[1])
            tally.severity = min(tally.severity, severity)
            tally.silenced += silenced
            tally.quiet = min(tally.quiet + silenced, tally.n)
            tally.summary = summary or tally.summary
            tally.logger = logger or tally.logger
        elif len(self._counts) < MAX_KEYS:
            self._counts[key] = _Tally(n, *times, severity, silenced, summary, logger, min(silenced, n))
        else:
            self.forgotten += n

    def conclude(self, outcome: Outcome) -> None:
        """Add an outcome; `age` is its time. A later one of its kind takes its place."""
        name = (outcome.key, outcome.what, outcome.change)
        self._outcomes.pop(name, None)
        if len(self._outcomes) >= MAX_KEYS:
            del self._outcomes[next(iter(self._outcomes))]
        self._outcomes[name] = outcome

    def __len__(self) -> int:
        return len(self._counts) + len(self._outcomes) + (self.sent is not None)

    def batch(self, first: str | None = None) -> Batch:
        """Return what is to be sent now, the counts of the key `first` before others; empty: nothing."""
        if self.sent is None and (self._counts or self._outcomes):
            counts, outcomes = [], []
            if first in self._counts:
                counts.append((first, self._counts.pop(first)))
            for key in list(self._counts)[: MAX_BATCH - len(counts)]:
                counts.append((key, self._counts.pop(key)))
            for name in list(self._outcomes)[:MAX_BATCH]:
                outcomes.append(self._outcomes.pop(name))
            self._sequence += 1
            self.sent = Batch(self._sequence, counts, outcomes)
        return self.sent or NOTHING

    def waiting(self, key: str) -> int:
        """Return the occurrences of a problem that are to be handed in, and were not silenced so far."""
        tally = self._counts.get(key)
        return 0 if tally is None else tally.n - tally.quiet

    def answered(self, sequence: int) -> None:
        """The batch of this number was applied."""
        if self.sent is not None and self.sent.sequence == sequence:
            self.sent = None

    def take_back(self) -> None:
        """The batch was certainly not applied: what is in it belongs to the next one."""
        sent, self.sent = self.sent, None
        if sent is None:
            return
        self._sequence -= 1
        for key, tally in sent.counts:
            times = (tally.first, tally.last)
            self.count(key, tally.n, times, tally.severity, tally.silenced, tally.summary, tally.logger)
        for outcome in sent.outcomes:
            self.conclude(outcome)
