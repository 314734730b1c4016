"""The books of a delivery: what waits, whose turn it is, what became of the rest. No thread, no I/O.

They are kept under a lock, and marked busy meanwhile: a signal handler or a finaliser that submits an event
on the very thread that is busy with them leaves it for that thread to take in.

What was logged may wait unread before it is an event, or turns out to be none.
"""

from __future__ import annotations

import math
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from pagerduty_logging.delivery.event import bare, trouble
from pagerduty_logging.delivery.overflow import Omissions
from pagerduty_logging.delivery.schedule import After, Backlog, Budget, Pending, after, nobody_waits
from pagerduty_logging.delivery.stats import Stats
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import Severity

NO_ROOM = "more events wait than there is room for"
MAX_PENDING_BYTES = 32_000_000
"""Memory that waiting events may take, about; beyond it the least severe are left out."""

MAX_UNREAD = 500
"""Records that may wait unread; to read so many takes about three milliseconds."""

MAX_LATE = 100
"""Events that may wait to be entered: what they take is not counted, and not bounded, before."""

PATIENCE = 0.05
"""Seconds to wait at most for whoever is busy: what needs not be written to disk is worth that."""

FRAMES = 200
"""Frames that must be left on the stack for others' records to be read; it takes some thirty."""

Read: TypeAlias = Callable[[], tuple[Pending | None, BaseException | None]]
"""Reads a record: the event that it calls for, if any, and what interrupted the reading."""


class Books:
    """Every accepted event is in them, until it is delivered or its loss is told; they balance.

    Args:
        backlog: the events that wait, empty.
        budget: how many may be sent in a minute.
        max_pending: bound of the events that wait. Beyond it the least severe is left out.
        clock: seconds, monotonic.

    Attributes:
        sending: the event that is under way, if one is.
        lost: events that will not be delivered, and why: nobody was told yet.
        trouble: the latest failure, in words of our own.
        deaf_until: no event but a critical one can be sent before, on the clock, whatever comes.
    """

    def __init__(
        self, backlog: Backlog, budget: Budget, max_pending: int, clock: Callable[[], float]
    ) -> None:
        self.sending: Pending | None = None
        self.lost: deque[tuple[Pending, EventsError]] = deque()
        self.trouble = "none"
        self.deaf_until = -math.inf
        self._lock = threading.RLock()
        self._busy = False
        self._reading = threading.RLock()
        self._busy_reading = False
        self._unread: deque[Read] = deque()
        self._late: deque[Pending] = deque()
        self._backlog = backlog
        self._omissions = Omissions()
        self._budget = budget
        self._max_pending = max_pending
        self._clock = clock
        self._accepted = self._delivered = self._dead_lettered = self._retries = 0
        self._dropped: Counter[str] = Counter()
        self._last_error: str | None = None

    @property
    def pending(self) -> int:
        """How many events, and records that are unread, wait or are under way."""
        return len(self._unread) + len(self._late) + self._backlog.count

    @property
    def unread(self) -> int:
        """How many records wait to be read."""
        return len(self._unread)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send, and nothing to tell."""
        return not (self.pending or self._omissions or self.lost)

    def waiting(self) -> list[Pending]:
        """Return the events that wait or are under way, see `read`."""
        with _Opened(self):
            return list(self._backlog)

    def stats(self) -> Stats:
        """Return the books as they stand, see `read`."""
        with _Opened(self):
            oldest = min((p.accepted_at for p in self._backlog), default=None)
            unread = len(self._unread)
            return Stats(
                accepted=self._accepted + unread,
                delivered=self._delivered,
                pending=self._backlog.count + unread,
                dead_lettered=self._dead_lettered,
                dropped=dict(self._dropped),
                retries=self._retries,
                oldest_pending_age=None if oldest is None else self._clock() - oldest,
                last_error=self._last_error,
            )

    # --- an event comes in ------------------------------------------------------------------------

    def submit_unread(self, read: Read) -> None:
        """Accept a record, at any moment; `read` finds out what it calls for."""
        self._unread.append(read)

    def read(self, seconds: float = math.inf) -> None:
        """Read what waits unread, in its order; wait a moment for whoever is at it already.

        Reading looks into source files, so that it is done under no lock which a caller must have. Near the
        end of the stack it is left to others, for it would fail through no fault of the records.

        Args:
            seconds: no other record is begun after so many.
        """
        if not self._unread or not _has_stack() or not self._reading.acquire(timeout=PATIENCE):
            return
        try:
            if not self._busy_reading:  # else re-entered: whoever is at it on this thread goes on afterwards
                self._read(self._clock() + seconds)
        finally:
            self._reading.release()

    def _read(self, until: float) -> None:
        pending: Pending | None = None
        try:
            self._busy_reading = True
            for _ in range(len(self._unread)):
                pending, interruption = self._unread[0]()
                if pending is not None:
                    self._late.append(pending)
                self._unread.popleft()  # last, so that it is never in no book
                pending = None
                if interruption is not None and not isinstance(interruption, Exception):
                    raise interruption
                if self._clock() >= until:
                    return
        finally:
            self._busy_reading = False
            if pending is not None:  # interrupted: its record will be read again, and is news again
                pending.settle(False)

    def submit(self, pending: Pending) -> None:
        """Accept an event, at any moment; whoever sends, or next needs the books, enters it."""
        self._late.append(pending)
        if len(self._late) >= MAX_LATE:
            self.take_in()

    def take_in(self) -> None:
        """Enter what was submitted, or leave it to whoever is busy: they look for it after they are done.

        Waits for nobody: a finaliser submits with locks held that those who are busy may be waiting for.
        """
        while self._late and self._lock.acquire(blocking=False):
            try:
                if self._busy:
                    return  # re-entered: whoever is busy on this thread takes it in when leaving
                self._busy = True
                try:
                    self._take_in()
                finally:
                    self._busy = False
            finally:
                self._lock.release()

    def leave_out(self, pending: Pending) -> bool:
        """Do at once without an event for which no other would make room, before it is written to disk."""
        if len(self._late) + self._backlog.count < self._max_pending:
            return False
        key, severity, label = pending.dedup_key, pending.severity, pending.label
        if not self.turn_away(key, severity, pending.known, label, pending.settle):
            return False
        self.lost.append((pending, EventsError(NO_ROOM)))
        return True

    def turn_away(
        self,
        dedup_key: str,
        severity: Severity,
        known: bool,
        label: str,
        settle: Callable[[bool], int] = nobody_waits,
    ) -> bool:
        """Count an event as left out for which no other would make room; False if it is wanted."""
        room = len(self._late) + self._backlog.count < self._max_pending
        if room or not self._lock.acquire(timeout=PATIENCE):
            return False  # or whoever is busy decides when taking it in
        try:
            if self._busy:
                return False  # re-entered: whoever is busy on this thread decides when taking it in
            self._busy = True
            try:
                self._take_in()
                if self._backlog.count < self._max_pending or not self._backlog.is_least(severity, known):
                    return False
                self._accepted += 1
                self._dropped["overflow"] += 1
                self._omissions.add(dedup_key, severity, label, settle(False), self._clock())
                return True
            finally:
                self._busy = False
        finally:
            self._lock.release()
            if self._late:
                self.take_in()

    def _take_in(self) -> None:
        """Move what was submitted to the backlog, and out of it what there is no room for."""
        while self._late:
            self._backlog.add(self._late[0])
            self._late.popleft()
            self._accepted += 1
            if self._backlog.count > self._max_pending or self._backlog.size > MAX_PENDING_BYTES:
                self._make_room()

    def _make_room(self) -> None:
        backlog = self._backlog
        while backlog.count > self._max_pending or backlog.size > MAX_PENDING_BYTES:
            victim = backlog.least(exempt=self.sending)
            if victim is None:
                return
            records = self._drop(victim, "overflow", NO_ROOM)
            self._omissions.add(victim.dedup_key, victim.severity, victim.label, records, self._clock())

    # --- its turn comes ---------------------------------------------------------------------------

    def hurry(self) -> None:
        """Let it be at once the turn of what only waits for better times."""
        with _Opened(self):
            self._backlog.hurry()
            self._omissions.hurry()

    def next(self) -> tuple[Pending | None, float | None]:
        """Return the event whose turn it is, now `sending`, if there is one.

        Returns:
            the event; and 0.0, or if there is none the seconds until it is some event's turn, None for never.
        """
        with _Opened(self):
            now = self._clock()
            for pending in self._backlog.expired(now):
                self._drop(pending, "expired", "it is older than retry.max_age")
            if self._omissions.due() <= now:
                self._accepted += 1
                self._backlog.add(self._omissions.pending(now))
            wait = self._backlog.wait(now)
            candidate = self._backlog.next(now)
            if candidate is not None:
                wait = self._budget.wait(self._backlog.urgency(candidate), now)
                if wait == 0.0:
                    self._budget.spend(now)
                    self.sending = candidate
                    self.deaf_until = -math.inf
                    return candidate, wait
            if self._omissions:
                wait = min(self._omissions.due() - now, math.inf if wait is None else wait)
            open_again = max(self._backlog.paused_until, now + self._budget.wait(Severity.ERROR, now))
            until = now + (math.inf if wait is None else wait)
            self.deaf_until = until if until <= open_again else -math.inf
            return None, wait

    # --- what became of it ------------------------------------------------------------------------

    def conclude(self, pending: Pending, error: EventsError | None) -> None:
        """Enter the outcome of an attempt: None if PagerDuty has the event, else what stood in the way."""
        with _Opened(self):
            if pending.encoded is not None:
                self._backlog.resize(pending, len(pending.encoded.json))
            if error is None:
                self._backlog.delivered(pending, self._clock())
                self._delivered += 1
                pending.settle(True)
                return
            self._last_error, self.trouble = str(error), trouble(error)
            match after(error, pending):
                case After.WAIT:
                    self._backlog.failed(pending, error, self._clock())
                    self._retries += 1
                    if pending.first:
                        pending.encoded = None  # it tells of all that is left out until it gets through
                case After.BARE:
                    pending.refused, pending.encoded = pending.encoded, None
                    pending.compose, pending.bare = partial(bare, pending, error), True
                    self._retries += 1
                case After.DEAD:
                    self._dead_lettered += 1
                    self._give_up(pending, error)

    def _drop(self, pending: Pending, reason: str, words: str) -> int:
        self._dropped[reason] += 1
        return self._give_up(pending, EventsError(words))

    def _give_up(self, pending: Pending, error: EventsError) -> int:
        self._backlog.remove(pending)
        self.lost.append((pending, error))
        return pending.settle(False)


class _Opened:
    """The books under their lock, with all entered that was submitted; a generator would take longer."""

    __slots__ = ("_before", "_books")

    def __init__(self, books: Books) -> None:
        self._books = books

    def __enter__(self) -> None:
        books = self._books
        books._lock.acquire()
        self._before, books._busy = books._busy, True
        if not self._before:
            try:
                books._take_in()
            except BaseException:
                self._leave()
                raise

    def __exit__(self, *_: object) -> None:
        self._leave()
        if not self._before:
            self._books.take_in()

    def _leave(self) -> None:
        self._books._busy = self._before
        self._books._lock.release()


def _has_stack() -> bool:
    limit = sys.getrecursionlimit()
    try:
        sys._getframe(max(limit - FRAMES, limit // 2))
    except ValueError:
        return True
    return False
