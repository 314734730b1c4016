"""Celery: one page for a task that fails; the page names the task.

    app = Celery("shop", broker="redis://")
    install(PagerDutyHandler())

Arguments of tasks are never shown: they may be secret.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from celery import current_task, signals
from celery.exceptions import TaskPredicate, TimeLimitExceeded, WorkerLostError

from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations.reports import describe, describe_error
from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler

_NAME = "pagerduty-logging"
_NOTE = "__pagerduty_logging_task__"
_ENDS = (WorkerLostError, SystemExit)
"""Errors in the main process for a task whose process ended; which one depends on the release of Celery."""


def install(handler: PagerDutyHandler | None = None) -> None:
    """Page for the errors of Celery's workers, with the task's name, id, queue and retries.

    Args:
        handler: added to the handlers that Celery sets up in a worker; Celery removes those that were on
            the root logger before. Default: none; the program configures logging itself, as Django does:
            Celery then leaves it unchanged, and the PagerDuty handlers found there page.
    """
    if handler is None:
        signals.setup_logging.connect(_keep_logging, weak=False, dispatch_uid=_NAME)
    else:
        _add_task_details(handler)
        # The last signal is for programs that configure logging themselves: Celery sends them no other.
        for signal in (
            signals.after_setup_logger,
            signals.after_setup_task_logger,
            signals.celeryd_after_setup,
        ):
            signal.connect(_attached(handler), weak=False, dispatch_uid=f"{_NAME}-{id(handler)}")
    signals.task_prerun.connect(_forget_breadcrumbs, weak=False, dispatch_uid=_NAME)


class TaskDetails(logging.Filter):
    """Adds to a record the task in which it was logged, for a `PagerDutyHandler`; `install` adds it.

    A record in a task gets `task_name`, `task_id`, `task_queue` and `task_retries`. In Celery's own records
    of failed, lost and overdue tasks the task becomes part of the template, so that each task is a problem
    of its own, and the task's arguments are removed. Records of `Retry`, `Ignore` and `Reject` are dropped.
    Other handlers get the record unchanged.
    """

    def filter(self, record: logging.LogRecord) -> logging.LogRecord | bool:  # type: ignore[override]
        """Return the record with its task, or False if it must not page."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, TaskPredicate):
            return False
        changed = copy.copy(record)
        changed.__dict__.update(_details(current_task))
        rewrite = _REWRITERS.get(record.name)
        return changed if rewrite is None or rewrite(changed) else False


def _details(task: Any) -> dict[str, Any]:
    """Return the details of the task that runs; empty outside of a task."""
    if not task:
        return {}
    request = task.request
    known = {
        "task_name": task.name,
        "task_id": request.id,
        "task_queue": (request.delivery_info or {}).get("routing_key"),
        "task_retries": request.retries,
    }
    return {name: value for name, value in known.items() if value is not None}


# --- Celery's own records -------------------------------------------------------------------------
# Each function rewrites a copy, and returns whether it should page.


def _failed(record: logging.LogRecord) -> bool:
    """Describe a task that raised."""
    data = record.__dict__.pop("data", None)
    if isinstance(data, Mapping):
        describe_error(record, "Task", data["name"], data["id"])
        record.__dict__.update(task_name=data["name"], task_id=data["id"])
    return True


def _lost(record: logging.LogRecord) -> bool:
    """Describe a task that could not raise: its process died, or was killed at its time limit."""
    error: Any = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ExceptionWithTraceback):
        error = error.exc
        record.exc_info = (type(error), error, error.__traceback__)
    if isinstance(error, TimeLimitExceeded):
        return False  # logged again, with the task's name
    args: Any = record.args
    if isinstance(error, _ENDS) and hasattr(error, _NOTE):
        record.__dict__.update(getattr(error, _NOTE))
        name, task_id = (record.__dict__[known] for known in ("task_name", "task_id"))
        words = repr(error) if isinstance(error, SystemExit) else error
        describe(record, "Task", name, task_id, "lost its process", words)
    elif record.msg.startswith("Hard time limit") and isinstance(args, tuple) and len(args) == 3:
        limit, name, task_id = args
        record.__dict__.update(task_name=name, task_id=task_id)
        describe(record, "Task", name, task_id, f"was killed after {limit} seconds, its time limit")
    return True


def _received(record: logging.LogRecord) -> bool:
    """Describe a message that is not a task, without its content, which has the arguments."""
    if isinstance(record.args, tuple) and "\n" in record.msg:
        record.msg = record.msg.partition("\n")[0].partition(" [")[0]
        record.args = record.args[: record.msg.count("%")]
    return True


def _redirected(record: logging.LogRecord) -> bool:
    """Describe printed text, except our own diagnostics: Celery logs stderr as warnings."""
    return not str(record.msg).startswith("pagerduty-logging:")


_REWRITERS: dict[str, Callable[[logging.LogRecord], bool]] = {
    "celery.app.trace": _failed,
    "celery.redirected": _redirected,
    "celery.worker.consumer.consumer": _received,
    "celery.worker.request": _lost,
}


# --- Celery's signals -----------------------------------------------------------------------------


def _attached(handler: PagerDutyHandler) -> Callable[..., None]:
    def attach(logger: logging.Logger | None = None, **_: object) -> None:
        logger = logger or logging.getLogger()
        if logger.parent is None or not logger.propagate:
            logger.addHandler(handler)

    return attach


def _keep_logging(**_: object) -> None:
    """Add the filter to the handlers. Celery does not configure logging if this signal has a receiver."""
    loggers = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    handlers = [handler for logger in loggers for handler in getattr(logger, "handlers", ())]
    pagers = [handler for handler in handlers if isinstance(handler, PagerDutyHandler)]
    for handler in pagers:
        _add_task_details(handler)
    if not pagers:
        Diagnostics().say(
            "celery", "no handler of the application's logging pages, and install() was given none"
        )


def _add_task_details(handler: PagerDutyHandler) -> None:
    if not any(isinstance(given, TaskDetails) for given in handler.filters):
        handler.addFilter(TaskDetails())


def _forget_breadcrumbs(**_: object) -> None:
    BreadcrumbHandler.forget()


@signals.task_failure.connect(weak=False, dispatch_uid=_NAME)  # type: ignore[untyped-decorator]
def _note_the_lost(sender: Any, task_id: str, exception: object, **_: object) -> None:
    """Note which task a lost process was running, on the error that reports it in the main process."""
    if isinstance(exception, _ENDS):
        setattr(exception, _NOTE, {**_details(sender), "task_id": task_id})
