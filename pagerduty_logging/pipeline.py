"""Which records page, and what their pages say: `LogRecord -> Pending | None`.

A record is read on the thread that logs; one of plain data may be copied there, and read later on any.
The program's own code that is run here (an object's `__str__`, `fingerprint`, `before_send`) may do
anything: raise, log, or end the program. A record that calls for a page has one all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from sys import getsizeof
from time import monotonic
from typing import Any

from pagerduty_logging.delivery.schedule import Pending, nobody_waits
from pagerduty_logging.events_api.encoding import encode
from pagerduty_logging.events_api.events import Acknowledge, Event, Resolve, Severity, Trigger
from pagerduty_logging.events_api.safejson import type_name
from pagerduty_logging.fingerprinting import Identity
from pagerduty_logging.fingerprinting.problem import Identifier, identity_of
from pagerduty_logging.page import alert
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.record import overrides
from pagerduty_logging.record.filters import Frequency, Held, Ignored
from pagerduty_logging.record.nesting import MAX_NESTED, Nesting
from pagerduty_logging.record.plain_record import copy_of, record_of
from pagerduty_logging.record.snapshot import (
    Snapshot,
    Surroundings,
    capture,
    created,
    exception_of,
    read,
    salvage,
    surroundings,
)
from pagerduty_logging.state import marks
from pagerduty_logging.state.throttle import History, Settlement, Sighting, Throttle, Verdict

BeforeSend = Callable[[Trigger, logging.LogRecord], Trigger | None]
TurnAway = Callable[[str, Severity, str], bool]
Paged = tuple[Pending | None, BaseException | None]
"""The event that a record calls for, if any, and what its own code raised while it was read."""

MAX_SHORTCUT_CHARS = 2_000
"""Characters of a message that is kept to know its repeats by; a longer one is identified each time."""

MAX_UNREAD_BYTES = 10_000
"""Memory that a record may take, about, to wait unread; a longer one is read at once."""

MAX_FLOODING = 1_000
"""Lines of source that are remembered for logging one problem in ever other words."""


class Pager:
    """Makes the events that records call for.

    Args:
        fields: what every alert says, see `alert.checked_fields`.
        redactor: has the last word on every event, and on dedup keys of the program's.
        ignored: records that never page.
        fingerprint: as given to the handler.
        before_send: may change a trigger, or drop it by returning None.
        throttle: tells what is news.
        frequency: holds back what happens too seldom to page; None: nothing.
        mark: the attribute by which an exception that was paged is known.

    Attributes:
        throttle: the problems it knows.
        suppressed: records that need no event of their own.
        unreadable: records that were lost where no stack or memory was left.
    """

    def __init__(
        self,
        *,
        fields: alert.Fields,
        redactor: Redactor,
        ignored: Ignored,
        fingerprint: Callable[[logging.LogRecord], str] | Mapping[str, Any] | None,
        before_send: BeforeSend | None,
        throttle: Throttle,
        frequency: Frequency | None,
        mark: str,
    ) -> None:
        self.throttle = throttle
        self.suppressed = self.unreadable = 0
        self._fields = fields
        self._redactor = redactor
        self._ignored = ignored
        self._identifier = Identifier(fingerprint, redactor)
        self._fingerprinter = self._identifier.fingerprinter
        self._before_send = before_send
        self._frequency = frequency
        self._mark = mark
        self._nesting = Nesting()
        # Whether nothing of the program's has a say in what is news.
        self._alone = before_send is None and fingerprint is None and frequency is None
        self._latest = ""
        self._flooding: set[tuple[str, int]] = set()

    @property
    def nested(self) -> bool:
        """Whether this thread is in the midst of another record, maybe with locks that a reader waits for."""
        return self._nesting.nested

    def begin_anew(self) -> None:
        """Know nothing and have counted nothing: this is a forked child."""
        self.throttle.forget()
        self.suppressed = self.unreadable = 0

    def rehearse(self) -> None:
        """Make a page that is not sent, so that what is slow for the first time only is slow now."""
        record = logging.LogRecord("", logging.ERROR, __file__, 1, "a rehearsal", (), None)
        with suppress(Exception):  # what fails here fails, and is told, with a page that matters
            self._fingerprinter.identify(record)
            snapshot = salvage(record)
            event = alert.compose(snapshot, "rehearsal", History(1, 0, 0.0), self._fields)
            encode(self._redactor.event(event))

    def page(
        self,
        record: logging.LogRecord,
        said: object,
        defects: list[str],
        formatter: logging.Formatter | None,
    ) -> Paged:
        """Return the event that a record calls for.

        Args:
            record: the record.
            said: what `extra={"pagerduty": ...}` says.
            defects: what went wrong with the record so far, to be told with the page.
            formatter: the handler's, if it has one.
        """
        settle = Settlement(self.throttle)
        try:
            depth = self._nesting.enter()
            try:
                deep = depth >= MAX_NESTED
                return self._read(record, overrides.wishes_in(said), defects, formatter, deep, settle)
            finally:
                self._nesting.leave(depth)
        except BaseException as broken:
            return self._page_anyway(record, broken, defects, settle)

    def turned_away(self, record: logging.LogRecord, turn_away: TurnAway) -> bool:
        """Do without the event of a new problem's record, before any of it is kept; False: see `page`.

        Args:
            record: a record that says nothing of its own page.
            turn_away: counts an event as left out if there is no room for it.
        """
        try:
            message = record.msg
            # Whether to identify it runs none of the program's code.
            harmless = type(message) is str and (
                message[:1].isalpha() if record.args else not record.exc_info
            )
            if not (self._alone and harmless):
                return False
            error = exception_of(record) if record.exc_info else None
            if error is not None and marks.marked(error, self._mark) is not None:
                return False
            if self._ignored.matches(record, error):
                return False
            key = self._fingerprinter.identify(record).key
            if self.throttle.knows(key):
                return False
            return turn_away(key, overrides.severity_of(record, {}), _label_of(record))
        except Exception:  # a record made by hand may lack anything
            return False

    def reader_of(self, record: logging.LogRecord) -> Callable[[], Paged] | None:
        """Return what pages for a record on any thread, later; None: it must be read now.

        Records that wait are plain data, and new: repeats of them will be known by their message. Of an
        exception only its own text runs the program's code, and is read here.
        """
        try:
            message, error = record.msg, exception_of(record)
            if not (self._alone and _is_short(message)) or message == self._latest:
                return None  # the second in a row is read now, so that all others are known by their message
            if record.exc_info:
                if error is None or marks.marked(error, self._mark) is not None:
                    return None
            elif record.args and not message[:1].isalpha():
                return None
            if (error is not None or not record.args) and (record.pathname, record.lineno) in self._flooding:
                return None
            copied = None if self._ignored.matches(record, error) else copy_of(record)
            if copied is None or copied[1] > MAX_UNREAD_BYTES:
                return None
            if error is None:
                identity, around = None, surroundings(record, None)
            elif (found := self._identified(record, error)) is not None:
                identity, around = found
            else:
                self._note_flood(record)
                return None
            self._latest = message
            return partial(self._page_copy, *copied, around, monotonic(), identity)
        except Exception:  # a record made by hand may lack anything
            return None

    def _identified(
        self, record: logging.LogRecord, error: BaseException
    ) -> tuple[Identity, Surroundings] | None:
        """Return an exception's problem, with which it is marked, and its surroundings.

        None: it is known, or cannot be known by its message, or is logged in the midst of another record.
        """
        depth = self._nesting.enter()
        try:
            identity = None if depth else self._fingerprinter.identify(record)
            if identity is None or not identity.by_message or self.throttle.knows(identity.key):
                return None
            around = surroundings(record, error)
        finally:
            self._nesting.leave(depth)
        marks.mark(error, self._mark, identity.key)
        return identity, around

    def _page_copy(
        self,
        copy: dict[str, Any],
        size: int,
        around: Surroundings,
        accepted_at: float,
        identity: Identity | None,
    ) -> Paged:
        record = record_of(copy)
        settle = Settlement(self.throttle)
        try:
            if identity is None:
                identity = self._fingerprinter.identify(record)
            severity = overrides.severity_of(record, {})
            sighting = self._sight(record, bool(around.chain), identity, severity, settle)
            if sighting.verdict is Verdict.REPEAT:
                self.suppressed += 1
                if not record.args:
                    self._note_flood(record)
                return None, None
            return self._pending_copy(record, size, around, accepted_at, severity, sighting, settle), None
        except Exception as broken:
            return self._page_anyway(record, broken, [], settle)
        except BaseException:  # whoever reads it is interrupted: it is read again
            settle(False)
            raise

    def _note_flood(self, record: logging.LogRecord) -> None:
        """Remember a line that logs one problem in ever other words: to read it at once takes less time."""
        if len(self._flooding) >= MAX_FLOODING:
            self._flooding.clear()
        self._flooding.add((record.pathname, record.lineno))

    def _read(
        self,
        record: logging.LogRecord,
        wished: dict[object, Any],
        defects: list[str],
        formatter: logging.Formatter | None,
        deep: bool,
        settle: Settlement,
    ) -> Paged:
        """Return the event that a record calls for; see `page`.

        `deep` in records whose reading logs, none of the program's code is run any more.
        """
        error = exception_of(record)
        if self._ignored.matches(record, error):
            return None, None
        marked = None if error is None else marks.marked(error, self._mark)
        identity = (
            identity_of(salvage(record))
            if deep
            else self._identifier.identify(record, wished, marked, defects)
        )
        if wished:
            action = overrides.wish(wished, "event_action")
            if action == "resolve":
                return self.resolve(identity.key), None
            if action == "acknowledge":
                return self.acknowledge(identity.key), None
        severity = overrides.severity_of(record, wished)
        held: Held | None = None
        if self._frequency is not None and severity is not Severity.CRITICAL:
            held = self._frequency.note(identity.key, created(record))
            if held is None:
                self.suppressed += 1
                return None, None
        if error is not None:
            marks.mark(error, self._mark, identity.key)
        # An error that goes on to end the program is the same error, and PagerDuty's urgency is the same
        # for both words.
        again = marked is not None and severity is Severity.CRITICAL
        counted = Severity.ERROR if again else severity
        sighting = self._sight(record, error is not None, identity, counted, settle, held)
        if sighting.verdict is Verdict.REPEAT:
            self.suppressed += 1
            return None, None
        failure: BaseException | None = None
        try:
            try:
                copied = copy_of(record) if not (deep or defects or formatter or self._before_send) else None
                if copied is not None:
                    copy, size = record_of(copied[0]), copied[1]
                    around = surroundings(record, error)
                    return self._pending_copy(
                        copy, size, around, monotonic(), severity, sighting, settle
                    ), None
                snapshot = salvage(record) if deep else capture(record, formatter, defects)
                compose = self._considered(record, self._composer(snapshot, sighting))
            except BaseException as broken:
                failure = broken
                snapshot = salvage(record, broken, defects)
                compose = self._composer(snapshot, sighting)
            if compose is None:
                settle(False)
                return None, None
            return self._pending(snapshot, sighting, compose, settle), failure
        finally:
            del failure  # its traceback holds this frame

    def _page_anyway(
        self, record: logging.LogRecord, broken: BaseException, defects: list[str], settle: Settlement
    ) -> Paged:
        """Return the event that can be had without the program's own code, which has just failed.

        Args:
            record: the record.
            broken: how it failed.
            defects: what went wrong with the record before.
            settle: of the event that was to be, which now never will.
        """
        try:
            settle(False)
            snapshot = salvage(record, broken, defects)
            settle = Settlement(self.throttle)
            key = identity_of(snapshot).key
            sighting = self.throttle.sight(key, snapshot.severity, snapshot.created, settle)
            if sighting.verdict is Verdict.REPEAT:
                return None, broken
            return self._pending(snapshot, sighting, self._composer(snapshot, sighting), settle), broken
        except Exception:
            self.unreadable += 1  # no call: there may be no stack or memory left for one
            return None, broken

    # --- is it news? ------------------------------------------------------------------------------

    def _sight(
        self,
        record: logging.LogRecord,
        raised: bool,
        identity: Identity,
        severity: Severity,
        settle: Settlement,
        held: Held | None = None,
    ) -> Sighting:
        """Note the occurrence, and those that were held back before it."""
        sighting = self.throttle.sight(identity.key, severity, created(record), settle)
        if (
            # Most problems of a storm of them do not come again; but an exception that does is known by
            # its mark, which tells nothing of the message.
            (sighting.verdict is not Verdict.FIRST or raised)
            and identity.by_message
            and type(record.levelno) is int
            and type(record.name) is str
            and _is_short(record.msg)
        ):
            self.throttle.know(record.name, record.msg, record.levelno, sighting.problem)
        if held is not None:
            history = sighting.history
            history.occurrences += held.times
            history.first_seen = min(history.first_seen, held.first_seen)
        return sighting

    # --- what the page says -----------------------------------------------------------------------

    def _pending_copy(
        self,
        copy: logging.LogRecord,
        size: int,
        around: Surroundings,
        accepted_at: float,
        severity: Severity,
        sighting: Sighting,
        settle: Callable[[bool], int],
    ) -> Pending:
        """Return the event of a record of plain data, to be read when its turn comes."""
        for raised in around.chain:
            size += getsizeof(raised.text) + 50 * len(raised.lines)
        if around.crumbs:
            size += 200 * len(around.crumbs)
        key = sighting.problem.key
        return Pending(  # by position: by name it takes twice the time
            key,
            severity,
            sighting.verdict is Verdict.REMINDER,
            accepted_at,
            partial(self._composed_of, copy, around, key, sighting.history),
            settle,
            alert.named(copy.levelname, copy.name, copy.filename, copy.lineno),
            size,
        )

    def _composed_of(
        self, copy: logging.LogRecord, around: Surroundings, dedup_key: str, history: History
    ) -> Event:
        snapshot = read(copy, around)
        return self._redactor.event(alert.compose(snapshot, dedup_key, history, self._fields))

    def _composer(self, snapshot: Snapshot, sighting: Sighting) -> Callable[[], Trigger]:
        return partial(alert.compose, snapshot, sighting.problem.key, sighting.history, self._fields)

    def _considered(
        self, record: logging.LogRecord, compose: Callable[[], Trigger]
    ) -> Callable[[], Trigger] | None:
        """Let `before_send` change the trigger, here where its record is at hand; None: not to be sent."""
        if self._before_send is None:
            return compose
        trigger = compose()
        try:
            changed = self._before_send(trigger, record)
        except Exception as error:
            changed = alert.noted(trigger, f"before_send raised {type_name(error)}")
        if changed is None:
            return None
        if not isinstance(changed, Trigger):
            changed = alert.noted(trigger, f"before_send returned no Trigger: {type_name(changed)}")
        considered = changed
        return lambda: considered

    def _pending(
        self,
        snapshot: Snapshot,
        sighting: Sighting,
        compose: Callable[[], Trigger],
        settle: Callable[[bool], int],
    ) -> Pending:
        return Pending(
            dedup_key=sighting.problem.key,
            severity=snapshot.severity,
            known=sighting.verdict is Verdict.REMINDER,
            accepted_at=monotonic(),
            compose=partial(self._redacted, compose),
            settle=settle,
            label=alert.label(snapshot),
            size=alert.size(snapshot),
        )

    def _redacted(self, compose: Callable[[], Event]) -> Event:
        return self._redactor.event(compose())

    # --- events that no record's trouble made -----------------------------------------------------

    def acknowledge(self, dedup_key: str) -> Pending:
        """Return the word that somebody is on a problem."""
        return self.as_it_is(Acknowledge(dedup_key), dedup_key)

    def resolve(self, dedup_key: str) -> Pending:
        """Return the word that a problem is over; its next occurrence is news."""
        self.throttle.resolved(dedup_key)
        return self.as_it_is(Resolve(dedup_key), dedup_key)

    def shown_key(self, key: str) -> str:
        """Return a dedup key of the program's as it leaves."""
        return self._identifier.shown_key(key)

    def as_it_is(self, event: Event, dedup_key: str) -> Pending:
        """Return an event that no record's trouble made, to be sent as it is or not at all."""
        return Pending(
            dedup_key=dedup_key,
            severity=Severity.ERROR,
            known=False,
            accepted_at=monotonic(),
            compose=partial(self._redactor.event, event),
            settle=nobody_waits,
            label=type(event).__name__.lower(),
            bare=True,
        )


def _label_of(record: logging.LogRecord) -> str:
    """Return `alert.label` of a record that nothing was taken from yet."""
    level_name, name, file, line = record.levelname, record.name, record.filename, record.lineno
    if type(level_name) is str and type(name) is str and type(file) is str and type(line) is int:
        return alert.named(level_name, name, file, line)
    return alert.label(salvage(record))


def _is_short(message: object) -> bool:
    return type(message) is str and len(message) <= MAX_SHORTCUT_CHARS
