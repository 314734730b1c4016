"""The values that a sandbox returns: events, alerts, change events and requests."""

import dataclasses
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Action = Literal["trigger", "acknowledge", "resolve", "change"]
State = Literal["triggered", "acknowledged", "resolved"]
Outcome = Literal["opened", "updated", "dropped", "recorded"]


class RoutingKey(str):
    """A routing key whose repr shows the last four characters only."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'…{self[-4:]}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One line of an alert's history: an event that applied to the alert while it was open.

    `summary` and `severity` are those of a trigger; None for other actions. `why` is the reason that a
    handler gave. `by_hand`: it came from a button of the inbox.
    """

    at: datetime
    action: Action
    summary: str | None
    severity: str | None
    why: str | None = None
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert as PagerDuty would hold it at this moment.

    `number` is unique, also among alerts with the same dedup key. `first_seen` and `last_seen` are when its
    first and its latest trigger arrived, in UTC; `triggers` is the number of triggers; `history` has its
    events, oldest first.
    """

    number: int
    routing_key: RoutingKey
    dedup_key: str
    state: State
    summary: str
    severity: str
    source: str
    component: str | None
    group: str | None
    event_class: str | None
    custom_details: dict[str, Any]
    links: tuple[dict[str, Any], ...]
    images: tuple[dict[str, Any], ...]
    client: str | None
    client_url: str | None
    first_seen: datetime
    last_seen: datetime
    triggers: int
    history: tuple[Occurrence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """A change event; `timestamp` is the sender's own, as sent, and `at` when it arrived, in UTC.

    `number` is unique among change events and alerts.
    """

    number: int
    routing_key: RoutingKey
    summary: str
    source: str | None
    timestamp: str | None
    custom_details: dict[str, Any]
    links: tuple[dict[str, Any], ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedEvent:
    """An event that was answered with 202, or that came from a button of the inbox (`by_hand`).

    `dedup_key` is the one that was sent, or made by the sandbox; None for a change event. `outcome` is what
    happened: it "opened" an alert, "updated" an open one, was "dropped" (an acknowledge or resolve without
    an open alert), or was "recorded" (a change event). `body` is the event as sent.
    """

    at: datetime
    action: Action
    dedup_key: str | None
    outcome: Outcome
    body: dict[str, Any]
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request as it arrived.

    `arrived` is in seconds of the monotonic clock. `status` is the status of the answer; None while there is
    none, and for good after a hang or a reset.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    arrived: float
    status: int | None

    def header(self, name: str) -> str | None:
        """Return the first header of this name, in upper or lower case; None: there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The store's content at one moment: alerts and change events newest first, events oldest first."""

    alerts: tuple[Alert, ...]
    changes: tuple[ChangeEvent, ...]
    events: tuple[AcceptedEvent, ...]


def change_of(number: int, event: AcceptedEvent) -> ChangeEvent:
    """Return the change event of an accepted event."""
    payload = event.body["payload"]
    return ChangeEvent(
        number=number,
        routing_key=event.body["routing_key"],
        summary=payload["summary"],
        source=payload.get("source"),
        timestamp=payload.get("timestamp"),
        custom_details=payload.get("custom_details") or {},
        links=tuple(event.body.get("links") or ()),
        at=event.at,
    )


def size_of(value: Any) -> int:
    """Estimate the bytes of memory of a JSON value; a small one takes many times the length of its text."""
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(map(size_of, value)) + sum(map(size_of, value.values()))
    if isinstance(value, list):
        return size + sum(map(size_of, value))
    return size


def size_of_request(request: Request) -> int:
    """Estimate the bytes of memory of a request."""
    return (
        1_000 + len(request.path) + len(request.body) + sum(200 + len(n) + len(v) for n, v in request.headers)
    )


def copy_of(value: Any) -> Any:
    """Copy a JSON value; `copy.deepcopy` takes several times as long."""
    if isinstance(value, dict):
        return {name: copy_of(item) for name, item in value.items()}
    if isinstance(value, list):
        return [copy_of(item) for item in value]
    return value


def copied_event(event: AcceptedEvent) -> AcceptedEvent:
    """Copy it with everything that could be changed."""
    return dataclasses.replace(event, body=copy_of(event.body))


def copied_change(change: ChangeEvent) -> ChangeEvent:
    """Copy it with everything that could be changed."""
    return dataclasses.replace(
        change, custom_details=copy_of(change.custom_details), links=tuple(map(copy_of, change.links))
    )


class Keep(Protocol):
    """Keeps events beyond the end of the process, as `keep.KeepFile` does."""

    def load(self) -> Iterable[AcceptedEvent]:
        """Return the events that were kept, oldest first."""

    def add(self, event: AcceptedEvent, all_events: Callable[[], Iterable[AcceptedEvent]]) -> None:
        """Keep an event; `all_events` returns all events that are still kept, this one too."""

    def clear(self) -> None:
        """Delete all events."""
