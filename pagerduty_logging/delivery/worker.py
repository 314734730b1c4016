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
from typing import Protocol

from pagerduty_logging.delivery import process
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.inbox import HANGS, Item
from pagerduty_logging.delivery.roles import Roles
from pagerduty_logging.delivery.sending import Sending
from pagerduty_logging.delivery.spooled import LOOK_AROUND
from pagerduty_logging.delivery.wake_ups import WakeUps
from pagerduty_logging.events_api.events import Severity


class OnLook(Protocol):
    """Looks after what is no event's business; see `Worker`."""

    def __call__(self, *, awake: bool) -> float: ...


WAKE_UP = 0.25
"""Seconds after which a waiting `flush` looks for itself."""
LEAST_ATTEMPT = 0.05
"""Seconds below which an attempt is not worth beginning."""


class Worker:
    """Decides what was logged, and sends what it calls for, in one process.

    Args:
        sending: takes the steps.
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
        sending: as given.
        queue: its queue.
        roles: as given.
        closed: whether to end as soon as nothing is pending.
        thread: the thread that sends, once it was started.
    """

    def __init__(
        self,
        sending: Sending,
        *,
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
        self.queue = sending.queue
        self.roles = roles
        self.closed = False
        self.thread: threading.Thread | None = None
        self.sending = sending
        self._threaded = threaded
        self._in_call = min(in_call, sending.client.timeout)
        self._defers = defers
        self._clock = clock
        self._diagnostics = diagnostics
        self._owner = owner
        self._on_look = on_look
        self._wake_ups = WakeUps()

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
            pending = self.sending.decide(item)
        except BaseException:
            self.queue.inbox.put(item)
            raise
        if pending is None:
            claims = self.sending.claims
            if claims is not None and not self._threaded and claims.wait() == 0.0:
                self.set_going(wake=False)
            return
        self.sending.enter(pending)
        hopeless = pending.severity is not Severity.CRITICAL and self._clock() < self.queue.blocked_until
        self.set_going(wake=not hopeless)

    def _offered_again(self, item: Item) -> bool:
        """Put an item into the full inbox when there is room again in a moment; return whether it took it."""
        inbox = self.queue.inbox
        if not (inbox.is_full and inbox.deciding) or self.roles.busy:
            return False
        self._wait(HANGS, lambda: inbox.hangs or not inbox.is_full)
        return inbox.offer(item)

    def set_going(self, wake: bool) -> None:
        """Bring what was submitted on its way; wake the thread if there is something that it can do now."""
        try:
            self._set_going(wake)
        except (RecursionError, MemoryError):
            # It is accepted all the same; the next call with more stack or memory continues.
            self._wake_ups.worker.put(None)

    def _set_going(self, wake: bool) -> None:
        thread = self.thread
        usual = thread is not None and thread.is_alive() and not process.ending.begun
        if usual or self.roles.busy or sys.is_finalizing():
            if wake and self._wake_ups.worker.empty():
                self._wake_ups.worker.put(None)
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
            self.sending.losses.report(self.queue.lost)
        if process.ending.over or (process.ending.unheard and not self.queue.idle):
            self._owner.report_undelivered()
        elif self.thread is None and not self.queue.idle:
            process.hold(self._owner)

    def flush(self, timeout: float) -> bool:
        """Wait until nothing is pending, for at most `timeout` seconds; return whether that came true.

        What was counted is handed in then, if the state answers: the process may end by `os._exit` next.
        """
        until = self._clock() + timeout
        done = self._flush(timeout)
        if self.sending.claims is not None:
            self._by_sender(self.sending.claims.hand_in_now, until)
            if done and not self.idle:  # a problem that others have resolved meanwhile is to be sent again
                done = self._flush(until - self._clock())
        return done

    def _flush(self, timeout: float) -> bool:
        if self.idle:
            return True
        if self.roles.busy or sys.is_finalizing():
            return False
        self.queue.retry_now()
        if self.sending.claims is not None:
            self.sending.claims.hurry(timeout)
        until = self._clock() + timeout
        while not self.idle and self._threaded and self.ensure_thread():
            # One that has just seen that it is closed looks at nothing any more.
            if not self._wait(until - self._clock(), lambda: self.idle or not self._has_thread):
                return False
        if not self.idle:
            self.work_here(until - self._clock())
        return self.idle

    @property
    def _has_thread(self) -> bool:
        thread = self.thread
        return thread is not None and thread.is_alive()

    def end(self, timeout: float) -> None:
        """Deliver what is pending, and hand in what was counted, within `timeout` seconds."""
        until = self._clock() + timeout
        if self.sending.claims is not None:
            self.sending.claims.end(timeout)
        self._flush(timeout)
        claims = self.sending.claims
        if claims is not None:
            self._by_sender(lambda: claims.hand_in(max(until - self._clock(), 0.0)), until)

    def _by_sender(self, work: Callable[[], object], until: float) -> None:
        """Have something done by the thread that sends, until a time; or here, where there is none."""
        if self.roles.busy or sys.is_finalizing():
            return
        left = max(until - self._clock(), 0.0)
        thread = self.thread
        if thread is not None and thread.is_alive():
            done: list[object] = []
            self._wake_ups.orders.append(lambda: done.append(work()))
            # It may just have seen that it is closed, and look at nothing any more.
            self._wait(left, lambda: bool(done) or not thread.is_alive())
        elif self._wake_ups.working.acquire(timeout=left):
            try:
                with self.roles.as_sender():
                    work()
            finally:
                self._wake_ups.working.release()

    def decided(self, timeout: float) -> bool:
        """Give the thread a moment to decide what waits in the inbox; return whether it is empty."""
        if not self.queue.inbox or self.roles.busy or sys.is_finalizing() or self.thread is None:
            return not self.queue.inbox
        return self._wait(timeout, lambda: not self.queue.inbox)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send or to report now."""
        return self.queue.idle and not self.sending.reports.ending

    def finish(self) -> None:
        """Begin to send all that waits, and to report the repeats that no event has reported."""
        self.sending.reports.end()
        if self.sending.claims is not None:
            self.sending.claims.finish()
        self.queue.retry_now()
        self.rouse()

    def _wait(self, timeout: float, done: Callable[[], bool]) -> bool:
        me = (done, queue.SimpleQueue[None]())
        waiting = self._wake_ups.waiting
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
        if self._wake_ups.worker.empty():
            self._wake_ups.worker.put(None)

    def close(self) -> None:
        """End as soon as nothing is pending. Waits for nothing."""
        self.closed = True
        self.sending.reports.close()
        if self.thread is None:
            self.sending.client.close()
        else:
            self.rouse()

    # --- the work ---------------------------------------------------------------------------------

    def work_here(self, timeout: float) -> None:
        """Send on this thread, for at most `timeout` seconds."""
        until = self._clock() + timeout
        if not self._wake_ups.working.acquire(timeout=max(timeout, 0.0)):
            return
        try:
            with self.roles.as_sender():
                self.sending.look_around()
                while (left := until - self._clock()) > LEAST_ATTEMPT:
                    wait = self.sending.step(left)
                    if wait is None or wait >= left:
                        return
                    self._rest(wait)
        finally:
            self._wake_ups.working.release()
            if self.queue.idle:
                process.let_go(self._owner)

    def _run(self) -> None:
        """Send until there is nothing left and it is closed."""
        woken = True
        with self._wake_ups.working, self.roles.as_sender():
            while True:
                while self.pid != os.getpid():  # a greenlet of gevent lives on in a forked child
                    self._rest(math.inf)
                look = math.inf
                try:
                    self.sending.look_around()
                    wait = self._with_counts(self.sending.step(self._longest_attempt()))
                    if self._on_look is not None:
                        look = self._on_look(awake=woken)
                except Exception as broken:
                    self._diagnostics.say("worker", f"the worker stumbled: {type(broken).__name__}")
                    wait = self.sending.client.retry.initial or LOOK_AROUND
                self._wake_ups.wake_waiting()
                if process.ending.dismissed or (self.idle and self.closed and self._retire()):
                    break
                look_around = math.inf if self.sending.spooled is None else LOOK_AROUND
                wait = min(math.inf if wait is None else wait, look_around, look, self.sending.until_report())
                woken = self._rest(wait)
        if not self.queue.idle:  # submitted while the thread retired
            self.ensure_thread()

    def _with_counts(self, wait: float | None) -> float | None:
        """Return the seconds to wait, but for counts that are to be handed in; do so now if wanted."""
        if self.sending.claims is None:
            return wait
        while self._wake_ups.orders:
            self._wake_ups.orders.popleft()()
        counts = self.sending.claims.wait()
        return wait if counts is None else min(counts, math.inf if wait is None else wait)

    def _longest_attempt(self) -> float:
        timeout = self.sending.client.timeout
        if process.IN_MAIN_INTERPRETER:
            return timeout
        return process.ending.attempt(timeout, self._owner.flush_timeout)

    def ensure_thread(self) -> bool:
        """Start the thread unless there is one; False where no thread can be started any more."""
        if process.ending.dismissed:
            return False
        thread = self.thread
        starting = self._wake_ups.starting
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
        with self._wake_ups.starting:
            if not self.queue.idle:
                return False
            self.thread = None
        process.let_go(self._owner)
        if self.sending.claims is not None:
            self.sending.claims.hand_in(WAKE_UP)
        self.sending.client.close()
        if self.sending.spooled is not None:
            self.sending.spooled.sign_off()
        return True

    def _rest(self, wait: float) -> bool:
        """Wait for something to change: `wait` seconds, or for ever if infinite; return whether it has."""
        if wait == 0.0:
            return True
        try:
            self._wake_ups.worker.get(timeout=None if wait == math.inf else min(wait, threading.TIMEOUT_MAX))
        except queue.Empty:
            return False
        return True
