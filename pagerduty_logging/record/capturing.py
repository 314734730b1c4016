"""The steps on the thread that logs: is the record ignored, what does it say, and which problem is it.

The application's own code that runs here (an object's `__str__`, a formatter, `fingerprint`) may do anything:
raise, log, or end the program. The record pages nevertheless.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol

from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import overrides, paged_exceptions
from pagerduty_logging.record.exceptions import LoggedFailure
from pagerduty_logging.record.filters import Ignored
from pagerduty_logging.record.occurrence import (
    Occurrence,
    capture,
    exception_of,
    salvage,
    traceback_of,
)
from pagerduty_logging.record.reporters import is_of_library, with_exception
from pagerduty_logging.state.throttle import Throttle

_RULES = {
    "logger": "ignore_loggers",
    "exception": "ignore_exceptions",
    "exit": "the report of an exit with success",
}


MAX_NESTED = 5
"""Records may log while they are rendered; from this nesting depth on, objects are not rendered."""


class FindsProblems(Protocol):
    """Finds dedup keys: `fingerprinting.problem.Identifier`."""

    has_function: bool

    def identify(
        self, record: logging.LogRecord, marked: str | None, defects: list[str]
    ) -> tuple[str, bool]: ...

    def identify_bare(self, occurrence: Occurrence) -> tuple[str, bool]: ...

    def defer(
        self, occurrence: Occurrence, error: BaseException, traceback: TracebackType | None
    ) -> list[str] | None: ...

    def deferred_key(self, holder: list[str]) -> str | None: ...

    def token_of(self, record: logging.LogRecord) -> object: ...

    def with_handled(self, record: logging.LogRecord) -> logging.LogRecord: ...

    def writes_traceback(self, record: logging.LogRecord) -> bool: ...


class Notices(Protocol):
    """What the library itself has written: `delivery.diagnostics.Notices`."""

    def __len__(self) -> int: ...

    def hold(self, message: object, args: object) -> bool: ...


class Capturing:
    """Captures records, as occurrences.

    Args:
        ignored: records that never page.
        identifier: finds dedup keys.
        throttle: knows the problems.
        mark: the attribute by which an exception that was paged is known.
        clock: seconds, monotonic.
        notices: what this library wrote to stderr, which may come back as a record.
        keeps_records: whether an occurrence keeps the record itself, for `before_send`.
        note: called for a record that does not page, with the reason, its logger and its template.
        depths: by thread, how many records it is reading: showing one may log another.

    Attributes:
        ignored: records that do not page, by the rule that says so; see `Stats`.
        unreadable: records that were lost where no stack or memory was left.
    """

    def __init__(
        self,
        *,
        ignored: Ignored,
        identifier: FindsProblems,
        throttle: Throttle,
        mark: str,
        clock: Callable[[], float],
        notices: Notices,
        keeps_records: bool,
        note: Callable[[str, object, object], object],
        depths: dict[int, int],
    ) -> None:
        self.ignored: Counter[str] = Counter()
        self.unreadable = 0
        self._filters = ignored
        self._identifier = identifier
        self._throttle = throttle
        self._mark = mark
        self._clock = clock
        self._notices = notices
        self._keeps_records = keeps_records
        self._note = note
        self._depths = depths

    def reset(self) -> None:
        """Set the counts to zero, in a forked child."""
        self.unreadable = 0
        self.ignored.clear()

    def capture(
        self, record: logging.LogRecord, formatter: logging.Formatter | None, defects: list[str]
    ) -> Occurrence | None:
        """Return what a record says, as plain data; also its problem, where only this thread can find it.

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
            if overrides.said_by(record.__dict__) is False:
                self.ignore(record, "record", 'extra={"pagerduty": False}')
                return None
            record = with_exception(record)
            args: Any = record.__dict__.get("args")
            is_plain = not args or (type(args) is tuple and PLAIN.issuperset(map(type, args)))
            if not is_plain or sys.exception() is not None:
                record = self._identifier.with_handled(record)
            error = exception_of(record)
            rule = self._filters.rule_for(record, error)
            if rule is not None:
                self.ignore(record, rule, _RULES.get(rule, rule))
                return None
            if self._notices and self._notices.hold(record.__dict__.get("msg"), record.__dict__.get("args")):
                return None
            if depth >= MAX_NESTED:
                return self._identified(salvage(record, self._clock()))
            return self._captured(record, error, formatter, defects)
        except BaseException as broken:
            return self._captured_after(record, broken, formatter, defects)
        finally:
            if depth:
                self._depths[me] = depth
            else:
                del self._depths[me]

    def ignore(self, record: logging.LogRecord, rule: str, words: str) -> None:
        """Count a record that does not page, by the rule that says so."""
        self.ignored[rule] += 1
        attributes = record.__dict__
        name, message = attributes.get("name"), attributes.get("msg")
        self._note(words, name, message)

    def _captured(
        self,
        record: logging.LogRecord,
        error: BaseException | None,
        formatter: logging.Formatter | None,
        defects: list[str],
    ) -> Occurrence:
        occurrence = capture(record, self._clock(), formatter, defects, error)
        if error is not None and occurrence.failure is not None:
            self._identify_failure(record, error, occurrence, occurrence.failure)
        elif occurrence.contents is not None or self._identifier.has_function:
            self._identify_here(record, occurrence, None)
        if self._keeps_records:
            occurrence.original = record
        return occurrence

    def _identify_failure(
        self,
        record: logging.LogRecord,
        error: BaseException,
        occurrence: Occurrence,
        failure: LoggedFailure,
    ) -> None:
        """Mark an exception with the key of its problem, or with the list in which the worker will put it."""
        traceback = traceback_of(record, error)
        marked = self._paged_for(record, error, occurrence, failure)
        failure.is_known = marked is not None
        key: str | list[str] | None = None
        if marked is None and occurrence.contents is None:
            key = self._identifier.defer(occurrence, error, traceback)
        if key is None:
            key = self._identify_here(record, occurrence, marked)
        about = record.__dict__
        noted = paged_exceptions.of_task(traceback, about.get("msg"), about.get("args"))
        mark = (key, occurrence.attributes["name"], occurrence.at, id(noted))
        paged_exceptions.mark(error, self._mark, mark)

    def _identify_here(self, record: logging.LogRecord, occurrence: Occurrence, marked: str | None) -> str:
        """Find the problem of a record on the thread that logs."""
        key, by_message = self._identifier.identify(record, marked, occurrence.defects)
        # With loguru's `bind` the next record may have another key.
        occurrence.key, occurrence.by_message = key, by_message and "extra" not in record.__dict__
        if occurrence.contents and occurrence.contents.merged and self._identifier.writes_traceback(record):
            occurrence.contents = occurrence.contents._replace(merged=False)
        wanted = not (by_message and record.args) and not self._identifier.has_function
        if wanted and self._throttle.knows(key):  # most problems of a storm occur only once
            with suppress(Exception):  # the record was made by hand
                occurrence.token = self._identifier.token_of(record)
        if occurrence.overrides and occurrence.overrides.get("event_action") == "resolve":
            self._throttle.end(key)
        return key

    def _paged_for(
        self,
        record: logging.LogRecord,
        error: BaseException,
        occurrence: Occurrence,
        failure: LoggedFailure,
    ) -> str | None:
        """Return the key under which this same failure has paged; None if it is another failure."""
        mark = paged_exceptions.mark_of(error, self._mark)
        if mark is None:
            return None
        relation = paged_exceptions.relation(mark, traceback_of(record, error), occurrence.at)
        uncaught = record.__dict__.get("_pagerduty_uncaught") is True
        if relation == "another" or (
            # Then its own words decide; but an uncaught exception is the failure that was logged before.
            not uncaught
            and (
                relation == "raised again"
                or (
                    relation == "same"
                    and mark.logger != occurrence.attributes["name"]
                    and not is_of_library(record, mark.logger)
                )
            )
        ):
            return None
        key = mark.key if isinstance(mark.key, str) else self._identifier.deferred_key(mark.key)
        failure.is_echo = uncaught and key is not None
        return key

    def _captured_after(
        self,
        record: logging.LogRecord,
        broken: BaseException,
        formatter: logging.Formatter | None,
        defects: list[str],
    ) -> Occurrence | None:
        """Return what can still be captured after `broken` was raised.

        Everything, if that was an interruption, as by a handler of SIGTERM that exits; otherwise what can be
        read without the application's own code.
        """
        interruption = None if isinstance(broken, Exception) else broken
        occurrence = None
        if interruption is not None:
            with suppress(BaseException):
                occurrence = self._captured(record, exception_of(record), formatter, list(defects))
        try:
            if occurrence is None:
                occurrence = self._identified(salvage(record, self._clock(), broken, defects))
            occurrence.interruption = interruption
            return occurrence
        except Exception:
            self.unreadable += 1  # inline: there may be no stack or memory left for a call
            if interruption is not None:
                raise interruption from None
            return None

    def _identified(self, occurrence: Occurrence) -> Occurrence:
        """Find the problem of an occurrence that was read without the application's own code."""
        occurrence.key, occurrence.by_message = self._identifier.identify_bare(occurrence)
        return occurrence
