"""Reports events that will not be delivered: on stderr, to `on_error`, and in the spool."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.event import Pending, trouble
from pagerduty_logging.delivery.roles import Roles
from pagerduty_logging.delivery.spooled import SpooledEvents
from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.events_api.decoding import decode
from pagerduty_logging.events_api.errors import BadRequest, EventsError
from pagerduty_logging.events_api.events import Event

OnError = Callable[[Event, EventsError], object]


class Losses:
    """Reports lost events.

    Args:
        on_error: called with every lost event, on the thread that notices.
        spooled: where the events' files are; None: there are none.
        diagnostics: where it is said.
        roles: what each thread is doing.
    """

    def __init__(
        self,
        on_error: OnError | None,
        spooled: SpooledEvents | None,
        diagnostics: Diagnostics,
        roles: Roles,
    ) -> None:
        self._on_error = on_error
        self._spooled = spooled
        self._diagnostics = diagnostics
        self._roles = roles
        self._reporting = threading.Lock()
        self._left: set[Pending] = set()

    def report(self, lost: deque[tuple[Pending, EventsError]]) -> None:
        """Report what was lost, and empty the list; call it with no lock held."""
        while lost and self._reporting.acquire(blocking=False):
            try:
                self._report(*lost[0])
                lost.popleft()
            finally:
                self._reporting.release()

    def _report(self, pending: Pending, error: EventsError) -> None:
        if self._spooled is not None:
            self._spooled.forget(pending, refused=isinstance(error, BadRequest))
        self._diagnostics.say("lost", f"not delivered: {pending.caller.label}: {trouble(error)}")
        self._call(pending, error)

    def report_left(self, left: Sequence[Pending], last_error: str, until: float) -> None:
        """Call `on_error`, once each, for the events that are lost with the process.

        Args:
            left: the events, those that matter most first.
            last_error: why they were not delivered.
            until: when to give up, on the machine's monotonic clock: the process is ending.
        """
        for pending in left:
            if pending not in self._left and monotonic() < until:
                self._left.add(pending)
                self._call(pending, EventsError(f"the process ended first; last error: {last_error}"))

    def _call(self, pending: Pending, error: EventsError) -> None:
        body = pending.body
        if self._on_error is not None:
            with self._roles.as_callback():
                try:
                    self._on_error(decode(body.refused) if body.refused else body.shown, error)
                except Exception as broken:
                    self._diagnostics.say("on_error", f"on_error raised {type(broken).__name__}")
