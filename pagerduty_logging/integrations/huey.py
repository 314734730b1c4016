"""huey: one page for a task that is given up; the page names the task.

    huey = RedisHuey("shop")
    logging.getLogger().addHandler(PagerDutyHandler())
    install(huey)

An attempt that will be tried again does not page. A task that exceeds its time limit pages, and so does a
worker that is killed with the task that it runs; huey itself only logs warnings. Arguments of tasks are never
shown: they may be secret.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from copy import copy
from typing import Any

import huey as host
from huey import signals

from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations import handlers
from pagerduty_logging.integrations.tasks import ReportFilter, Tasks
from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler

_FAILED = "Unhandled exception in task %s."
_DIED = "Worker %d died, restarting."

_running: ContextVar[str | None] = ContextVar("pagerduty_logging_huey", default=None)
"""The id of the task that this thread runs, if `install` was called for its huey."""


def install(
    huey: host.api.Huey,
    handler: PagerDutyHandler | None = None,
    *,
    resolve_on_success: bool = False,
) -> None:
    """Page for the tasks that consumers give up.

    Call it in the module that makes `huey`.

    Args:
        huey: the instance with the tasks.
        handler: pages; default: the handlers attached to the root logger, else to any other, else one made
            from the environment.
        resolve_on_success: make one problem of all failures of a task, and resolve it with the task's next
            success. Meant for periodic tasks: a task that fails for one order in ten would be resolved by
            the next order.
    """
    tasks = Tasks("huey", "Task", host, handler=handler, resolve_on_success=resolve_on_success)

    @huey.signal(signals.SIGNAL_EXECUTING)
    def begin(_signal: str, task: Any) -> None:
        BreadcrumbHandler.forget()
        _running.set(task.id)

    @huey.signal(signals.SIGNAL_ERROR, signals.SIGNAL_TIMEOUT)
    def fail(_signal: str, task: Any, error: BaseException | None = None) -> None:
        if task.retries:
            return
        tasks.failed(
            task.name,
            task.id,
            error or sys.exc_info()[1],
            task_name=task.name,
            task_id=task.id,
            task_queue=huey.name,
        )

    @huey.signal(signals.SIGNAL_COMPLETE)
    def succeed(_signal: str, task: Any) -> None:
        tasks.succeeded(task.name)

    _Attempts().install("huey")
    _Workers(tasks.handler).install("huey.consumer")


class _Attempts(ReportFilter):
    def replaced(self, record: logging.LogRecord) -> bool:
        return record.msg == _FAILED and record.args == (_running.get(),)


class _Workers(ReportFilter):
    """Pages for a worker that is dead: the task that it ran is lost, and nothing else reports that."""

    def __init__(self, handler: PagerDutyHandler | None) -> None:
        super().__init__()
        self._handler = handler

    def replaced(self, record: logging.LogRecord) -> bool:
        if record.msg != _DIED:
            return False
        died = copy(record)
        died.levelno, died.levelname = logging.ERROR, "ERROR"
        handlers.call_each(self._handler, "huey", lambda handler: handler.handle(died))
        return True
