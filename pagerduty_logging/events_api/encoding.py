"""Encodes events as bytes that PagerDuty accepts. Its limits are applied here; what is cut is marked.

The bytes contain no routing key, so they can be kept, compared and written to disk. The key is added at the
last moment, in `transport.py`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pagerduty_logging.events_api.address import MAX_ADDRESS_CHARS, is_web_address
from pagerduty_logging.events_api.events import (
    Acknowledge,
    Change,
    Event,
    Image,
    Link,
    Resolve,
    Trigger,
    this_host,
)
from pagerduty_logging.events_api.safejson import JSON, free_name
from pagerduty_logging.events_api.text import is_one_line, one_line, shorten

ALERTS_PATH, CHANGES_PATH = "/v2/enqueue", "/v2/change/enqueue"
"""Paths below the base URL. Source: PagerDuty/api-schema, Events API v2."""
MAX_SUMMARY_CHARS = 1024
"""PagerDuty refuses longer summaries with a 400.
Source: PagerDuty/developer-docs, docs/events-API-v2/02-Trigger-Events.md; prometheus/alertmanager 1700."""
MAX_DEDUP_KEY_CHARS = 255
"""Source: PagerDuty/developer-docs, docs/events-API-v2/02-Trigger-Events.md."""
MAX_EVENT_BYTES = 512_000
"""Bytes of the whole encoded event.
Source: "512 KB" in PagerDuty's docs, read as 512,000 by prometheus/alertmanager:notify/pagerduty."""
MAX_FIELD_CHARS = 1024
"""Our own limit for fields without a documented one, so that they cannot fill an event."""
MAX_ATTACHMENTS = 500
"""Our own limit for the number of links, and of images."""

ROUTING_KEY_BYTES = 4_096
"""Bytes reserved for the routing key in JSON, which is added after the event was fitted."""
_OMITTED = "left_out"
_NO_ADDRESS = f"not an http or https address of at most {MAX_ADDRESS_CHARS:,} characters"
_MAX_NOTES = 50
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """An event ready to be sent, the same bytes at every attempt.

    Attributes:
        path: the path below the base URL.
        json: the event's JSON object, in UTF-8, without a routing key.
        dedup_key: the dedup key of its alert; None for a change.
    """

    path: str
    json: bytes
    dedup_key: str | None


def encode(event: Event) -> EncodedEvent:
    """Encode `event` as PagerDuty accepts it; a trigger without a dedup key gets one.

    A summary that is too long is cut and marked, a dedup key that is too long is hashed, and links and images
    that are not http(s) are left out; then the largest of custom details, links and images are left out until
    the event is small enough. The custom detail "left_out" says what was left out.

    Raises:
        TypeError: `event` is not an event.
    """
    if not isinstance(event, (Trigger, Acknowledge, Resolve, Change)):
        raise TypeError(f"not an event: {type(event).__name__}")
    try:
        return _encoded(event)
    except (TypeError, ValueError, RecursionError):
        # The author may have changed the dict of custom details since: it is converted again.
        return _encoded(dataclasses.replace(event))


def fit_dedup_key(key: str) -> str:
    """Return `key` as it is sent: unchanged, or its hash.

    Hashed are keys over 255 characters, PagerDuty's limit, and keys with control characters or lone
    surrogates, which not every system on the way passes on unchanged. Different keys stay different.
    """
    if len(key) <= MAX_DEDUP_KEY_CHARS and is_one_line(key):
        return key
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_dedup_key() -> str:
    """Return a key that no other event has."""
    return os.urandom(16).hex()


def _encoded(event: Event) -> EncodedEvent:
    match event:
        case Trigger():
            return _fitted(ALERTS_PATH, _trigger(event))
        case Acknowledge():
            return _fitted(ALERTS_PATH, _follow_up("acknowledge", event))
        case Resolve():
            return _fitted(ALERTS_PATH, _follow_up("resolve", event))
        case Change():
            return _fitted(CHANGES_PATH, _change(event))


class _Draft:
    """An event's JSON object while it is fitted, and notes about what was left out."""

    def __init__(self, body: dict[str, Any], details: dict[str, JSON] | None) -> None:
        self.body = body
        self.details = dict(details or {})
        self.notes: list[str] = []

    def attach(self, field: str, items: Sequence[Any]) -> None:
        """Put the items that PagerDuty can show into `field`, and note how many were left out."""
        shown = [
            _shown(item) for item in items[:MAX_ATTACHMENTS] if all(map(is_web_address, _addresses(item)))
        ]
        if shown:
            self.body[field] = shown
        if len(shown) < len(items):
            self.notes.append(
                f"{len(items) - len(shown)} of {len(items)} {field}: {_NO_ADDRESS}, or too many"
            )

    def leave_out(self, at_least: int) -> None:
        """Remove the largest entries, one by one, until `at_least` so many bytes are gone."""
        parts = [(self.details, name) for name in self.details]
        parts += [(self.body, field) for field in ("links", "images") if field in self.body]
        sized = [(len(_dumps({name: holder[name]})), holder, name) for holder, name in parts]
        for size, holder, name in sorted(sized, key=lambda part: part[0], reverse=True):
            if at_least <= 0:
                break
            what = shorten(name, 80) if holder is self.details else f"all {name}"
            self.notes.append(f"{what} ({size:,} bytes)")
            del holder[name]
            at_least -= size

    def encoded(self) -> bytes:
        """Return the JSON text, with the notes among the details."""
        payload = self.body.get("payload")
        if payload is not None:
            details: dict[str, Any] = dict(self.details)
            if self.notes:
                shown = self.notes[:_MAX_NOTES]
                if len(self.notes) > _MAX_NOTES:
                    shown.append(f"and {len(self.notes) - _MAX_NOTES} more")
                details[free_name(_OMITTED, details)] = shown
            payload.pop("custom_details", None)
            if details:
                payload["custom_details"] = details
        return _dumps(self.body)


def _trigger(event: Trigger) -> _Draft:
    draft = _Draft(
        {
            "event_action": "trigger",
            "dedup_key": fit_dedup_key(event.dedup_key or new_dedup_key()),
            "payload": _without_none(
                {
                    "summary": _summary(event.summary),
                    "severity": event.severity,
                    "source": _line(event.source) or "unknown",
                    "timestamp": _timestamp(event.timestamp),
                    "component": _line(event.component),
                    "group": _line(event.group),
                    "class": _line(event.event_class),
                }
            ),
        },
        event.custom_details,
    )
    if event.client and (client := _line(event.client)):
        draft.body["client"] = client
    if event.client_url and is_web_address(event.client_url):
        draft.body["client_url"] = event.client_url
    elif event.client_url:
        draft.notes.append(f"the client URL: {_NO_ADDRESS}")
    if event.links or event.images:
        draft.attach("links", event.links)
        draft.attach("images", event.images)
    return draft


def _follow_up(action: str, event: Acknowledge | Resolve) -> _Draft:
    body: dict[str, Any] = {"event_action": action, "dedup_key": fit_dedup_key(event.dedup_key)}
    if event.summary or event.custom_details:
        # A payload, where there is one, needs these three (PagerDuty/api-schema, Events API v2).
        body["payload"] = {
            "summary": _summary(event.summary or action),
            "severity": "info",
            "source": this_host(),
        }
    return _Draft(body, event.custom_details)


def _change(event: Change) -> _Draft:
    payload = {
        "summary": _summary(event.summary),
        "source": _line(event.source) or "unknown",
        "timestamp": _timestamp(event.timestamp),
    }
    draft = _Draft({"payload": _without_none(payload)}, event.custom_details)
    draft.attach("links", event.links)
    return draft


def _shown(item: Link | Image) -> dict[str, str]:
    if isinstance(item, Link):
        return _without_none({"href": item.href, "text": _line(item.text)})
    return _without_none({"src": item.src, "href": item.href or None, "alt": _line(item.alt)})


def _addresses(item: Link | Image) -> list[str]:
    addresses = [item.href] if isinstance(item, Link) else [item.src, item.href]
    return [address for address in addresses if address]


def _fitted(path: str, draft: _Draft) -> EncodedEvent:
    limit = MAX_EVENT_BYTES - ROUTING_KEY_BYTES
    encoded = draft.encoded()
    while len(encoded) >= limit:
        draft.leave_out(at_least=len(encoded) - limit + 1)
        encoded = draft.encoded()
    return EncodedEvent(path, encoded, draft.body.get("dedup_key"))


def _dumps(value: Any) -> bytes:
    return _JSON.encode(value).encode()


def _summary(summary: str) -> str:
    return one_line(summary, MAX_SUMMARY_CHARS) or "(a summary that cannot be shown)"


def _line(field: str | None) -> str | None:
    return one_line(field, MAX_FIELD_CHARS) or None if field else None


def _timestamp(when: datetime | str | None) -> str | None:
    return when.isoformat() if isinstance(when, datetime) else when


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
