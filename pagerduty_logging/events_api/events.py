"""PagerDuty's events and receipts as frozen values.

A value has what its author gave, converted once to plain data: it shares nothing mutable with the caller
and compares by content. PagerDuty's limits are applied when it is encoded (`encoding.py`). What cannot be
encoded at all raises an error here, which names the field.
"""

from __future__ import annotations

import enum
import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from pagerduty_logging.events_api.safejson import JSON, jsonable, text


class Severity(enum.StrEnum):
    """PagerDuty's four severities."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """The order of the severities: 0 is critical, 3 is info."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Link:
    """A link shown with the alert or change.

    Args:
        href: the address; only http and https addresses are sent.
        text: the text of the link; default: PagerDuty shows the address.

    Raises:
        ValueError, TypeError: one of them is not text, or `href` is empty.
    """

    href: str
    text: str | None = None

    def __post_init__(self) -> None:
        require_text("links", self.href)
        _optional_text("links", self.text)


@dataclass(frozen=True, slots=True)
class Image:
    """An image shown with the alert.

    Args:
        src: the address of the image; PagerDuty wants https, plain http is sent unchanged.
        href: the address that a click opens; default: none.
        alt: the alternative text.

    Raises:
        ValueError, TypeError: one of them is not text, or `src` is empty.
    """

    src: str
    href: str | None = None
    alt: str | None = None

    def __post_init__(self) -> None:
        require_text("images", self.src)
        _optional_text("images", self.href)
        _optional_text("images", self.alt)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Something is wrong: open an alert, or add to the open one with the same dedup key.

    Fields and their meaning: PagerDuty/api-schema, Events API v2 (`createV2Event`).

    Args:
        summary: what broke, in a sentence; longer than PagerDuty's 1,024 characters it is cut, with a mark.
        severity: "critical", "error", "warning" or "info".
        source: what is affected; default: this machine's host name.
        dedup_key: identifies the alert; a key over 255 characters is hashed; default, and for "": a new key,
            made when the event is encoded, before the first attempt.
        timestamp: when it happened: a `datetime` (a naive one is local time) or ISO 8601 text;
            default: when PagerDuty receives it.
        component, group, event_class: PagerDuty's fields `component`, `group` and `class`.
        custom_details: anything; what JSON does not know is shown as text, and what is not a mapping
            appears under "details".
        links: `Link`s, URLs, or mappings with "href" and "text".
        images: `Image`s, URLs, or mappings with "src", "href" and "alt".
        client, client_url: the program that reports the problem, and the address of its page.

    Raises:
        ValueError, TypeError: a field is wrong; the message names it.
    """

    summary: str
    _: KW_ONLY
    severity: Severity | str = Severity.ERROR
    source: str | None = None
    dedup_key: str | None = None
    timestamp: datetime | str | None = None
    component: str | None = None
    group: str | None = None
    event_class: str | None = None
    custom_details: Any = None
    links: Sequence[Link | str | Mapping[str, str]] = ()
    images: Sequence[Image | str | Mapping[str, str]] = ()
    client: str | None = None
    client_url: str | None = None

    def __post_init__(self) -> None:
        require_text("summary", self.summary)
        set_field = object.__setattr__
        set_field(self, "severity", _severity(self.severity))
        set_field(self, "source", _source(self.source))
        set_field(self, "dedup_key", _unless_blank("dedup_key", self.dedup_key))
        set_field(self, "timestamp", _timestamp(self.timestamp))
        for name in ("component", "group", "event_class", "client", "client_url"):
            _optional_text(name, getattr(self, name))
        set_field(self, "custom_details", _details(self.custom_details))
        set_field(self, "links", _links(self.links))
        set_field(self, "images", _images(self.images))

    def with_plain_details(self, details: dict[str, JSON]) -> Trigger:
        """Return a copy with other details, which are plain data already and are not converted again."""
        return rewritten(self, custom_details=details)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Somebody works on it: the alert with this dedup key stops paging.

    Args:
        dedup_key: the alert's.
        summary, custom_details: optional; they go into the alert's log.

    Raises:
        ValueError, TypeError: a field is wrong; the message names it.
    """

    dedup_key: str
    _: KW_ONLY
    summary: str | None = None
    custom_details: Any = None

    def __post_init__(self) -> None:
        _check_follow_up(self)


@dataclass(frozen=True, slots=True)
class Resolve:
    """It is over: the alert with this dedup key is resolved.

    Args:
        dedup_key: the alert's.
        summary, custom_details: optional; they go into the alert's log.

    Raises:
        ValueError, TypeError: a field is wrong; the message names it.
    """

    dedup_key: str
    _: KW_ONLY
    summary: str | None = None
    custom_details: Any = None

    def __post_init__(self) -> None:
        _check_follow_up(self)


@dataclass(frozen=True, slots=True)
class Change:
    """A change made on purpose, such as a deploy: shown beside alerts, without paging.

    PagerDuty keeps it for 90 days, and refuses it for a routing key that begins with "R" (a ruleset's).

    Args:
        summary: what changed; longer than PagerDuty's 1,024 characters it is cut, with a mark.
        source: what was changed; default: this machine's host name.
        timestamp: when: a `datetime` (a naive one is local time) or ISO 8601 text; default: now.
        custom_details: anything, as in `Trigger`.
        links: `Link`s, URLs, or mappings with "href" and "text".

    Raises:
        ValueError, TypeError: a field is wrong; the message names it.
    """

    summary: str
    _: KW_ONLY
    source: str | None = None
    timestamp: datetime | str | None = None
    custom_details: Any = None
    links: Sequence[Link | str | Mapping[str, str]] = ()

    def __post_init__(self) -> None:
        require_text("summary", self.summary)
        set_field = object.__setattr__
        set_field(self, "source", _source(self.source))
        set_field(self, "timestamp", _timestamp(self.timestamp))
        set_field(self, "custom_details", _details(self.custom_details))
        set_field(self, "links", _links(self.links))


Event: TypeAlias = Trigger | Acknowledge | Resolve | Change


_E = TypeVar("_E", Trigger, Change)


def made(kind: type[_E], **fields: Any) -> _E:
    """Return an event with all these fields, unchecked: our own code has made or checked them."""
    event = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(event, name, value)
    return event


def rewritten(event: _E, **fields: Any) -> _E:
    """Return `event` with other values in some fields, unchecked: they came from an event."""
    other, put = object.__new__(type(event)), object.__setattr__
    for name in event.__slots__:
        put(other, name, fields[name] if name in fields else getattr(event, name))
    return other


@dataclass(frozen=True, slots=True)
class Receipt:
    """PagerDuty has accepted an event.

    Attributes:
        status: PagerDuty's status, normally "success".
        message: PagerDuty's message, such as "Event processed"; "" if there is none.
        dedup_key: the alert's, to acknowledge or resolve it: always there for a trigger, an acknowledge and a
            resolve, also where no key was given; None for a change, which opens no alert.
    """

    status: str
    message: str
    dedup_key: str | None

    def __str__(self) -> str:
        return json.dumps({"status": self.status, "message": self.message, "dedup_key": self.dedup_key})


def this_host() -> str:
    """Return this machine's host name: the source of an event that names none."""
    return socket.gethostname() or "unknown"


def require_text(field: str, value: object) -> None:
    """Raise a TypeError or ValueError that names the field, unless the value is a text that is not blank."""
    if not isinstance(value, str):
        raise TypeError(f"{field} must be text, not {type(value).__name__}")
    if not value.strip():
        raise ValueError(f"{field} must not be empty")


def _optional_text(field: str, value: str | None) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{field} must be text or None, not {type(value).__name__}")
    return value


def _unless_blank(field: str, value: str | None) -> str | None:
    return value if (_optional_text(field, value) or "").strip() else None


def _severity(value: Severity | str) -> Severity:
    try:
        return Severity(value)
    except ValueError:
        raise ValueError(f"severity must be one of {', '.join(Severity)}, not {text(value, 80)}") from None


def _source(value: str | None) -> str:
    return _unless_blank("source", value) or this_host()


def _timestamp(value: datetime | str | None) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("timestamp must be ISO 8601, such as 2026-01-31T08:15:00Z") from None
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise TypeError(f"timestamp must be a datetime or text, not {type(value).__name__}")
    try:
        return value.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        raise ValueError("timestamp is out of the range that UTC can say") from None


def _details(value: object) -> dict[str, JSON] | None:
    if value is None:
        return None
    plain = jsonable(value)
    return plain if isinstance(plain, dict) else {"details": plain}


def _links(values: object) -> tuple[Link, ...]:
    return tuple(_item("links", Link, value) for value in _several("links", values))


def _images(values: object) -> tuple[Image, ...]:
    return tuple(_item("images", Image, value) for value in _several("images", values))


def _several(field: str, values: Any) -> Iterable[Any]:
    if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
        raise TypeError(f"{field} must be a list, not {type(values).__name__}")
    return values


_LinkOrImage = TypeVar("_LinkOrImage", Link, Image)


def _item(field: str, kind: type[_LinkOrImage], value: Any) -> _LinkOrImage:
    if isinstance(value, kind):
        return value
    if isinstance(value, str):
        return kind(value)
    if not isinstance(value, Mapping):
        raise TypeError(f"{field} must hold {kind.__name__}s, URLs or mappings")
    names = list(kind.__dataclass_fields__)
    if names[0] not in value or not set(value) <= set(names):
        raise ValueError(f"{field}: a mapping must have {names[0]} and may have {', '.join(names[1:])}")
    return kind(**value)


def _check_follow_up(event: Acknowledge | Resolve) -> None:
    require_text("dedup_key", event.dedup_key)
    object.__setattr__(event, "summary", _unless_blank("summary", event.summary))
    object.__setattr__(event, "custom_details", _details(event.custom_details))
