"""Accepted events reach PagerDuty, or their loss is told: the only thread, and the only way out.

A caller enters its event in the books and goes on; one worker thread, started with the first event, sends
what the books say is next, one at a time. No caller waits for a lock that is held while something is sent
or rendered, and `submit` may be re-entered by a signal handler or a finaliser on the thread that is in it.

With a spool an event is on disk before `submit` returns, and whoever finds it there without an owner
sends it.
"""

from __future__ import annotations

import math
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from typing import Literal, TypeAlias

from pagerduty_logging.delivery import keeping, process
from pagerduty_logging.delivery.books import MAX_UNREAD, NO_ROOM, PATIENCE, Books, Read
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.event import packed_now, trouble
from pagerduty_logging.delivery.here import Here
from pagerduty_logging.delivery.schedule import Backlog, Budget, Pending
from pagerduty_logging.delivery.spool import Spool
from pagerduty_logging.delivery.stats import Stats
from pagerduty_logging.events_api import retrying
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.decoding import decode
from pagerduty_logging.events_api.errors import BadRequest, EventsError
from pagerduty_logging.events_api.events import Event, Severity

HTTP_LIBRARIES = ("urllib3", "requests", "charset_normalizer", "py")
"""Loggers of the libraries that carry our events, and of their warnings (`py.warnings`): what they say
while doing so is not the program's."""
LOOK_AROUND = 5.0
"""Seconds between two looks into the spool for what nobody looks after."""
WAKE_UP = 0.25
"""Seconds after which a waiting `flush` looks for itself."""
LEAST_ATTEMPT = 0.05
"""Seconds below which an attempt is not worth beginning."""


WayIn: TypeAlias = Literal["own", "crowded", "later", "now"]
"""What is to be done with a record: nothing, for it comes of our own delivering; see whether there is room
for its event at all; let the worker read it; read it on the thread that logs."""


class Delivery:
    """Takes events in at once, sends them when it can.

    Args:
        client: makes the attempts, one at a time; its `retry` is the schedule.
        max_pending: bound of the events that wait. Beyond it the least severe is left out, and told.
        max_events_per_minute: bound of the events sent in any minute.
        spool: where events are kept until they are delivered; None: in memory only.
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
        spool: Spool | None = None,
        background: bool = True,
        flush_timeout: float = 5.0,
        on_error: Callable[[Event, EventsError], object] | None = None,
        on_fork: Callable[[], object] | None = None,
        diagnostics: Diagnostics,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = retrying.uniform,
    ) -> None:
        self.flush_timeout = flush_timeout
        self._client = client
        self._max_pending = max_pending
        self._max_events_per_minute = max_events_per_minute
        self._spool = spool
        self._background = background
        self._on_error = on_error
        self._on_fork = on_fork
        self._diagnostics = diagnostics
        self._clock = clock
        self._random = random
        # Begun with the first use and not here, so that gevent's patches, applied in between, are honoured.
        self._pid: int | None = None
        self._beginning = threading.RLock()
        process.register(self)
        if spool is not None and process.will_fork_unseen():
            process.after_unseen_fork(self._take_over)
        elif spool is not None:
            self._take_over()

    def _begin(self) -> None:
        """Set everything that belongs to one process."""
        self._closed = False
        self._books = Books(
            Backlog(self._client.retry, self._random),
            Budget(self._max_events_per_minute),
            self._max_pending,
            self._clock,
        )
        self._telling = threading.Lock()
        # Whoever holds `_working` sends.
        self._threaded = self._background and process.threads_run()
        self._worker: threading.Thread | None = None
        self._starting = threading.Lock()
        self._working = threading.Lock()
        self._here = Here()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._flushing: deque[queue.SimpleQueue[None]] = deque()
        self._look_at = self._clock() + LOOK_AROUND
        self._pid = os.getpid()

    def notice_fork(self) -> None:
        """Begin anew if this is another process than the one that began: not every host tells of a fork."""
        if self._pid == os.getpid():
            return
        with self._beginning:
            if self._pid == os.getpid():
                return
            forked = self._pid is not None
            if forked and self._spool is not None:
                self._spool.begin()
            if forked and self._on_fork is not None:
                self._on_fork()
            begun = copy(self)
            begun._begin()
            # In one step, and not if a signal handler on this thread has logged, and begun, in the meantime.
            self.__dict__.update(begun.__dict__ if self._pid != begun._pid else {})
        process.enter_process()
        if self._background and process.uwsgi_lacks_threads():
            self._diagnostics.say(
                "threads",
                "uWSGI runs no threads here, so that every page is sent inside the logging call; "
                "its option enable-threads changes that",
            )

    # --- the callers' side ------------------------------------------------------------------------

    def way_in(self, logger_name: object) -> WayIn:
        """Return what is to be done with a record that is logged on this thread; goes before all else."""
        if self._pid != os.getpid():
            self.notice_fork()
        books, here = self._books, self._here
        if (
            here.busy
            and type(logger_name) is str
            and (here.in_callback or logger_name.partition(".")[0] in HTTP_LIBRARIES)
        ):
            return "own"
        if books.pending >= self._max_pending:
            return "crowded"
        later = self._threaded and self._spool is None and books.unread < MAX_UNREAD
        return "later" if later else "now"

    def submit(self, pending: Pending) -> None:
        """Accept an event: from here on it is delivered, or its loss is told. `notice_fork` goes before."""
        if self._books.leave_out(pending):
            self._tell_losses()
            return
        if self._spool is not None:
            keeping.save(pending, self._spool, self._clock())
        self._books.submit(pending)
        hopeless = pending.severity is not Severity.CRITICAL and self._clock() < self._books.deaf_until
        self._see_to_it(wake=not hopeless)

    def submit_unread(self, read: Read) -> None:
        """Accept a record whose way in is "later": the worker finds out what event it calls for."""
        self._books.submit_unread(read)
        self._see_to_it(wake=True)

    def catch_up(self, *, quickly: bool = False) -> None:
        """Read what waits unread, so that what is found out now follows from all that was logged before.

        `notice_fork` goes before.

        Args:
            quickly: leave to others what takes too long, as many source files do that were not read before.
        """
        if self._books.unread:
            try:
                self._books.read(PATIENCE if quickly else math.inf)
            finally:
                self._rouse()  # the worker may have wanted to read the same, and given up

    def turn_away(self, dedup_key: str, severity: Severity, label: str) -> bool:
        """Do without an event for which no other would make room, before it is made; False: it is wanted.

        See `Pending`. Who has an `on_error` is told of every event, so that it has to be made.
        """
        if self._on_error is not None or not self._books.turn_away(dedup_key, severity, False, label):
            return False
        self._diagnostics.say("lost", f"not delivered: {label}: {NO_ROOM}")
        return True

    def _see_to_it(self, wake: bool) -> None:
        """Bring what was submitted on its way; wake the worker if there is something that it can do now."""
        try:
            self._set_going(wake)
        except (RecursionError, MemoryError):
            # It is accepted all the same; who comes next, with more stack or memory, goes on with it.
            self._wake.put(None)

    def _set_going(self, wake: bool) -> None:
        worker = self._worker
        usual = worker is not None and worker.is_alive() and not process.ending.begun
        if usual or self._here.busy or sys.is_finalizing():
            if wake:
                self._rouse()
        elif process.ending.begun:
            with process.ending.waiting() as left:
                self.flush(left)
        elif not self._threaded:
            self._work_here(self._client.timeout)
        elif self._ensure_worker():
            self._rouse()
        else:
            self._work_here(self.flush_timeout)
        if self._books.lost:
            self._tell_losses()
        if process.ending.over:
            self.last_words()
        elif self._worker is None and not self._books.idle:
            process.hold(self)

    @property
    def pending(self) -> int:
        """How many events wait or are under way."""
        self.notice_fork()
        return self._books.pending

    def flush(self, timeout: float) -> bool:
        """Wait until nothing is pending, for at most `timeout` seconds; tell whether that came true."""
        self.notice_fork()
        if self._books.idle:
            return True
        if self._here.at_work or self._here.in_callback or sys.is_finalizing():
            return False
        self.hurry()
        if not (self._threaded and self._ensure_worker()):
            self._work_here(timeout)
            return self._books.idle
        done: queue.SimpleQueue[None] = queue.SimpleQueue()
        until = time.monotonic() + timeout
        while not self._books.idle and (left := until - time.monotonic()) > 0:
            if done not in self._flushing:  # for the first time, or told of a calm that was over already
                self._flushing.append(done)
            self._rouse()
            # In slices: between a thread and gevent's greenlets no queue wakes the other side.
            with suppress(queue.Empty):
                done.get(timeout=min(left, WAKE_UP))
        with suppress(ValueError):
            self._flushing.remove(done)
        return self._books.idle

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
        self.catch_up()
        return self._books.stats()

    # --- the end of the process, and its forks ----------------------------------------------------

    def hurry(self) -> None:
        """Try at once what only waits for better times."""
        self.notice_fork()
        self._books.hurry()
        self._rouse()

    def finish(self, timeout: float) -> None:
        """Deliver what is pending, within `timeout` seconds."""
        self.flush(timeout)

    def last_words(self) -> None:
        """Tell what is left: kept in the spool, or lost with the process."""
        if self._pid != os.getpid():
            return
        self.catch_up()
        waiting = self._books.waiting()
        left = [pending.label for pending in waiting if pending.ticket is None]
        kept = len(waiting) - len(left)
        left += ["a record that was not read"] * self._books.unread
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            words = f"the process ends before PagerDuty took {left[0]}{more}"
            self._diagnostics.say("end", f"{words}; last error: {self._books.trouble}", always=True)
        if kept:
            words = f"the process ends before PagerDuty took {kept} events, which stay in the spool"
            self._diagnostics.say("end", f"{words}; last error: {self._books.trouble}", always=True)
        elif self._spool is not None:
            self._spool.sign_off()
        self._diagnostics.conclude()
        worker = self._worker
        if worker is not None and self._books.idle and not self._here.at_work:
            self.close()
            worker.join(timeout=WAKE_UP)

    def after_fork_in_child(self) -> None:
        """Begin anew: what was pending is the parent's to deliver."""
        self._beginning = threading.RLock()
        if self._pid is None:
            return
        self._client.drop_inherited()
        self.notice_fork()

    # --- what is lost -----------------------------------------------------------------------------

    def _tell_losses(self) -> None:
        """Tell all who want to know which events will not be delivered. Outside the lock."""
        while self._books.lost and self._telling.acquire(blocking=False):
            try:
                pending, error = self._books.lost[0]
                self._tell(pending, error)
                self._books.lost.popleft()
            finally:
                self._telling.release()

    def _tell(self, pending: Pending, error: EventsError) -> None:
        if self._spool is not None:
            keeping.forget(pending, self._spool, refused=isinstance(error, BadRequest))
        self._diagnostics.say("lost", f"not delivered: {pending.label}: {trouble(error)}")
        if self._on_error is not None:
            with self._here.calling_back():
                try:
                    self._on_error(decode(pending.refused) if pending.refused else pending.compose(), error)
                except Exception as broken:
                    self._diagnostics.say("on_error", f"on_error raised {type(broken).__name__}")

    # --- the spool --------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """Send what dead processes left, also if this one never has anything to page."""
        self.notice_fork()
        self._adopt()
        if self._threaded and self._spool is not None and (self._books.pending or self._spool.shared):
            self._ensure_worker()

    def _adopt(self) -> None:
        """Take over what dead processes left in the spool."""
        if self._spool is not None:
            room = self._max_pending - self.pending
            for pending in keeping.adopted(self._spool, room, self._clock()):
                self._books.submit(pending)
            self._books.take_in()

    def _look_around(self) -> None:
        """Show the other processes that this one lives, and adopt what is left of those that do not."""
        if self._spool is not None and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_AROUND
            with suppress(OSError):
                if self._books.pending:
                    self._spool.live(0.0)
            self._adopt()

    # --- the work ---------------------------------------------------------------------------------

    def step(self, left: float) -> float | None:
        """Send the event whose turn it is, within `left` seconds.

        Returns:
            0.0 if an attempt was made; else the seconds until it is some event's turn; None if there is none.
        """
        self._books.read()
        head, wait = self._books.next()
        if head is not None:
            try:
                self._conclude(head, self._attempt(head, left))
            finally:
                self._books.sending = None
        self._tell_losses()
        return wait

    def _attempt(self, pending: Pending, left: float) -> EventsError | None:
        """Return None if PagerDuty has accepted the event, else what stood in the way."""
        try:
            encoded = packed_now(pending, self._clock())
        except Exception as broken:
            return BadRequest(f"the event could not be put together: {type(broken).__name__}")
        timeout = min(left, self._client.timeout)
        if self._spool is not None:
            with suppress(OSError):
                self._spool.live(timeout)
        try:
            self._client.post(encoded, timeout=timeout)
        except EventsError as error:
            return error
        except Exception as broken:
            return EventsError(f"the client failed: {type(broken).__name__}")
        return None

    def _conclude(self, pending: Pending, error: EventsError | None) -> None:
        """Enter the outcome of an attempt into the books, and do what follows from it."""
        self._books.conclude(pending, error)
        if error is None and self._spool is not None:
            keeping.forget(pending, self._spool)
        if error is not None and error.retryable:
            self._diagnostics.say("retry", f"PagerDuty is not reached, will try again: {trouble(error)}")

    def _work_here(self, timeout: float) -> None:
        """Send on this thread, for at most `timeout` seconds."""
        until = self._clock() + timeout
        if not self._working.acquire(timeout=max(timeout, 0.0)):
            return
        try:
            with self._here.working():
                self._look_around()
                while (left := until - self._clock()) > LEAST_ATTEMPT:
                    wait = self.step(left)
                    if wait is None or wait >= left:
                        return
                    self._rest(wait)
        finally:
            self._working.release()
            if self._books.idle:
                process.let_go(self)

    def _run(self) -> None:
        """Send until there is nothing left and nobody wants more."""
        with self._working, self._here.working():
            while True:
                try:
                    self._look_around()
                    wait = self.step(self._client.timeout)
                except Exception as broken:
                    self._diagnostics.say("worker", f"the worker stumbled: {type(broken).__name__}")
                    wait = self._client.retry.initial or LOOK_AROUND
                if self._books.idle:
                    while self._flushing:
                        self._flushing.popleft().put(None)
                    if self._closed and self._retire():
                        break
                if self._spool is not None:
                    wait = min(LOOK_AROUND, math.inf if wait is None else wait)
                self._rest(wait)
        if not self._books.idle:  # submitted while the worker retired
            self._ensure_worker()

    def _ensure_worker(self) -> bool:
        """Start the worker unless there is one; False where no thread can be started any more."""
        worker = self._worker
        if (worker is not None and worker.is_alive()) or not self._starting.acquire(blocking=False):
            return True
        try:
            if self._worker is worker:
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
            if not self._books.idle:
                return False
            self._worker = None
        process.let_go(self)
        self._client.close()
        if self._spool is not None:
            self._spool.sign_off()
        return True

    def _rouse(self) -> None:
        if self._wake.empty():
            self._wake.put(None)

    def _rest(self, wait: float | None) -> None:
        """Wait until something may have changed: `wait` seconds, or for ever if None."""
        if wait != 0.0:
            with suppress(queue.Empty):
                self._wake.get(timeout=None if wait is None else min(wait, threading.TIMEOUT_MAX))
