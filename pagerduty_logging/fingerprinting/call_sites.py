"""Recognises a repeat by where it was logged, although the values in its message are new.

`Pager.handle` recognises repeats by logger and message. Others, such as those of an f-string, are recognised
here by file, line and token: without a copy of the record, and without the worker.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from pagerduty_logging.events_api.encoding import MAX_DEDUP_KEY_CHARS
from pagerduty_logging.record import overrides
from pagerduty_logging.record.occurrence import MAX_TEMPLATE_CHARS, Occurrence, exception_of
from pagerduty_logging.state.problem import NEVER, Problem
from pagerduty_logging.state.throttle import Throttle

from . import failure, objects, printed_shapes, shapes
from .arguments import token_with_values
from .formatted import Formatted
from .lines import UNKNOWN, Line, Where, line_of
from .problem import Identifier, decides_alone, object_alone
from .tokens import Token, says_enough, token_of, token_of_words
from .words import HEADER, shown, words_of

_BY_KEY: Final = ("dedup_key", 0)
_BY_MESSAGE: Final = ("message", 0)  # places for what is known without a line
_NOTHING: Final[Mapping[object, Problem]] = {}


class CallSites:
    """Recognises repeats of problems in their quiet window.

    Args:
        throttle: knows the problems.
        mark: the attribute by which an exception that was paged is known.
        identifier: finds dedup keys.
        depths: by thread, how many records it is reading, see `Capturing`.

    Attributes:
        formatted: counts repeats that a queue has formatted.
    """

    # fmt: off
    __slots__ = (
        "_depths", "_identifier", "_known", "_known_at", "_known_objects", "_lines", "_mark", "_objects",
        "_printed", "_shortcuts", "formatted",
    )
    # fmt: on

    def __init__(self, throttle: Throttle, mark: str, identifier: Identifier, depths: dict[int, int]) -> None:
        self._shortcuts = throttle.shortcuts
        self._identifier = identifier
        self._known: Mapping[str, Mapping[str, Problem]] = throttle.shortcuts.known
        self._known_at: Mapping[tuple[str, int], Mapping[object, Problem]] = throttle.shortcuts.known_at
        self._lines: Mapping[str, Mapping[int, Line]] = throttle.shortcuts.lines
        self._mark = mark
        self._depths = depths
        self._objects = objects.Objects()
        self._known_objects = self._objects.known
        self._printed = printed_shapes.PrintedShapes()
        self.formatted = Formatted(self._lines, self._printed)

    def by_line(self, record: logging.LogRecord, message: str) -> Problem | None:
        """Return the problem that a record repeats, if its line decides that; otherwise None.

        May raise an `Exception`.

        Args:
            record: the record.
            message: its own, unformatted.
        """
        lines = self._lines.get(record.name)
        line = None if lines is None else lines.get(record.lineno)
        if line is None:
            return None
        path, problem, function, texts, shape = line.path, line.problem, line.function, line.texts, line.shape
        if path != record.pathname or record.args or line.site.over:
            return None
        if line.module is not None and line.module != record.module:
            return None
        found: Any
        joined: tuple[str, ...] | None = ()
        printed = record.exc_text
        appended = printed and not record.exc_info
        if appended:
            found, joined = self._by_printed(record, line, message, printed, -1)
        elif "(" in message and HEADER in message:
            found, begins = None, printed_shapes.begin_of(message) if record.args is None else 0
            if begins:
                found, joined = self._by_printed(record, line, message[:begins], message, begins)
        else:
            found = line.find(message)
            if found is None and line.at >= 0 and message[:1] != "{":
                found = other = line.closely(message)
                if other is not None:
                    problem, function, shape = other.problem, other.function, other.shape
        if found is None:
            return None
        raised: Any = record.exc_info
        if problem is None:
            problem = found
            if function != record.funcName or not (texts and texts.are_fresh()):
                return None
        elif function is not None and (function != record.funcName or appended):
            return None
        if raised:
            if function is not None and self._words_of_error(raised[1]) in (None, message):
                return None
            if failure.is_ordinary(record, raised[1]):
                return problem if problem is not UNKNOWN else None
            joined = failure.joined_of(record, ordinary=False)
        elif (handled := sys.exception()) is not None and (
            appended or record.args is None or failure.may_be_handed(record, handled)
        ):
            return None
        if not joined:
            return None if joined is None or problem is UNKNOWN else problem
        # It reports for other code: what failed there makes the key, too.
        if texts is not None or line.module is not None or appended:
            return None
        return self._known_at.get((path, record.lineno), _NOTHING).get((record.name, shape, joined))

    def _by_printed(
        self, record: logging.LogRecord, line: Line, words: str, whole: Any, begins: int
    ) -> tuple[object, tuple[str, ...]]:
        """Return what a line finds for words to which a traceback was appended, and what that joins.

        It finds None for what it does not know. For `whole` and `begins` see `printed_in`.
        """
        shape = self._printed.of((record.name, line.path, record.lineno, record.funcName), whole, begins)
        if HEADER in words:
            return None, ()
        if shape is None:
            return (line.find(words) if whole.startswith(printed_shapes.STACK, begins) else None), ()
        if line.texts is None:
            return line.find(words), shape.joined
        if any(one.fits(whole) or one.fits(f"{words}\n") for one in line.site.templates):
            return None, ()
        return line.texts.find(words, shape.means(words, whole[begins + 1 :])), ()

    def _by_template(self, record: logging.LogRecord) -> Problem | None:
        """Return the problem that a record repeats, if its template decides that; otherwise None."""
        message = record.msg
        here = self._known_at.get((record.pathname, record.lineno))
        if here is None or type(message) is not str:
            return None
        problem = here.get((record.name, message, record.funcName))
        if problem is None or (record.exc_info and not says_enough(message)) or not decides_alone(record):
            return None
        return problem

    def count(self, record: logging.LogRecord, now: Callable[[], float]) -> bool:
        """Count RECORD if it is a repeat; return whether it is one.

        May raise an `Exception`; then it has not counted.

        Args:
            record: a record that the handler's filters have passed.
            now: the throttle's clock.
        """
        if record.args is None and self.formatted.count(record.__dict__, now):
            return True
        # Attributes by name: for `__dict__` CPython would have to make one first.
        problem = words = None
        message: Any = record.msg
        said = getattr(record, "pagerduty", None)
        if said is not None:
            if type(said) is not dict:
                return False
            if not overrides.SHOWN.issuperset(said):
                problem = self._by_overrides(record, said)
                return problem is not None and not problem.over and self._count(record, problem, now)
            if type(message) is str and (messages := self._known.get(record.name)):
                problem = messages.get(message)
        if problem is None:
            if record.args:
                problem = self._by_template(record)
                if problem is None and self._known_objects and message == "%s":
                    problem = self._by_object(record)
            else:
                if (kind := type(message)) is str:
                    problem = self.by_line(record, message)
                if problem is None and self._known_objects:
                    problem = self._by_object(record)
                if problem is None and (kind is dict or not issubclass(kind, BaseException)):
                    words = words_of(message, self._shown)
                    if words is not None and words is not message:
                        problem = self.by_line(record, words)
        if problem is None:
            found = self._by_token(record, words)
            if found is None:
                return False
            record, problem = found
        if record.levelno != problem.level:
            return False
        if record.exc_info or hasattr(record, "extra") or (type(message) is dict and "exc_info" in message):
            return self._count(record, problem, now)
        if problem.quiet_until <= now():
            return False
        problem.occurrences += 1
        return True

    def _by_token(
        self, record: logging.LogRecord, words: str | None
    ) -> tuple[logging.LogRecord, Problem] | None:
        """Return the known problem with a record's token, and the record with the exception it reports."""
        here = self._known_at.get((record.pathname, record.lineno))
        if here is None:
            return None
        # Of what is no text `with_handled` says nothing.
        if (record.args or type(record.msg) is str) and sys.exception() is not None and not record.exc_info:
            whole = failure.with_handed(record)
            if whole is None:
                return None
            record = whole
        if words is None:
            token = token_of(record, self._shown)
        else:
            token = token_of_words(record, words, show=self._shown)
        problem = here.get(token)
        if problem is None:
            return None
        if token is not None and not problem.over:
            if words is not None:
                self.learn_line(record, words, token, problem)
            elif (said := object_alone(record)) is not None:
                self._objects.learn(_place_of(record), said, token, problem, self._shown)
        return record, problem

    def _by_object(self, record: logging.LogRecord) -> Problem | None:
        """Return the problem that a record repeats, if its message alone, an object, decides that."""
        known = self._known_objects.get((record.name, record.pathname, record.lineno, record.funcName))
        if known is None:
            return None
        reports_more = record.args or record.exc_info or record.exc_text or sys.exception() is not None
        said: object = object_alone(record) if reports_more else record.msg
        return None if said is None else objects.find(known, said, self._shown)

    def _words_of_error(self, error: BaseException) -> str | None:
        """Return what an exception says; None if it cannot be asked."""
        words = shapes.words_of(error)
        return self._shown(error) if words is None else words

    def _shown(self, said: object) -> str | None:
        """Return what an object says; None while another record is read on this thread.

        That one may be what asks this object, and would ask it for ever.
        """
        me = threading.get_ident()
        if me in self._depths:
            return None
        self._depths[me] = 1
        try:
            return shown(said)
        finally:
            del self._depths[me]

    def _by_overrides(self, record: logging.LogRecord, said: dict[str, Any]) -> Problem | None:
        """Return the problem of a record with its own key or severity, if it is known with this level."""
        own, severity = said.get("dedup_key"), said.get("severity")
        if not overrides.DECIDING.issuperset(said) or type(severity) not in (str, type(None)):
            return None
        with_these = record.levelno, severity
        if own is not None:
            found = self._known_at.get(_BY_KEY, _NOTHING).get((record.name, own, *with_these))
            return found if found is not None and found.origin[1] == record.name else None
        by_message = self._known_at.get(_BY_MESSAGE)
        if by_message is not None and type(record.msg) is str:
            found = by_message.get((record.name, record.msg, *with_these))
            if found is not None:
                return found
        here = self._known_at.get((record.pathname, record.lineno))
        return None if here is None else here.get((token_of(record, self._shown), *with_these))

    def _count(self, record: logging.LogRecord, problem: Problem, now: Callable[[], float]) -> bool:
        """Count an occurrence of a problem if that is quiet, and the record's exception is one of its own."""
        if problem.quiet_until <= now():
            return False
        around: Any = getattr(record, "extra", None)  # loguru's
        if around is not None and (type(around) is not dict or "pagerduty" in around):
            return False
        raised: Any = record.exc_info
        error: Any = None
        if raised:
            error = raised[1]
        elif type(record.msg) is dict and dict.get(record.msg, "exc_info"):
            error = exception_of(record)  # structlog's
        if raised or error is not None:
            if type(error) not in problem.kinds:
                return False
            if record.args and hasattr(record, "_pagerduty_uncaught"):  # hooks log with an argument
                return False
            course = problem.course
            if course is not None and type(error).__name__ not in course.errors:
                return False
            marks: dict[str, Any] = error.__dict__
            mark = marks.get(self._mark)
            if mark is not None and mark is not problem.origin and mark[:2] != problem.origin:
                return False  # it has paged already, as another problem
            marks[self._mark] = problem.origin
        problem.occurrences += 1
        return True

    def learn_line(self, record: logging.LogRecord, words: str, token: Token, problem: Problem) -> None:
        """Recognise the next such records by their line, if possible; see `line_of`."""
        if record.args:
            return
        name, number = record.name, record.lineno
        where = Where(name, record.pathname, number, record.funcName, getattr(record, "module", None))
        left = None if record.exc_info else record.exc_text
        whole, begins = printed_shapes.printed_in(words, left, formatted=record.args is None)
        means = None
        if begins is not None:
            words = words[:begins] if whole is words else words
            if not whole.startswith(printed_shapes.STACK, begins):
                traceback, place = whole[begins + 1 :], _place_of(record)
                crash = failure.reported_crash(record, traceback)
                self._printed.learn(place, whole, begins, () if crash is None else crash.joined)
                shape = self._printed.of(place, whole, begins)
                if shape is None:
                    return
                means = shape.means(words, traceback)
        known = line_of(where, words, token, problem, self._lines.get(name, {}).get(number), means)
        if known is not None:
            self._shortcuts.know_line(name, number, known)

    def learn(self, occurrence: Occurrence, problem: Problem, *, first: bool) -> None:
        """Let the next such records be recognised as repeats on the thread that logs.

        Args:
            occurrence: of the problem.
            problem: which they repeat.
            first: whether it is the problem's first occurrence.
        """
        attributes = occurrence.attributes
        name, message, level = attributes.get("name"), attributes.get("msg"), attributes.get("levelno")
        if type(level) is not int or type(name) is not str or type(message) is not str:
            return
        token = None
        # An exception's first occurrence is remembered by its message only: most never occur again.
        kind = occurrence.kind
        if kind is None or not first:
            with suppress(Exception):  # the record was made by hand
                token = self._identifier.deciding_token(occurrence)
        place: Any = attributes.get("pathname"), attributes.get("lineno")
        if type(place[0]) is not str or type(place[1]) is not int:
            token = None
        if overrides.CHANGING.intersection(occurrence.overrides):
            self._learn_overrides(occurrence, problem, place, token)
            return
        says_all = token is None or token[1] == message
        by_message = occurrence.by_message and (says_all or attributes.get("args"))
        if by_message and len(message) <= MAX_TEMPLATE_CHARS:
            self._shortcuts.know(name, message, level, problem, kind)
        if token is not None and not (says_all and occurrence.by_message):
            self._shortcuts.know_at(place, token, name, level, problem, kind)
            function = attributes.get("funcName")
            if token == token_with_values(name, message, function):
                self._shortcuts.know_at(place, (name, message, function), name, level, problem, kind)

    def _learn_overrides(
        self, occurrence: Occurrence, problem: Problem, place: tuple[str, int], token: Token | None
    ) -> None:
        """Let records with the same key or severity of their own, and the same level, be recognised."""
        attributes, said = occurrence.attributes, occurrence.overrides
        name, message = attributes["name"], attributes["msg"]
        own = overrides.text(said, "dedup_key")
        with_these = attributes["levelno"], said.get("severity")
        what: tuple[object, ...]
        if own is not None:
            if len(own) > MAX_DEDUP_KEY_CHARS or self._identifier.sendable(own) != problem.key:
                return
            place, what = _BY_KEY, (name, own, *with_these)
        elif token is not None and (token[1] != message or not occurrence.by_message):
            what = (token, *with_these)
        elif occurrence.by_message and len(message) <= MAX_TEMPLATE_CHARS:
            place, what = _BY_MESSAGE, (name, message, *with_these)
        else:
            return
        # What a record without them at this level calls for, they do not say.
        self._shortcuts.know_at(place, what, name, NEVER, problem, occurrence.kind)


def _place_of(record: logging.LogRecord) -> tuple[str, str, int, object]:
    return record.name, record.pathname, record.lineno, record.funcName
