"""An event that was accepted: whose it is, when it may go, and its forms when it is late or was refused."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from pagerduty_logging.delivery.body import Body, BodyOf
from pagerduty_logging.delivery.decisions import Verdict
from pagerduty_logging.events_api.decoding import decode, with_detail
from pagerduty_logging.events_api.encoding import EncodedEvent
from pagerduty_logging.events_api.errors import ApiError, EventsError
from pagerduty_logging.events_api.events import Severity, Trigger
from pagerduty_logging.state.problem import EventOutcome

DELAYED = 300.0
"""Seconds after which an event says how late it is."""
BARE_SUMMARY_CHARS = 200
AT_ONCE = -math.inf
"""When an event is due that waits for nothing: the one object for all of them."""
_FIGURES = ("occurrences", "suppressed")


class Kind(enum.IntEnum):
    """What an event is, in the order of sending within one severity."""

    SUMMARY = 0
    """Of the events that there was no room for."""
    NEWS = 1
    REMINDER = 2
    """It is about a known problem."""
    FOLLOW_UP = 3
    """It only reports the size of a problem, within its window."""


class Caller(Protocol):
    """The line of the application that an event comes from.

    Attributes:
        label: its name, for stderr if the event is lost: nothing that was logged, which may be secret.
        logger: the logger of the record; empty: there is no record.
        line: file and number, whatever logger an outsider's text made it log to; empty: not known.
    """

    @property
    def label(self) -> str: ...

    @property
    def logger(self) -> str: ...

    @property
    def line(self) -> str: ...

    def decided(self, verdict: Verdict, reason: str) -> object:
        """Take note of what became of the event, and why."""


class Named(NamedTuple):
    """What an event comes from of which no record calls for it; see `Caller`."""

    label: str
    logger: str = ""
    line: str = ""
    note: Callable[[Verdict, str], object] | None = None

    def decided(self, verdict: Verdict, reason: str) -> object:
        return None if self.note is None else self.note(verdict, reason)


@dataclass(slots=True, eq=False)
class Pending:
    """An event that was accepted and has not reached its end.

    Attributes:
        dedup_key: events with the same one keep their order.
        severity: how much it matters.
        kind: which of its severity go first.
        accepted_at: on the delivery's clock.
        body: makes the event, and its bytes.
        settle: takes once what became of the event; returns how many records it stood for.
        caller: the line that it comes from.
        attempts: how often it failed, since all that waits was last tried at once.
        tried: whether this process has made an attempt.
        due: it is not tried before, on the delivery's clock.
        ticket: its file's name in the spool; None if it is in memory only.
        held: whether it only waits for what another process does.
    """

    dedup_key: str
    severity: Severity
    kind: Kind
    accepted_at: float
    body: Body
    settle: Callable[[EventOutcome], int]
    caller: Caller
    attempts: int = 0
    tried: bool = False
    due: float = AT_ONCE
    ticket: str | None = None
    held: bool = False

    @property
    def turn(self) -> str:
        """Whose turn it is: events of one line take turns with those of other lines."""
        return self.caller.line or self.caller.label

    def note(self, verdict: Verdict, reason: str) -> None:
        """Take note of what became of it."""
        self.caller.decided(verdict, reason)


def nobody_waits(outcome: EventOutcome) -> int:
    """Settle nothing: no record of this process made the event."""
    return 1


def packed_now(pending: Pending, now: float) -> EncodedEvent:
    """Return what is sent at this time, on the delivery's clock: an event that comes late says so."""
    encoded, late = pending.body.packed(), now - pending.accepted_at
    if late < DELAYED:
        return encoded
    return with_detail(encoded, "delayed", f"{late / 60:.0f} minutes: PagerDuty was not reached")


def reduced(pending: Pending, error: EventsError) -> Body:
    """Return the least that still pages for an event that PagerDuty, or our own code, could not take."""
    refused, why = pending.body.encoded, pending.body.why
    least = partial(_least, pending, refused, why, error)
    return BodyOf(least, why=why, size=pending.body.size, take=pending.body.take, bare=True, refused=refused)


def _least(pending: Pending, encoded: EncodedEvent | None, why: str, error: EventsError) -> Trigger:
    details: dict[str, Any] = {"reduced": f"the full event was not accepted: {trouble(error)}"}
    refused = decode(encoded) if encoded else None
    said = ""
    if isinstance(refused, Trigger):
        said, shown = refused.summary, refused.custom_details or {}
        if all(type(shown.get(name)) is int for name in _FIGURES):
            details |= {name: shown[name] for name in _FIGURES}  # which no later event reports
    return Trigger(
        f"{said[:BARE_SUMMARY_CHARS]} ({pending.caller.label})",
        severity=pending.severity,
        dedup_key=pending.dedup_key,
        custom_details={**details, "why": why} if why else details,
    )


def trouble(error: EventsError) -> str:
    """Say what went wrong, without PagerDuty's words: they may repeat what the application logged."""
    return f"PagerDuty answered {error.status}" if isinstance(error, ApiError) else str(error)
