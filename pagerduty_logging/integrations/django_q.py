"""django-q2: one page for a task that fails for good; the page names the task.

    Q_CLUSTER = {..., "error_reporter": {"pagerduty": {}}}

django-q2 finds the reporter by its entry point. The handlers of Django's `LOGGING` page. Arguments of
tasks are never shown: they may be secret.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import django_q
from django.apps import apps

from pagerduty_logging.integrations.tasks import ReportFilter, Tasks
from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler


class Reporter:
    """The error reporter that django-q2 calls in a worker for a task that raised.

    If `max_attempts` is set and the task will be tried again, it does not page; without `max_attempts`
    django-q2 never gives up, and each attempt is an occurrence of one problem.

    Args:
        resolve_on_success: make one problem of all failures of a function, and resolve it with the
            function's next success. Meant for schedules: a function that fails for one order in ten would be
            resolved by the next order.
    """

    def __init__(self, *, resolve_on_success: bool = False) -> None:
        self._tasks = Tasks("django-q", "Task", django_q, handler=None, resolve_on_success=resolve_on_success)
        _Lines().install("django-q")
        # Its signals cannot be imported before its models, of which this is the last one.
        apps.lazy_model_operation(self._listen, ("django_q", "ormq"))

    def report(self) -> None:
        """Page for the exception that is being handled, and the task that raised it."""
        error = sys.exc_info()[1]
        # django-q2 passes nothing to its reporters; the function that caught the exception has the task.
        caught = None if error is None or error.__traceback__ is None else error.__traceback__.tb_frame
        task: dict[str, Any] = {} if caught is None else caught.f_locals.get("task", {})
        tries = 1
        if _limit() > 1 and not task.get("ack_failure"):
            tries += _attempts_before(task.get("id"))
            if tries < _limit():
                return
        name = _name(task)
        self._tasks.failed(
            name,
            str(task.get("id", "")),
            error,
            task_name=name,
            task_id=task.get("id"),
            task_queue=task.get("cluster"),
            task_tries=tries if _limit() else None,
        )

    def _listen(self, _model: object) -> None:
        from django_q import signals

        signals.post_execute_in_worker.connect(self._end, weak=False, dispatch_uid="pagerduty-logging")

    def _end(self, task: dict[str, Any], **_: object) -> None:
        BreadcrumbHandler.forget()
        if task.get("success"):
            self._tasks.succeeded(_name(task))


class _Lines(ReportFilter):
    """Keeps the monitor's record from paging, which repeats a failure as text in another process."""

    def replaced(self, record: logging.LogRecord) -> bool:
        # Not by its text, which is translated; this function logs no other error.
        return record.funcName == "monitor" and record.levelno == logging.ERROR


def _name(task: dict[str, Any]) -> str:
    function: str | Callable[..., object] = task.get("func", "")
    if not callable(function):
        return str(function)
    return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def _limit() -> int:
    from django_q.conf import Conf  # it makes this reporter while it is being imported

    return int(Conf.MAX_ATTEMPTS)


def _attempts_before(task_id: object) -> int:
    """Return how often a task has failed, by the database; if it does not know, the failure pages."""
    from django_q.models import Task

    try:
        counts = Task.objects.filter(id=task_id).values_list("attempt_count", flat=True)
        return int(next(iter(counts), 0))
    except Exception:
        return _limit()
