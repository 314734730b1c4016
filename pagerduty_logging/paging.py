"""Which records page, and what their pages say: `LogRecord -> Pending | None`, on the thread that logs.

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

from pagerduty_logging import alert, marks, options, wishes
from pagerduty_logging.events_api.encoding import MAX_DEDUP_KEY_CHARS, encode, fit_dedup_key
from pagerduty_logging.events_api.events import Acknowledge, Event, Resolve, Severity, Trigger
from pagerduty_logging.fingerprinting import Fingerprinter, Identity
from pagerduty_logging.nesting import MAX_NESTED, Nesting
from pagerduty_logging.noise import Frequency, Ignored
from pagerduty_logging.plain_record import copy_of, record_of
from pagerduty_logging.readable import plain
from pagerduty_logging.redaction import Redactor
from pagerduty_logging.safejson import type_name
from pagerduty_logging.schedule import Pending, nobody_waits
from pagerduty_logging.snapshot import (
    Snapshot,
    Surroundings,
    capture,
    created,
    exception_of,
    read,
    salvage,
    surroundings,
)
from pagerduty_logging.throttle import History, Settlement, Sighting, Throttle, Verdict

BeforeSend = Callable[[Trigger, logging.LogRecord], Trigger | None]

MAX_SHORTCUT_CHARS = 2_000
"""Characters of a message that is kept to know its repeats by; a longer one is identified each time."""


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
        self._fingerprinter, self._fingerprint = _fingerprints(fingerprint)
        self._before_send = before_send
        self._frequency = frequency
        self._mark = mark
        self._nesting = Nesting()

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
    ) -> tuple[Pending | None, BaseException | None]:
        """Return the event that a record calls for, if any, and what its own code raised while it was read.

        Args:
            record: the record.
            said: what `extra={"pagerduty": ...}` says.
            defects: what went wrong with the record so far, to be told with the page.
            formatter: the handler's, if it has one.
        """
        try:
            depth = self._nesting.enter()
            try:
                return self._read(record, wishes.wishes_in(said), defects, formatter, depth >= MAX_NESTED)
            finally:
                self._nesting.leave(depth)
        except BaseException as broken:
            try:
                return self._page_anyway(record, broken, defects), broken
            except Exception:
                self.unreadable += 1  # no call: there may be no stack or memory left for one
                return None, broken

    def _read(
        self,
        record: logging.LogRecord,
        wished: dict[object, Any],
        defects: list[str],
        formatter: logging.Formatter | None,
        deep: bool,
    ) -> tuple[Pending | None, BaseException | None]:
        """Return the event that a record calls for, if any, and what its own code raised while it was read.

        `deep` in records whose reading logs, none of the program's code is run any more.
        """
        error = exception_of(record)
        if self._ignored.matches(record, error):
            return None, None
        identity = _identity_of(salvage(record)) if deep else self._identify(record, wished, error, defects)
        action = wishes.wish(wished, "event_action")
        if action == "resolve":
            return self.resolve(identity.key), None
        if action == "acknowledge":
            return self.acknowledge(identity.key), None
        severity = wishes.severity_of(record, wished)
        sighting = self._sight(record, error, identity, severity)
        if sighting is None or sighting.verdict is Verdict.REPEAT:
            self.suppressed += 1
            return None, None
        settle = Settlement(self.throttle, sighting.problem)
        failure: BaseException | None = None
        try:
            try:
                if formatter is None and not (deep or defects):
                    pending = self._read_later(record, error, severity, sighting, settle)
                    if pending is not None:
                        return pending, None
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
        except BaseException:
            settle(False)
            raise
        finally:
            del failure  # its traceback holds this frame

    def _page_anyway(
        self, record: logging.LogRecord, error: BaseException, defects: list[str]
    ) -> Pending | None:
        """Return the event that can be had without the program's own code, which has just failed."""
        snapshot = salvage(record, error, defects)
        sighting = self.throttle.sight(_identity_of(snapshot).key, snapshot.severity, snapshot.created)
        if sighting.verdict is Verdict.REPEAT:
            return None
        settle = Settlement(self.throttle, sighting.problem)
        return self._pending(snapshot, sighting, self._composer(snapshot, sighting), settle)

    # --- which problem, and is it news? -----------------------------------------------------------

    def _identify(
        self,
        record: logging.LogRecord,
        wished: dict[object, Any],
        error: BaseException | None,
        defects: list[str],
    ) -> Identity:
        """Return the problem that a record asks for, else its exception's, else the fingerprint's."""
        asked = wishes.wish(wished, "dedup_key")
        if asked is not None:
            return Identity(self.shown_key(asked), by_message=False)
        key = None if error is None else marks.marked(error, self._mark)
        if key is not None:
            return Identity(key, by_message=False)
        if self._fingerprint is not None:
            try:
                key = self.shown_key(str(self._fingerprint(record)))
                if key:
                    return Identity(key, by_message=False)
                defects.append("fingerprint returned nothing")
            except Exception as broken:
                defects.append(f"fingerprint raised {type_name(broken)}")
        try:
            return self._fingerprinter.identify(record)
        except Exception as broken:
            defects.append(f"the problem could not be identified: {type_name(broken)}")
            return _identity_of(salvage(record))

    def _sight(
        self, record: logging.LogRecord, error: BaseException | None, identity: Identity, severity: Severity
    ) -> Sighting | None:
        """Note the occurrence; None: it happens too seldom to page."""
        seen = created(record)
        held = None
        if self._frequency is not None and severity is not Severity.CRITICAL:
            held = self._frequency.note(identity.key, seen)
            if held is None:
                return None
        if error is not None:
            if marks.marked(error, self._mark) is not None and severity is Severity.CRITICAL:
                # An error that goes on to end the program is the same error, and PagerDuty's urgency
                # is the same for both words.
                severity = Severity.ERROR
            marks.mark(error, self._mark, identity.key)
        sighting = self.throttle.sight(identity.key, severity, seen)
        if (
            # Most problems of a storm of them do not come again; but an exception that does is known by
            # its mark, which tells nothing of the message.
            (sighting.verdict is not Verdict.FIRST or error is not None)
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

    def _read_later(
        self,
        record: logging.LogRecord,
        error: BaseException | None,
        severity: Severity,
        sighting: Sighting,
        settle: Callable[[bool], int],
    ) -> Pending | None:
        """Return the event of a record of plain data, to be read when its turn comes; None: read it now."""
        if self._before_send is not None:
            return None
        copied = copy_of(record)
        if copied is None:
            return None
        copy, size = copied
        around = surroundings(record, error)
        if around.chain:
            size += sum(getsizeof(raised.text) + 100 * len(raised.frames) for raised in around.chain)
        if around.crumbs:
            size += 200 * len(around.crumbs)
        key = sighting.problem.key
        return Pending(  # by position: by name it takes twice the time
            key,
            severity,
            sighting.verdict is Verdict.REMINDER,
            monotonic(),
            partial(self._composed_of, copy, around, key, sighting.history),
            settle,
            alert.named(record.levelname, record.name, record.filename, record.lineno),
            size,
        )

    def _composed_of(
        self, copy: dict[str, Any], around: Surroundings, dedup_key: str, history: History
    ) -> Event:
        snapshot = read(record_of(copy), around)
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
        """Return a dedup key of the program's as it leaves: one line of plain text without a secret."""
        shown = plain(key).replace("\n", " ") if len(key) <= MAX_DEDUP_KEY_CHARS else key
        return self._redactor.key(fit_dedup_key(shown))

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


_RAW = Fingerprinter(template_source="raw")


def _identity_of(snapshot: Snapshot) -> Identity:
    """Return the problem of what could be read without running the program's code."""
    plain_record = logging.makeLogRecord({"name": snapshot.logger, "msg": snapshot.message})
    return _RAW.identify(plain_record)._replace(by_message=False)


def _fingerprints(
    option: Callable[[logging.LogRecord], str] | Mapping[str, Any] | None,
) -> tuple[Fingerprinter, Callable[[logging.LogRecord], str] | None]:
    """Return our own fingerprinter, and the user's function, which comes first."""
    if not isinstance(option, Mapping):
        return Fingerprinter(), options.function("fingerprint", option)
    try:
        return Fingerprinter(**option), None
    except (TypeError, ValueError) as error:
        raise type(error)(f"fingerprint: {error}") from None


def _is_short(message: object) -> bool:
    return type(message) is str and len(message) <= MAX_SHORTCUT_CHARS
