"""The sandbox's memory: accepted events, their alerts, and every HTTP request."""

import dataclasses
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.sandbox import reasons
from pagerduty_logging.sandbox.values import (
    AcceptedEvent,
    Action,
    Alert,
    ChangeEvent,
    Keep,
    Occurrence,
    Outcome,
    Reading,
    Request,
    RoutingKey,
    State,
    change_of,
    copied_change,
    copied_event,
    copy_of,
    size_of,
    size_of_request,
)

MAX_EVENTS = 10_000  # the newest ones are kept; the same bound holds for requests
MAX_BYTES = 100_000_000  # bytes of memory for events, and as many for requests; the newest one is always kept


@dataclass(slots=True, eq=False)
class _AlertRecord:
    """An alert that can still change.

    `trigger` is the body of the latest trigger, and `held` the bytes that it takes after its event has been
    deleted.
    """

    number: int
    routing_key: RoutingKey
    dedup_key: str
    trigger: dict[str, Any]
    first_seen: datetime
    last_seen: datetime
    state: State = "triggered"
    triggers: int = 0
    held: int = 0
    history: deque[Occurrence] = field(default_factory=deque)

    def apply(self, action: Action, body: dict[str, Any], at: datetime, by_hand: bool) -> None:
        summary = severity = why = None
        if action == "trigger":
            self.trigger = body
            self.triggers += 1
            self.last_seen = at
            summary, severity = body["payload"]["summary"], body["payload"]["severity"]
            why = reasons.why_in(body["payload"].get("custom_details"))
        else:
            self.state = "acknowledged" if action == "acknowledge" else "resolved"
        self.history.append(
            Occurrence(at=at, action=action, summary=summary, severity=severity, why=why, by_hand=by_hand)
        )

    def snapshot(self, *, copied: bool) -> Alert:
        """Return the alert as it is now; unless `copied`, its details, links and images are not copies."""
        body = copy_of(self.trigger) if copied else self.trigger
        payload = body["payload"]
        return Alert(
            number=self.number,
            routing_key=self.routing_key,
            dedup_key=self.dedup_key,
            state=self.state,
            summary=payload["summary"],
            severity=payload["severity"],
            source=payload["source"],
            component=payload.get("component"),
            group=payload.get("group"),
            event_class=payload.get("class"),
            custom_details=payload.get("custom_details") or {},
            links=tuple(body.get("links") or ()),
            images=tuple(body.get("images") or ()),
            client=body.get("client"),
            client_url=body.get("client_url"),
            first_seen=self.first_seen,
            last_seen=self.last_seen,
            triggers=self.triggers,
            history=tuple(self.history),
        )


class Store:
    """Thread-safe memory of the sandbox, bounded to the newest `MAX_EVENTS`, and by `max_bytes`.

    Returns copies, except where a method says that its result must not be changed.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._version = 0
        self._revision = time.time_ns()  # differs after a restart
        self._next_number = 1
        self._next_request = 0
        self._followings = 0
        self._keep: Keep | None = None
        self._forget()

    def _forget(self) -> None:
        self._accepted = 0
        self._revision += 1
        self._events: deque[tuple[AcceptedEvent, _AlertRecord | None, int]] = deque()
        self._event_bytes = self._request_bytes = 0
        self._open: dict[tuple[str, str], _AlertRecord] = {}
        self._alerts: dict[_AlertRecord, None] = {}  # in order of opening
        self._requests: OrderedDict[int, Request] = OrderedDict()

    def _announce(self) -> None:
        self._version += 1
        self._changed.notify_all()

    def keep_in(self, keep: Keep) -> None:
        """Load the events of `keep`, and pass it every event from now on."""
        for event in keep.load():
            with self._changed:
                self._accept(event.action, event.body, event.dedup_key, at=event.at, by_hand=event.by_hand)
        with self._changed:
            self._keep = keep

    def accept(self, body: dict[str, Any]) -> str:
        """Accept a valid trigger, acknowledge or resolve; return its dedup key."""
        given = body.get("dedup_key")
        dedup_key: str = given if given and given.strip() else uuid.uuid4().hex
        with self._changed:
            self._accept(body["event_action"], body, dedup_key)
        return dedup_key

    def accept_change(self, body: dict[str, Any]) -> None:
        """Accept a valid change event."""
        with self._changed:
            self._accept("change", body, None)

    def act(self, number: int, action: Literal["acknowledge", "resolve"]) -> bool:
        """Acknowledge or resolve an alert by hand; return False if it is no longer open."""
        with self._changed:
            alert = next((alert for alert in self._open.values() if alert.number == number), None)
            if alert is None:
                return False
            body = {
                "routing_key": alert.routing_key,
                "event_action": action,
                "dedup_key": alert.dedup_key,
            }
            self._accept(action, body, alert.dedup_key, by_hand=True)
        return True

    def _accept(
        self,
        action: Action,
        body: dict[str, Any],
        dedup_key: str | None,
        *,
        at: datetime | None = None,
        by_hand: bool = False,
    ) -> None:
        at = at or datetime.now(UTC)
        body["routing_key"] = RoutingKey(body["routing_key"])
        outcome: Outcome = "recorded"
        alert = None
        if dedup_key is not None:
            alert, outcome = self._apply(action, body, dedup_key, at, by_hand)
        event = AcceptedEvent(
            at=at, action=action, dedup_key=dedup_key, outcome=outcome, body=body, by_hand=by_hand
        )
        self._record(event, alert)

    def _apply(
        self, action: Action, body: dict[str, Any], dedup_key: str, at: datetime, by_hand: bool
    ) -> tuple[_AlertRecord | None, Outcome]:
        """Apply an event to the open alert with its dedup key; a trigger opens one if there is none."""
        key = (body["routing_key"], dedup_key)
        alert = self._open.get(key)
        outcome: Outcome = "updated" if alert else "dropped"
        if alert is None and action == "trigger":
            outcome = "opened"
            alert = _AlertRecord(self._next_number, *key, body, first_seen=at, last_seen=at)
            self._open[key] = alert
            self._alerts[alert] = None
        if alert:
            if action == "trigger":
                self._event_bytes -= alert.held
                alert.held = 0
            alert.apply(action, body, at, by_hand)
            if alert.state == "resolved":
                del self._open[key]
        return alert, outcome

    def _record(self, event: AcceptedEvent, alert: _AlertRecord | None) -> None:
        size = size_of(event.body)
        self._events.append((event, alert, size))
        self._event_bytes += size
        self._accepted += 1
        self._revision += 1
        self._next_number += 1
        while len(self._events) > MAX_EVENTS or (
            len(self._events) > 1 and self._event_bytes > self._max_bytes
        ):
            self._forget_oldest()
        if self._keep:
            self._keep.add(event, self._kept)
        self._announce()

    def _forget_oldest(self) -> None:
        event, alert, size = self._events.popleft()
        if alert:
            alert.history.popleft()
            if not alert.history:
                self._drop(alert)
            elif alert.trigger is event.body:
                alert.held = size
                return
        self._event_bytes -= size

    def _kept(self) -> Iterator[AcceptedEvent]:
        return (event for event, *_ in self._events)

    def _drop(self, alert: _AlertRecord) -> None:
        self._event_bytes -= alert.held
        del self._alerts[alert]
        key = (alert.routing_key, alert.dedup_key)
        if self._open.get(key) is alert:
            del self._open[key]

    def arrived(
        self, method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes
    ) -> Callable[[int], None]:
        """Record an HTTP request; the returned function records the status of its answer."""
        with self._changed:
            number = self._next_request
            self._next_request += 1
            self._requests[number] = request = Request(
                method=method,
                path=path,
                headers=headers,
                body=body,
                arrived=monotonic(),
                status=None,
            )
            self._request_bytes += size_of_request(request)
            while len(self._requests) > MAX_EVENTS or (
                len(self._requests) > 1 and self._request_bytes > self._max_bytes
            ):
                _, oldest = self._requests.popitem(last=False)
                self._request_bytes -= size_of_request(oldest)
            self._announce()

        def answered(status: int) -> None:
            with self._changed:
                if request := self._requests.get(number):
                    self._requests[number] = dataclasses.replace(request, status=status)
                    self._announce()

        return answered

    @property
    def accepted(self) -> int:
        """Number of events accepted since the start or the last `clear`."""
        with self._changed:
            return self._accepted

    @property
    def events(self) -> tuple[AcceptedEvent, ...]:
        """The accepted events kept, oldest first."""
        with self._changed:
            events = [event for event, *_ in self._events]
        return tuple(copied_event(event) for event in events)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts kept, most recently opened first."""
        with self._changed:
            return tuple(alert.snapshot(copied=True) for alert in reversed(self._alerts))

    @property
    def changes(self) -> tuple[ChangeEvent, ...]:
        """The change events kept, newest first."""
        return tuple(map(copied_change, self.read().changes))

    def read(self) -> Reading:
        """Return everything at one moment; nothing is copied, so it must not be changed."""
        with self._changed:
            alerts = tuple(alert.snapshot(copied=False) for alert in reversed(self._alerts))
            events = [event for event, *_ in self._events]
            first = self._next_number - len(events)
        numbered = tuple(enumerate(events, first))
        changes = tuple(
            change_of(number, event) for number, event in reversed(numbered) if event.action == "change"
        )
        return Reading(alerts=alerts, changes=changes, events=tuple(events))

    def find_alert(self, number: int) -> tuple[Alert, dict[str, Any]] | None:
        """Return an alert and its latest trigger as sent, not to be changed; None if it was deleted."""
        with self._changed:
            alert = next((alert for alert in self._alerts if alert.number == number), None)
            return (alert.snapshot(copied=False), alert.trigger) if alert else None

    def find_change(self, number: int) -> tuple[ChangeEvent, dict[str, Any]] | None:
        """Return a change event, and its body as sent, not to be changed; None if it was deleted."""
        with self._changed:
            index = number - (self._next_number - len(self._events))
            if not 0 <= index < len(self._events):
                return None
            event, *_ = self._events[index]
        return (change_of(number, event), event.body) if event.action == "change" else None

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests kept, in order of arrival."""
        with self._changed:
            return tuple(self._requests.values())

    def clear(self) -> None:
        """Delete everything."""
        with self._changed:
            self._forget()
            if self._keep:
                self._keep.clear()
            self._announce()

    def wait_until(self, predicate: Callable[[], object], timeout: float) -> bool:
        """Wait until `predicate` is true; it is called again after every change, and once at the end.

        It runs on the caller's thread and without the store's lock, so it may use the store.
        """
        deadline = monotonic() + timeout
        while True:
            with self._changed:
                seen = self._version
            if predicate():
                return True
            if not self._wait_past(seen, deadline - monotonic()):
                return bool(predicate())

    @property
    def revision(self) -> int:
        """A number that changes when an event is accepted, and when everything is deleted."""
        with self._changed:
            return self._revision

    def wait_for_news(self, revision: int, timeout: float, ended: Callable[[], bool]) -> int:
        """Return the revision when it has changed, or after `wake` if `ended()` is true."""
        with self._changed:
            self._changed.wait_for(lambda: self._revision != revision or ended(), timeout)
            return self._revision

    def wake(self) -> None:
        """Make all waiting threads check again."""
        with self._changed:
            self._announce()

    def _wait_past(self, version: int, timeout: float) -> bool:
        with self._changed:
            return timeout > 0 and self._changed.wait_for(lambda: self._version != version, timeout)

    def follow(self) -> Iterator[AcceptedEvent]:
        """Return an iterator over every event accepted from now on; `end_followers` ends it."""
        with self._changed:
            return self._follow(self._next_number, self._followings)

    def _follow(self, position: int, following: int) -> Iterator[AcceptedEvent]:
        while True:
            with self._changed:
                while self._next_number == position and self._followings == following:
                    # Bounded, since an unbounded wait cannot be interrupted on Windows.
                    self._changed.wait(0.5)
                news = self._next_number - position
                if not news:
                    return
                position = self._next_number
                kept = min(news, len(self._events))
                events = [self._events[index][0] for index in range(-kept, 0)]
            yield from map(copied_event, events)

    def end_followers(self) -> None:
        """End every iterator that `follow` returned."""
        with self._changed:
            self._followings += 1
            self._announce()
