"""The only thread that sends, and all else that belongs to one process.

One event at a time, as the queue says whose turn it is. No caller waits for a lock that is held while
something is sent or rendered, and `submit` may be re-entered by a signal handler or a finaliser on the
thread that is in it.
"""

from __future__ import annotations

import math
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pagerduty_logging.delivery import process
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.event import Pending, packed_now, trouble
from pagerduty_logging.delivery.inbox import HANGS, Item
from pagerduty_logging.delivery.losses import Losses
from pagerduty_logging.delivery.queue import Queue
from pagerduty_logging.delivery.roles import Roles
from pagerduty_logging.delivery.spooled import LOOK_AROUND, SpooledEvents
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.errors import BadRequest, EventsError
from pagerduty_logging.events_api.events import Severity

WAKE_UP = 0.25
"""Seconds after which a waiting `flush` looks for itself."""
LEAST_ATTEMPT = 0.05
"""Seconds below which an attempt is not worth beginning."""
FRAMES = 200
"""Frames that must be left on the stack to decide what others logged; it takes some thirty."""


class Worker:
    """Decides what was logged, and sends what it calls for, in one process.

    Args:
        client: makes the attempts, one at a time.
        queue: what waits, empty.
        decide: returns the event that an item of the inbox calls for, or None.
        spooled: where events are kept until they are delivered; None: in memory only.
        losses: says which events will not be delivered.
        roles: what each thread is doing.
        threaded: whether a thread of its own sends. False: whoever submits.
        in_call: seconds that whoever submits sends for at most.
        defers: whether that thread also decides. False: whoever submits.
        clock: seconds, monotonic.
        diagnostics: where it says what goes wrong.
        owner: what is to live, and to be told of the end of the process, as long as there is work.

    Attributes:
        pid: the process that it belongs to.
        queue, roles: as given.
        closed: whether to end as soon as nothing is pending.
        thread: the thread that sends, once it was started.
    """

    def __init__(
        self,
        client: EventsClient,
        *,
        queue: Queue,
        decide: Callable[[Any], Pending | None],
        spooled: SpooledEvents | None,
        losses: Losses,
        roles: Roles,
        threaded: bool,
        in_call: float,
        defers: bool,
        clock: Callable[[], float],
        diagnostics: Diagnostics,
        owner: process.Lives,
    ) -> None:
        self.pid = os.getpid()
        self.queue = queue
        self.roles = roles
        self.closed = False
        self.thread: threading.Thread | None = None
        self._client = client
        self._decide = decide
        self._spooled = spooled
        self._losses = losses
        self._threaded = threaded
        self._in_call = min(in_call, client.timeout)
        self._defers = defers
        self._clock = clock
        self._diagnostics = diagnostics
        self._owner = owner
        self._signals = _Signals()

    # --- the callers' side ------------------------------------------------------------------------

    def submit(self, item: Item) -> None:
        """Accept what was logged: from here on it is delivered, or its loss is told.

        It waits in the inbox; or it is decided at once, on this thread: where nothing may wait, and where
        the inbox does not take it.
        """
        if self._defers and self._deferred(item):
            self.set_going(wake=True)
            return
        try:
            pending = self._decide(item)
        except BaseException:
            self.queue.inbox.put(item)
            raise
        if pending is None:
            return
        self._enter(pending)
        hopeless = pending.severity is not Severity.CRITICAL and self._clock() < self.queue.blocked_until
        self.set_going(wake=not hopeless)

    def _deferred(self, item: Item) -> bool:
        """Put an item into the inbox, if that takes it, now or when there is room again in a moment."""
        inbox = self.queue.inbox
        if inbox.offer(item):
            return True
        if not (inbox.is_full and inbox.deciding) or self.roles.busy:
            return False
        self._wait(HANGS, lambda: inbox.hangs or not inbox.is_full)
        return inbox.offer(item)

    def _enter(self, pending: Pending) -> None:
        if self._spooled is not None and self.queue.has_room_for(pending):
            self._spooled.save(pending, self._clock())
        self.queue.enter(pending)

    def set_going(self, wake: bool) -> None:
        """Bring what was submitted on its way; wake the thread if there is something that it can do now."""
        try:
            self._set_going(wake)
        except (RecursionError, MemoryError):
            # It is accepted all the same; who comes next, with more stack or memory, goes on with it.
            self._signals.wake.put(None)

    def _set_going(self, wake: bool) -> None:
        thread = self.thread
        usual = thread is not None and thread.is_alive() and not process.ending.begun
        if usual or self.roles.busy or sys.is_finalizing():
            if wake:
                self.rouse()
        elif process.ending.begun:
            with process.ending.waiting() as left:
                self.flush(left)
        elif not self._threaded:
            self.work_here(self._in_call)
        elif self.ensure_thread():
            self.rouse()
        else:
            self.work_here(WAKE_UP)
        if process.ending.unheard:
            with process.ending.waiting() as left:
                self.flush(left)
        if self.queue.lost:
            self._losses.tell(self.queue.lost)
        if process.ending.over or (process.ending.unheard and not self.queue.idle):
            self._owner.report_undelivered()
        elif self.thread is None and not self.queue.idle:
            process.hold(self._owner)

    def flush(self, timeout: float) -> bool:
        """Wait until nothing is pending, for at most `timeout` seconds; tell whether that came true."""
        if self.queue.idle:
            return True
        if self.roles.busy or sys.is_finalizing():
            return False
        self.queue.retry_now()
        if not (self._threaded and self.ensure_thread()):
            self.work_here(timeout)
            return self.queue.idle
        return self._wait(timeout, lambda: self.queue.idle)

    def decided(self, timeout: float) -> bool:
        """Give the thread a moment to decide what waits in the inbox; tell whether it is empty."""
        if not self.queue.inbox or self.roles.busy or sys.is_finalizing() or self.thread is None:
            return not self.queue.inbox
        return self._wait(timeout, lambda: not self.queue.inbox)

    def _wait(self, timeout: float, done: Callable[[], bool]) -> bool:
        me = (done, queue.SimpleQueue[None]())
        waiting = self._signals.waiting
        until = self._clock() + timeout
        while not done() and (left := until - self._clock()) > 0:
            if me not in waiting:  # for the first time, or told of what is no longer so
                waiting.append(me)
            self.rouse()
            # In slices: between a thread and gevent's greenlets no queue wakes the other side.
            with suppress(queue.Empty):
                me[1].get(timeout=min(left, WAKE_UP))
        with suppress(ValueError):
            waiting.remove(me)
        return done()

    def rouse(self) -> None:
        """Let the thread look for something to do."""
        if self._signals.wake.empty():
            self._signals.wake.put(None)

    def close(self) -> None:
        """End as soon as nothing is pending. Waits for nothing."""
        self.closed = True
        if self.thread is None:
            self._client.close()
        else:
            self.rouse()

    # --- the work ---------------------------------------------------------------------------------

    def step(self, left: float) -> float | None:
        """Send the event whose turn it is, within `left` seconds.

        Returns:
            0.0 if an attempt was made; else the seconds until it is some event's turn; None if there is none.
        """
        if _has_stack():  # else it would fail through no fault of the records
            self.queue.decide(self._decide)
        head, wait = self.queue.next()
        if head is not None:
            try:
                self._conclude(head, self._attempt(head, left))
            finally:
                self.queue.sending = None
        self._losses.tell(self.queue.lost)
        return wait

    def _attempt(self, pending: Pending, left: float) -> EventsError | None:
        """Return None if PagerDuty has accepted the event, else what stood in the way."""
        try:
            encoded = packed_now(pending, self._clock())
        except Exception as broken:
            return BadRequest(f"the event could not be put together: {type(broken).__name__}")
        timeout = min(left, self._client.timeout)
        if self._spooled is not None:
            self._spooled.show_life(timeout)
        try:
            self._client.post(encoded, timeout=timeout)
        except EventsError as error:
            return error
        except Exception as broken:
            return EventsError(f"the client failed: {type(broken).__name__}")
        return None

    def _conclude(self, pending: Pending, error: EventsError | None) -> None:
        """Enter the outcome of an attempt, and do what follows from it."""
        self.queue.conclude(pending, error)
        if error is None and self._spooled is not None:
            self._spooled.forget(pending)
        if error is not None and error.retryable:
            what = "PagerDuty is not reached" if error.status is None else "an event is not accepted yet"
            self._diagnostics.say("retry", f"{what}, will try again: {trouble(error)}")

    def work_here(self, timeout: float) -> None:
        """Send on this thread, for at most `timeout` seconds."""
        until = self._clock() + timeout
        if not self._signals.working.acquire(timeout=max(timeout, 0.0)):
            return
        try:
            with self.roles.as_sender():
                self.look_around()
                while (left := until - self._clock()) > LEAST_ATTEMPT:
                    wait = self.step(left)
                    if wait is None or wait >= left:
                        return
                    self._rest(wait)
        finally:
            self._signals.working.release()
            if self.queue.idle:
                process.let_go(self._owner)

    def look_around(self, *, at_once: bool = False) -> None:
        """Adopt what dead processes left in the spool, now and then."""
        if self._spooled is None:
            return
        for pending in self._spooled.look_around(self._clock(), self.queue.pending, at_once=at_once):
            self.queue.enter(pending)
        self.queue.take_in()

    def _run(self) -> None:
        """Send until there is nothing left and nobody wants more."""
        with self._signals.working, self.roles.as_sender():
            while True:
                try:
                    self.look_around()
                    wait = self.step(self._longest_attempt())
                except Exception as broken:
                    self._diagnostics.say("worker", f"the worker stumbled: {type(broken).__name__}")
                    wait = self._client.retry.initial or LOOK_AROUND
                self._signals.tell()
                if process.ending.dismissed or (self.queue.idle and self.closed and self._retire()):
                    break
                if self._spooled is not None:
                    wait = min(LOOK_AROUND, math.inf if wait is None else wait)
                self._rest(wait)
        if not self.queue.idle:  # submitted while the thread retired
            self.ensure_thread()

    def _longest_attempt(self) -> float:
        timeout = self._client.timeout
        if process.IN_MAIN_INTERPRETER:
            return timeout
        return process.ending.attempt(timeout, self._owner.flush_timeout)

    def ensure_thread(self) -> bool:
        """Start the thread unless there is one; False where no thread can be started any more."""
        if process.ending.dismissed:
            return False
        thread = self.thread
        starting = self._signals.starting
        if (thread is not None and thread.is_alive()) or not starting.acquire(blocking=False):
            return True
        try:
            if self.thread is thread:
                thread = process.new_thread(self._run)
                thread.start()
                self.thread = thread
        except RuntimeError:
            return False
        finally:
            starting.release()
        return True

    def ensure_thread_if_threaded(self) -> None:
        """Start the thread where there is to be one."""
        if self._threaded:
            self.ensure_thread()

    def _retire(self) -> bool:
        with self._signals.starting:
            if not self.queue.idle:
                return False
            self.thread = None
        process.let_go(self._owner)
        self._client.close()
        if self._spooled is not None:
            self._spooled.sign_off()
        return True

    def _rest(self, wait: float | None) -> None:
        """Wait until something may have changed: `wait` seconds, or for ever if None."""
        if wait != 0.0:
            with suppress(queue.Empty):
                self._signals.wake.get(timeout=None if wait is None else min(wait, threading.TIMEOUT_MAX))


class _Signals:
    """What threads wait for.

    Attributes:
        wake: something came, or the thread is to look for itself.
        waiting: what others wait to come true, and where they are told.
        starting: held while the thread is started, or ends.
        working: held by whoever sends.
    """

    __slots__ = ("starting", "waiting", "wake", "working")

    def __init__(self) -> None:
        self.wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.waiting: deque[tuple[Callable[[], bool], queue.SimpleQueue[None]]] = deque()
        self.starting = threading.Lock()
        self.working = threading.Lock()

    def tell(self) -> None:
        """Wake those for whom it has come true."""
        for waiting in list(self.waiting):
            done, told = waiting
            if done():
                with suppress(ValueError):
                    self.waiting.remove(waiting)
                told.put(None)


def _has_stack() -> bool:
    limit = sys.getrecursionlimit()
    try:
        sys._getframe(max(limit - FRAMES, limit // 2))
    except ValueError:
        return True
    return False
