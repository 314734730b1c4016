"""Pages for the tasks that a host has given up, and only for those.

A host logs one record for every attempt that fails, with one template for all tasks, often with their
arguments. The integrations for such hosts put a filter on the host's own logger. It sees the record before
any handler, pages for the task if it will not be tried again, and marks the record as one that does not
page. Other handlers get the record unchanged.
"""

from __future__ import annotations

import logging
from copy import copy
from types import ModuleType

from pagerduty_logging.events_api import options, safejson
from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations import handlers
from pagerduty_logging.integrations.reports import MAX_ERROR_CHARS, describe
from pagerduty_logging.record.overrides import NAME


class Tasks:
    """Pages for one host's tasks, and resolves with their next success.

    Args:
        host: its name, such as "huey".
        what: what the host calls its tasks, such as "Task".
        module: the host's module; pages name its file, as if it had logged them.
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
        self.handler = handlers.checked_handler(handler)
        self._resolve_on_success = options.flag("resolve_on_success", resolve_on_success)

    def failed(
        self,
        name: str,
        identity: str,
        error: BaseException | None,
        happened: str = "",
        *why: str,
        traceback: str = "",
        **details: object,
    ) -> None:
        """Page for a task that was given up.

        Args:
            name: the task's name.
            identity: the id of this run.
            error: what it raised, if there is an exception object.
            happened: what happened to it; "": "raised" and the exception's type.
            why: the text after that; default: the exception's text.
            traceback: a printed traceback, if there is no exception object.
            details: details for the page; those that are None are left out.
        """
        record = logging.LogRecord(self._host, logging.ERROR, self._path, 0, "", (), None)
        if error is not None:
            record.exc_info = (type(error), error, error.__traceback__)
            happened = happened or f"raised {type(error).__name__}"
            words = safejson.text(error, MAX_ERROR_CHARS)
            why = why or ((words,) if words else ())
        record.exc_text = traceback or None
        describe(record, self._what, name, identity, happened, *why)
        record.__dict__.update({key: value for key, value in details.items() if value is not None})
        if self._resolve_on_success:
            handlers.note_failure(self.key(name))
        handlers.call_each(
            self.handler, name, lambda handler: handler.handle(self._of(record, name, handler))
        )

    def succeeded(self, name: str) -> None:
        """Resolve a task's alert, if `resolve_on_success`; at most once in 300 seconds in one process."""
        if self._resolve_on_success and handlers.resolve_is_due(self.key(name)):
            handlers.call_each(
                self.handler, name, lambda handler: handler.resolve(self.key(name, handler.environment))
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


class ReportFilter(logging.Filter):
    """A filter that sees the records of a host's logger before any handler, and passes all of them.

    A subclass decides in `replaced` which records are about a task's failure.
    """

    def install(self, logger: str) -> None:
        """Add the filter to a logger; an earlier one of the same class is removed."""
        log = logging.getLogger(logger)
        for given in list(log.filters):
            if type(given) is type(self):
                log.removeFilter(given)
        log.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark records of tasks that have paged, or that will be tried again, so that they do not page."""
        try:
            replaced = self.replaced(record)
        except Exception:  # a record that is not as expected pages as it is
            return True
        if replaced and getattr(record, NAME, None) is None:
            setattr(record, NAME, False)
        return True

    def replaced(self, record: logging.LogRecord) -> bool:
        """Return whether a record must not page: its task has paged instead, or will be tried again."""
        raise NotImplementedError
