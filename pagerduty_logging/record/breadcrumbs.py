"""The log lines before the error, of this request or task only.

The lines are in a context variable, as an immutable tuple: an asyncio task inherits the lines of the task
that started it, and its own lines reach neither its siblings nor its parent. A new thread starts without any.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NamedTuple

from pagerduty_logging.events_api import options, safejson
from pagerduty_logging.record.contents import event_of

MAX_LINE = 500
"""Characters of one line."""


class Crumb(NamedTuple):
    """One line, as plain data."""

    created: float
    level_name: str
    logger: str
    message: str

    def __str__(self) -> str:
        when = datetime.fromtimestamp(self.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        return f"{when} {self.level_name} {self.logger}: {self.message}"


_crumbs: ContextVar[tuple[Crumb, ...]] = ContextVar("pagerduty_logging_breadcrumbs", default=())


class BreadcrumbHandler(logging.Handler):
    """Remembers the latest lines of this request or task, so that a page shows what came before.

    Attach it to the logger that gets the lines, usually the root logger; every `PagerDutyHandler` shows them.
    It writes nothing. Each line is formatted when it is logged, and shortened.

    Threads that serve one request after another keep their lines from one to the next: call
    `BreadcrumbHandler.forget()` where a request begins.

    Args:
        capacity: how many lines are remembered, at least 1.
        level: lines below it are not.

    Raises:
        ValueError, TypeError: naming the option that is wrong.
    """

    def __init__(self, capacity: int = 20, level: int | str = logging.INFO) -> None:
        super().__init__()
        self.capacity = options.count("capacity", capacity)
        try:
            self.setLevel(level)
        except (TypeError, ValueError) as error:
            raise type(error)(f"level: {error}") from None

    def handle(self, record: logging.LogRecord) -> bool:
        """Remember the record, if the filters let it pass.

        Takes no lock, as logging's own `handle` would: nothing here is shared, and formatting runs the
        application's code.
        """
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the record. Never raises."""
        try:
            message = self.formatter.format(record) if self.formatter else event_of(record)[0]
            crumb = Crumb(
                record.created, str(record.levelname), str(record.name), safejson.text(message, MAX_LINE)
            )
        except Exception as error:
            crumb = Crumb(record.created, "", "", f"(a line that cannot be shown: {type(error).__name__})")
        crumbs = _crumbs.get()
        if not crumbs or crumbs[-1] != crumb:  # the same record, through a second handler
            _crumbs.set((*crumbs[-self.capacity + 1 :], crumb) if self.capacity > 1 else (crumb,))

    @staticmethod
    def forget() -> None:
        """Forget this context's lines; call it where a request or a task begins."""
        _crumbs.set(())


def crumbs_before(created: object, logger: object) -> tuple[Crumb, ...]:
    """Return the lines before the one that `logger` logged at `created`, the oldest first."""
    crumbs = _crumbs.get()
    if not crumbs:
        return ()
    if crumbs[-1].created == created and crumbs[-1].logger == logger:
        return crumbs[:-1]
    return crumbs
