"""What waits: the inbox of what was logged, the events that it calls for, and what became of the rest.

No thread and no I/O of its own. A signal handler or a finaliser may hand something in on the very thread
that is busy here; what it handed in is entered when that thread is done.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pagerduty_logging.delivery.decisions import Verdict
from pagerduty_logging.delivery.event import Pending, reduced, trouble
from pagerduty_logging.delivery.inbox import Inbox
from pagerduty_logging.delivery.overflow import Overflow
from pagerduty_logging.delivery.schedule import After, Backlog, Budget, after
from pagerduty_logging.delivery.stats import Stats
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.state.lock import ReentrantLock
from pagerduty_logging.state.problem import EventOutcome

NO_ROOM = "more events wait than there is room for"
MAX_PENDING_BYTES = 32_000_000
"""Memory that waiting events may take, about; beyond it the least severe are dropped."""

MAX_ENTERING = 100
"""Submitted events not yet in the backlog; their memory is not accounted for before."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Counts:
    """What became of the events so far; see `Stats`."""

    accepted: int = 0
    delivered: int = 0
    dead_lettered: int = 0
    told_elsewhere: int = 0
    retries: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    last_error: str | None = None


class Queue:
    """Every accepted event is here until it is delivered or its loss is reported; the counts balance.

    Args:
        backlog: the events that wait, empty.
        budget: how many may be sent in a minute.
        max_pending: bound of the events that wait. Beyond it the least severe is dropped.
        clock: seconds, monotonic.

    Attributes:
        inbox: what is not decided yet.
        sending: the event that is under way, if one is.
        lost: events that will not be delivered, and why: not reported yet.
        trouble: the latest failure, in our own words.
        blocked_until: no event but a critical one can be sent before, on the clock, whatever comes.
    """

    def __init__(
        self, backlog: Backlog, budget: Budget, max_pending: int, clock: Callable[[], float]
    ) -> None:
        self.sending: Pending | None = None
        self.lost: deque[tuple[Pending, EventsError]] = deque()
        self.trouble = "none"
        self.blocked_until = -math.inf
        self._lock = ReentrantLock()
        self.inbox = Inbox(clock)
        self._entering: deque[Pending] = deque()
        self._backlog = backlog
        self._overflow = Overflow()
        self._budget = budget
        self._max_pending = max_pending
        self._clock = clock
        self._counts = Counts()

    @property
    def pending(self) -> int:
        """How many events, and items of the inbox, wait or are under way."""
        return len(self.inbox) + len(self._entering) + self._backlog.count

    def __contains__(self, pending: Pending) -> bool:
        return any(pending is waiting for waiting in self.waiting())

    @property
    def has_room(self) -> bool:
        """Whether an event may come in without another one having to go."""
        return self.pending < self._max_pending

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send, and nothing to report."""
        return not (self.pending or self._overflow or self.lost)

    def waiting(self) -> list[Pending]:
        """Return the events that wait or are under way, but for those of the inbox."""
        return self._with_all_entered(lambda: list(self._backlog))

    def stats(self) -> Stats:
        """Return the counts as they stand; what waits in the inbox counts as pending."""
        return self._with_all_entered(self._stats)

    def _stats(self) -> Stats:
        counts, deferred = self._counts, len(self.inbox)
        oldest = min((p.accepted_at for p in self._backlog), default=None)
        return Stats(
            accepted=counts.accepted + deferred,
            delivered=counts.delivered,
            pending=self._backlog.count + deferred,
            dead_lettered=counts.dead_lettered,
            dropped=dict(counts.dropped),
            told_elsewhere=counts.told_elsewhere,
            retries=counts.retries,
            oldest_pending_age=None if oldest is None else self._clock() - oldest,
            last_error=counts.last_error,
        )

    # --- coming in --------------------------------------------------------------------------------

    def decide(
        self, decide: Callable[[Any], Pending | None], meanwhile: Callable[[], object] | None = None
    ) -> None:
        """Decide what the items of the inbox call for, in their order. For one thread at a time.

        Deciding looks into source files, so that it is done under no lock which a caller must have.

        Args:
            decide: returns the event that an item calls for, or None.
            meanwhile: called after each hundred events, with no lock held: reports what was lost, so that
                it takes no memory until all are decided.
        """
        pending: Pending | None = None
        try:
            for _ in range(len(self.inbox)):
                pending = decide(self.inbox.begin_first())
                if pending is not None:
                    self._entering.append(pending)
                self.inbox.remove_first()  # only after it is in the next queue
                pending = None
                if len(self._entering) >= MAX_ENTERING:
                    self.take_in()
                    if meanwhile is not None:
                        self.inbox.end()
                        meanwhile()
        finally:
            self.inbox.end()
            if pending is not None:  # interrupted: its item will be decided again, and is news again
                pending.settle(EventOutcome.UNDONE)

    def enter(self, pending: Pending) -> None:
        """Accept an event, at any moment; the sender, or the next call, moves it to the backlog."""
        self._entering.append(pending)
        if len(self._entering) >= MAX_ENTERING:
            self.take_in()

    def has_room_for(self, pending: Pending) -> bool:
        """Return whether an event would be kept, before it is written to disk."""
        return self._with_all_entered(self._has_room_for, pending)

    def _has_room_for(self, pending: Pending) -> bool:
        return self._backlog.count < self._max_pending or not self._backlog.would_be_least(pending)

    def take_in(self) -> None:
        """Move what was submitted to the backlog, or leave it to the busy thread, which looks afterwards.

        Waits for no thread: a finaliser submits with locks held that the busy thread may be waiting for.
        """
        while len(self._entering) and self._lock.run(self._entered, or_else=_taken_later, timeout=0.0):
            pass  # once more: something may have come while the lock was given back

    def _entered(self) -> bool:
        self._take_in()
        return True

    def _take_in(self) -> None:
        while self._entering:
            self._backlog.add(self._entering[0])
            self._entering.popleft()
            self._counts.accepted += 1
            if self._backlog.count > self._max_pending or self._backlog.size > MAX_PENDING_BYTES:
                self._make_room()

    def _make_room(self) -> None:
        """Drop what there is no room for: the only place where that is done."""
        backlog = self._backlog
        while backlog.count > self._max_pending or backlog.size > MAX_PENDING_BYTES:
            victim = backlog.least(exempt=self.sending)
            if victim is None:
                return
            records = self._drop(victim, "overflow", NO_ROOM, EventOutcome.REJECTED)
            self._overflow.add(victim.dedup_key, victim.severity, victim.caller.label, records, self._clock())

    def _with_all_entered(self, work: Callable[..., _T], *args: object) -> _T:
        """Return `work(*args)`, with all entered that was submitted; within other work, as it stands."""
        try:
            return cast("_T", self._lock.run(self._entered_first, work, args, or_else=_as_it_stands))
        finally:
            self.take_in()

    def _entered_first(self, work: Callable[..., Any], args: tuple[object, ...]) -> Any:
        self._take_in()
        return work(*args)

    # --- its turn comes ---------------------------------------------------------------------------

    def retry_now(self) -> None:
        """Make it at once the turn of what waits for its next attempt."""
        self._with_all_entered(self._retry_now)

    def _retry_now(self) -> None:
        self._backlog.retry_now()
        self._overflow.report_now()

    def next(self) -> tuple[Pending | None, float | None]:
        """Return the event whose turn it is, now `sending`, if there is one.

        Returns:
            the event; and 0.0, or if there is none the seconds until it is some event's turn, None for never.
        """
        return self._with_all_entered(self._next)

    def _next(self) -> tuple[Pending | None, float | None]:
        now = self._clock()
        for pending in self._backlog.expired(now):
            self._drop(pending, "expired", "it is older than retry.max_age", EventOutcome.LOST)
        if self._overflow.due() <= now:
            self._counts.accepted += 1
            self._backlog.add(self._overflow.pending(now))
        candidate, wait = self._candidate(now)
        if candidate is not None and wait == 0.0:
            self._budget.spend(now, candidate.turn)
            self.sending = candidate
            self.blocked_until = -math.inf
            return candidate, wait
        if self._overflow:
            wait = min(self._overflow.due() - now, math.inf if wait is None else wait)
        open_again = max(self._backlog.paused_until, now + self._budget.wait(Severity.ERROR, now, quiet=True))
        until = now + (math.inf if wait is None else wait)
        self.blocked_until = until if until <= open_again else -math.inf
        return None, wait

    def _candidate(self, now: float) -> tuple[Pending | None, float | None]:
        """Return the event whose turn it is, and the seconds until there is budget for it.

        Where there is none left for it, a line that has been quiet may still have its share. Where it is no
        event's turn, return the seconds until it is; None: for ever.
        """
        first = self._backlog.next(now)
        if first is None:
            return None, self._backlog.wait(now)
        wait = self._wait(first, now)
        if wait > 0.0:
            other = self._backlog.next(now, among=self._budget.is_quiet)
            if other is not None and self._wait(other, now) == 0.0:
                return other, 0.0
        return first, wait

    def _wait(self, pending: Pending, now: float) -> float:
        budget, line = self._budget, pending.turn
        quiet, noisy = budget.is_quiet(line), budget.is_noisy(line)
        return budget.wait(self._backlog.urgency(pending), now, quiet=quiet, noisy=noisy)

    # --- another process may be quicker -----------------------------------------------------------

    def hold(self, pending: Pending, seconds: float) -> None:
        """Keep the event whose turn it was, for so many seconds: it is not sent now."""
        self._with_all_entered(self._hold, pending, seconds)

    def _hold(self, pending: Pending, seconds: float) -> None:
        self._budget.take_back()
        self._backlog.hold(pending, self._clock() + seconds)

    def put_off(self, pending: Pending, seconds: float) -> None:
        """Try the event whose turn it was again in so many seconds, whatever another process does."""
        self._budget.take_back()
        pending.due = self._clock() + seconds

    def let_go(self, pending: Pending, dropped: str = "", words: str = "") -> None:
        """The event whose turn it was is not needed: another process has reported its problem.

        Args:
            pending: the event.
            dropped: why it is not sent, if no other process has reported it.
            words: the same, with all that is known of it.
        """
        self._with_all_entered(self._let_go, pending, dropped, words)

    def _let_go(self, pending: Pending, dropped: str, words: str) -> None:
        self._budget.take_back()
        self._backlog.remove(pending)
        if dropped:
            self._counts.dropped[dropped] += 1
            pending.note(Verdict.SILENCED, words or dropped)
        else:
            pending.note(Verdict.TOLD_ELSEWHERE, "another process has sent an event for it")
            self._counts.told_elsewhere += 1
        pending.settle(EventOutcome.NOT_NEEDED)

    def let_claim(self, dedup_key: str) -> None:
        """Let it be the turn of events that wait for what another process does."""
        self._with_all_entered(self._backlog.let_claim, dedup_key)

    # --- what became of it ------------------------------------------------------------------------

    def conclude(self, pending: Pending, error: EventsError | None) -> None:
        """Enter the outcome of an attempt: None if PagerDuty has the event, else what stood in the way."""
        self._with_all_entered(self._conclude, pending, error)

    def _conclude(self, pending: Pending, error: EventsError | None) -> None:
        if pending.body.encoded is not None:
            self._backlog.resize(pending, len(pending.body.encoded.json))
        if error is None:
            self._backlog.delivered(pending, self._clock())
            self._counts.delivered += 1
            pending.settle(EventOutcome.DELIVERED)
            pending.note(Verdict.SENT, pending.body.why)
            return
        self._counts.last_error, self.trouble = str(error), trouble(error)
        match after(error, pending):
            case After.WAIT:
                self._backlog.failed(pending, error, self._clock())
                self._counts.retries += 1
            case After.BARE:
                pending.body = reduced(pending, error)
                self._counts.retries += 1
            case After.DEAD:
                self._counts.dead_lettered += 1
                pending.note(Verdict.REFUSED, trouble(error))
                self._give_up(pending, error, EventOutcome.REFUSED)

    def _drop(self, pending: Pending, reason: str, words: str, outcome: EventOutcome) -> int:
        self._counts.dropped[reason] += 1
        pending.note(Verdict.DROPPED, f"{reason}: {words}")
        return self._give_up(pending, EventsError(words), outcome)

    def _give_up(self, pending: Pending, error: EventsError, outcome: EventOutcome) -> int:
        self._backlog.remove(pending)
        self.lost.append((pending, error))
        return pending.settle(outcome)


def _taken_later() -> bool:
    return False


def _as_it_stands(work: Callable[..., Any], args: tuple[object, ...]) -> Any:
    return work(*args)
