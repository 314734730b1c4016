"""A program whose clock a test turns: records go the whole way, to a stand-in for the client."""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from pagerduty_logging.delivery.decisions import Decisions
from pagerduty_logging.delivery.delivery import Delivery
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.events_api.encoding import EncodedEvent
from pagerduty_logging.events_api.errors import BadRequest, EventsError
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.page.alert import Fields
from pagerduty_logging.page.events import BeforeSend
from pagerduty_logging.page.redaction import redactor
from pagerduty_logging.pipeline import Pipeline
from pagerduty_logging.record.filters import Ignored
from pagerduty_logging.record.frequency import frequency
from pagerduty_logging.state.throttle import Throttle

START = 1_000_000.0
"""What the turned clock shows at the beginning; the time of day is the same."""


class Client:
    """Takes what is sent: all of it, but for what is to be refused next.

    Attributes:
        events: what was taken.
        refusals: errors for the next attempts.
        to_refuse: how many of the next events are refused, whole and bare.
    """

    timeout = 10.0
    retry = Retry()

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.refusals: list[EventsError] = []
        self.to_refuse = 0
        self._refused_whole: set[str | None] = set()

    def post(self, encoded: EncodedEvent, *, timeout: float) -> None:
        if self.refusals:
            raise self.refusals.pop()
        key = encoded.dedup_key
        if key in self._refused_whole:
            self._refused_whole.remove(key)
            raise BadRequest("refused")
        if self.to_refuse:
            self.to_refuse -= 1
            self._refused_whole.add(key)
            raise BadRequest("refused")
        self.events.append(json.loads(encoded.json))

    def refuse_no_more(self) -> None:
        self.to_refuse = 0
        self._refused_whole.clear()

    def close(self) -> None:
        pass

    def drop_inherited(self) -> None:
        pass


class Program:
    """Logs at the times that a test says.

    Attributes:
        now: what the clock shows.
        client: what was sent.
        keys: dedup keys of each message.
    """

    def __init__(
        self,
        *,
        repeat_interval: float = 300.0,
        max_fingerprints: int = 10_000,
        min_occurrences: tuple[int, float] | None = None,
        random: Callable[[], float] = lambda: 0.5,
        max_events_per_minute: int = 1_000,
        max_pending: int = 1_000,
        ledger: str | None = None,
        ledger_bytes: int = 10_000_000,
        before_send: BeforeSend | None = None,
        **throttle: Any,
    ) -> None:
        self.now = START
        self.keys: dict[str, set[str]] = {}
        self.client = Client()
        redacted = redactor((), lambda: "0" * 32)
        self.throttle = Throttle(
            repeat_interval, max_fingerprints, lambda: self.now, random=random, **throttle
        )
        self.decisions = Decisions(
            redacted.text, ledger, ledger_bytes, clock=lambda: self.now, time_of_day=lambda: self.now
        )
        self.pipeline = Pipeline(
            fields=Fields(),
            redactor=redacted,
            ignored=Ignored((), ()),
            identifier=Identifier(None, redacted.key),
            before_send=before_send,
            throttle=self.throttle,
            frequency=frequency(min_occurrences, max_fingerprints),
            mark="__mark__",
            clock=lambda: self.now,
            decisions=self.decisions,
        )
        self.delivery = Delivery(
            self.client,  # type: ignore[arg-type]
            decide=self.pipeline.decide,
            reports=self.pipeline.follow_ups,
            decisions=self.decisions,
            defer=before_send is None,
            max_pending=max_pending,
            max_events_per_minute=max_events_per_minute,
            background=False,
            diagnostics=Diagnostics(),
            clock=lambda: self.now,
        )

    def log(
        self,
        message: str = "problem",
        level: int = logging.ERROR,
        times: int = 1,
        error: Callable[[], BaseException] | None = None,
        **extra: Any,
    ) -> None:
        """Log a message; known repeats are counted as `PagerDutyHandler.handle` counts them."""
        for _ in range(times):
            raised = None if error is None else error()
            exc_info = None if raised is None else (type(raised), raised, raised.__traceback__)
            # Without a file: a line of one would not be left with more than fifty problems.
            record = logging.LogRecord("shop", level, "", 1, message, (), exc_info)
            record.created = self.now
            record.__dict__.update(extra)
            problem = self.throttle.shortcuts.known.get("shop", {}).get(message)
            if (
                problem is not None
                and problem.quiet_until > self.now
                and level == problem.level
                and not extra
                and error is None
            ):
                problem.occurrences += 1
                continue
            occurrence = self.pipeline.capturing.capture(record, None, [])
            assert occurrence is not None
            self.delivery.submit(occurrence)
            occurrence.original = None
            self.keys.setdefault(message, set()).add(occurrence.key or "")

    def resolve(self, key: str) -> None:
        self.delivery.submit(self.pipeline.resolve(key))

    def turn(self, seconds: float) -> None:
        """Let time pass; whenever the worker would wake up, it does."""
        until = self.now + seconds
        while True:
            self.delivery.step(10.0)
            wait = self.pipeline.follow_ups.wait(self.now)
            if wait is None or self.now + wait > until:
                break
            self.now += wait
        self.now = until
        self.delivery.step(10.0)

    def refuse_next(self) -> None:
        """Refuse the next event, whole and bare."""
        self.client.to_refuse += 1

    def end(self) -> None:
        """End in order."""
        self.delivery.retry_now()
        self.delivery.finish(5.0)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for event in self.client.events if event["event_action"] == "trigger"]

    @property
    def reasons(self) -> list[str]:
        return [event["payload"]["custom_details"]["why"] for event in self.events]

    def told(self, message: str) -> int:
        """Return how many occurrences of a problem the events report, each once."""
        return sum(reported(event) for event in self.events if message in event["payload"]["summary"])


def reported(event: dict[str, Any]) -> int:
    """Return how many occurrences an event reports that no event before it did."""
    details = event["payload"]["custom_details"]
    own = 0 if details["why"].partition(":")[0] in ("size", "end of the process") else 1
    return own + int(details.get("suppressed", 0))


def details(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["payload"]["custom_details"] for event in events]
