"""One step of the worker: what was logged is decided, and the event whose turn it is is sent."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from typing import Any

from pagerduty_logging.delivery.claims import Claims
from pagerduty_logging.delivery.decisions import Decisions
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.event import Pending, packed_now, trouble
from pagerduty_logging.delivery.losses import Losses
from pagerduty_logging.delivery.queue import Queue
from pagerduty_logging.delivery.reports import Reports
from pagerduty_logging.delivery.spooled import SpooledEvents
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.errors import BadRequest, EventsError, NetworkError

FRAMES = 200
"""Frames that must be left on the stack to decide what others logged; it takes some thirty."""


def as_it_is() -> None:
    """There is nothing to load."""


class Sending:
    """Takes the steps, for one thread at a time; what is submitted may be entered by any.

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
        clock: seconds, monotonic.
        diagnostics: where it says what goes wrong.

    Attributes:
        client, queue, decide, reports, spooled, losses, claims: as given.
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
        clock: Callable[[], float],
        diagnostics: Diagnostics,
    ) -> None:
        self._pid = os.getpid()
        self.client = client
        self.queue = queue
        self.decide = decide
        self.reports = reports
        self.spooled = spooled
        self.losses = losses
        self.claims = claims
        self._ready = ready
        self._decisions = decisions
        self._clock = clock
        self._diagnostics = diagnostics

    def enter(self, pending: Pending) -> None:
        if self.spooled is not None and self.queue.has_room_for(pending):
            self.spooled.save(pending, self._clock())
        self.queue.enter(pending)

    def step(self, left: float) -> float | None:
        """Send the event whose turn it is, within `left` seconds; hand in what was counted, if it is time.

        Returns:
            0.0 if an attempt was made; else the seconds until it is some event's turn; None if there is none.
        """
        if _has_stack():  # else it would fail through no fault of the records
            self.queue.decide(self.decide, self._report_losses)
        head, wait = self.queue.next()
        if head is None and self._enter_reports():
            head, wait = self.queue.next()
        if head is not None:
            try:
                unready = self._unready()  # before it is claimed, for others would wait
                if unready is not None:
                    self._enter_outcome(head, unready)
                elif self.claims is None or self.claims.allows(head):
                    error = self._attempt(head, left)
                    if self._pid != os.getpid():
                        return None  # a greenlet of gevent, in a child: the event is the parent's
                    self._conclude(head, error)
                elif self.spooled is not None and head not in self.queue:
                    self.spooled.forget(head)
            finally:
                self.queue.sending = None
            self._enter_reports()  # only now: no page waits while one is looked for
        self._report_losses()
        self._decisions.write()
        return 0.0 if self.claims is not None and self.claims.look() else wait

    def _report_losses(self) -> None:
        self.losses.report(self.queue.lost)

    def _enter_reports(self) -> bool:
        """Let in the events that no record calls for, as far as there is room: none is made to be dropped.

        Returns:
            whether there were any.
        """
        if self.claims is not None and self.claims.finishing:
            self.claims.look()  # what others have counted may be left to this process to report
        entered = False
        while self.queue.has_room and not self.queue.inbox and _has_stack():
            pending = self.reports.next(self._clock())
            if pending is None:
                break
            self.enter(pending)
            entered = True
        return entered

    def until_report(self) -> float:
        """Return the seconds until there may be a report to make, and room for it."""
        wait = self.reports.wait(self._clock()) if self.queue.has_room else None
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
        timeout = min(left, self.client.timeout)
        if self.spooled is not None:
            self.spooled.show_life(timeout)
        try:
            if self._pid == os.getpid():
                self.client.post(encoded, timeout=timeout)
        except EventsError as error:
            return error
        except Exception as broken:
            return EventsError(f"the client failed: {type(broken).__name__}")
        return None

    def _conclude(self, pending: Pending, error: EventsError | None) -> None:
        """Enter the outcome of an attempt, and do what follows from it."""
        pending.body.release()
        self._enter_outcome(pending, error)
        if self.claims is not None:
            self.claims.conclude(pending, error)
        if error is None and self.spooled is not None:
            self.spooled.forget(pending)

    def _enter_outcome(self, pending: Pending, error: EventsError | None) -> None:
        self.queue.conclude(pending, error)
        if error is not None and error.retryable:
            what = "PagerDuty is not reached" if error.status is None else "an event is not accepted yet"
            self._diagnostics.say("retry", f"{what}, will try again: {trouble(error)}")

    def look_around(self, *, at_once: bool = False) -> None:
        """Adopt what dead processes left in the spool, now and then."""
        if self.spooled is None:
            return
        for pending in self.spooled.look_around(self._clock(), self.queue.pending, at_once=at_once):
            self.queue.enter(pending)
        self.queue.take_in()


def _has_stack() -> bool:
    limit = sys.getrecursionlimit()
    try:
        sys._getframe(max(limit - FRAMES, limit // 2))
    except ValueError:
        return True
    return False
