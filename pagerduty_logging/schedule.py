"""The policy of delivery: what goes next, when, and what follows an error. No thread, no clock, no I/O.

Everything here is driven with the time as an argument. `delivery.py` owns the thread that acts on it.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pagerduty_logging.events_api.encoding import EncodedEvent
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import Event, Severity
from pagerduty_logging.events_api.retrying import Retry, delay

RESERVED_SHARE = 5
"""One in so many of a minute's events is kept for critical ones, so that no storm delays them."""
MINUTE = 60.0
"""PagerDuty counts events in a window of so many seconds that moves on with the time.
Source: PagerDuty's documentation, "Events API v2 Overview", rate limits."""
LEAST_PAUSE = 1.0
"""Seconds to wait at least after a 429 that does not say for how long."""
MAX_STEPS = 10
"""Doublings of the pause after which further refusals make it no longer."""
CRITICAL_STEPS = 4
"""The same for critical events: they do not wait out the long pauses of the others."""


@dataclass(slots=True, eq=False)
class Pending:
    """An event that was accepted and has not reached its end.

    Attributes:
        dedup_key: events with the same one keep their order.
        severity: how much it matters.
        known: whether it tells again of a known problem; others of its severity go first.
        accepted_at: on the delivery's clock.
        compose: makes the event, from plain data, when it is its turn.
        settle: is told once whether the event was delivered; returns how many records it stood for.
        label: names it on stderr if it is lost: nothing that a program logged, it may be a secret.
        size: bytes of memory that it takes, about.
        first: it goes before the others of its severity.
        encoded: what is sent, once it is composed.
        refused: what PagerDuty refused, once there is nothing but the barest form left to try.
        attempts: how often it failed.
        due: it is not tried before, on the delivery's clock.
        ticket: its file's name in the spool; None if it is in memory only.
    """

    dedup_key: str
    severity: Severity
    known: bool
    accepted_at: float
    compose: Callable[[], Event]
    settle: Callable[[bool], int]
    label: str
    size: int = 1_000
    first: bool = False
    encoded: EncodedEvent | None = None
    refused: EncodedEvent | None = None
    bare: bool = False
    attempts: int = 0
    due: float = -math.inf
    ticket: str | None = None


def nobody_waits(delivered: bool) -> int:
    """Settle an event on whose fate nothing depends: one that no record of this process made."""
    return 1


class After(enum.Enum):
    """What follows a failed attempt."""

    WAIT = "wait"  # keep it, try again later
    BARE = "bare"  # PagerDuty refuses this event: say it in the barest form, at once
    DEAD = "dead"  # refused in the barest form too: it will never be delivered


def after(error: EventsError, pending: Pending) -> After:
    """Decide what follows `error`.

    Only PagerDuty's own refusal of the event is final. A revoked key (403), a captive portal or a redirect is
    mended by people: the event is kept until then.
    """
    if error.retryable:
        return After.WAIT
    return After.DEAD if pending.bare else After.BARE


class Backlog:
    """The events that wait: the most severe first, in order within a dedup key, paused after failures.

    Args:
        retry: the schedule of attempts, and the age at which an event expires.
        random: a number in [0, 1), for jitter.

    Attributes:
        size: bytes of memory that its events take, about.
    """

    def __init__(self, retry: Retry, random: Callable[[], float]) -> None:
        self.size = 0
        self._retry = retry
        self._random = random
        self._lanes: dict[str, list[Pending]] = {}
        # The same events by how much they matter, each class in order of arrival: a dict as ordered set.
        self._classes: dict[tuple[int, bool], dict[Pending, None]] = {}
        self._count = 0
        self._failing: set[Pending] = set()
        self._refusals = 0
        self._paused_until = self._critical_paused_until = -math.inf
        self._told_to_wait = False

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Pending]:
        for lane in self._lanes.values():
            yield from lane

    def add(self, pending: Pending) -> None:
        """Take an event in: behind the older ones of its dedup key, before the younger."""
        name = _class(pending)  # first, for there may be no stack left to come back
        lane = self._lanes.get(pending.dedup_key)
        if lane is None:
            self._lanes[pending.dedup_key] = [pending]
        else:
            place = len(lane)
            while place > 0 and lane[place - 1].accepted_at > pending.accepted_at:
                place -= 1
            lane.insert(place, pending)
        members = self._classes.get(name)
        if members is None:
            self._classes[name] = {pending: None}
        else:
            members[pending] = None
        self._count += 1
        self.size += pending.size

    def remove(self, pending: Pending) -> None:
        """Take an event out, wherever in its lane it is."""
        lane = self._lanes[pending.dedup_key]
        lane.remove(pending)
        if not lane:
            del self._lanes[pending.dedup_key]
        del self._classes[_class(pending)][pending]
        self._failing.discard(pending)
        self._count -= 1
        self.size -= pending.size

    def resize(self, pending: Pending, size: int) -> None:
        """Note that an event now takes another amount of memory."""
        self.size += size - pending.size
        pending.size = size

    def next(self, now: float) -> Pending | None:
        """Return the event whose turn it is; None while all of them wait (see `wait`)."""
        if now < self._critical_paused_until:
            return None
        ready = [lane for lane in self._lanes.values() if self._due(lane) <= now]
        return min(ready, key=_turn)[0] if ready else None

    def urgency(self, pending: Pending) -> Severity:
        """Return the highest severity that waits for this event to make way, its own included."""
        return min((p.severity for p in self._lanes[pending.dedup_key]), key=_rank)

    def wait(self, now: float) -> float | None:
        """Return the seconds until there may be a next event; None if there are none at all."""
        if not self._lanes:
            return None
        due = min(self._due(lane) for lane in self._lanes.values())
        return max(due - now, 0.0)

    def delivered(self, pending: Pending, now: float) -> None:
        """The event has arrived: what stood in the way of all no longer does.

        After a 429 the pauses shrink step by step, as they grew: a fleet that shares a routing key must
        not come back at full speed with the first event that gets through.
        """
        self.remove(pending)
        if len(self._failing) > 1:
            for other in self:
                other.due = -math.inf
        self._failing.clear()
        self._refusals = max(self._refusals - 1, 0)
        self._told_to_wait = False
        if self._refusals:
            self._pause(now, self._refusals, None)
        else:
            self._end_pause()

    def failed(self, pending: Pending, error: EventsError, now: float) -> None:
        """The attempt failed and the event is kept.

        Asked to slow down, everything waits: the limit is the routing key's. Otherwise the event waits its
        own time, and the others the longer the more of them have failed since one got through: an event
        that fails for itself alone holds nobody up, and an outage is not met by every event in turn.
        """
        pending.attempts += 1
        if error.status == 429 or error.retry_after is not None:
            self._refusals = min(self._refusals + 1, MAX_STEPS)
            asked = error.retry_after or LEAST_PAUSE
            self._pause(now, self._refusals, asked)
            self._told_to_wait = True
        else:
            self._failing.add(pending)
            pending.due = now + delay(self._retry, pending.attempts, None, self._random)
            self._pause(now, len(self._failing), None)

    def hurry(self) -> None:
        """Try at once, and more often, what only waits for better times; what was asked for is kept."""
        if not self._told_to_wait:
            self._end_pause()
        self._failing.clear()
        for pending in self:
            pending.due = -math.inf
            pending.attempts = 0

    def _pause(self, now: float, steps: int, asked: float | None) -> None:
        """Let everything wait, critical events less long than others."""
        self._paused_until = now + delay(self._retry, steps, asked, self._random)
        soon = now + delay(self._retry, min(steps, CRITICAL_STEPS), asked, self._random)
        self._critical_paused_until = min(soon, self._paused_until)

    def _end_pause(self) -> None:
        self._paused_until = self._critical_paused_until = -math.inf

    def _due(self, lane: list[Pending]) -> float:
        """Return when it is the turn of a lane's first event, on which the others behind it wait."""
        critical = any(pending.severity is Severity.CRITICAL for pending in lane)
        return max(lane[0].due, self._critical_paused_until if critical else self._paused_until)

    def expired(self, now: float) -> list[Pending]:
        """Return the events that are older than the schedule's `max_age`."""
        return [p for p in self if now - p.accepted_at >= self._retry.max_age]

    def is_least(self, pending: Pending) -> bool:
        """Tell whether it would be the one to do without, if it were added now."""
        name = _class(pending)
        return not pending.first and all(other <= name for other, members in self._classes.items() if members)

    def least(self, exempt: Pending | None = None) -> Pending | None:
        """Return the event to do without if there are too many: the least severe, then the youngest."""
        for name in sorted(self._classes, reverse=True):
            for pending in reversed(self._classes[name]):
                if pending is not exempt and not pending.first:
                    return pending
        return None


def _rank(severity: Severity) -> int:
    return severity.rank


def _class(pending: Pending) -> tuple[int, bool]:
    return (pending.severity.rank, pending.known)


def _turn(lane: list[Pending]) -> tuple[int, bool, bool, float]:
    head = lane[0]
    return (min(p.severity.rank for p in lane), head.known, not head.first, head.accepted_at)


@dataclass(slots=True)
class Budget:
    """At most so many events in any minute, some of which only critical ones may use.

    Args:
        per_minute: how many.
    """

    per_minute: int
    _sent: deque[float] = field(default_factory=deque)

    def wait(self, severity: Severity, now: float) -> float:
        """Return the seconds until an event of this severity may be sent; 0.0 if it may be now."""
        while self._sent and now - self._sent[0] >= MINUTE:
            self._sent.popleft()
        reserved = 0 if severity is Severity.CRITICAL else self.per_minute // RESERVED_SHARE
        over = len(self._sent) - (self.per_minute - reserved)
        return 0.0 if over < 0 else self._sent[over] + MINUTE - now

    def spend(self, now: float) -> None:
        """Note that an event was sent."""
        self._sent.append(now)
