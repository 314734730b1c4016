"""An event that was accepted, and its bytes: whole, marked as late, or with the bare minimum."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from pagerduty_logging.delivery.decisions import Verdict
from pagerduty_logging.events_api.decoding import decode, with_detail
from pagerduty_logging.events_api.encoding import EncodedEvent, encode
from pagerduty_logging.events_api.errors import ApiError, EventsError
from pagerduty_logging.events_api.events import Event, Severity, Trigger
from pagerduty_logging.state.problem import Outcome
from pagerduty_logging.state.protocol import Mine

DELAYED = 300.0
"""Seconds after which an event says how late it is."""
BARE_SUMMARY_CHARS = 200
_FIGURES = ("occurrences", "suppressed")


class Kind(enum.IntEnum):
    """What an event is, in the order of sending within one severity."""

    SUMMARY = 0
    """Of the events that there was no room for."""
    NEWS = 1
    REMINDER = 2
    """It is about a known problem."""


@dataclass(slots=True, eq=False)
class Pending:
    """An event that was accepted and has not reached its end.

    Attributes:
        dedup_key: events with the same one keep their order.
        severity: how much it matters.
        kind: which of its severity go first.
        accepted_at: on the delivery's clock.
        compose: makes the event, from plain data, when it is its turn.
        settle: takes once what became of the event; returns how many records it stood for.
        label: names the line that it comes from. Named on stderr if it is lost: nothing that was logged,
            which may be secret.
        size: bytes of memory that it takes, about.
        encoded: what is sent, once it is composed.
        refused: what PagerDuty refused, once there is nothing but the barest form left to try.
        bare: whether it is in its barest form already.
        attempts: how often it failed, since all that waits was last tried at once.
        tried: whether this process has made an attempt.
        due: it is not tried before, on the delivery's clock.
        ticket: its file's name in the spool; None if it is in memory only.
        why: the reason it is sent, in words; "" for what is no alert.
        decided: takes note of what became of it, and why.
        logger: that its record came of; empty: of none.
        line: the file and number of the line that it comes from, whatever logger an outsider's text made it
            log to; empty: not known.
        take: takes what a shared state knows, for the event to tell; returns the trigger that was composed
            before, if there is one, with that in it.
        follow_up: whether it only reports the size of a problem, within its window.
        held: whether it only waits for what another process does.
        packed: takes the bytes, each time they are made; those of the barest form apart.
        made: the event, if it was made ahead and has no bytes yet.
    """

    dedup_key: str
    severity: Severity
    kind: Kind
    accepted_at: float
    compose: Callable[[], Event]
    settle: Callable[[Outcome], int]
    label: str
    size: int = 1_000
    encoded: EncodedEvent | None = None
    refused: EncodedEvent | None = None
    bare: bool = False
    attempts: int = 0
    tried: bool = False
    due: float = -math.inf
    ticket: str | None = None
    why: str = ""
    decided: Callable[[Verdict, str], object] | None = None

    @property
    def turn(self) -> str:
        """Whose turn it is: events of one line take turns with those of other lines."""
        return self.line or self.label

    def note(self, verdict: Verdict, reason: str) -> None:
        """Take note of what became of it."""
        if self.decided is not None:
            self.decided(verdict, reason)

    logger: str = ""
    line: str = ""
    take: Callable[[Mine, Trigger | None], Trigger | None] | None = None
    follow_up: bool = False
    held: bool = False
    packed: Callable[[EncodedEvent], object] | None = None
    made: Event | None = None


def nobody_waits(outcome: Outcome) -> int:
    """Settle nothing: no record of this process made the event."""
    return 1


def packed(pending: Pending) -> EncodedEvent:
    """Return an event's bytes, made once; its source is released."""
    encoded = pending.encoded
    if encoded is None:
        encoded = _encoded(pending, pending.made or pending.compose())
    return encoded


def _encoded(pending: Pending, event: Event) -> EncodedEvent:
    encoded = pending.encoded = encode(event)
    pending.made = None
    if pending.kind is not Kind.SUMMARY:
        pending.compose = partial(decode, encoded)
    if pending.packed is not None and not pending.bare:
        pending.packed(encoded)
    return encoded


def make_ahead(pending: Pending) -> None:
    """Make an event that is likely to be sent in a moment; what fails here fails again then."""
    if pending.encoded is None and not pending.held:
        with suppress(Exception):
            pending.made = pending.compose()


def packed_now(pending: Pending, now: float) -> EncodedEvent:
    """Return what is sent at this time, on the delivery's clock: an event that comes late says so."""
    late = now - pending.accepted_at
    if late < DELAYED:
        return packed(pending)
    return with_detail(packed(pending), "delayed", f"{late / 60:.0f} minutes: PagerDuty was not reached")


def tell(pending: Pending, mine: Mine) -> None:
    """Let an event tell what the shared state knows of its problem, also if it was composed before."""
    if pending.take is None:
        return
    composed = pending.made if pending.encoded is None else decode(pending.encoded)
    taken = pending.take(mine, composed if isinstance(composed, Trigger) else None)
    if taken is not None:
        _encoded(pending, taken)


def bare(pending: Pending, error: EventsError) -> Trigger:
    """Return the least that still pages for an event that PagerDuty, or our own code, could not take."""
    details: dict[str, Any] = {"reduced": f"the full event was not accepted: {trouble(error)}"}
    refused = decode(pending.refused) if pending.refused else None
    said = ""
    if isinstance(refused, Trigger):
        said, shown = refused.summary, refused.custom_details or {}
        if all(type(shown.get(name)) is int for name in _FIGURES):
            details |= {name: shown[name] for name in _FIGURES}  # which no later event reports
    return Trigger(
        f"{said[:BARE_SUMMARY_CHARS]} ({pending.label})",
        severity=pending.severity,
        dedup_key=pending.dedup_key,
        custom_details={**details, "why": pending.why} if pending.why else details,
    )


def trouble(error: EventsError) -> str:
    """Say what went wrong, without PagerDuty's words: they may repeat what the application logged."""
    return f"PagerDuty answered {error.status}" if isinstance(error, ApiError) else str(error)
