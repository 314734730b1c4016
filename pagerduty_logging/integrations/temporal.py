"""Temporal: one page for an activity that is given up, or for a workflow whose code fails; the page names it.

    logging.getLogger().addHandler(PagerDutyHandler())
    install()
    worker = Worker(client, task_queue="shop", workflows=[Order], activities=[pay])

Temporal itself only logs a warning for each attempt. Arguments are never shown: they may be secret.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import temporalio
from temporalio import activity
from temporalio.exceptions import ApplicationError

from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations.tasks import ReportFilter, Tasks

ENDLESS: Final = 5
"""The attempt from which an activity pages that is retried without end, which is Temporal's default: 15
seconds after the first attempt, with the default backoff."""
_ACTIVITIES: Final = "temporalio.activity"
_WORKFLOWS: Final = "temporalio.worker._workflow_instance"
_KIND: Final = "__temporal_error_identifier"


def install(handler: PagerDutyHandler | None = None) -> None:
    """Page for the activities that workers of this process give up, and for workflows whose code fails.

    An activity is given up after its last attempt, after an `ApplicationError` that is not retryable, or
    after an error whose type its retry policy names; one that is retried without end pages from attempt
    `ENDLESS` on. A workflow's code fails with any exception except Temporal's own: its task is retried
    until the code is fixed. A workflow that ends with an `ApplicationError` does not page: Temporal does
    not log it.

    Args:
        handler: pages; default: the handlers attached to the root logger, else to any other, else one made
            from the environment.
    """
    _Activities(_tasks("Activity", handler)).install(_ACTIVITIES)
    _Workflows(_tasks("Workflow", handler)).install(_WORKFLOWS)


def _tasks(what: str, handler: PagerDutyHandler | None) -> Tasks:
    return Tasks("temporal", what, temporalio, handler=handler, resolve_on_success=False)


class _Activities(ReportFilter):
    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self._tasks = tasks

    def replaced(self, record: logging.LogRecord) -> bool:
        if record.__dict__.get(_KIND) != "ActivityFailure" or record.levelno < logging.WARNING:
            return False
        error = record.exc_info[1] if record.exc_info else None
        info = activity.info()
        if error is not None and is_given_up(error, info):
            self._tasks.failed(
                info.activity_type,
                info.activity_id,
                error,
                task_name=info.activity_type,
                task_id=info.activity_id,
                task_queue=info.task_queue,
                task_tries=info.attempt,
                workflow=info.workflow_type,
                workflow_id=info.workflow_id,
            )
        return True


class _Workflows(ReportFilter):
    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self._tasks = tasks

    def replaced(self, record: logging.LogRecord) -> bool:
        about = record.__dict__.get("temporal_workflow")
        if record.__dict__.get(_KIND) != "WorkflowTaskFailure" or not isinstance(about, dict):
            return False
        name, identity = about["workflow_type"], about["workflow_id"]
        error = record.exc_info[1] if record.exc_info else None
        self._tasks.failed(
            name, identity, error, task_name=name, task_id=identity, task_queue=about.get("task_queue")
        )
        return True


def is_given_up(error: BaseException, info: Any) -> bool:
    """Return whether an activity that raised `error` will not be retried, or has been retried for long."""
    kind: str | None = type(error).__name__
    if isinstance(error, ApplicationError):
        if error.non_retryable:
            return True
        kind = error.type
    policy = info.retry_policy
    if policy is None or kind in (policy.non_retryable_error_types or ()):
        return True
    return bool(info.attempt >= (policy.maximum_attempts or ENDLESS))
