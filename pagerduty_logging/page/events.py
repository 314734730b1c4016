"""Makes the events of one handler: for records that page, for orders, and for suppressed occurrences."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from pagerduty_logging.delivery.body import BodyOf
from pagerduty_logging.delivery.decisions import Decisions, Verdict
from pagerduty_logging.delivery.event import AT_ONCE, Kind, Named, Pending, nobody_waits
from pagerduty_logging.events_api.encoding import encode
from pagerduty_logging.events_api.events import Event, Severity, Trigger
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.page import alert, figures
from pagerduty_logging.page.flood_alert import GATHERING_SECONDS, FloodAlert
from pagerduty_logging.page.follow_ups import FollowUps
from pagerduty_logging.page.last_events import Considered, Gist, LastEvents
from pagerduty_logging.page.record_body import Common, RecordBody
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.record.occurrence import Occurrence, salvage
from pagerduty_logging.state.problem import EventOutcome, History, Problem, Sighting
from pagerduty_logging.state.settlement import Settlement
from pagerduty_logging.state.throttle import Throttle
from pagerduty_logging.state.why import Why
from pagerduty_logging.state.worse import second_key

NOT_WANTED = "before_send, which returned None"

BeforeSend = Callable[[Trigger, logging.LogRecord], Trigger | None]


@dataclass(slots=True, eq=False)
class Order:
    """An event without a record: an acknowledge, a resolve or a change."""

    event: Event
    dedup_key: str
    at: float
    keeps_place = True
    size = 1_000


class Events:
    """Makes the events, and records the decision about each.

    Args:
        fields: the fields of every alert, see `alert.checked_fields`.
        redactor: redacts every event, as the last step.
        before_send: may change a trigger, or drop it by returning None.
        throttle: knows the problems.
        decisions: records what paged and what did not, and why; its clock gives the time of day.

    Attributes:
        decisions: as given.
        follow_ups: makes the events that report suppressed occurrences.
    """

    def __init__(
        self,
        *,
        fields: alert.Fields,
        redactor: Redactor,
        before_send: BeforeSend | None,
        throttle: Throttle,
        decisions: Decisions | None = None,
    ) -> None:
        self.decisions = decisions or Decisions(redactor.text)
        self.follow_ups = FollowUps(throttle, self.follow_up)
        self._fields = fields
        self._redactor = redactor
        self._before_send = before_send
        self._throttle = throttle
        self._last = LastEvents(fields)
        self._common = Common(fields, redactor, self._last, self.decisions)

    def reset(self) -> None:
        """Start without events, in a forked child."""
        self.decisions.reset()
        self.forget()

    def forget(self) -> None:
        """Forget all events."""
        self.follow_ups.reset()
        self._last.reset()

    def warm_up(self, record: logging.LogRecord) -> None:
        """Make an event that is not sent, so that the first real one is not slow."""
        event = alert.compose(salvage(record), "rehearsal", History(1, 0, 0.0), self._fields)
        encode(self._redactor.event(event))

    # --- of records -------------------------------------------------------------------------------

    def of(
        self,
        occurrence: Occurrence,
        severity: Severity,
        sighting: Sighting,
        settle: Settlement,
        flood: FloodAlert | None = None,
    ) -> Pending | None:
        """Return the event of an occurrence that pages; None: `before_send` has dropped it.

        Args:
            occurrence: what was logged.
            severity: the event's severity.
            sighting: why it pages, and what is known of its problem.
            settle: called with what happened to the event.
            flood: the alert that it shares with others; None: it has its own.
        """
        problem = sighting.problem
        key = problem.key if sighting.worse is None else second_key(problem.key, sighting.worse)
        event = RecordBody(self._common, occurrence, sighting, key, flood)
        if occurrence.original is not None and self._before_send is not None:
            # Redacted before as well: `before_send` may log or copy its arguments.
            given = cast("Trigger", self._redactor.event(event.trigger()))
            event.changed = self._changed(occurrence, given, self._before_send)
            if event.changed is None:
                settle(EventOutcome.UNDONE)
                self.note(occurrence, Verdict.IGNORED, NOT_WANTED)
                return None
            event.considered = Considered(given, _plain(occurrence), occurrence.size)
        return Pending(
            dedup_key=key,
            severity=severity,
            kind=Kind.REMINDER if sighting.why is Why.AGAIN else Kind.NEWS,
            accepted_at=occurrence.at,
            body=event,
            settle=settle,
            caller=event,
            due=AT_ONCE if flood is None else occurrence.at + GATHERING_SECONDS,
        )

    def _changed(self, occurrence: Occurrence, trigger: Trigger, before_send: BeforeSend) -> Trigger | None:
        """Call `before_send`, here where the record is available; None: the event is dropped."""
        record = occurrence.original
        occurrence.original = None
        if record is None:
            return trigger
        try:
            return _checked(before_send(trigger, record), trigger)
        except Exception as error:
            return alert.noted(trigger, f"before_send raised {type_name(error)}")
        except BaseException as error:
            occurrence.interruption = error
            return alert.noted(trigger, f"before_send raised {type_name(error)}")

    # --- of what was held back --------------------------------------------------------------------

    def follow_up(self, problem: Problem, why: Why, now: float) -> Pending | None:
        """Return the event that reports suppressed occurrences; None: there are none, or it was dropped.

        For the worker: `before_send` is called here, with a copy of the last record.
        """
        gist, seen = problem.said, self.decisions.time_of_day()
        found = self._throttle.unreported.report(problem, why, seen, now) if isinstance(gist, Gist) else None
        if found is None or not isinstance(gist, Gist):
            return None
        history, settle = found
        decided = partial(
            self.decisions.note,
            key=problem.key,
            event=problem.key,
            logger=gist.origin.logger,
            summary=gist.summary,
            repeats=history.suppressed,
        )
        compose: Callable[[], Trigger] = partial(self._last.trigger, problem, gist, history, seen)
        if self._before_send is not None:
            changed = self._follow_up_changed(problem, gist, history, seen, settle, self._before_send)
            if changed is None:
                settle(EventOutcome.UNDONE)
                decided(Verdict.IGNORED, NOT_WANTED)
                return None
            compose = partial(figures.brought_up_to_date, history, changed)
        return Pending(
            dedup_key=problem.key,
            severity=problem.last.severity,
            kind=Kind.FOLLOW_UP if why.follows_up else Kind.NEWS,
            accepted_at=now,
            body=BodyOf(
                lambda: self._redactor.event(compose()),
                why=history.why,
                take=partial(figures.take, history, problem.last.severity),
            ),
            settle=settle,
            caller=Named(
                f"report of repeats of logger {gist.origin.logger!r}", gist.origin.logger, note=decided
            ),
        )

    def _follow_up_changed(
        self,
        problem: Problem,
        gist: Gist,
        history: History,
        seen: float,
        settle: Settlement,
        before_send: BeforeSend,
    ) -> Trigger | None:
        """Let `before_send` change a follow-up; where it fails, what it made of the event before holds."""
        trigger, record = self._last.considered(problem, gist, history, seen)
        try:
            return _checked(before_send(trigger, record), trigger)
        except KeyboardInterrupt:  # on the main thread, at the end of the process
            settle(EventOutcome.UNDONE)
            raise
        except BaseException as error:
            before = self._last.trigger(problem, gist, history, seen)
            return alert.noted(before, f"before_send raised {type_name(error)}")

    # --- of what is asked for ---------------------------------------------------------------------

    def ordered(self, order: Order) -> Pending:
        """Return the event of an order, which is sent unchanged or not at all."""
        what = type(order.event).__name__.lower()
        return Pending(
            dedup_key=order.dedup_key,
            severity=Severity.ERROR,
            kind=Kind.NEWS,
            accepted_at=order.at,
            body=BodyOf(partial(self._redactor.event, order.event), bare=True),
            settle=nobody_waits,
            caller=Named(what, note=partial(self._ordered_decided, what, order.dedup_key)),
        )

    # --- what is noted ----------------------------------------------------------------------------

    def note(self, occurrence: Occurrence, verdict: Verdict, reason: str) -> None:
        """Record why an occurrence does not page."""
        template = occurrence.attributes.get("msg")
        self.decisions.note_alike(
            verdict, reason, key=occurrence.key or "", logger=occurrence.logger, template=template
        )

    def _ordered_decided(self, what: str, key: str, verdict: Verdict, reason: str) -> None:
        self.decisions.note(verdict, f"{what}: {reason}" if reason else what, key=key, event=key)


def _checked(changed: object, trigger: Trigger) -> Trigger | None:
    if changed is None or isinstance(changed, Trigger):
        return changed
    return alert.noted(trigger, f"before_send returned no Trigger: {type_name(changed)}")


def _plain(occurrence: Occurrence) -> dict[str, Any]:
    """Return the attributes of an occurrence's record, to make one like it."""
    if occurrence.contents is None:
        return occurrence.attributes
    return {**occurrence.attributes, "msg": occurrence.contents.message, "args": ()}
