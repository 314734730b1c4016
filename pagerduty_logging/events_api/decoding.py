"""Decodes events from bytes, for events that outlived the process that made them."""

from __future__ import annotations

import json
from typing import Any

from pagerduty_logging.events_api.encoding import MAX_EVENT_BYTES, ROUTING_KEY_BYTES, EncodedEvent
from pagerduty_logging.events_api.events import Acknowledge, Change, Event, Resolve, Trigger

_ROOM = MAX_EVENT_BYTES - ROUTING_KEY_BYTES


def decode(encoded: EncodedEvent) -> Event:
    """Return the event that these bytes encode."""
    body: dict[str, Any] = json.loads(encoded.json)
    payload: dict[str, Any] = body.get("payload") or {}
    match body.get("event_action"):
        case "trigger":
            return Trigger(
                payload["summary"],
                severity=payload["severity"],
                source=payload["source"],
                dedup_key=body["dedup_key"],
                timestamp=payload.get("timestamp"),
                component=payload.get("component"),
                group=payload.get("group"),
                event_class=payload.get("class"),
                custom_details=payload.get("custom_details"),
                links=body.get("links", ()),
                images=body.get("images", ()),
                client=body.get("client"),
                client_url=body.get("client_url"),
            )
        case "acknowledge":
            kind: type[Acknowledge | Resolve] = Acknowledge
        case "resolve":
            kind = Resolve
        case _:
            return Change(
                payload["summary"],
                source=payload.get("source"),
                timestamp=payload.get("timestamp"),
                custom_details=payload.get("custom_details"),
                links=body.get("links", ()),
            )
    return kind(
        body["dedup_key"],
        summary=payload.get("summary"),
        custom_details=payload.get("custom_details"),
    )


def summary_of(encoded: EncodedEvent) -> str:
    """Return the summary of a trigger; empty: it is none."""
    body: dict[str, Any] = json.loads(encoded.json)
    return str(body["payload"]["summary"]) if body.get("event_action") == "trigger" else ""


def with_detail(encoded: EncodedEvent, name: str, text: str) -> EncodedEvent:
    """Return the event with one more custom detail; unchanged if it has no room for one."""
    body: dict[str, Any] = json.loads(encoded.json)
    payload = body.get("payload")
    if payload is None:
        return encoded
    payload["custom_details"] = {**payload.get("custom_details", {}), name: text}
    longer = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return EncodedEvent(encoded.path, longer, encoded.dedup_key) if len(longer) < _ROOM else encoded
