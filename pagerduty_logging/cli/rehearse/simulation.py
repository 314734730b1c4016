"""The handler's own parts under a turned clock, with a client that sends nothing.

Nothing is decided here: filters, problem, `min_occurrences`, throttle, order, budget and room are the
handler's own. This only turns the clock to each record's time, and lets the worker do what is due before.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pagerduty_logging.delivery.event import Pending
from pagerduty_logging.delivery.queue import Queue
from pagerduty_logging.delivery.schedule import Backlog, Budget
from pagerduty_logging.events_api import options as checks
from pagerduty_logging.events_api.events import Trigger
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.events_api.routing_key import RoutingKey
from pagerduty_logging.fingerprinting import Fingerprinter, Rule
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.page import alert
from pagerduty_logging.page.redaction import redactor
from pagerduty_logging.pipeline import Pipeline
from pagerduty_logging.record import overrides
from pagerduty_logging.record.filters import Frequency, Ignored
from pagerduty_logging.state.throttle import Throttle

NOT_REHEARSED: Final = frozenset(
    {"routing_key", "routing_key_file", "session", "spool", "background", "on_error", "enabled", "base_url",
     "region", "allow_http", "timeout", "flush_timeout"}
)  # fmt: skip
"""Options that say how events are delivered, which nothing is here."""

LONGEST: Final = 7 * 86_400.0
"""Seconds after the last record in which what waits is sent."""

_NO_KEY: Final = RoutingKey("0" * 32)


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as it would have been sent.

    Attributes:
        at: when, in seconds since the epoch.
        wanted: when its record was made.
        key: its dedup key.
        severity: PagerDuty's word.
        page: what it says; None unless it was asked for.
    """

    at: float
    wanted: float
    key: str
    severity: str
    page: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a record.

    Attributes:
        key: its problem's dedup key.
        severity: PagerDuty's word for its level.
        ignored: a filter of the handler left it out.
        uncertain: the key was made by masking values; reported once for each key.
    """

    key: str
    severity: str
    ignored: bool
    uncertain: bool


class Simulation:
    """Takes records in the order of their times, and reports what would have been sent.

    Args:
        options: of `PagerDutyHandler`.
        filters: the handler's.
        formatter: the handler's; None: none.
        shows_page: returns whether the page of an event with this dedup key is wanted.
        is_known: returns whether it is known already that a dedup key is uncertain.

    Raises:
        ValueError, TypeError: naming the option that is wrong.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        filters: Sequence[Any] = (),
        formatter: logging.Formatter | None = None,
        shows_page: Callable[[str], bool] = lambda key: False,
        is_known: Callable[[str], bool] = lambda key: False,
    ) -> None:
        given = {name: value for name, value in options.items() if name not in NOT_REHEARSED}
        self._handler = PagerDutyHandler(enabled=False, **given)  # checks the options
        for each in filters:
            self._handler.addFilter(each)
        self.level = self._handler.level
        self._formatter = formatter
        self._shows_page = shows_page
        self._is_known = is_known
        self._now = 0.0
        self._redactor = redactor(given.get("redact", ()), _NO_KEY.reveal)
        self._identifier = Identifier(given.get("fingerprint"), self._redactor.key)
        self._pipeline = self._made_pipeline(given)
        self._queue = Queue(
            Backlog(given.get("retry", Retry()), random.Random(0).random),
            Budget(checks.count("max_events_per_minute", given.get("max_events_per_minute", 100))),
            checks.count("max_pending", given.get("max_pending", 1_000)),
            self._clock,
        )

    def _clock(self) -> float:
        return self._now

    def _made_pipeline(self, given: Mapping[str, Any]) -> Pipeline:
        known = checks.count("max_fingerprints", given.get("max_fingerprints", 10_000))
        often = given.get("min_occurrences")
        names = ("source", "component", "group", "event_class", "client", "client_url", "links", "images",
                 "custom_details", "release", "environment")  # fmt: skip
        defaults: dict[str, Any] = {"links": (), "images": ()}
        return Pipeline(
            fields=alert.checked_fields(**{name: given.get(name, defaults.get(name)) for name in names}),
            redactor=self._redactor,
            ignored=Ignored(given.get("ignore_loggers", ()), given.get("ignore_exceptions", ())),
            identifier=self._identifier,
            before_send=given.get("before_send"),
            throttle=Throttle(given.get("repeat_interval", 300.0), known, self._clock),
            frequency=None if often is None else Frequency(often[0], often[1], known, self._clock),
            mark="__rehearsed__",
            clock=self._clock,
        )

    def take(self, record: logging.LogRecord) -> tuple[Judged, list[Sent]]:
        """Let the handler see a record at its time.

        Returns:
            what became of it, and all that was sent since the record before.
        """
        sent = self._advance(max(record.created, self._now))
        key, ignored = None, True
        passed = self._handler.filter(record)
        if passed is not False:
            record = passed
            occurrence = self._pipeline.capture(record, self._formatter, [])
            if occurrence is not None:
                if occurrence.interruption is not None:
                    raise occurrence.interruption
                self._queue.inbox.put(occurrence)
                self._queue.decide(self._pipeline.decide)
                sent += self._advance(self._now)
                key, ignored = occurrence.key, False
        if key is None:
            key = self._identifier.identify(record, None, []).key
        said = overrides.said_by(record)
        wished = said if isinstance(said, dict) else {}
        severity = str(overrides.severity_of(record.levelno, wished))
        uncertain = not self._is_known(key) and self._is_masked(record)
        return Judged(key, severity, ignored, uncertain), sent

    def _is_masked(self, record: logging.LogRecord) -> bool:
        return overrides.own_key(record) is None and _EXPLAINS.explain(record).rule is Rule.MASK

    def finish(self) -> list[Sent]:
        """Send what waits; return it."""
        return self._advance(self._now + LONGEST)

    @property
    def dropped(self) -> dict[str, int]:
        """Events that there was no room for, by reason."""
        return dict(self._queue.stats().dropped)

    def _advance(self, until: float) -> list[Sent]:
        """Turn the clock, and send on the way what is due."""
        sent: list[Sent] = []
        while not self._queue.idle:
            pending, wait = self._queue.next()
            if pending is not None:
                sent.append(self._sent(pending))
                self._queue.conclude(pending, None)
                self._queue.sending = None
            elif wait is None or self._now + wait > until:
                break
            else:
                self._now += max(wait, 1e-6)
        self._queue.lost.clear()
        self._now = until
        return sent

    def _sent(self, pending: Pending) -> Sent:
        event = pending.compose()
        page = None
        if self._shows_page(pending.dedup_key):
            page = _page(event) if isinstance(event, Trigger) else {"summary": type(event).__name__}
        return Sent(self._now, pending.accepted_at, pending.dedup_key, str(pending.severity), page)


_EXPLAINS: Final = Fingerprinter()


def _page(event: Trigger) -> dict[str, Any]:
    """Return what the inbox shows of an event."""
    return {
        "summary": event.summary,
        "severity": str(event.severity),
        "source": event.source,
        "component": event.component,
        "class": event.event_class,
        "custom_details": dict(event.custom_details or {}),
    }
