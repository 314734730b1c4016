"""Accepted events reach PagerDuty, or their loss is told: the only thread, and the only way out.

A caller adds its event to the backlog and goes on; one worker thread, started with the first event,
sends one at a time. No caller waits for a lock that is held while something is sent or rendered, and
`submit` may be re-entered by a signal handler or a finaliser on the thread that is in it.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from pagerduty_logging import lifecycle
from pagerduty_logging.diagnostics import Diagnostics
from pagerduty_logging.events_api import retrying
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.encoding import encode
from pagerduty_logging.events_api.errors import BadRequest, EventsError
from pagerduty_logging.events_api.events import Event, Trigger
from pagerduty_logging.schedule import After, Backlog, Budget, Pending, after

HTTP_LIBRARIES = ("urllib3", "requests", "charset_normalizer")
"""Loggers of the libraries that carry our events: what they say while doing so is not the program's."""
BARE_SUMMARY_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What became of every record and event so far.

    `accepted == delivered + pending + dead_lettered + sum(dropped.values())`, always.

    Attributes:
        accepted: events taken in to be sent.
        delivered: events PagerDuty has accepted.
        pending: events that wait or are under way.
        suppressed: records counted as repeats, for which no event was needed.
        dead_lettered: events PagerDuty refused for good.
        dropped: events given up for another reason: "overflow" (more than `max_pending`), "expired"
            (older than `retry.max_age`) or "unreadable" (logged where no stack or memory was left).
        retries: failed attempts after which the event was kept.
        oldest_pending_age: seconds the oldest pending event has waited; None if there is none.
        last_error: the latest failure, in words; None if there was none.
    """

    accepted: int = 0
    delivered: int = 0
    pending: int = 0
    suppressed: int = 0
    dead_lettered: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    oldest_pending_age: float | None = None
    last_error: str | None = None


class Delivery:
    """Takes events in at once, sends them when it can.

    Args:
        client: makes the attempts, one at a time; its `retry` is the schedule.
        max_pending: bound of the events that wait. Beyond it the least severe is dropped.
        max_events_per_minute: bound of the events sent in any minute.
        background: True: a thread sends. False: `submit` sends, for at most the client's `timeout`.
        flush_timeout: seconds that the end of the process may be delayed.
        on_error: is told of every event that will not be delivered, on the thread that notices.
        on_fork: is called in a forked child, when it begins anew.
        diagnostics: where losses are told.
        clock, random: the hands of time and chance, for tests.
    """

    def __init__(
        self,
        client: EventsClient,
        *,
        max_pending: int,
        max_events_per_minute: int,
        background: bool,
        flush_timeout: float,
        on_error: Callable[[Event, EventsError], object] | None,
        on_fork: Callable[[], object],
        diagnostics: Diagnostics,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = retrying.uniform,
    ) -> None:
        self.flush_timeout = flush_timeout
        self._client = client
        self._max_pending = max_pending
        self._max_events_per_minute = max_events_per_minute
        self._background = background
        self._on_error = on_error
        self._on_fork = on_fork
        self._diagnostics = diagnostics
        self._clock = clock
        self._random = random
        self._begin()
        lifecycle.register(self)

    def _begin(self) -> None:
        """Set everything that belongs to one process."""
        self._pid = os.getpid()
        self._closed = False
        # The books: guarded by the lock, and marked busy so that a re-entered `submit` notices.
        self._lock = threading.RLock()
        self._busy = False
        self._late: deque[Pending] = deque()
        self._backlog = Backlog(self._client.retry, self._random)
        self._sending: Pending | None = None
        self._lost: deque[tuple[Pending, EventsError]] = deque()
        self._accepted = self._delivered = self._dead_lettered = self._retries = 0
        self._dropped: Counter[str] = Counter()
        self._last_error: str | None = None
        # The work: whoever holds `_working` sends; `_exchanging` is held while bytes are on the way.
        self._budget = Budget(self._max_events_per_minute)
        self._worker: threading.Thread | None = None
        self._starting = threading.Lock()
        self._working = threading.Lock()
        self._exchanging = threading.Lock()
        self._here = _Here()
        # Made here and not at import, so that gevent's patches, applied in between, are honoured.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._flushing: deque[queue.SimpleQueue[None]] = deque()

    # --- the callers' side ------------------------------------------------------------------------

    def submit(self, pending: Pending) -> None:
        """Accept an event: from here on it is delivered, or its loss is told."""
        self._late.append(pending)
        with self._lock:
            if self._busy:
                return  # re-entered: whoever is busy on this thread takes it in before it leaves
            self._busy = True
            try:
                self._take_in()
            finally:
                self._busy = False
        if self._here.at_work:
            return
        self._tell_losses()
        ending = lifecycle.ending()
        if not self._background:
            self._work_here(self._client.timeout)
        elif ending is not None:
            self.flush(ending)
        elif self._ensure_worker():
            self._rouse()
        else:
            self._work_here(self.flush_timeout)

    def notice_fork(self) -> None:
        """Begin anew if this is a child of the process that began: not every host tells of a fork."""
        if self._pid != os.getpid():
            self.after_fork_in_child()

    def is_own(self, logger_name: str) -> bool:
        """Tell whether a record, logged now on this thread, comes of our own delivering."""
        if not self._here.at_work:
            return False
        return self._here.in_callback or logger_name.split(".", 1)[0] in HTTP_LIBRARIES

    @property
    def pending(self) -> int:
        """How many events wait or are under way."""
        return len(self._late) + len(self._backlog)

    def flush(self, timeout: float) -> bool:
        """Wait until nothing is pending, for at most `timeout` seconds; tell whether that came true."""
        self.notice_fork()
        if not self.pending:
            return True
        if self._here.at_work:
            return False
        self.hurry()
        if not (self._background and self._ensure_worker()):
            self._work_here(timeout)
            return not self.pending
        done: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._flushing.append(done)
        self._rouse()
        try:
            done.get(timeout=max(timeout, 0.0))
        except queue.Empty:
            return not self.pending
        return True

    def close(self) -> None:
        """Let go of thread and connections as soon as nothing is pending. Waits for nothing.

        An event submitted later is delivered all the same.
        """
        self.notice_fork()
        self._closed = True
        if self._worker is None:
            self._client.close()
        else:
            self._rouse()

    def stats(self) -> Stats:
        """Return the books as they stand."""
        self.notice_fork()
        with self._books():
            oldest = min((p.accepted_at for p in self._backlog), default=None)
            return Stats(
                accepted=self._accepted,
                delivered=self._delivered,
                pending=len(self._backlog),
                dead_lettered=self._dead_lettered,
                dropped=dict(self._dropped),
                retries=self._retries,
                oldest_pending_age=None if oldest is None else self._clock() - oldest,
                last_error=self._last_error,
            )

    # --- the end of the process, and its forks ----------------------------------------------------

    def hurry(self) -> None:
        """Try at once what only waits for better times."""
        with self._books():
            self._backlog.hurry()
        self._rouse()

    def end(self, timeout: float) -> None:
        """Deliver what is pending within `timeout` seconds, and tell what is left."""
        if self.flush(timeout):
            return
        with self._books():
            left = [pending.label for pending in self._backlog]
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            self._diagnostics.say(
                "end",
                f"the process ends before PagerDuty accepted {left[0]}{more}; "
                f"last error: {self._last_error or 'none'}",
            )

    def before_fork(self, timeout: float) -> None:
        """Wait for the exchange under way to end, so that no child inherits half of it."""
        if not self._here.at_work:
            self._here.keeps_exchange = self._exchanging.acquire(timeout=timeout)

    def after_fork_in_parent(self) -> None:
        """Go on exchanging."""
        if self._here.keeps_exchange:
            self._here.keeps_exchange = False
            self._exchanging.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: what was pending is the parent's to deliver."""
        self._begin()
        self._on_fork()

    # --- the books --------------------------------------------------------------------------------

    @contextmanager
    def _books(self) -> Iterator[None]:
        with self._lock:
            self._busy = True
            try:
                self._take_in()
                yield
                self._take_in()
            finally:
                self._busy = False

    def _take_in(self) -> None:
        """Move what was submitted to the backlog, and out of it what no longer fits."""
        while self._late:
            pending = self._late.popleft()
            self._accepted += 1
            self._backlog.add(pending)
            if len(self._backlog) > self._max_pending:
                victim = self._backlog.least(exempt=self._sending) or pending
                self._drop(victim, "overflow", "more events wait than max_pending allows")

    def _drop(self, pending: Pending, reason: str, words: str) -> None:
        self._backlog.remove(pending)
        self._dropped[reason] += 1
        self._lost.append((pending, EventsError(words)))

    def _tell_losses(self) -> None:
        """Tell all who want to know which events will not be delivered. Outside the lock."""
        while self._lost:
            pending, error = self._lost.popleft()
            pending.settle(False)
            self._diagnostics.say("lost", f"not delivered: {pending.label}: {error}")
            if self._on_error is not None:
                with self._here.calling_back():
                    try:
                        self._on_error(pending.event or pending.compose(), error)
                    except Exception as broken:
                        self._diagnostics.say("on_error", f"on_error: {type(broken).__name__}")

    # --- the work ---------------------------------------------------------------------------------

    def step(self, left: float) -> float | None:
        """Send the event whose turn it is, within `left` seconds.

        Returns:
            0.0 if an attempt was made; else the seconds until it is some event's turn; None if there is none.
        """
        with self._books():
            now = self._clock()
            for pending in self._backlog.expired(now):
                self._drop(pending, "expired", "it is older than retry.max_age")
            head = self._backlog.next(now)
            if head is None:
                wait = self._backlog.wait(now)
            else:
                wait = self._budget.wait(head.severity, now)
                if wait == 0.0:
                    self._budget.spend(now)
                    self._sending = head
        if self._sending is not None:
            self._conclude(self._sending, self._attempt(self._sending, left))
        self._tell_losses()
        return wait

    def _attempt(self, pending: Pending, left: float) -> EventsError | None:
        """Return None if PagerDuty has accepted the event, else what stood in the way."""
        try:
            if pending.encoded is None:
                pending.event = pending.compose()
                pending.encoded = encode(pending.event)
        except Exception as broken:
            return BadRequest(f"the event could not be put together: {type(broken).__name__}")
        try:
            with self._exchanging:
                self._client.post(pending.encoded, timeout=min(left, self._client.timeout))
        except EventsError as error:
            return error
        except Exception as broken:
            return EventsError(f"the client failed: {type(broken).__name__}")
        return None

    def _conclude(self, pending: Pending, error: EventsError | None) -> None:
        """Enter the outcome of an attempt into the books, and do what follows from it."""
        with self._books():
            self._sending = None
            if error is None:
                self._backlog.delivered(pending)
                self._delivered += 1
            else:
                self._last_error = str(error)
                match after(error, pending):
                    case After.WAIT:
                        self._backlog.failed(pending, error, self._clock())
                        self._retries += 1
                    case After.BARE:
                        pending.compose = partial(bare, pending, error)
                        pending.encoded, pending.bare = None, True
                        self._retries += 1
                    case After.DEAD:
                        self._backlog.remove(pending)
                        self._dead_lettered += 1
                        self._lost.append((pending, error))
        if error is None:
            pending.settle(True)
        elif error.retryable:
            self._diagnostics.say("retry", f"PagerDuty is not reached, will try again: {error}")

    def _work_here(self, timeout: float) -> None:
        """Send on this thread, for at most `timeout` seconds."""
        until = self._clock() + timeout
        if not self._working.acquire(timeout=max(timeout, 0.0)):
            return
        try:
            with self._here.working():
                while (left := until - self._clock()) > 0:
                    wait = self.step(left)
                    if wait is None or wait >= left:
                        return
                    self._rest(wait)
        finally:
            self._working.release()

    def _run(self) -> None:
        """Send until there is nothing left and nobody wants more."""
        with self._working, self._here.working():
            while True:
                try:
                    wait = self.step(self._client.timeout)
                except Exception as broken:
                    self._diagnostics.say("worker", f"the worker stumbled: {type(broken).__name__}")
                    wait = self._client.retry.initial
                if not self.pending:
                    while self._flushing:
                        self._flushing.popleft().put(None)
                    if self._closed and self._retire():
                        break
                self._rest(wait)
        if self.pending:  # submitted while the worker retired
            self._ensure_worker()

    def _ensure_worker(self) -> bool:
        """Start the worker unless there is one; False where no thread can be started any more."""
        if self._worker is not None or not self._starting.acquire(blocking=False):
            return True
        try:
            if self._worker is None:
                worker = threading.Thread(target=self._run, name="pagerduty-logging", daemon=True)
                worker.start()
                self._worker = worker
        except RuntimeError:
            return False
        finally:
            self._starting.release()
        return True

    def _retire(self) -> bool:
        with self._starting:
            if self.pending:
                return False
            self._worker = None
            self._client.close()
            return True

    def _rouse(self) -> None:
        if self._wake.empty():
            self._wake.put(None)

    def _rest(self, wait: float | None) -> None:
        """Wait until something may have changed: `wait` seconds, or for ever if None."""
        if wait != 0.0:
            with suppress(queue.Empty):
                self._wake.get(timeout=wait)


def bare(pending: Pending, error: EventsError) -> Trigger:
    """Return the least that still pages for an event that PagerDuty, or our own code, could not take."""
    said = pending.event.summary if isinstance(pending.event, Trigger) else ""
    return Trigger(
        f"{said[:BARE_SUMMARY_CHARS]} ({pending.label})",
        severity=pending.severity,
        dedup_key=pending.dedup_key,
        custom_details={"reduced": f"the full event was not accepted: {error}"},
    )


class _Here(threading.local):
    """What the current thread is in the middle of."""

    at_work = False
    in_callback = False
    keeps_exchange = False

    @contextmanager
    def working(self) -> Iterator[None]:
        self.at_work = True
        try:
            yield
        finally:
            self.at_work = False

    @contextmanager
    def calling_back(self) -> Iterator[None]:
        before = self.at_work
        self.at_work = self.in_callback = True
        try:
            yield
        finally:
            self.at_work, self.in_callback = before, False
