"""Notices that errors no longer reach a handler, and reports it: otherwise nobody would miss the pages.

Libraries that configure logging remove the handlers that were attached before. Closing one is noticed at
once. An emptied list of handlers is found by the worker, which checks now and then, and at the end.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable
from typing import Literal

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.record.attachment import (
    attachment_of,
    closed_by_logging,
    holders_above,
    put_back,
    set_up_under_way,
)

MAX_ASKED = 50
"""Records from which the handler learns where it is attached."""
BETWEEN_GLANCES = 2.0
"""Seconds between two checks while the worker has work; without work, twice as many after each check."""
LONGEST_GLANCE = 300.0
"""Longest time between two checks, in seconds."""
NAMED = "PagerDutyHandler"


class Lookout:
    """Checks one handler from time to time, without keeping it alive.

    Args:
        handler: the handler.
        others: returns the handlers of this process that send; if errors reach one, nothing is reported.
        say: writes to stderr: a topic, a line, and whether to write it in any case.
        ask: calls a function a second later. A suspicion is checked then, and once more before it is
            reported: somebody may just be configuring logging.
        is_ending: whether the process is ending.

    Attributes:
        keepers: how many callers want the handler to be attached again.
        asks: how many more records it learns from; 0: it knows where the handler is, or has given up.
    """

    flush_timeout = 0.0

    def __init__(
        self,
        handler: logging.Handler,
        others: Callable[[], Iterable[logging.Handler]],
        *,
        say: Callable[..., object],
        ask: Callable[[Callable[[], object]], object],
        is_ending: Callable[[], bool],
    ) -> None:
        self.keepers = 0
        self.asks = MAX_ASKED
        self._handler = weakref.ref(handler)
        self._name = NAMED
        self._others = others
        self._say = say
        self._ask = ask
        self._is_ending = is_ending
        self._at: tuple[str, ...] = ()
        self._is_configured = set_up_under_way() is not None
        self._removed_by = ""
        self._on_purpose = False
        self._stage: Literal["reached", "suspected", "reported"] = "reached"
        self._pace = _Pace()
        weakref.finalize(handler, self._note_dropped).atexit = False

    # --- notifications ----------------------------------------------------------------------------

    @property
    def is_closed_on_purpose(self) -> bool:
        """Whether the application itself closed the handler, and has not attached it again."""
        return self._on_purpose

    def note_attached(self, logger: object = None) -> None:
        """Note where the handler is attached: found from the name of a logger whose record reached it."""
        handler = self._handler()
        if handler is not None and self.asks and not self._at:
            self._at = attachment_of(handler).at if logger is None else holders_above(handler, logger)
            # The record came another way: the handler is attached to something that cannot be seen.
            self._is_configured = self._is_configured and logger is None
        self.asks = 0 if self._at else max(self.asks - 1, 0)

    def note_closed(self) -> None:
        """Note that the handler is being closed, and by whom. Called with logging's locks held."""
        handler = self._handler()
        if handler is None or self._is_ending():
            return
        set_up = set_up_under_way()
        if set_up is None:
            self._on_purpose = not closed_by_logging()
            return
        # `basicConfig` removes the handlers first, from the root logger.
        self._at = attachment_of(handler).at or self._at or ("root",)
        self._removed_by = set_up
        self._name = handler.name or NAMED
        self._ask(self.look)

    def _note_dropped(self) -> None:
        if self._is_dropped and not self._is_ending():
            self._ask(self.look)

    @property
    def _was_attached(self) -> bool:
        return bool(self._at or self._is_configured)

    @property
    def _is_dropped(self) -> bool:
        return self._handler() is None and self._was_attached and not self._on_purpose

    # --- checks ---------------------------------------------------------------------------------------

    def glance(self, *, awake: bool) -> float:
        """Check from time to time, on the worker and without a lock. Return the seconds until the next check.

        Args:
            awake: whether something was logged since the last check; otherwise the intervals grow.
        """
        now = monotonic()
        if self._pace.is_time(now, awake):
            if self.trouble():
                self._ask(self.look)
            else:
                self._stage = "reached"
        return self._pace.next_at - now

    def first_look(self) -> None:
        """Note where the handler is attached a second after it was made: its first page may be far off."""
        self.note_attached()
        self.look()

    def look(self) -> None:
        """Report what keeps errors from the handler, if that lasts; with `keepers`, attach it again."""
        trouble = self.trouble()
        if not trouble or self._is_ending():
            if not trouble or self._stage == "suspected":
                self._stage = "reached"
        elif self._stage == "reported" or self._has_successor():
            return
        elif self._stage == "reached":
            self._stage = "suspected"
            self._ask(self.look)
        elif not self._put_back(trouble):
            self._report(trouble)

    def trouble(self) -> str:
        """Return what keeps every ERROR from the handler, worded to follow its name; "" if nothing does.

        Also "" if it was closed on purpose, or was never seen attached.
        """
        handler = self._handler()
        if handler is None:
            return f"is gone{self._by()}" if self._is_dropped else ""
        attachment = attachment_of(handler)
        if attachment.at:
            self._at = attachment.at
            self._on_purpose = False
            if not attachment.trouble:
                self._removed_by = ""
            return attachment.trouble
        if self._on_purpose or not self._was_attached:
            return ""
        if self._removed_by:
            return f"is attached to no logger any more{self._by()}"
        return attachment.trouble

    def _by(self) -> str:
        return f", because of {self._removed_by}" if self._removed_by else ""

    def _has_successor(self) -> bool:
        return any(
            holders_above(other, name)
            for other in self._others()
            if other is not self._handler() and not attachment_of(other).trouble
            for name in self._at
        )

    def _put_back(self, trouble: str) -> bool:
        handler = self._handler()
        if handler is None or not self.keepers:
            return False
        names = put_back(handler, self._at)
        if not names:
            return False
        where = ", ".join(names)
        self._say("put back", f"{self._named()} {trouble}; put back to {where}", always=True)
        self._stage = "reached"
        return True

    def _report(self, trouble: str) -> None:
        self._stage = "reported"
        handler = self._handler()
        gone = handler is None or not attachment_of(handler).at
        advice = (
            "attach it again afterwards, or have it put back: install_hooks(keep=[handler])"
            if gone
            else "undo that, or attach the handler elsewhere"
        )
        self._say(
            "reach", f"{self._named()} {trouble}: errors page nobody. What to do: {advice}", always=True
        )

    def _named(self) -> str:
        handler = self._handler()
        name = self._name if handler is None else handler.name or self._name
        return name if name == NAMED else f"{NAMED} {name!r}"

    # --- the end of the process and its forks -----------------------------------------------------------

    def retry_now(self) -> None:
        """There is nothing to retry."""

    def finish(self, timeout: float) -> None:
        """There is nothing to wait for."""

    def report_undelivered(self) -> None:
        """Report what has removed the handler, if there was no time before."""
        handler = self._handler()
        cut_off = handler is not None and bool(attachment_of(handler).at)
        known = cut_off or self._is_configured or self._is_dropped or self._removed_by
        trouble = self.trouble() if known else ""
        if trouble and not (self._stage == "reported" or self.keepers or self._has_successor()):
            self._report(trouble)

    def after_fork_in_child(self) -> None:
        """Leave it to the parent to report what happened there."""
        if self._is_dropped or self._removed_by:
            self._stage = "reported"


class _Pace:
    """How often the worker checks: the longer it has nothing to do, the less often."""

    def __init__(self) -> None:
        self._pause = BETWEEN_GLANCES
        self.next_at = monotonic() + self._pause

    def is_time(self, now: float, awake: bool) -> bool:
        """Return whether to check now; `awake`: there was something to do."""
        if awake:
            self._pause = BETWEEN_GLANCES
            self.next_at = min(self.next_at, now + self._pause)
        if now < self.next_at:
            return False
        self.next_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_GLANCE)
        return True
