"""From a record to the event that it calls for: `capture` on the thread that logs, `decide` on the worker.

The application's own code that runs here (an object's `__str__`, `fingerprint`, `before_send`) may do
anything: raise, log, or end the program. A record that calls for a page has one all the same.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from pagerduty_logging.delivery.decisions import Decisions
from pagerduty_logging.delivery.decisions import Verdict as DecisionVerdict
from pagerduty_logging.delivery.diagnostics import is_notice
from pagerduty_logging.delivery.event import Kind, Pending, nobody_waits
from pagerduty_logging.events_api.encoding import encode
from pagerduty_logging.events_api.events import Acknowledge, Event, Resolve, Severity, Trigger
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.fingerprinting import Token, token_of
from pagerduty_logging.fingerprinting.call_sites import CallSites
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.fingerprinting.stand_ins import GATHERED, StandIn, StandIns
from pagerduty_logging.page import alert, figures
from pagerduty_logging.page.follow_ups import FollowUps, Origin, said_by
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.page.second_alert import beside_the_first
from pagerduty_logging.record import overrides, paged_exceptions
from pagerduty_logging.record.filters import Frequency, Held, Ignored
from pagerduty_logging.record.occurrence import (
    MAX_TEMPLATE_CHARS,
    Occurrence,
    capture,
    exception_of,
    salvage,
    traceback_of,
)
from pagerduty_logging.state.problem import History, Outcome, Problem, Sighting
from pagerduty_logging.state.throttle import Settlement, Throttle
from pagerduty_logging.state.why import Why
from pagerduty_logging.state.worse import Kind as Worse
from pagerduty_logging.state.worse import second_key

BeforeSend = Callable[[Trigger, logging.LogRecord], Trigger | None]

_RULES = {
    "logger": "ignore_loggers",
    "exception": "ignore_exceptions",
    "exit": "the report of an exit with all well",
}

MAX_NESTED = 5
"""Nesting depth of records that log while they are rendered, from which their objects are not rendered."""


@dataclass(slots=True, eq=False)
class Order:
    """An event that no record calls for: an acknowledge, a resolve or a change."""

    event: Event
    dedup_key: str
    at: float
    may_wait = keeps_place = True
    size = 1_000


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
        follow_ups: makes the events that no record calls for.
        suppressed: records that need no event.
        unreadable: records that were lost where no stack or memory was left.
        ignored: records that do not page, by the rule that says so; see `Stats`.
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
        self.decisions = decisions = decisions or Decisions(redactor.text)
        self.throttle = throttle
        self.call_sites = CallSites(throttle, mark)
        self.follow_ups = FollowUps(throttle, fields, redactor, decisions)
        self.suppressed = self.unreadable = 0
        self.ignored: Counter[str] = Counter()
        self._fields = fields
        self._redactor = redactor
        self._filters = ignored
        self._identifier = identifier
        self._before_send = before_send
        self._frequency = frequency
        self._mark = mark
        self._clock = clock
        self._origins: dict[Origin, Origin] = {}
        self._stand_ins = StandIns(identifier)
        self._depths: dict[int, int] = {}
        self._latest: tuple[object, object] = ("", 0)

    def reset(self) -> None:
        """Know nothing and have counted nothing: this is a forked child."""
        self.forget()
        self.decisions.reset()
        self.suppressed = self.unreadable = 0
        self.ignored.clear()

    def forget(self) -> None:
        """Know no problem."""
        self.throttle.forget()
        self.follow_ups.reset()
        self._stand_ins.forget()

    def warm_up(self) -> None:
        """Make a page that is not sent, so that what is slow for the first time only is slow now."""
        record = logging.LogRecord("", logging.ERROR, __file__, 1, "a rehearsal", (), None)
        with suppress(Exception):  # what fails here fails again, and is reported, with a real page
            self._identifier.fingerprinter.identify(record)
            event = alert.compose(salvage(record), "rehearsal", History(1, 0, 0.0), self._fields)
            encode(self._redactor.event(event))

    # --- on the thread that logs ------------------------------------------------------------------

    def capture(
        self, record: logging.LogRecord, formatter: logging.Formatter | None, defects: list[str]
    ) -> Occurrence | None:
        """Return what a record says, as plain data, and what must be found out here and now.

        Args:
            record: the record.
            formatter: the handler's, if it has one.
            defects: what went wrong with the record so far, to be shown with the page.

        Returns:
            None if the record does not page.
        """
        me = threading.get_ident()
        depth = self._depths.get(me, 0)
        self._depths[me] = depth + 1
        try:
            if overrides.said_by(record) is False:
                self.ignore(record, "record", 'extra={"pagerduty": False}')
                return None
            error = exception_of(record)
            rule = self._filters.rule_for(record, error)
            if rule is not None:
                self.ignore(record, rule, _RULES.get(rule, rule))
                return None
            if _is_notice(record):
                return None
            if depth >= MAX_NESTED:
                return self._identified(salvage(record, self._clock()))
            return self._captured(record, error, formatter, defects)
        except BaseException as broken:
            return self._salvaged(record, broken, defects)
        finally:
            if depth:
                self._depths[me] = depth
            else:
                self._depths.pop(me, None)

    def ignore(self, record: logging.LogRecord, rule: str, words: str) -> None:
        """Count a record that does not page, by the rule that says so."""
        self.ignored[rule] += 1
        attributes = record.__dict__
        name, message = attributes.get("name"), attributes.get("msg")
        self.decisions.note_alike(DecisionVerdict.IGNORED, words, logger=name, template=message)

    def _captured(
        self,
        record: logging.LogRecord,
        error: BaseException | None,
        formatter: logging.Formatter | None,
        defects: list[str],
    ) -> Occurrence:
        occurrence = capture(record, self._clock(), formatter, defects, error)
        if error is not None or occurrence.message is not None or self._identifier.has_function:
            marked = None if error is None else self._paged_for(record, error, occurrence)
            occurrence.known_failure = marked is not None
            identity = self._identifier.identify(record, marked, occurrence.defects)
            occurrence.key, occurrence.by_message = identity
            wanted = not (identity.by_message and record.args) and not self._identifier.has_function
            if wanted and self.throttle.knows(identity.key):  # most problems of a storm do not come again
                with suppress(Exception):  # a record that was made by hand
                    occurrence.token = token_of(record)
            if error is not None:
                occurrence.kind = type(error)
                traceback = id(traceback_of(record, error))
                mark = (identity.key, occurrence.logger, occurrence.at, traceback)
                paged_exceptions.mark(error, self._mark, mark)
            if occurrence.overrides and occurrence.overrides.get("event_action") == "resolve":
                self.throttle.end(identity.key)
        if self._before_send is not None:
            occurrence.original = record
        # The second in a row does not wait, so that all others are known by their message.
        latest = (occurrence.attributes["msg"], occurrence.attributes["levelno"])
        occurrence.may_wait = latest != self._latest or bool(occurrence.overrides)
        self._latest = latest
        return occurrence

    def _paged_for(
        self, record: logging.LogRecord, error: BaseException, occurrence: Occurrence
    ) -> str | None:
        """Return the key that this very failure was paged for; None if it is another one."""
        mark = paged_exceptions.mark_of(error, self._mark)
        if mark is None:
            return None
        relation = paged_exceptions.relation(mark, traceback_of(record, error), occurrence.at)
        uncaught = record.__dict__.get("_pagerduty_uncaught") is True
        if relation == "another" or (
            # Its own words decide then; but what ends the program is the failure that was logged there.
            not uncaught
            and (relation == "raised again" or (relation == "same" and mark.logger != occurrence.logger))
        ):
            return None
        occurrence.echo = uncaught
        return mark.key

    def _salvaged(
        self, record: logging.LogRecord, broken: BaseException, defects: list[str]
    ) -> Occurrence | None:
        """Return what can be had without the application's own code, which has just failed."""
        interruption = None if isinstance(broken, Exception) else broken
        try:
            occurrence = self._identified(salvage(record, self._clock(), broken, defects))
            occurrence.interruption = interruption
            return occurrence
        except Exception:
            self.unreadable += 1  # no call: there may be no stack or memory left for one
            if interruption is not None:
                raise interruption from None
            return None

    def _identified(self, occurrence: Occurrence) -> Occurrence:
        """Find the problem of what could be read without the application's own code."""
        occurrence.key, occurrence.by_message = self._identifier.identify_bare(occurrence)
        return occurrence

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

    def beside(self, dedup_key: str) -> list[Order]:
        """Return the words that the second alerts of a problem are over, which it may have."""
        if not self.throttle.escalates:
            return []
        key = self._identifier.sendable(dedup_key)
        keys = [second_key(key, kind) for kind in Worse]
        return [Order(Resolve(second), second, self._clock()) for second in keys]

    def acknowledge(self, dedup_key: str) -> Order:
        """Return the acknowledge of a problem."""
        key = self._identifier.sendable(dedup_key)
        return Order(Acknowledge(key), key, self._clock())

    def order(self, event: Event) -> Order:
        """Return an event without a problem, such as a change, to be sent as it is or not at all."""
        return Order(event, "", self._clock())

    # --- on the worker, in the order in which it was logged ----------------------------------------

    def decide(self, item: Occurrence | Order) -> Pending | None:
        """Return the event that is called for; None: it needs no event.

        An interruption passes through, with nothing noted: the caller decides again.
        """
        if isinstance(item, Order):
            return self._ordered(item.event, item.dedup_key, item.at)
        settle = Settlement(self.throttle)
        try:
            return self._decide(item, settle)
        except Exception as broken:
            settle(Outcome.UNDONE)
            return self._decide_without_rules(item, broken)
        except BaseException:
            settle(Outcome.UNDONE)
            raise

    def _decide(self, occurrence: Occurrence, settle: Settlement) -> Pending | None:
        if occurrence.key is None:
            identity = self._identifier.fingerprinter.identify(occurrence.record)
            occurrence.key, occurrence.by_message = identity
        key = occurrence.key
        if occurrence.overrides:
            action = occurrence.overrides.get("event_action")
            if action in ("resolve", "acknowledge"):
                event = Resolve(key) if action == "resolve" else Acknowledge(key)
                return self._ordered(event, key, occurrence.at)
        severity = occurrence.severity
        held: Held | None = None
        if self._frequency is not None and severity is not Severity.CRITICAL:
            held = self._frequency.note(key, occurrence.created, occurrence.at)
            if held is None:
                self.suppressed += 1
                self._note(occurrence, DecisionVerdict.HELD, "min_occurrences: not often enough")
                return None
        # An error that goes on to end the program is the same error, and PagerDuty's urgency is the same
        # for both words.
        counted = Severity.ERROR if occurrence.echo and severity is Severity.CRITICAL else severity
        stand_in = self._stand_ins.of(occurrence, key, severity)
        if stand_in is not None:
            key = occurrence.key = stand_in.key
            occurrence.by_message = False
        sighting = self._sight(occurrence, key, counted, settle, held)
        if sighting.why is None:
            self.suppressed += 1
            if occurrence.known_failure:
                self.throttle.tell_nobody(sighting.problem)
            return None
        return self._event(occurrence, severity, sighting, settle, stand_in)

    def _sight(
        self,
        occurrence: Occurrence,
        key: str,
        severity: Severity,
        settle: Settlement,
        held: Held | None,
    ) -> Sighting:
        """Note the occurrence, and those that were held back before it."""
        chain = occurrence.around.chain
        error = chain[0].name if chain else ""
        sighting = self.throttle.sight(key, severity, occurrence.created, settle, occurrence.at, error)
        # Most problems of a storm of them do not come again; but an exception that does is known by
        # its mark, which says nothing of the message.
        if (
            sighting.why is not Why.FIRST or chain or not occurrence.may_wait
        ) and "severity" not in occurrence.overrides:
            self._know(occurrence, sighting.problem)
        if held is not None and held.times:
            self.throttle.add_held(sighting, settle, *held)
        return sighting

    def _know(self, occurrence: Occurrence, problem: Problem) -> None:
        """Let the next such records pass for repeats on the thread that logs them."""
        attributes = occurrence.attributes
        name, message, level = attributes.get("name"), attributes.get("msg"), attributes.get("levelno")
        if type(level) is not int or type(name) is not str or type(message) is not str:
            return
        token = self._token_of(occurrence)
        if occurrence.by_message and (attributes.get("args") or token is None or token[1] == message):
            if len(message) <= MAX_TEMPLATE_CHARS:
                self.throttle.know(name, message, level, problem, occurrence.kind)
        elif token is not None:
            path, line = attributes.get("pathname"), attributes.get("lineno")
            if type(path) is str and type(line) is int:
                self.throttle.know_at((path, line), token, name, level, problem, occurrence.kind)

    def _token_of(self, occurrence: Occurrence) -> Token | None:
        """Return what decides the key of an occurrence, if nothing but that did."""
        token = cast("Token | None", occurrence.token)
        if token is None and occurrence.message is None and occurrence.kind is None:
            with suppress(Exception):
                token = token_of(occurrence.record)
        if token is None or self._identifier.has_function:
            return None
        return token if self._identifier.fingerprinter.key_by(token) == occurrence.key else None

    def _event(
        self,
        occurrence: Occurrence,
        severity: Severity,
        sighting: Sighting,
        settle: Settlement,
        stand_in: StandIn | None = None,
    ) -> Pending | None:
        problem, history = sighting.problem, sighting.history
        key = problem.key if sighting.worse is None else second_key(problem.key, sighting.worse)
        compose: Callable[[], Trigger] = partial(alert.compose, occurrence, key, history, self._fields)
        if stand_in is not None:
            compose = partial(self._composed_together, occurrence, sighting, stand_in)
        if sighting.worse is not None:
            compose = partial(beside_the_first, compose, problem.key, history)
        if occurrence.original is not None and self._before_send is not None:
            # Redacted before too: `before_send` may log or copy what it is given.
            considered = self._considered(
                occurrence, cast("Trigger", self._redactor.event(compose())), self._before_send
            )
            if considered is None:
                settle(Outcome.REJECTED)
                problem.handed_in += 1
                self.ignored["before_send"] += 1
                self._note(occurrence, DecisionVerdict.IGNORED, "before_send returned None")
                return None
            compose = partial(figures.brought_up_to_date, history, considered)
        return Pending(
            dedup_key=key,
            severity=severity,
            kind=Kind.REMINDER if sighting.why is Why.AGAIN else Kind.NEWS,
            accepted_at=occurrence.at,
            compose=partial(self._redacted, compose, problem, occurrence.logger),
            settle=settle,
            label=occurrence.label,
            size=occurrence.size,
            logger=occurrence.logger,
            take=partial(figures.take, history),
            why=history.why,
            decided=partial(
                self._decided,
                key=problem.key,
                event=key,
                logger=occurrence.logger,
                template=occurrence.attributes.get("msg"),
                repeats=history.suppressed,
            ),
            due=-math.inf if stand_in is None else occurrence.at + GATHERED,
        )

    def _decided(self, verdict: DecisionVerdict, reason: str, *, template: object, **about: Any) -> None:
        text = template[:MAX_TEMPLATE_CHARS] if type(template) is str else ""
        self.decisions.note(verdict, reason, template=text, **about)

    def _note(self, occurrence: Occurrence, verdict: DecisionVerdict, reason: str) -> None:
        template = occurrence.attributes.get("msg")
        self.decisions.note_alike(
            verdict, reason, key=occurrence.key or "", logger=occurrence.logger, template=template
        )

    def _considered(
        self, occurrence: Occurrence, trigger: Trigger, before_send: BeforeSend
    ) -> Trigger | None:
        """Let `before_send` change the trigger, here where its record is at hand; None: not to be sent."""
        record = occurrence.original
        occurrence.original = None
        if record is None:
            return trigger
        try:
            changed = before_send(trigger, record)
        except Exception as error:
            return alert.noted(trigger, f"before_send raised {type_name(error)}")
        except BaseException as error:
            occurrence.interruption = error
            return alert.noted(trigger, f"before_send raised {type_name(error)}")
        if changed is None or isinstance(changed, Trigger):
            return changed
        return alert.noted(trigger, f"before_send returned no Trigger: {type_name(changed)}")

    def _decide_without_rules(self, occurrence: Occurrence, broken: BaseException) -> Pending | None:
        """Return the event of an occurrence that could not be decided as it should be."""
        try:
            occurrence.defects.append(f"the record could not be read: {type_name(broken)}")
            if occurrence.message is None:
                occurrence = salvage(occurrence.record, occurrence.at, broken, occurrence.defects)
            key = self._identifier.identify_bare(occurrence).key
            settle = Settlement(self.throttle)
            severity = occurrence.severity
            sighting = self.throttle.sight(key, severity, occurrence.created, settle, occurrence.at)
            if sighting.why is None:
                self.suppressed += 1
                return None
            return self._event(occurrence, severity, sighting, settle)
        except Exception:
            self.unreadable += 1  # no call: there may be no stack or memory left for one
            return None

    def _ordered(self, event: Event, dedup_key: str, at: float) -> Pending:
        if isinstance(event, Resolve):
            self.throttle.resolved(dedup_key)
        return Pending(
            dedup_key=dedup_key,
            severity=Severity.ERROR,
            kind=Kind.NEWS,
            accepted_at=at,
            compose=partial(self._redactor.event, event),
            settle=nobody_waits,
            label=type(event).__name__.lower(),
            bare=True,
            decided=partial(self._ordered_decided, type(event).__name__.lower(), dedup_key),
        )

    def _ordered_decided(self, what: str, key: str, verdict: DecisionVerdict, reason: str) -> None:
        self.decisions.note(verdict, f"{what}: {reason}" if reason else what, key=key, event=key)

    def _redacted(self, compose: Callable[[], Trigger], problem: Problem, logger: str) -> Event:
        event = self._redactor.event(compose())
        if problem.said is None or getattr(event, "dedup_key", "") == problem.key:
            problem.said = said_by(event, logger, self._origins)
        return event

    def _composed_together(self, occurrence: Occurrence, sighting: Sighting, stand_in: StandIn) -> Trigger:
        sighting.history.occurrences = sighting.problem.occurrences  # it has waited for more of them
        return stand_in.told(alert.compose(occurrence, sighting.problem.key, sighting.history, self._fields))


def _is_notice(record: logging.LogRecord) -> bool:
    """Return whether a record is what the library itself wrote to stderr."""
    attributes = record.__dict__
    message, args = attributes.get("msg"), attributes.get("args")
    if type(message) is str:
        return is_notice(message) or (type(args) is tuple and any(map(_holds_notice, args)))
    return any(map(_holds_notice, message.values() if type(message) is dict else (message,)))


def _holds_notice(value: object) -> bool:
    if type(value) is bytes:
        value = value.decode("utf-8", "replace")
    return type(value) is str and is_notice(value)
