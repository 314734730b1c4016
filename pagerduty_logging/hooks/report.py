"""Logs an exception once, however many hooks it passes through."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import CodeType, FrameType, TracebackType
from typing import NoReturn

from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.handler import PagerDutyHandler, handlers
from pagerduty_logging.hooks.started_by_handlers import Rounds
from pagerduty_logging.record.attachment import behind

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | None

_THIS_FILE = sys._getframe().f_code.co_filename  # other than `__file__` in packed programs
UNCAUGHT = {"_pagerduty_uncaught": True}
"""Marks records of hooks; after the record of the exception itself they only say what it ended."""


_TRIAL = "trial of a formatter"
_MAX_DEPTH = 2
"""A failure, and one more while that is logged, on one thread."""


class Report:
    """Logs as CRITICAL with `logger`, until `over` is set."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.over = False

    def once(self, subject: object, log: Callable[[], object], then: Callable[[], object]) -> None:
        """Call `log`, unless a hook on this thread is reporting `subject` already; then call `then`.

        `then` is not called if it is the interpreter's own hook and a handler has just printed the same to
        stderr.
        """
        passing = _under_way.subjects
        mark = (self.logger, id(subject))
        first = mark not in passing
        logged: object = False
        passing.append(mark)
        try:
            if first and not self.over:
                logged = log()
        except Exception as broken:
            _say(broken)
        finally:
            try:
                if not (logged and _is_interpreters(then) and self.prints()):
                    then()
            finally:
                passing.pop()

    def critical(
        self,
        message: str,
        error: BaseException | None,
        traceback: TracebackType | None = None,
        *,
        everywhere: bool = True,
    ) -> bool:
        """Log `message`, with `error` where there is one; return whether the logger takes it.

        What fails while a failure is logged on this thread goes to PagerDuty alone, and what fails meanwhile
        nowhere: a handler whose objects raise in `__del__` would be called without end.

        Args:
            message: the words.
            error: the exception.
            traceback: default: the exception's own.
            everywhere: False: to PagerDuty alone, because the other handlers have led to it.
        """
        exc_info = None if error is None else (type(error), error, traceback or error.__traceback__)
        depth = sum(logger is self.logger for logger, _ in _under_way.subjects)
        if depth > 1 or not everywhere:
            if depth <= _MAX_DEPTH:
                self._page(self._record(_THIS_FILE, 0, message, exc_info, "critical"))
            return False
        # A template without words, on purpose: the message and the exception's origin make the problem.
        try:
            with rounds.logging():
                self.logger.critical("%s", message, exc_info=exc_info, extra=UNCAUGHT)
        except Exception as broken:
            line = sys._getframe().f_lineno
            self._log_behind(broken, self._record(_THIS_FILE, line, message, exc_info, "critical"))
        last = self._last_resort()
        if last is not None:
            line = sys._getframe().f_lineno
            last.handle(self._record(_THIS_FILE, line, message, exc_info, "critical"))
        return last is not None or self.logger.isEnabledFor(logging.CRITICAL)

    def prints(self) -> bool:
        """Return whether a handler prints records with their traceback to stderr."""
        return self.logger.isEnabledFor(logging.CRITICAL) and any(
            isinstance(handler, logging.StreamHandler)
            and sys.stderr is not None
            and handler.stream is sys.stderr
            and handler.level <= logging.CRITICAL
            and not handler.filters
            and _shows_tracebacks(handler)
            for handler in _handlers_of(self.logger)
        )

    def critical_at(
        self, code: CodeType, line: int, message: str, error: BaseException | None, *, pages: bool
    ) -> None:
        """Log `message` as if from a `line` of the application's `code`."""
        logger = self.logger
        if logger.isEnabledFor(logging.CRITICAL):
            exc_info = None if error is None else (type(error), error, error.__traceback__)
            record = self._record(code.co_filename, line, message, exc_info, code.co_name)
            if not pages:
                record.pagerduty = False
            try:
                logger.handle(record)
            except Exception as broken:
                self._log_behind(broken, record)
            last = self._last_resort()
            if last is not None:
                last.handle(record)

    def _page(self, record: logging.LogRecord) -> None:
        """Give `record` to no handlers but those that page."""
        pages = {
            id(known): known
            for handler in _handlers_of(self.logger)
            for known in behind(handler)
            if isinstance(known, PagerDutyHandler)
        }
        for handler in pages.values():
            if self.logger.isEnabledFor(record.levelno) and record.levelno >= handler.level:
                handler.handle(record)

    def _last_resort(self) -> PagerDutyHandler | None:
        """Return the handler to page with, if the logger reaches none because the last one was removed."""
        if self.logger.isEnabledFor(logging.CRITICAL) and any(
            isinstance(known, PagerDutyHandler) and not known.inert
            for handler in _handlers_of(self.logger)
            for known in behind(handler)
        ):
            return None
        lost = [handler for handler in handlers() if not handler.inert and handler.lookout.trouble()]
        return max(lost, key=lambda handler: handler.number, default=None)

    def _log_behind(self, broken: Exception, record: logging.LogRecord) -> None:
        """Pass `record` to the handlers after the one that raised `broken`; to all if none raised it."""
        _say(broken)
        handlers = list(_handlers_of(self.logger))
        indices = (_index(handlers, frame) for frame in _frames_of(broken.__traceback__))
        raised_by = next((index for index in indices if index is not None), -1)
        for handler in handlers[raised_by + 1 :]:
            if record.levelno >= handler.level:
                with suppress(Exception):
                    handler.handle(record)

    def _record(
        self, path: str, line: int, message: str, exc_info: _ExcInfo, function: str
    ) -> logging.LogRecord:
        place = (path, line, "%s", (message,), exc_info, function)
        return self.logger.makeRecord(self.logger.name, logging.CRITICAL, *place, extra=UNCAUGHT)


def _is_interpreters(then: Callable[[], object]) -> bool:
    """Return whether this calls the interpreter's own hook, which only prints to stderr."""
    own = (sys.__excepthook__, threading.__excepthook__, sys.__unraisablehook__)
    return isinstance(then, partial) and then.func in own


def _shows_tracebacks(handler: logging.Handler) -> bool:
    """Return whether a handler's formatter prints where an exception was raised."""
    if type(handler.formatter) in (logging.Formatter, type(None)):
        return True
    try:
        _fail()
    except LookupError as error:
        exc_info = (type(error), error, error.__traceback__)
        record = logging.LogRecord(__name__, logging.CRITICAL, _THIS_FILE, 0, "%s", ("",), exc_info)
        with suppress(Exception):
            text = handler.format(record)
            return _TRIAL in text and _fail.__name__ in text
    return False


def _fail() -> NoReturn:
    raise LookupError(_TRIAL)


def _handlers_of(logger: logging.Logger) -> Iterator[logging.Handler]:
    here: logging.Logger | None = logger
    while here is not None:
        yield from here.handlers
        here = here.parent if here.propagate else None


def _index(handlers: list[logging.Handler], frame: FrameType) -> int | None:
    at_work = frame.f_locals.get("self")
    return next((number for number, handler in enumerate(handlers) if handler is at_work), None)


def _frames_of(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _say(broken: Exception) -> None:
    with suppress(Exception):
        _diagnostics.say("hooks", f"an uncaught exception could not be logged: {type(broken).__name__}")


class _UnderWay(threading.local):
    def __init__(self) -> None:
        self.subjects: list[tuple[logging.Logger, int]] = []


def finalizing() -> bool:
    """Return whether the interpreter is shutting down: nothing can be sent then, and little can be called."""
    try:
        return sys.is_finalizing()
    except Exception:  # `sys` itself is gone
        return True


_under_way = _UnderWay()
rounds = Rounds()
_diagnostics = Diagnostics()
