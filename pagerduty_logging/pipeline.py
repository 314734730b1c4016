"""From a record to its event: `capture` on the thread that logs, `decide` on the worker.

The application's own code that runs here (an object's `__str__`, `fingerprint`, `before_send`) may do
anything: raise, log, or end the program. The record pages nevertheless.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from pagerduty_logging.delivery.decisions import Decisions, Verdict
from pagerduty_logging.delivery.diagnostics import notices
from pagerduty_logging.delivery.event import Pending
from pagerduty_logging.events_api.events import Acknowledge, Event, Resolve, Severity
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.fingerprinting.call_sites import CallSites
from pagerduty_logging.fingerprinting.flood_keys import FloodKeys
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.page import alert
from pagerduty_logging.page.events import BeforeSend, Events, Order
from pagerduty_logging.page.flood_alert import FloodAlert
from pagerduty_logging.page.follow_ups import FollowUps
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.record import overrides
from pagerduty_logging.record.capturing import Capturing
from pagerduty_logging.record.filters import Ignored
from pagerduty_logging.record.frequency import Frequency, Held
from pagerduty_logging.record.occurrence import Occurrence, salvage
from pagerduty_logging.state.problem import EventOutcome, Sighting
from pagerduty_logging.state.settlement import Settlement
from pagerduty_logging.state.throttle import NONE_HELD, Throttle
from pagerduty_logging.state.why import Why
from pagerduty_logging.state.worse import second_keys


class Pipeline:
    """Makes the events that records call for.

    Args:
        fields: what every alert says, see `alert.checked_fields`.
        redactor: has the last word on every event.
        ignored: records that never page.
        identifier: finds dedup keys.
        before_send: may change a trigger, or drop it by returning None.
        throttle: says what is news.
        frequency: holds back what happens too seldom to page; None: nothing.
        mark: the attribute by which an exception that was paged is known.
        clock: seconds, monotonic.
        decisions: where it is noted what does not page, and why.

    Attributes:
        throttle: the problems it knows.
        call_sites: recognises repeats by where they were logged.
        suppressed: records that need no event, without those that `Pager.handle` counts.
        capturing: what is done on the thread that logs.
    """

    def __init__(
        self,
        *,
        fields: alert.Fields,
        redactor: Redactor,
        ignored: Ignored,
        identifier: Identifier,
        before_send: BeforeSend | None,
        throttle: Throttle,
        frequency: Frequency | None,
        mark: str,
        clock: Callable[[], float],
        decisions: Decisions | None = None,
    ) -> None:
        self.throttle = throttle
        depths: dict[int, int] = {}
        self.call_sites = CallSites(throttle, mark, identifier, depths)
        self.suppressed = 0
        self._events = Events(
            fields=fields,
            redactor=redactor,
            before_send=before_send,
            throttle=throttle,
            decisions=decisions,
        )
        self.capturing = Capturing(
            ignored=ignored,
            identifier=identifier,
            throttle=throttle,
            mark=mark,
            clock=clock,
            notices=notices,
            keeps_records=before_send is not None,
            note=self._note_ignored,
            depths=depths,
        )
        self._identifier = identifier
        self._frequency = frequency
        self._clock = clock
        self._flood_keys = FloodKeys(identifier)

    @property
    def follow_ups(self) -> FollowUps:
        """What makes the events that no record calls for."""
        return self._events.follow_ups

    def reset(self) -> None:
        """Forget all problems and counts, in a forked child."""
        self.forget()
        self._events.reset()
        self.capturing.reset()
        self.suppressed = 0

    def forget(self) -> None:
        """Forget all problems."""
        self.throttle.forget()
        self._events.forget()
        self._flood_keys.forget()
        self._identifier.forget()

    def warm_up(self) -> None:
        """Make a page that is not sent, so that what is slow for the first time only is slow now."""
        record = logging.LogRecord("", logging.ERROR, __file__, 1, "a rehearsal", (), None)
        with suppress(Exception):  # what fails here fails again, and is reported, with a real page
            self._identifier.fingerprinter.identify(record)
            self._events.warm_up(record)

    # --- orders: resolve, acknowledge, change ------------------------------------------------------

    def resolve(self, dedup_key: str) -> Order:
        """Return the resolve of a problem; from now on its occurrences are not repeats."""
        key = self._identifier.sendable(dedup_key)
        self.throttle.end(key)
        return Order(Resolve(key), key, self._clock())

    def knows(self, dedup_key: str) -> bool:
        """Return whether the problem with this dedup key has paged."""
        return self.throttle.knows(self._identifier.sendable(dedup_key))

    def key_of(self, record: logging.LogRecord) -> str:
        """Return the dedup key that a record has, whether it pages or not."""
        return self._identifier.identify(record, None, []).key

    def resolve_second_alerts(self, dedup_key: str) -> list[Order]:
        """Return the resolves of the second alerts that a problem may have."""
        if not self.throttle.escalates:
            return []
        key = self._identifier.sendable(dedup_key)
        return [Order(Resolve(second), second, self._clock()) for second in second_keys(key)]

    def acknowledge(self, dedup_key: str) -> Order:
        """Return the acknowledge of a problem."""
        key = self._identifier.sendable(dedup_key)
        return Order(Acknowledge(key), key, self._clock())

    def order(self, event: Event) -> Order:
        """Return an event without a problem, such as a change, to be sent as it is or not at all."""
        return Order(event, "", self._clock())

    # --- on the worker, in the order in which it was logged ----------------------------------------

    def decide(self, item: Occurrence | Order) -> Pending | None:
        """Return the event of an occurrence or order; None: it needs no event.

        An interruption passes through, with nothing noted: the caller decides again.
        """
        if isinstance(item, Order):
            return self._ordered(item)
        settle = self.throttle.settlement()
        try:
            return self._decide(item, settle)
        except Exception as broken:
            settle(EventOutcome.UNDONE)
            return self._decide_without_rules(item, broken)
        except BaseException:
            settle(EventOutcome.UNDONE)
            raise

    def _decide(self, occurrence: Occurrence, settle: Settlement) -> Pending | None:
        key = self._identifier.key_of(occurrence)
        if occurrence.overrides:
            action = occurrence.overrides.get("event_action")
            if action in ("resolve", "acknowledge"):
                event = Resolve(key) if action == "resolve" else Acknowledge(key)
                return self._ordered(Order(event, key, occurrence.at))
        severity = occurrence.severity
        held: Held | None = None
        exempt = severity is Severity.CRITICAL or overrides.GUARDED in occurrence.attributes
        if self._frequency is not None and not exempt:
            held = self._frequency.note(key, occurrence.created, occurrence.at)
            if held is None:
                self.suppressed += 1
                self._events.note(occurrence, Verdict.HELD, self._frequency.words)
                return None
        # An error that goes on to end the program is the same error, and PagerDuty's urgency is the same
        # for both words.
        failure = occurrence.failure
        is_echo = failure is not None and failure.is_echo
        counted = Severity.ERROR if is_echo and severity is Severity.CRITICAL else severity
        flood = self._flood_keys.of(occurrence, key, severity)
        if flood is not None:
            key = occurrence.key = flood.key
            occurrence.by_message = False
        sighting = self._sight(occurrence, key, counted, settle, held)
        if sighting.why is None:
            self.suppressed += 1
            if failure is not None and failure.is_known:
                self.throttle.report_nowhere(sighting.problem)
            return None
        return self._event(occurrence, severity, sighting, settle, flood)

    def _sight(
        self, occurrence: Occurrence, key: str, severity: Severity, settle: Settlement, held: Held | None
    ) -> Sighting:
        """Note the occurrence, and those that were held back before it."""
        chain = occurrence.around.chain
        error = chain[0].name if chain else ""
        created, at = occurrence.created, occurrence.at
        sighting = self.throttle.sight(key, severity, created, settle, at, error, held or NONE_HELD)
        # Most problems of a storm do not come again. An exception that does is known by its mark, which
        # says nothing about the message.
        if sighting.why is not Why.FIRST or chain:
            self.call_sites.learn(occurrence, sighting.problem, first=sighting.why is Why.FIRST)
        if occurrence.failure is not None:
            occurrence.failure.deferred = None
        return sighting

    def _decide_without_rules(self, occurrence: Occurrence, broken: BaseException) -> Pending | None:
        """Return the event of an occurrence that could not be decided as it should be."""
        try:
            occurrence.defects.append(f"the record could not be read: {type_name(broken)}")
            if occurrence.contents is None:
                occurrence = salvage(occurrence.record, occurrence.at, broken, occurrence.defects)
            key = self._identifier.identify_bare(occurrence).key
            settle = self.throttle.settlement()
            severity = occurrence.severity
            sighting = self.throttle.sight(key, severity, occurrence.created, settle, occurrence.at)
            if sighting.why is None:
                self.suppressed += 1
                return None
            return self._event(occurrence, severity, sighting, settle)
        except Exception:
            self.capturing.unreadable += 1  # no call: there may be no stack or memory left for one
            return None

    def _event(
        self,
        occurrence: Occurrence,
        severity: Severity,
        sighting: Sighting,
        settle: Settlement,
        flood: FloodAlert | None = None,
    ) -> Pending | None:
        pending = self._events.of(occurrence, severity, sighting, settle, flood)
        if pending is None:
            self.capturing.ignored["before_send"] += 1
        return pending

    def _note_ignored(self, words: str, logger: object, template: object) -> None:
        self._events.decisions.note_alike(Verdict.IGNORED, words, logger=logger, template=template)

    def _ordered(self, order: Order) -> Pending:
        if isinstance(order.event, Resolve):
            self.throttle.resolved(order.dedup_key)
        return self._events.ordered(order)
