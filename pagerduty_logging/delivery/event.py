"""The bytes of an event: whole, told late, or as bare as can be."""

from __future__ import annotations

from functools import partial

from pagerduty_logging.delivery.schedule import Pending
from pagerduty_logging.events_api.decoding import decode, with_detail
from pagerduty_logging.events_api.encoding import EncodedEvent, encode
from pagerduty_logging.events_api.errors import ApiError, EventsError
from pagerduty_logging.events_api.events import Trigger

DELAYED = 300.0
"""Seconds after which an event tells how late it comes."""
BARE_SUMMARY_CHARS = 200


def packed(pending: Pending) -> EncodedEvent:
    """Return an event's bytes, made once; what they were made of is let go."""
    if pending.encoded is None:
        pending.encoded = encode(pending.compose())
        if not pending.first:
            pending.compose = partial(decode, pending.encoded)
    return pending.encoded


def packed_now(pending: Pending, now: float) -> EncodedEvent:
    """Return what is sent at this time, on the delivery's clock: an event that comes late says so."""
    late = now - pending.accepted_at
    if late < DELAYED:
        return packed(pending)
    return with_detail(packed(pending), "delayed", f"{late / 60:.0f} minutes: PagerDuty was not reached")


def bare(pending: Pending, error: EventsError) -> Trigger:
    """Return the least that still pages for an event that PagerDuty, or our own code, could not take."""
    refused = decode(pending.refused) if pending.refused else None
    said = refused.summary if isinstance(refused, Trigger) else ""
    return Trigger(
        f"{said[:BARE_SUMMARY_CHARS]} ({pending.label})",
        severity=pending.severity,
        dedup_key=pending.dedup_key,
        custom_details={"reduced": f"the full event was not accepted: {trouble(error)}"},
    )


def trouble(error: EventsError) -> str:
    """Say what went wrong, without a word of an answer: it may repeat what the program logged."""
    return f"PagerDuty answered {error.status}" if isinstance(error, ApiError) else str(error)
