"""What the handlers of one process know among themselves: so they decide while their state does not answer.

Each of fifty handlers would send an event of its own for the same problem; so one of them does, as if this
process were all there is.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable

from pagerduty_logging.state import decide
from pagerduty_logging.state.outbox import with_age
from pagerduty_logging.state.protocol import (
    LEASE,
    MINUTE,
    Anothers,
    Answer,
    Claim,
    Later,
    Mine,
    Outcome,
    Sender,
)
from pagerduty_logging.state.records import Record

SHARE = 2
"""One in so many of a minute's events may be sent by one process then, unless they are critical."""
MANY = 10
"""Handlers from which on this is done: fewer of them do no harm, and behave as without a state."""
MOST = 10_000
"""Problems that are known; the oldest are forgotten."""

_Name = tuple[str, str, bool]
_names: dict[int, str] = {}  # of this process, and of those that it is a fork of


def process_name() -> str:
    """Return a name of this process that no other one has or had."""
    pid = os.getpid()
    return _names.get(pid) or _names.setdefault(pid, uuid.uuid4().hex[:12])


class Among:
    """Problems of one process, as a store knows those of all. Safe to share between threads.

    Args:
        clock: seconds.

    Attributes:
        decides: whether there are so many handlers that one is to send for all.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.decides = True
        self._clock = clock
        self._records: dict[_Name, Record] = {}
        self._sent: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def claim(self, sender: Sender, claim: Claim) -> Anothers | Later | None:
        """Say why an event is not to be sent by this handler now; None: it is, or it asks the state again."""
        if not self.decides:
            return None
        with self._lock:
            now, name = self._clock(), (sender.space, claim.key, claim.change)
            record = self._records.get(name) or Record()
            answer = decide.others(record, claim, sender.name, now)
            if answer is not None:
                return answer
            if record.lease_by != sender.name or not record.lease_left(now):
                wait = self._spend(sender, claim.severity, now)
                if wait > 0.0:
                    return Later(wait)
            record.lease(sender.name, now + LEASE, claim.severity)
            self._keep(name, record)
            return None

    def learn(self, sender: Sender, claim: Claim, answer: Answer) -> None:
        """Know what the state has answered."""
        if not self.decides:
            return
        with self._lock:
            now, name = self._clock(), (sender.space, claim.key, claim.change)
            record = self._records.get(name) or Record()
            if isinstance(answer, Mine):
                record.lease(sender.name, now + LEASE, claim.severity)
                self._sent_lately(sender.space, now).append(now)
            elif not isinstance(answer, Anothers):
                return
            elif answer.told:
                at = now - answer.since
                record.followed = claim.follow_up or (record.followed and at < record.told_at + record.window)
                record.told_severity, record.told_at, record.window = claim.severity, at, answer.since
                record.window += answer.again_in
                record.lease()
            else:
                record.lease("another process", now + answer.again_in, claim.severity)
            self._keep(name, record)

    def conclude(self, sender: Sender, outcome: Outcome, age: float) -> None:
        """Know what became of an event, or of a problem, so many seconds ago."""
        with self._lock:
            name = (sender.space, outcome.key, outcome.change)
            past = with_age(outcome, age)
            record = decide.concluded(self._records.get(name), past, sender.name, self._clock())
            if record is not None:
                self._keep(name, record)

    def _keep(self, name: _Name, record: Record) -> None:
        self._records.pop(name, None)
        self._records[name] = record
        if len(self._records) > MOST:
            del self._records[next(iter(self._records))]

    def _spend(self, sender: Sender, severity: int, now: float) -> float:
        sent = self._sent_lately(sender.space, now)
        most = sender.per_minute if severity == 0 else max(sender.per_minute // SHARE, 1)
        wait = max(sent[len(sent) - most] + MINUTE - now, 0.001) if len(sent) >= most else 0.0
        if not wait:
            sent.append(now)
        return wait

    def _sent_lately(self, space: str, now: float) -> list[float]:
        """Return when events of the last minute were sent; the others are forgotten."""
        sent = [at for at in self._sent.get(space, ()) if now - MINUTE < at <= now]
        self._sent[space] = sent
        return sent
