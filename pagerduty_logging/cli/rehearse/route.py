"""Runs the handler of one routing key with a simulated clock, and a client that sends nothing.

Nothing is decided here: the handler's own parts decide. This runs the steps of the worker one after the
other, without a thread.
"""

from __future__ import annotations

import logging
import math
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pagerduty_logging.delivery.event import Pending
from pagerduty_logging.delivery.queue import Queue
from pagerduty_logging.delivery.schedule import Backlog, Budget
from pagerduty_logging.events_api.clock import Clocks
from pagerduty_logging.events_api.events import Trigger
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.fingerprinting import Identity
from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.record.occurrence import Occurrence
from pagerduty_logging.state.why import DETAIL, Why

_VARIABLES: Final = "PAGERDUTY_"
_NO_JITTER: Final = 0.5


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as it would have been sent.

    Attributes:
        at: when, in seconds since the epoch.
        wanted: when its record was made.
        key: its problem's dedup key.
        event: its own dedup key: that of a second alert is another.
        why: `Why`'s name for the reason, in small letters; else "resolve" or "acknowledge".
        severity: PagerDuty's word.
        repeats: suppressed records that it reports.
        page: its content; None unless it was asked for.
        rule: number of the rule of `routing` that decided; 0: none did.
    """

    at: float
    wanted: float
    key: str
    event: str
    why: str
    severity: str
    repeats: int
    page: dict[str, Any] | None
    rule: int = 0


class _Handler(PagerDutyHandler):
    """The handler with simulated clocks; inert, so that no thread is ever started."""

    def __init__(self, clocks: Clocks, options: Mapping[str, Any]) -> None:
        self._clocks = clocks
        with _without_variables():
            super().__init__(enabled=False, **options)


class Route:
    """Takes the records for one routing key, and returns what would have been sent.

    Args:
        options: those of `PagerDutyHandler`, except those of the delivery.
        filters: the handler's.
        now: returns the simulated time, in seconds since the epoch.
        shows_page: returns whether the page of a problem with this dedup key is wanted.
        rule: as `Sent.rule`.

    Attributes:
        level: records below it do not page.
        wait: seconds until there is something to send or to report; None: there is nothing.

    Raises:
        ValueError, TypeError: naming the option that is wrong.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        filters: Sequence[Any],
        now: Callable[[], float],
        shows_page: Callable[[int, str], bool],
        rule: int = 0,
    ) -> None:
        self._handler = _Handler(Clocks(now, now, lambda: _NO_JITTER), options)
        for each in filters:
            self._handler.addFilter(each)
        self.level = self._handler.level
        self._pipeline = self._handler._pipeline
        self._reports = self._pipeline.follow_ups
        self._decisions = self._handler._decisions
        self._queue = Queue(
            Backlog(options.get("retry", Retry()), random.Random(0).random),
            Budget(options.get("max_events_per_minute", 100)),
            options.get("max_pending", 1_000),
            now,
        )
        self._now = now
        self._shows_page = shows_page
        self._rule = rule
        self.wait: float | None = None

    def filtered(self, record: logging.LogRecord, defects: list[str]) -> logging.LogRecord | None:
        """Return the record after the handler's filters; None: they reject it.

        A filter that raises rejects nothing, as in the handler; `defects` says so.
        """
        try:
            return self._handler.filter(record) or None
        except Exception as error:
            defects.append(f"a filter failed: {type_name(error)}")
            return record

    def take(
        self,
        record: logging.LogRecord,
        formatter: logging.Formatter | None,
        defects: list[str],
        known: Identity | None = None,
    ) -> Occurrence | None:
        """Take a record that is logged now; return its occurrence, or None if it does not page.

        Args:
            record: the record.
            formatter: the handler's.
            defects: what went wrong with the record so far.
            known: its problem, if an equal handler has found it before.
        """
        occurrence = self._pipeline.capturing.capture(record, formatter, defects)
        if occurrence is None:
            return None
        if occurrence.interruption is not None:
            raise occurrence.interruption
        if known is not None and occurrence.key is None:
            occurrence.key, occurrence.by_message = known
        self._queue.inbox.put(occurrence)
        self._queue.decide(self._pipeline.decide)
        return occurrence

    def key_of(self, record: logging.LogRecord) -> str:
        """Return the dedup key of a record that does not page."""
        return self._pipeline.key_of(record)

    @property
    def due(self) -> float:
        """When there is something to send or to report next; infinity: never."""
        if not self._queue.idle:
            return self._now()
        wait = self._reports.wait(self._now())
        return math.inf if wait is None else self._now() + wait

    def sent_now(self) -> Iterator[Sent]:
        """Yield the events that are sent at this moment, one by one."""
        event: float | None = None
        report = self._enter_reports()
        while not self._queue.idle:
            pending, event = self._queue.next()
            if pending is None:
                break
            yield self._sent(pending)
            report = self._enter_reports()
        self._queue.lost.clear()
        self.wait = report if event is None else event if report is None else min(event, report)

    def _enter_reports(self) -> float | None:
        """Add the reports that are due; return the seconds until the next one, as `wait`."""
        if not self._queue.has_room:
            return None
        now = self._now()
        while (wait := self._reports.wait(now)) == 0.0:
            report = self._reports.next(now)
            if report is None:
                return self._reports.wait(now) or None
            self._queue.enter(report)
            if not self._queue.has_room:
                return None
        return wait

    @property
    def dropped(self) -> dict[str, int]:
        """Events for which there was no room, by reason."""
        return dict(self._queue.stats().dropped)

    def _sent(self, pending: Pending) -> Sent:
        event = pending.body.shown
        before = self._decisions.latest
        self._queue.conclude(pending, None)
        self._queue.sending = None
        decision = self._decisions.latest
        key, repeats, reason = pending.dedup_key, 0, pending.body.why
        if decision is not None and decision is not before:  # the summary of dropped events has none
            key, repeats, reason = decision.key, decision.repeats, decision.reason
        why = Why.of(reason)
        page = None
        if self._shows_page(self._rule, key):
            page = _page(event) if isinstance(event, Trigger) else {"summary": type(event).__name__}
        return Sent(
            self._now(),
            pending.accepted_at,
            key,
            pending.dedup_key,
            reason.partition(DETAIL)[0] if why is None else why.name.lower(),
            str(pending.severity),
            repeats,
            page,
            self._rule,
        )


def _page(event: Trigger) -> dict[str, Any]:
    """Return an event as the inbox shows it."""
    return {
        "summary": event.summary,
        "severity": str(event.severity),
        "source": event.source,
        "component": event.component,
        "class": event.event_class,
        "custom_details": dict(event.custom_details or {}),
    }


@contextmanager
def _without_variables() -> Iterator[None]:
    """Hide the environment variables for handlers of this host: a key, a ledger, a state."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_VARIABLES)}
    try:
        yield
    finally:
        os.environ.update(hidden)
