"""The policy of delivery: what goes next, when, and what follows an error. No thread, no clock, no I/O.

Everything here is driven with the time as an argument. `worker.py` owns the thread that acts on it.
"""

from __future__ import annotations

import enum
import math
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from pagerduty_logging.delivery.event import Kind, Pending
from pagerduty_logging.delivery.turns import Turns
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.events_api.retrying import Retry, delay

RESERVED_SHARE = 5
"""One in so many of a minute's events is kept for critical ones, so that no storm delays them; half of these
are also for lines that have sent nothing for a minute, so that no line's storm delays another's page."""
NOISY = 10
"""Events of one line within a minute from which it leaves a little to quiet lines, even if it is critical."""
MINUTE = 60.0
"""PagerDuty counts events in a moving window of this many seconds.
Source: PagerDuty's documentation, "Events API v2 Overview", rate limits."""
LEAST_PAUSE = 1.0
"""Least pause, in seconds, after a 429 without a Retry-After."""
MAX_STEPS = 10
"""How often the pause is doubled at most."""
CRITICAL_STEPS = 4
"""The same for critical events, whose pauses stay shorter."""
REFUSED_STEPS = 3
"""The same for critical events after a 429 to one of them."""

_CRITICAL = Severity.CRITICAL.rank
FLOODING = 100
"""Waiting events of one line beyond which what there is no room for is taken from it, however severe."""


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
    return After.DEAD if pending.body.bare else After.BARE


class Backlog:
    """The events that wait: the most severe first, in order within a dedup key, paused after failures.

    Within a severity news goes before reminders, and the lines that log take turns, see `Turns`.

    Args:
        retry: the schedule of attempts, and the age at which an event expires.
        random: a number in [0, 1), for jitter.

    Attributes:
        count: how many there are.
        size: bytes of memory that its events take, about.
        paused_until: nothing but critical events is tried before, on the delivery's clock.
    """

    def __init__(self, retry: Retry, random: Callable[[], float]) -> None:
        self.count = self.size = 0
        self.paused_until = self._critical_paused_until = -math.inf
        self._retry = retry
        self._random = random
        self._lanes: dict[str, list[Pending]] = {}
        # The same events by how much they matter.
        self._classes: dict[Class, Turns] = {}
        self._oldest = math.inf  # or older: no event was accepted before
        self._failing: set[Pending] = set()
        self._refusals = self._critical_refusals = 0
        self._refused_at = -math.inf
        self._told_to_wait = False

    def __iter__(self) -> Iterator[Pending]:
        for lane in self._lanes.values():
            yield from lane

    def add(self, pending: Pending) -> None:
        """Add an event: behind the older ones of its dedup key, before the younger."""
        name = _class_with_stack(pending)  # first, for there may be no stack left to finish what is begun
        lane = self._lanes.get(pending.dedup_key)
        if lane is None:
            self._lanes[pending.dedup_key] = [pending]
        else:
            place = len(lane)
            while place > 0 and (
                lane[place - 1].accepted_at > pending.accepted_at or _makes_way(lane[place - 1], pending)
            ):
                place -= 1
            lane.insert(place, pending)
        turns = self._classes.get(name)
        if turns is None:
            turns = self._classes[name] = Turns()
            self._classes = dict(sorted(self._classes.items()))
        turns.add(pending)
        self.count += 1
        self._oldest = min(self._oldest, pending.accepted_at)
        self.size += pending.body.size

    def remove(self, pending: Pending) -> None:
        """Remove an event from any place in its lane."""
        lane = self._lanes[pending.dedup_key]
        lane.remove(pending)
        if not lane:
            del self._lanes[pending.dedup_key]
        self._classes[_class(pending)].remove(pending)
        self._failing.discard(pending)
        self.count -= 1
        self.size -= pending.body.size

    def hold(self, pending: Pending, until: float) -> None:
        """Let an event wait for what another process does; a more severe trigger does not wait for it."""
        pending.due, pending.held = until, True
        lane = self._lanes[pending.dedup_key]
        place = lane.index(pending)
        while place + 1 < len(lane) and _makes_way(pending, lane[place + 1]):
            lane[place], lane[place + 1] = lane[place + 1], pending
            place += 1

    def let_claim(self, dedup_key: str) -> None:
        """Let the events of a dedup key wait no longer for what another process does."""
        for pending in self._lanes.get(dedup_key, ()):
            if pending.held:
                pending.due = -math.inf

    def resize(self, pending: Pending, size: int) -> None:
        """Note that the memory which an event takes has changed."""
        self.size += size - pending.body.size
        pending.body.size = size

    def next(self, now: float, among: Callable[[str], bool] | None = None) -> Pending | None:
        """Return the event whose turn it is; None while all of them wait (see `wait`).

        Args:
            now: on the delivery's clock.
            among: returns whether events of a line count; None: all do.
        """
        for name, turns in self._classes.items():
            if self._pause_of(name) > now:
                continue
            for pending in turns:
                head = self._lanes[pending.dedup_key][0]
                if head.due <= now and (among is None or among(pending.turn)):
                    return head
        return None

    def urgency(self, pending: Pending) -> Severity:
        """Return the highest severity among this event and those that wait behind it."""
        lane = self._lanes[pending.dedup_key]
        return pending.severity if len(lane) == 1 else min((p.severity for p in lane), key=_rank)

    def wait(self, now: float) -> float | None:
        """Return the seconds until there may be a next event; None if there are none at all."""
        if not self.count:
            return None
        due = math.inf
        for name, turns in self._classes.items():
            pause = self._pause_of(name)
            for pending in turns:
                own = self._lanes[pending.dedup_key][0].due
                due = min(due, max(own, pause))
                if own <= pause:
                    break  # none of its class can be due sooner
        return max(due - now, 0.0)

    def delivered(self, pending: Pending, now: float) -> None:
        """Note that the event was accepted: the pause for all events ends.

        After a 429 the pauses shrink step by step, as they grew: a fleet that shares a routing key must
        not come back at full speed with the first event that gets through.
        """
        self._classes[_class(pending)].had_its_turn(pending, now)
        self.remove(pending)
        if len(self._failing) > 1:
            for other in self:
                other.due = -math.inf
        self._failing.clear()
        self._refusals = max(self._refusals - 1, 0)
        if pending.severity is Severity.CRITICAL:
            self._critical_refusals = max(self._critical_refusals - 1, 0)
        self._told_to_wait = False
        self._end_pause()
        if self._refusals:
            self._pause_refused(now, None)

    def failed(self, pending: Pending, error: EventsError, now: float) -> None:
        """The attempt failed and the event is kept.

        Asked to slow down, everything waits: the limit is the routing key's. Otherwise the event waits its
        own time, and the others the longer the more of them have failed since one got through: an event
        that fails for itself alone delays no other, and an outage is not met by every event in turn.
        """
        pending.tried = True
        pending.attempts += 1
        if error.status == 429 or error.retry_after is not None:
            self._refusals = min(self._refusals + 1, MAX_STEPS)
            if pending.severity is Severity.CRITICAL:
                self._critical_refusals = min(self._critical_refusals + 1, REFUSED_STEPS)
            self._refused_at, self._told_to_wait = now, error.retry_after is not None
            self._pause_refused(now, error.retry_after or LEAST_PAUSE)
        else:
            self._classes[_class(pending)].had_its_turn(pending, now)
            self._failing.add(pending)
            pending.due = now + delay(self._retry, pending.attempts, None, self._random)
            self._pause(now, len(self._failing), None)

    def retry_now(self) -> None:
        """Make what waits after a failure due at once, or a moment after a 429.

        Pauses that PagerDuty asked for are kept.
        """
        if not self._told_to_wait:
            self._refusals = self._critical_refusals = 0
            self.paused_until = min(self.paused_until, self._refused_at + LEAST_PAUSE)
            self._critical_paused_until = min(self._critical_paused_until, self.paused_until)
        self._failing.clear()
        for pending in self:
            pending.due = -math.inf
            pending.attempts = 0

    def _pause(self, now: float, steps: int, asked: float | None) -> None:
        """Pause everything, critical events for less time than others."""
        self.paused_until = now + delay(self._retry, steps, asked, self._random)
        soon = now + delay(self._retry, min(steps, CRITICAL_STEPS), asked, self._random)
        self._critical_paused_until = min(soon, self.paused_until)

    def _pause_refused(self, now: float, asked: float | None) -> None:
        """Pause after a 429: critical events only if one of them had it, or PagerDuty says for how long.

        A new critical event is tried at once. The others wait for it, if it is refused too.
        """
        self.paused_until = now + delay(self._retry, self._refusals, asked, self._random)
        steps = max(self._critical_refusals, self._told_to_wait)
        if steps:
            soon = now + delay(self._retry, steps, asked, self._random)
            self._critical_paused_until = soon
            self.paused_until = max(self.paused_until, soon)

    def _end_pause(self) -> None:
        self.paused_until = self._critical_paused_until = -math.inf

    def _pause_of(self, name: Class) -> float:
        return self._critical_paused_until if name[0] == _CRITICAL else self.paused_until

    def expired(self, now: float) -> list[Pending]:
        """Return the events that are older than the schedule's `max_age`, and were tried at least once.

        An event from the spool may seem old because a clock was wrong when it was written.
        """
        if now - self._oldest < self._retry.max_age:
            return []
        self._oldest = min((p.accepted_at for p in self), default=math.inf)
        return [p for p in self if p.tried and now - p.accepted_at >= self._retry.max_age]

    def would_be_least(self, pending: Pending) -> bool:
        """Return whether an event would be the one to drop, if it were added now."""
        own = _class(pending)
        flooding = [name for name, turns in self._classes.items() if turns.most > FLOODING]
        if flooding:
            return flooding[-1] == own and self._classes[own].would_be_least(pending)
        for name in reversed(self._classes):
            turns = self._classes[name]
            if turns:
                return turns.would_be_least(pending) if name == own else name < own
        return True

    def least(self, exempt: Pending | None = None) -> Pending | None:
        """Return the event to do without if there are too many.

        It is of a line that has too many, if there is one: whatever its severity, others matter more.
        Else it is of the least severe, reminders first; of these of the line with the most, the youngest.
        """
        names = [name for name in reversed(self._classes) if name[1] is not Kind.SUMMARY]
        names.sort(key=lambda name: self._classes[name].most <= FLOODING)
        for name in names:
            victim = self._classes[name].least(exempt)
            if victim is not None:
                return victim
        return None


Class: TypeAlias = tuple[int, Kind]
"""How much an event matters: its severity's rank, then its kind."""


def _makes_way(held: Pending, other: Pending) -> bool:
    """Return whether an event that waits for another process lets another one of its dedup key go first."""
    return held.held and other.body.take is not None and other.severity.rank < held.severity.rank


def _rank(severity: Severity) -> int:
    return severity.rank


def _class(pending: Pending) -> Class:
    return (pending.severity.rank, pending.kind)


def _class_with_stack(pending: Pending, frames: int = 3) -> Class:
    """Return an event's class, or fail for lack of as many frames as adding it takes."""
    return _class_with_stack(pending, frames - 1) if frames else _class(pending)


@dataclass(slots=True)
class Budget:
    """At most a number of events in any minute, some of them reserved for critical ones.

    Args:
        per_minute: how many.
    """

    per_minute: int
    _sent: deque[tuple[float, str]] = field(default_factory=deque)
    _lines: Counter[str] = field(default_factory=Counter)

    def wait(self, severity: Severity, now: float, *, quiet: bool = False, noisy: bool = False) -> float:
        """Return the seconds until an event of this severity may be sent; 0.0 if it may be now.

        Args:
            severity: of the event.
            now: on the delivery's clock.
            quiet: whether it comes from a line that is quiet, see `is_quiet`.
            noisy: whether it comes from a line that is noisy, see `is_noisy`.
        """
        self._forget(now)
        share = self.per_minute // RESERVED_SHARE
        reserved = 0 if severity is Severity.CRITICAL else share
        if quiet:
            reserved -= reserved // 2
        elif noisy:
            reserved = max(reserved, share - share // 4)
        over = len(self._sent) - (self.per_minute - reserved)
        return 0.0 if over < 0 else self._sent[over][0] + MINUTE - now

    def is_quiet(self, line: str) -> bool:
        """Return whether nothing of a line was sent within the last minute, as of the last `wait`."""
        return line not in self._lines

    def is_noisy(self, line: str) -> bool:
        """Return whether a line has had more than its part of the last minute, as of the last `wait`."""
        return self._lines.get(line, 0) >= NOISY

    def spend(self, now: float, line: str = "") -> None:
        """Note that an event of a line was sent."""
        self._sent.append((now, line))
        self._lines[line] = self._lines.get(line, 0) + 1

    def _forget(self, now: float) -> None:
        while self._sent and now - self._sent[0][0] >= MINUTE:
            line = self._sent.popleft()[1]
            self._lines[line] -= 1
            if not self._lines[line]:
                del self._lines[line]

    def take_back(self) -> None:
        """The event noted last was not sent."""
        line = self._sent.pop()[1]
        self._lines[line] -= 1
        if not self._lines[line]:
            del self._lines[line]
