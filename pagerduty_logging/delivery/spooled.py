"""Pending events and their files in the spool: each has one from its acceptance to its end.

Times are on the delivery's clock; files, which outlive it, have the time of day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from pagerduty_logging.delivery.body import BodyOf
from pagerduty_logging.delivery.event import Kind, Named, Pending, nobody_waits
from pagerduty_logging.delivery.spool import Spool, SpooledEvent
from pagerduty_logging.events_api.clock import time_of_day
from pagerduty_logging.events_api.decoding import decode

LOOK_AROUND = 5.0
"""Seconds between two searches of the spool for files without a living owner."""


class SpooledEvents:
    """The events of one process that are in a spool.

    Args:
        spool: the directory.
        max_pending: how many events the process may have.
        now: on the delivery's clock.
        time_of_day: seconds since the epoch.
    """

    def __init__(
        self, spool: Spool, max_pending: int, now: float, time_of_day: Callable[[], float] = time_of_day
    ) -> None:
        self._spool = spool
        self._max_pending = max_pending
        self._look_at = now + LOOK_AROUND
        self._time_of_day = time_of_day

    @property
    def shared(self) -> bool:
        """Whether there are others whose events may have to be adopted."""
        return self._spool.shared

    def save(self, pending: Pending, now: float) -> None:
        """Write an event to disk, as the bytes that are sent, on the thread that submits it."""
        try:
            encoded = pending.body.packed()
        except Exception:
            return  # the sender meets the same failure, and sends what can be said
        pending.body.release()
        pending.body.size = len(encoded.json)
        age = now - pending.accepted_at
        pending.ticket = self._spool.write(
            SpooledEvent(
                encoded=encoded,
                severity=pending.severity,
                known=pending.kind >= Kind.REMINDER,
                accepted=self._time_of_day() - age,
                label=pending.caller.label,
                bare=pending.body.bare,
            )
        )

    def forget(self, pending: Pending, refused: bool = False) -> None:
        """Delete the file of a finished event; keep that of a refused one separately."""
        if pending.ticket is None:
            return
        if refused:
            self._spool.set_aside(pending.ticket)
        else:
            self._spool.remove(pending.ticket)

    def look_around(self, now: float, pending: int, *, at_once: bool = False) -> Iterator[Pending]:
        """Take over what dead processes left, as far as there is room; every few seconds, or at once.

        Args:
            now: on the delivery's clock.
            pending: how many events this process has.
            at_once: whether not to wait until it is time.
        """
        if not at_once:
            if now < self._look_at:
                return
            self._look_at = now + LOOK_AROUND
            if pending:
                self.show_life(0.0)
        time_of_day = self._time_of_day()
        for ticket, kept in self._spool.adopt(self._max_pending - pending):
            yield Pending(
                dedup_key=kept.encoded.dedup_key or "",
                severity=kept.severity,
                kind=Kind.REMINDER if kept.known else Kind.NEWS,
                accepted_at=now - max(time_of_day - kept.accepted, 0.0),
                body=BodyOf(
                    partial(decode, kept.encoded),
                    size=len(kept.encoded.json),
                    encoded=kept.encoded,
                    bare=kept.bare,
                ),
                settle=nobody_waits,  # repeats were counted in the process that logged it
                caller=Named(kept.label),
                ticket=ticket,
            )

    def show_life(self, seconds: float) -> None:
        """Show the other processes that this one lives, for so many seconds."""
        with suppress(OSError):
            self._spool.live(seconds)

    def sign_off(self) -> None:
        """Delete the lease: what is left belongs to other processes."""
        self._spool.sign_off()
