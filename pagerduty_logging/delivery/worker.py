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
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from pagerduty_logging.delivery import process
from pagerduty_logging.delivery.claims import Claims
from pagerduty_logging.delivery.decisions import Decisions
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.event import Pending, packed_now, trouble
from pagerduty_logging.delivery.inbox import HANGS, Item
from pagerduty_logging.delivery.losses import Losses
from pagerduty_logging.delivery.queue import Queue
from pagerduty_logging.delivery.reports import Reports
from pagerduty_logging.delivery.roles import Roles
from pagerduty_logging.delivery.signals import Signals
from pagerduty_logging.delivery.spooled import LOOK_AROUND, SpooledEvents
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.errors import BadRequest, EventsError, NetworkError
from pagerduty_logging.events_api.events import Severity


class OnLook(Protocol):
    """Looks after what is no event's business; see `Worker`."""

    def __call__(self, *, awake: bool) -> float: ...


WAKE_UP = 0.25
"""Seconds after which a waiting `flush` looks for itself."""
LEAST_ATTEMPT = 0.05
"""Seconds below which an attempt is not worth beginning."""
FRAMES = 200
"""Frames that must be left on the stack to decide what others logged; it takes some thirty."""


def as_it_is() -> None:
    """There is nothing to load."""


class Worker:
    """Decides what was logged, and sends what it calls for, in one process.

    Args:
        client: makes the attempts, one at a time.
        queue: what waits, empty.
        decide: returns the event that an item of the inbox calls for, or None.
        ready: is called before each attempt, and loads what that needs; raises if it cannot.
        reports: makes the events that no record calls for.
        decisions: what to write about what became of them.
        spooled: where events are kept until they are delivered; None: in memory only.
        losses: says which events will not be delivered.
        claims: asks a shared state whether an event is to be sent here; None: there is none.
        roles: what each thread is doing.
        threaded: whether its own thread sends. False: the caller of `submit`.
        in_call: longest time, in seconds, that the caller of `submit` sends.
        defers: whether that thread also decides. False: the caller of `submit`.
        clock: seconds, monotonic.
        diagnostics: where it says what goes wrong.
        on_look: is called by the thread, with whether something woke it; returns the seconds until the next
            time.
        owner: kept alive, and called at the end of the process, as long as there is work.

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
        ready: Callable[[], object],
        reports: Reports,
        decisions: Decisions,
        spooled: SpooledEvents | None,
        losses: Losses,
        claims: Claims | None = None,
        roles: Roles,
        threaded: bool,
        in_call: float,
        defers: bool,
        clock: Callable[[], float],
        diagnostics: Diagnostics,
        owner: process.Lives,
        on_look: OnLook | None = None,
    ) -> None:
        self.pid = os.getpid()
        self.queue = queue
        self.roles = roles
        self.closed = False
        self.thread: threading.Thread | None = None
        self._client = client
        self._decide = decide
        self._ready = ready
        self._reports = reports
        self._decisions = decisions
        self._spooled = spooled
        self._losses = losses
        self._claims = claims
        self._threaded = threaded
        self._in_call = min(in_call, client.timeout)
        self._defers = defers
        self._clock = clock
        self._diagnostics = diagnostics
        self._owner = owner
        self._on_look = on_look
        self._signals = Signals()

    # --- the callers' side ------------------------------------------------------------------------

    def submit(self, item: Item) -> None:
        """Accept what was logged: from here on it is delivered, or its loss is reported.

        It waits in the inbox; or it is decided at once, on this thread: where nothing may wait, and where
        the inbox does not take it.
        """
        if self._defers and (self.queue.inbox.offer(item) or self._offered_again(item)):
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

    def _offered_again(self, item: Item) -> bool:
        """Put an item into the full inbox when there is room again in a moment; return whether it took it."""
        inbox = self.queue.inbox
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
            # It is accepted all the same; the next call with more stack or memory continues.
            self._signals.wake.put(None)

    def _set_going(self, wake: bool) -> None:
        thread = self.thread
        usual = thread is not None and thread.is_alive() and not process.ending.begun
        if usual or self.roles.busy or sys.is_finalizing():
            if wake and self._signals.wake.empty():
                self._signals.wake.put(None)
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
        """Wait until nothing is pending, for at most `timeout` seconds; return whether that came true."""
        if self.idle:
            return True
        if self.roles.busy or sys.is_finalizing():
            return False
        self.queue.retry_now()
        if self._claims is not None:
            self._claims.hurry(timeout)
        if not (self._threaded and self.ensure_thread()):
            self.work_here(timeout)
            return self.idle
        return self._wait(timeout, lambda: self.idle)

    def end(self, timeout: float) -> None:
        """Deliver what is pending, and hand in what was counted, within `timeout` seconds."""
        until = self._clock() + timeout
        if self._claims is not None:
            self._claims.end(timeout)
        self.flush(timeout)
        if self._claims is None or self.roles.busy or sys.is_finalizing():
            return
        left = max(until - self._clock(), 0.0)
        if self.thread is not None and self.thread.is_alive():
            self._signals.hand_in_until = until
            self._wait(left, lambda: self._signals.hand_in_until is None)
        elif self._signals.working.acquire(timeout=left):
            try:
                self._claims.hand_in(left)
            finally:
                self._signals.working.release()

    def decided(self, timeout: float) -> bool:
        """Give the thread a moment to decide what waits in the inbox; return whether it is empty."""
        if not self.queue.inbox or self.roles.busy or sys.is_finalizing() or self.thread is None:
            return not self.queue.inbox
        return self._wait(timeout, lambda: not self.queue.inbox)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send or to report now."""
        return self.queue.idle and not self._reports.ending

    def finish(self) -> None:
        """Begin to send all that waits, and to report the repeats that no event has reported."""
        self._reports.end()
        self.queue.retry_now()
        self.rouse()

    def _wait(self, timeout: float, done: Callable[[], bool]) -> bool:
        me = (done, queue.SimpleQueue[None]())
        waiting = self._signals.waiting
        until = self._clock() + timeout
        while not done() and (left := until - self._clock()) > 0:
            if me not in waiting:  # for the first time, or woken and no longer true
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
        self._reports.close()
        if self.thread is None:
            self._client.close()
        else:
            self.rouse()

    # --- the work ---------------------------------------------------------------------------------

    def step(self, left: float) -> float | None:
        """Send the event whose turn it is, within `left` seconds; hand in what was counted, if it is time.

        Returns:
            0.0 if an attempt was made; else the seconds until it is some event's turn; None if there is none.
        """
        if _has_stack():  # else it would fail through no fault of the records
            self.queue.decide(self._decide)
            self._enter_reports()
        head, wait = self.queue.next()
        if head is not None:
            try:
                unready = self._unready()  # before it is claimed, for others would wait
                if unready is not None:
                    self._enter_outcome(head, unready)
                elif self._claims is None or self._claims.allows(head):
                    self._conclude(head, self._attempt(head, left))
                elif self._spooled is not None and head not in self.queue:
                    self._spooled.forget(head)
            finally:
                self.queue.sending = None
        self._losses.tell(self.queue.lost)
        self._decisions.write()
        return 0.0 if self._claims is not None and self._claims.look() else wait

    def _enter_reports(self) -> None:
        """Let in the events that no record calls for, as far as there is room: none is made to be dropped."""
        while self.queue.has_room and not self.queue.inbox:
            pending = self._reports.next(self._clock())
            if pending is None:
                return
            self._enter(pending)

    def _until_report(self) -> float:
        """Return the seconds until there may be a report to make, and room for it."""
        wait = self._reports.wait(self._clock()) if self.queue.has_room else None
        return math.inf if wait is None else wait

    def _unready(self) -> EventsError | None:
        """Return what keeps this process from any attempt; None: nothing."""
        try:
            self._ready()
        except Exception as broken:
            return NetworkError(f"what sends it cannot be loaded: {type(broken).__name__}: {broken}")
        return None

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
        self._enter_outcome(pending, error)
        if self._claims is not None:
            self._claims.conclude(pending, error)
        if error is None and self._spooled is not None:
            self._spooled.forget(pending)

    def _enter_outcome(self, pending: Pending, error: EventsError | None) -> None:
        self.queue.conclude(pending, error)
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
        """Send until there is nothing left and it is closed."""
        woken = True
        with self._signals.working, self.roles.as_sender():
            while True:
                look = math.inf
                try:
                    self.look_around()
                    wait = self._with_counts(self.step(self._longest_attempt()))
                    if self._on_look is not None:
                        look = self._on_look(awake=woken)
                except Exception as broken:
                    self._diagnostics.say("worker", f"the worker stumbled: {type(broken).__name__}")
                    wait = self._client.retry.initial or LOOK_AROUND
                self._signals.tell()
                if process.ending.dismissed or (self.idle and self.closed and self._retire()):
                    break
                look_around = math.inf if self._spooled is None else LOOK_AROUND
                wait = min(math.inf if wait is None else wait, look_around, look, self._until_report())
                woken = self._rest(wait)
        if not self.queue.idle:  # submitted while the thread retired
            self.ensure_thread()

    def _with_counts(self, wait: float | None) -> float | None:
        """Return the seconds to wait, but for counts that are to be handed in; at the end, do so."""
        if self._claims is None:
            return wait
        until = self._signals.hand_in_until
        if until is not None:
            self._claims.hand_in(max(until - self._clock(), 0.0))
            self._signals.hand_in_until = None
        counts = self._claims.wait()
        return wait if counts is None else min(counts, math.inf if wait is None else wait)

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
        if self._claims is not None:
            self._claims.hand_in(WAKE_UP)
        self._client.close()
        if self._spooled is not None:
            self._spooled.sign_off()
        return True

    def _rest(self, wait: float) -> bool:
        """Wait for something to change: `wait` seconds, or for ever if infinite; return whether it has."""
        if wait == 0.0:
            return True
        try:
            self._signals.wake.get(timeout=None if wait == math.inf else min(wait, threading.TIMEOUT_MAX))
        except queue.Empty:
            return False
        return True


def _has_stack() -> bool:
    limit = sys.getrecursionlimit()
    try:
        sys._getframe(max(limit - FRAMES, limit // 2))
    except ValueError:
        return True
    return False
