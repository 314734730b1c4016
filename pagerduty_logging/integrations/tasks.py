"""Pages for the tasks that a host has given up, and only for those.

A host logs one line for every attempt that fails, the same for all tasks, often with the arguments in it.
The integrations for such hosts put a filter on the host's own logger. It sees that line before any handler
does, pages for the task where it will not be tried again, and marks the line as one that does not page.
Other handlers see the line as it was.
"""

from __future__ import annotations

import logging
from copy import copy
from types import ModuleType

from pagerduty_logging.events_api import options, safejson
from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations import handlers
from pagerduty_logging.integrations.reports import describe
from pagerduty_logging.record.overrides import NAME

_MAX_ERROR_CHARS = 2_000


class Tasks:
    """Pages for one host's tasks, and resolves with their next success.

    Args:
        host: its name, such as "huey".
        what: what the host calls its tasks, such as "Task".
        module: of the host; pages name its file, as if it had logged them.
        handler: pages; None: the handlers attached to the root logger, else to any other, else one made
            from the environment.
        resolve_on_success: make one problem of all failures of a task, with the dedup key `host/task`
            (`host@environment/task` where the handler has an environment), and resolve it with the task's
            next success. False: each type of exception is its own problem.

    Raises:
        TypeError: naming the argument that is wrong.
    """

    def __init__(
        self,
        host: str,
        what: str,
        module: ModuleType,
        *,
        handler: PagerDutyHandler | None,
        resolve_on_success: bool,
    ) -> None:
        self._host = host
        self._what = what
        self._path = str(module.__file__)
        self._handler = handlers.checked_handler(handler)
        self._resolve_on_success = options.flag("resolve_on_success", resolve_on_success)

    def failed(
        self,
        name: str,
        identity: str,
        error: BaseException | None,
        fate: str = "",
        *why: str,
        traceback: str = "",
        **details: object,
    ) -> None:
        """Page for a task that was given up.

        Args:
            name: of the task.
            identity: of this run of it.
            error: what it raised, if there is an exception object.
            fate: what became of it; "": "raised" and the exception's type.
            why: what is said after that; without it the exception's text.
            traceback: printed, where there is only that.
            details: shown with the page; those that are None are left out.
        """
        record = logging.LogRecord(self._host, logging.ERROR, self._path, 0, "", (), None)
        if error is not None:
            record.exc_info = (type(error), error, error.__traceback__)
            fate = fate or f"raised {type(error).__name__}"
            words = safejson.text(error, _MAX_ERROR_CHARS)
            why = why or ((words,) if words else ())
        record.exc_text = traceback or None
        describe(record, self._what, name, identity, fate, *why)
        record.__dict__.update({key: value for key, value in details.items() if value is not None})
        if self._resolve_on_success:
            handlers.note_failure(self.key(name))
        handlers.call_each(
            self._handler, name, lambda handler: handler.handle(self._of(record, name, handler))
        )

    def succeeded(self, name: str) -> None:
        """Resolve what is open for a task, where that was asked for; at most every 300 seconds a process."""
        if self._resolve_on_success and handlers.resolve_is_due(self.key(name)):
            handlers.call_each(
                self._handler, name, lambda handler: handler.resolve(self.key(name, handler.environment))
            )

    def key(self, name: str, environment: str | None = None) -> str:
        """Return a task's dedup key in an environment, the same in every process."""
        return handlers.task_key(self._host, name, environment)

    def _of(self, record: logging.LogRecord, name: str, handler: PagerDutyHandler) -> logging.LogRecord:
        """Return the record, with the dedup key that its task has with a handler."""
        if not self._resolve_on_success:
            return record
        changed = copy(record)
        setattr(changed, NAME, {"dedup_key": self.key(name, handler.environment)})
        return changed


class Reports(logging.Filter):
    """Sees the lines of a host's logger before any handler does, and lets all of them pass.

    A subclass says in `replaced` which lines are about a task's failure.
    """

    def install(self, logger: str) -> None:
        """Join a logger; one of the same class that is there already goes."""
        log = logging.getLogger(logger)
        for given in list(log.filters):
            if type(given) is type(self):
                log.removeFilter(given)
        log.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark what was paged for, or will be tried again, as a line that does not page."""
        try:
            replaced = self.replaced(record)
        except Exception:  # a line that looks otherwise than expected pages as it is
            return True
        if replaced and getattr(record, NAME, None) is None:
            setattr(record, NAME, False)
        return True

    def replaced(self, record: logging.LogRecord) -> bool:
        """Return whether a line is not to page itself: its task is paged for instead, or not yet given up."""
        raise NotImplementedError
