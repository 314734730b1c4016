"""The content of a spool file: an event as JSON, which is checked as untrusted input."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pagerduty_logging.events_api.decoding import decode
from pagerduty_logging.events_api.encoding import (
    ALERTS_PATH,
    CHANGES_PATH,
    MAX_DEDUP_KEY_CHARS,
    MAX_EVENT_BYTES,
    EncodedEvent,
)
from pagerduty_logging.events_api.events import Change, Severity
from pagerduty_logging.events_api.routing_key import RoutingKey

FORMAT = 1
"""Version of the files; those of a later version are ignored."""
LATEST = 253_402_300_799.0
"""Seconds since the epoch at the end of the year 9999: no event was accepted later."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledEvent:
    """An event as it is kept on disk.

    Attributes:
        encoded: the bytes that are sent.
        severity: of the event.
        known: whether its problem was reported before.
        accepted: when, in seconds since the epoch.
        label: the event's name in notices.
        bare: whether it is in its barest form already.
    """

    encoded: EncodedEvent
    severity: Severity
    known: bool
    accepted: float
    label: str
    bare: bool = False


class LeftAlone(Exception):
    """A valid file that is not for us."""


class Broken(Exception):
    """A file that holds something other than an event that we wrote."""


def digest(routing_key: RoutingKey) -> str:
    """Return the digest of a routing key, which a spool has in its place."""
    return hashlib.sha256(b"pagerduty-logging:" + routing_key.reveal().encode()).hexdigest()[:16]


def dumped(kept: SpooledEvent, addressee: str | None) -> bytes:
    """Return the content of a file."""
    event = kept.encoded.json.decode()
    entry = {
        "version": FORMAT,
        "for": addressee,
        "path": kept.encoded.path,
        "dedup_key": kept.encoded.dedup_key,
        "severity": str(kept.severity),
        "known": kept.known,
        "accepted": kept.accepted,
        "label": kept.label,
        "bare": kept.bare,
        "crc32": zlib.crc32(kept.encoded.json),
        "event": event,
    }
    return json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace")


def loaded(content: bytes, addressee: str | None) -> SpooledEvent:
    """Return what a file holds.

    Args:
        content: any bytes.
        addressee: the digest of the routing key whose events are wanted; None: any.

    Raises:
        LeftAlone: it is for another routing key, or a later version wrote it.
        Broken: it is something else.
    """
    try:
        return _loaded(content, addressee)
    except LeftAlone:
        raise
    except Exception as error:  # JSON of any shape is possible, and nearly every line may raise
        raise Broken(type(error).__name__) from None


def _loaded(content: bytes, addressee: str | None) -> SpooledEvent:
    entry = _is(json.loads(content), dict)
    version = _is(entry["version"], int)
    if version > FORMAT:
        raise LeftAlone("a later version wrote them")
    if version != FORMAT:
        raise ValueError("no version of the format")
    if addressee is not None and _is(entry["for"], str) != addressee:
        raise LeftAlone("they are for another routing key")
    event = _is(entry["event"], str).encode()
    if zlib.crc32(event) != entry["crc32"]:
        raise ValueError("the event is not what was written")
    accepted = float(entry["accepted"])
    if not 0 <= accepted <= LATEST:
        raise ValueError("no time")
    return SpooledEvent(
        encoded=_encoded(_is(entry["path"], str), event, entry["dedup_key"]),
        severity=Severity(_is(entry["severity"], str)),
        known=_is(entry["known"], bool),
        accepted=accepted,
        label=_is(entry["label"], str),
        bare=_is(entry["bare"], bool),
    )


def _encoded(path: str, event: bytes, dedup_key: Any) -> EncodedEvent:
    """Return the event, if it is one that may follow our routing key to PagerDuty."""
    body = json.loads(event, parse_constant=_no_constant)
    # The routing key is inserted after the first brace; no second one may follow.
    if not event.startswith(b'{"') or len(event) > MAX_EVENT_BYTES or "routing_key" in _is(body, dict):
        raise ValueError("no event of ours")
    if body.get("dedup_key") != dedup_key:
        raise ValueError("two dedup keys")
    encoded = EncodedEvent(path, event, dedup_key)
    if isinstance(decode(encoded), Change):
        fits = path == CHANGES_PATH and dedup_key is None and "event_action" not in body
    else:
        fits = path == ALERTS_PATH and 0 < len(_is(dedup_key, str)) <= MAX_DEDUP_KEY_CHARS
    payload = _is(body.get("payload", {}), dict)
    if not fits or not isinstance(payload.get("custom_details", {}), dict):
        raise ValueError("no event of ours")
    return encoded


def _is(value: Any, kind: type[_T]) -> _T:
    """Return `value`, if it is of exactly this type: True is not a number."""
    if type(value) is not kind:
        raise TypeError(f"not a {kind.__name__}")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
