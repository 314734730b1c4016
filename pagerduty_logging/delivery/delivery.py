"""Accepted events reach PagerDuty, or their loss is reported: the callers' side, through forks and the end.

A caller hands in what was logged and goes on; one thread, started with the first, decides and sends. With a
spool an event is on disk before `submit` returns, and a process that finds it without an owner sends it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from pagerduty_logging.delivery import process
from pagerduty_logging.delivery.claims import Claims
from pagerduty_logging.delivery.decisions import Decisions
from pagerduty_logging.delivery.diagnostics import Diagnostics, counted
from pagerduty_logging.delivery.event import Pending
from pagerduty_logging.delivery.inbox import Item
from pagerduty_logging.delivery.losses import OnError
from pagerduty_logging.delivery.new_worker import new_worker
from pagerduty_logging.delivery.reports import NoReports, Reports
from pagerduty_logging.delivery.sending import as_it_is
from pagerduty_logging.delivery.spool import Spool
from pagerduty_logging.delivery.stats import Stats
from pagerduty_logging.delivery.worker import WAKE_UP, OnLook, Worker
from pagerduty_logging.events_api import retrying
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.clock import monotonic

FOR_ON_ERROR = 1.0
"""Seconds that `on_error` may take at the end of the process, for all events that are left."""
A_MOMENT = 0.04
"""Seconds that `stats` gives the worker to decide what was just logged."""


class Delivery:
    """Accepts what was logged at once, and sends its events when it can.

    What belongs to one process is a `Worker`; a forked child makes a new one, in its first call of any
    method.

    Args:
        client: makes the attempts, one at a time; its `retry` is the schedule.
        decide: returns the event that a submitted item calls for, or None.
        ready: is called before each attempt, and loads what that needs; raises if it cannot.
        reports: makes the events that no record calls for.
        decisions: where what became of the events is noted.
        defer: whether the thread may decide; False: the caller of `submit`.
        max_pending: bound of the events that wait. Beyond it the least severe is dropped, and reported.
        max_events_per_minute: bound of the events sent in any minute.
        spool: where events are kept until they are delivered; None: in memory only.
        make_claims: makes what asks a shared state, for one process; None: there is no such state.
        background: True: a thread sends. False: `submit` sends, for at most the client's `timeout`. None: as
            the process asks for, see `process.sends_in_call`.
        flush_timeout: seconds that the end of the process may be delayed.
        on_error: called with each event that will not be delivered, on the thread that notices.
        on_fork: called in a forked child, before its new worker is made.
        on_look: is called by the thread now and then, also when there is nothing to send; see `Worker`.
        diagnostics: where losses are reported.
        clock, random: clock and random source, replaceable in tests.
    """

    def __init__(
        self,
        client: EventsClient,
        *,
        decide: Callable[[Any], Pending | None],
        ready: Callable[[], object] = as_it_is,
        reports: Reports = NoReports(),  # noqa: B008 (without state)
        decisions: Decisions | None = None,
        defer: bool = True,
        max_pending: int,
        max_events_per_minute: int,
        spool: Spool | None = None,
        make_claims: Callable[..., Claims] | None = None,
        background: bool | None = True,
        flush_timeout: float = 5.0,
        on_error: OnError | None = None,
        on_fork: Callable[[], object] | None = None,
        on_look: OnLook | None = None,
        diagnostics: Diagnostics,
        clock: Callable[[], float] = monotonic,
        random: Callable[[], float] = retrying.uniform,
    ) -> None:
        self.flush_timeout = flush_timeout
        self._client = client
        self._reports = reports
        self._decisions = decisions or Decisions(str)
        self._spool = spool
        self._background = background
        self._on_fork = on_fork
        self._diagnostics = diagnostics
        self._new_worker = partial(
            new_worker,
            client,
            decide=decide,
            ready=ready,
            reports=reports,
            decisions=self._decisions,
            defer=defer,
            max_pending=max_pending,
            max_events_per_minute=max_events_per_minute,
            spool=spool,
            make_claims=make_claims,
            on_error=on_error,
            on_look=on_look,
            diagnostics=diagnostics,
            clock=clock,
            random=random,
        )
        # Begun with the first use and not here, so that gevent's patches, applied in between, are honoured.
        self._current: Worker | None = None
        self._beginning = threading.RLock()
        process.register(self)
        if spool is not None and process.will_fork_unseen():
            process.after_unseen_fork(self._take_over)
        elif spool is not None:
            self._take_over()

    @property
    def worker(self) -> Worker:
        """The worker of this process: another one than before in a forked child."""
        worker = self._current
        if worker is None or worker.pid != os.getpid():
            return self._begin()
        return worker

    def _begin(self) -> Worker:
        """Make this process's worker. Not every host announces a fork, so the first caller finds out."""
        with self._beginning:
            before = self._current
            if before is not None and before.pid == os.getpid():
                return before
            if before is not None and self._spool is not None:
                self._spool.begin()
            if before is not None and self._on_fork is not None:
                self._on_fork()
            begun = self._new_worker(owner=self, background=self._in_background())
            # In one step, and not if a signal handler on this thread has logged, and begun, in the meantime.
            self._current = begun = begun if self._current is before else self._current or begun
        process.enter_process()
        background = self._in_background()
        if background and process.uwsgi_lacks_threads():
            self._diagnostics.say(
                "threads",
                "uWSGI runs no threads here, so that every page is sent inside the logging call; "
                "its option enable-threads changes that",
            )
        elif background and process.interpreter_lacks_threads():
            self._diagnostics.say(
                "threads",
                "sub-interpreters run no threads before Python 3.14, so that every page is sent inside the "
                f"logging call, within {WAKE_UP:g} seconds, or by a later call, or at the end",
            )
        return begun

    def _in_background(self) -> bool:
        return not process.sends_in_call() if self._background is None else self._background

    # --- the callers' side ------------------------------------------------------------------------

    def is_own(self, logger: object) -> bool:
        """Return whether what this thread logs comes from our own delivery, and is not to be paged."""
        worker = self._current
        return worker is not None and worker.roles.covers(logger)

    def submit(self, item: Item) -> None:
        """Accept what was logged: from here on it is delivered, or its loss is reported."""
        worker = self._current
        if (
            worker is None or worker.pid != os.getpid()
        ):  # as `worker`, which a call would take longer to return
            worker = self._begin()
        worker.submit(item)

    @property
    def pending(self) -> int:
        """How many events wait or are under way."""
        return self.worker.queue.pending

    def flush(self, timeout: float) -> bool:
        """Wait until nothing is pending, for at most `timeout` seconds; return whether that came true."""
        return self.worker.flush(timeout)

    def step(self, left: float) -> float | None:
        """Send the event whose turn it is on this thread; see `Sending.step`."""
        return self.worker.sending.step(left)

    def write_decisions(self) -> None:
        """Let what was decided without an event be written soon."""
        self.worker.set_going(wake=True)

    def settle(self, timeout: float = A_MOMENT) -> bool:
        """Wait a moment until it is decided what the records logged so far call for."""
        return self.worker.decided(timeout)

    def stats(self) -> Stats:
        """Return the counts as they stand; what is not decided after a moment counts as pending."""
        worker = self.worker
        worker.decided(A_MOMENT)
        return worker.queue.stats()

    def close(self) -> None:
        """End thread and connections as soon as nothing is pending. Does not wait.

        What is submitted later is still delivered.
        """
        self.worker.close()

    # --- the end of the process, and its forks ----------------------------------------------------

    def retry_now(self) -> None:
        """Try at once what waits for its next attempt, and report what was held back."""
        if self._current is not None:  # else nothing was ever logged
            self.worker.finish()

    def flush_in_shutdown(self) -> bool:
        """Wait as at the end of the process: one budget for all that are shut down."""
        return process.ending.spare(lambda left: self.flush(min(left, self.flush_timeout)))

    def finish(self, timeout: float) -> None:
        """Deliver what is pending, within `timeout` seconds."""
        if self._current is not None:
            self.worker.end(timeout)
        self._decisions.end()

    def report_undelivered(self) -> None:
        """Say what is left: kept in the spool, or lost with the process."""
        worker = self._current
        if worker is None or worker.pid != os.getpid():
            return
        queue = worker.queue
        waiting = sorted(queue.waiting(), key=lambda pending: pending.severity.rank)
        lost = [pending for pending in waiting if pending.ticket is None]
        left = [pending.caller.label for pending in lost]
        kept = len(waiting) - len(left)
        left += ["a record that was not read"] * len(queue.inbox)
        left += ["a report of repeats"] * self._reports.left
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            words = f"the process ends before PagerDuty took {left[0]}{more}"
            self._diagnostics.say("end", f"{words}; last error: {queue.trouble}", always=True)
        worker.sending.losses.report_left(lost, str(queue.trouble), monotonic() + FOR_ON_ERROR)
        if kept:
            words = f"the process ends before PagerDuty took {counted(kept, 'event')}, kept in the spool"
            self._diagnostics.say("end", f"{words}; last error: {queue.trouble}", always=True)
        elif self._spool is not None:
            self._spool.sign_off()
        self._diagnostics.conclude()
        thread = worker.thread
        if thread is not None and queue.idle and not worker.roles.sending:
            worker.close()
            thread.join(timeout=WAKE_UP)

    def after_fork_in_child(self) -> None:
        """Start afresh: the parent delivers what was pending."""
        self._beginning = threading.RLock()
        if self._current is None:
            return
        self._client.drop_inherited()
        self._begin()

    # --- the spool --------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """Send what dead processes left, also if this one never has anything to page."""
        worker = self.worker
        worker.sending.look_around(at_once=True)
        if self._spool is not None and (worker.queue.pending or self._spool.shared):
            worker.ensure_thread_if_threaded()
