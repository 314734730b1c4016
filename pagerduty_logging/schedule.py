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


@dataclass(slots=True, eq=False)
class Pending:
    """An event that was accepted and has not reached its end.

    Attributes:
        dedup_key: events with the same one keep their order.
        severity: how much it matters.
        known: whether it tells again of a known problem; others of its severity go first.
        accepted_at: on the delivery's clock.
        compose: makes the event, from plain data, when it is its turn.
        settle: is told once whether the event was delivered.
        label: names it on stderr if it is lost: nothing that a program logged, it may be a secret.
    """

    dedup_key: str
    severity: Severity
    known: bool
    accepted_at: float
    compose: Callable[[], Event]
    settle: Callable[[bool], None]
    label: str
    encoded: EncodedEvent | None = None
    event: Event | None = None
    bare: bool = False
    attempts: int = 0
    due: float = -math.inf


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
    """

    def __init__(self, retry: Retry, random: Callable[[], float]) -> None:
        self._retry = retry
        self._random = random
        self._lanes: dict[str, deque[Pending]] = {}
        self._count = 0
        self._failures = 0
        self._paused_until = -math.inf
        self._told_to_wait = False

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Pending]:
        for lane in self._lanes.values():
            yield from lane

    def add(self, pending: Pending) -> None:
        """Take an event in, behind the others of its dedup key."""
        self._lanes.setdefault(pending.dedup_key, deque()).append(pending)
        self._count += 1

    def next(self, now: float) -> Pending | None:
        """Return the event whose turn it is; None while all of them wait (see `wait`)."""
        if now < self._paused_until:
            return None
        ready = [lane[0] for lane in self._lanes.values() if lane[0].due <= now]
        return min(ready, key=_turn, default=None)

    def wait(self, now: float) -> float | None:
        """Return the seconds until there may be a next event; None if there are none at all."""
        if not self._lanes:
            return None
        due = min(lane[0].due for lane in self._lanes.values())
        return max(due, self._paused_until, now) - now

    def remove(self, pending: Pending) -> None:
        """Take an event out, wherever in its lane it is."""
        lane = self._lanes[pending.dedup_key]
        lane.remove(pending)
        self._count -= 1
        if not lane:
            del self._lanes[pending.dedup_key]

    def delivered(self, pending: Pending) -> None:
        """The event has arrived: whatever stood in the way no longer does."""
        self.remove(pending)
        self._failures = 0
        self._paused_until = -math.inf

    def failed(self, pending: Pending, error: EventsError, now: float) -> None:
        """The attempt failed and the event is kept: it waits its own time, and everything a shorter one.

        An event that fails for itself alone then holds nobody up, and an outage is not met by every
        event in turn.
        """
        pending.attempts += 1
        self._failures += 1
        asked = error.retry_after
        pending.due = now + delay(self._retry, pending.attempts, asked, self._random)
        self._paused_until = now + delay(self._retry, self._failures, asked, self._random)
        self._told_to_wait = asked is not None or error.status == 429

    def hurry(self) -> None:
        """Try at once what only waits for better times; what PagerDuty asked for is still kept."""
        if not self._told_to_wait:
            self._paused_until = -math.inf
            for pending in self:
                pending.due = -math.inf

    def expired(self, now: float) -> list[Pending]:
        """Return the events that are older than the schedule's `max_age`."""
        return [p for p in self if now - p.accepted_at >= self._retry.max_age]

    def least(self, exempt: Pending | None = None) -> Pending | None:
        """Return the event to do without if there are too many: the least severe, then the youngest."""
        candidates = [p for p in self if p is not exempt]
        return max(candidates, key=lambda p: (p.severity.rank, p.known, p.accepted_at), default=None)


def _turn(pending: Pending) -> tuple[int, bool, float]:
    return (pending.severity.rank, pending.known, pending.accepted_at)


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
        allowed = self.per_minute - reserved
        over = len(self._sent) - allowed
        return 0.0 if over < 0 else self._sent[over] + MINUTE - now

    def spend(self, now: float) -> None:
        """Note that an event was sent."""
        self._sent.append(now)
