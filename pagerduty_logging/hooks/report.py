"""What hooks say through `logging`: once for each exception, however many hooks it passes on its way."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import CodeType, TracebackType

from pagerduty_logging.delivery.diagnostics import Diagnostics

UNCAUGHT = {"_pagerduty_uncaught": True}
"""Marks records of hooks: of an exception that was logged before they only say that it ended something."""


class Report:
    """Logs as CRITICAL with `logger`, until it is `over`."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.over = False

    def tell(self, subject: object, log: Callable[[], object], then: Callable[[], object]) -> None:
        """Call `log`, unless the hooks of this thread are just telling of `subject`; then `then`, always."""
        passing = _under_way.subjects
        mark = (self.logger, id(subject))
        first = mark not in passing
        passing.append(mark)
        try:
            if first and not self.over:
                log()
        except Exception as broken:
            with suppress(Exception):
                _diagnostics.say(
                    "hooks", f"an uncaught exception could not be logged: {type(broken).__name__}"
                )
        finally:
            try:
                then()
            finally:
                passing.pop()

    def critical(
        self, message: str, error: BaseException | None, traceback: TracebackType | None = None
    ) -> bool:
        """Log `message`, with `error` where there is one; return whether the logger takes it."""
        exc_info = None if error is None else (type(error), error, traceback or error.__traceback__)
        # The template says nothing, on purpose: the words and the exception's origin make the problem.
        self.logger.critical("%s", message, exc_info=exc_info, extra=UNCAUGHT)
        return self.logger.isEnabledFor(logging.CRITICAL)

    def critical_at(
        self, code: CodeType, line: int, message: str, error: BaseException | None, *, pages: bool
    ) -> None:
        """Log `message` as if from a `line` of the program's own `code`."""
        logger = self.logger
        if logger.isEnabledFor(logging.CRITICAL):
            exc_info = None if error is None else (type(error), error, error.__traceback__)
            place = (code.co_filename, line, "%s", (message,), exc_info, code.co_name)
            record = logger.makeRecord(logger.name, logging.CRITICAL, *place)
            record.__dict__.update(UNCAUGHT)
            if not pages:
                record.pagerduty = False
            logger.handle(record)


class _UnderWay(threading.local):
    def __init__(self) -> None:
        self.subjects: list[tuple[logging.Logger, int]] = []


def finalizing() -> bool:
    """Tell whether the interpreter is being taken apart: then nothing can be sent, and little be called."""
    try:
        return sys.is_finalizing()
    except Exception:  # `sys` itself is gone
        return True


_under_way = _UnderWay()
_diagnostics = Diagnostics()
