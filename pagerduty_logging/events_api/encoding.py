"""An event becomes the bytes that PagerDuty accepts: its limits are kept here, and visibly.

The bytes hold no routing key: they can be kept, compared and written to disk. The key joins them at
the last moment, in `transport.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
from pagerduty_logging.safejson import JSON, valid_text

MAX_SUMMARY_CHARS = 1024
"""PagerDuty refuses longer summaries with a 400.
Source: PagerDuty/developer-docs, docs/events-API-v2/02-Trigger-Events.md; prometheus/alertmanager 1700."""
MAX_DEDUP_KEY_CHARS = 255
"""Source: PagerDuty/developer-docs, docs/events-API-v2/02-Trigger-Events.md."""
MAX_EVENT_BYTES = 512_000
"""Bytes of the whole encoded event.
Source: "512 KB" in PagerDuty's docs, read as 512,000 by prometheus/alertmanager:notify/pagerduty."""
MAX_FIELD_CHARS = 1024
"""Our own bound for the fields to which PagerDuty documents none, so that they cannot fill an event."""
MAX_ROUTING_KEY_CHARS = 255
"""Room kept for the routing key, which joins the event after its size was fitted."""

_LEFT_OUT = "left_out"
_MAX_NOTES = 50
_MARK = "…"
_LINE_BREAKS_AND_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """An event ready to be sent, the same bytes at every attempt.

    Attributes:
        path: where it goes, below the base URL.
        json: the event's JSON object, in UTF-8, without a routing key.
        dedup_key: of its alert; None for a change.
    """

    path: str
    json: bytes
    dedup_key: str | None


def encode(event: Event) -> EncodedEvent:
    """Return `event` as PagerDuty takes it; a trigger without a dedup key is given one.

    Too long a summary is cut and marked, too long a dedup key is hashed; links and images that are
    not http(s) are left out; then custom details are left out, biggest first, until the event is
    small enough. The details' own "left_out" says what was left out.
    """
    match event:
        case Trigger():
            return _fitted("/v2/enqueue", _trigger(event))
        case Acknowledge():
            return _fitted("/v2/enqueue", _follow_up("acknowledge", event))
        case Resolve():
            return _fitted("/v2/enqueue", _follow_up("resolve", event))
        case Change():
            return _fitted("/v2/change/enqueue", _change(event))
    raise TypeError(f"not an event: {type(event).__name__}")


def fit_dedup_key(key: str) -> str:
    """Return `key` as it goes over the wire: itself, or its hash if PagerDuty would find it too long."""
    key = valid_text(key)
    if len(key) <= MAX_DEDUP_KEY_CHARS:
        return key
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def new_dedup_key() -> str:
    """Return a key that no other event has."""
    return os.urandom(16).hex()


class _Draft:
    """An event's JSON object while it is fitted, and the notes of what was left out of it."""

    def __init__(self, body: dict[str, Any], details: dict[str, JSON] | None) -> None:
        self.body = body
        self.details = dict(details or {})
        self.notes: list[str] = []

    def encoded(self) -> bytes:
        payload = self.body.get("payload")
        if payload is not None:
            details: dict[str, Any] = dict(self.details)
            if self.notes:
                shown = self.notes[:_MAX_NOTES]
                if len(self.notes) > _MAX_NOTES:
                    shown.append(f"and {len(self.notes) - _MAX_NOTES} more")
                details[_LEFT_OUT] = shown
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
                    "severity": str(event.severity),
                    "source": _line(event.source) or "unknown",
                    "timestamp": _timestamp(event.timestamp),
                    "component": _line(event.component),
                    "group": _line(event.group),
                    "class": _line(event.event_class),
                }
            ),
            **_without_none({"client": _line(event.client), "client_url": _client_url(event.client_url)}),
        },
        event.custom_details,
    )
    if event.client_url is not None and "client_url" not in draft.body:
        draft.notes.append("the client URL, which is not http or https")
    _attach(draft, "links", event.links)
    _attach(draft, "images", event.images)
    return draft


def _follow_up(action: str, event: Acknowledge | Resolve) -> _Draft:
    body: dict[str, Any] = {"event_action": action, "dedup_key": fit_dedup_key(event.dedup_key)}
    if event.summary is not None or event.custom_details is not None:
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
        "source": _line(event.source),
        "timestamp": _timestamp(event.timestamp),
    }
    draft = _Draft({"payload": _without_none(payload)}, event.custom_details)
    _attach(draft, "links", event.links)
    return draft


def _attach(draft: _Draft, field: str, items: Any) -> None:
    kept = []
    for item in items:
        shown = _item(item)
        if shown is None:
            draft.notes.append(f"one of the {field}, which is not http or https, or too long")
        else:
            kept.append(shown)
    if kept:
        draft.body[field] = kept


def _item(item: Link | Image) -> dict[str, str] | None:
    if isinstance(item, Link):
        shown = {"href": item.href, "text": _line(item.text)}
        addresses = [item.href]
    else:
        shown = {"src": item.src, "href": item.href, "alt": _line(item.alt)}
        addresses = [item.src] if item.href is None else [item.src, item.href]
    return _without_none(shown) if all(map(_is_web_address, addresses)) else None


def _is_web_address(url: str) -> bool:
    return (
        url.lower().startswith(("https://", "http://"))
        and len(url) <= 2 * MAX_FIELD_CHARS
        and valid_text(url) == url
    )


def _client_url(url: str | None) -> str | None:
    return url if url is not None and _is_web_address(url) else None


def _fitted(path: str, draft: _Draft) -> EncodedEvent:
    limit = MAX_EVENT_BYTES - MAX_ROUTING_KEY_CHARS - len('"routing_key":"",')
    encoded = draft.encoded()
    while len(encoded) > limit:
        _leave_out_biggest(draft, at_least=len(encoded) - limit)
        encoded = draft.encoded()
    return EncodedEvent(path, encoded, draft.body.get("dedup_key"))


def _leave_out_biggest(draft: _Draft, at_least: int) -> None:
    """Take details out, biggest first, `at_least` so many bytes; without any, links and images."""
    sizes = {name: len(_dumps({name: value})) for name, value in draft.details.items()}
    if not sizes:
        field = "images" if "images" in draft.body else "links"
        draft.notes.append(f"all {len(draft.body.pop(field))} {field}")
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if at_least <= 0:
            break
        del draft.details[name]
        draft.notes.append(f"{_cut(name, 80)} ({sizes[name]:,} bytes)")
        at_least -= sizes[name]


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _summary(summary: str) -> str:
    return _cut(_one_line(summary), MAX_SUMMARY_CHARS) or "(a summary that cannot be shown)"


def _line(field: str | None) -> str | None:
    return None if field is None else _cut(_one_line(field), MAX_FIELD_CHARS)


def _one_line(field: str) -> str:
    return _LINE_BREAKS_AND_CONTROLS.sub(" ", valid_text(field)).strip()


def _cut(field: str, limit: int) -> str:
    return field if len(field) <= limit else field[: limit - len(_MARK)] + _MARK


def _timestamp(when: datetime | str | None) -> str | None:
    return when.isoformat() if isinstance(when, datetime) else when


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
