"""arq: one page for a job that fails or is given up; the page names the job.

    logging.getLogger().addHandler(PagerDutyHandler())
    install()

    class WorkerSettings:
        functions = [pay, ship]

arq only logs a warning when a job has used up its tries; with this it pages. Arguments of jobs are never
shown: they may be secret.
"""

from __future__ import annotations

import logging
from typing import Any

import arq

from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations.tasks import ReportFilter, Tasks

_LOGGER = "arq.worker"
_FAILED = "%6.2fs ! %s failed, %s: %s"
_GAVE_UP = "%6.2fs ! %s max retries %d exceeded"
_SUCCEEDED = "%6.2fs ← %s ● %s"


def install(handler: PagerDutyHandler | None = None, *, resolve_on_success: bool = False) -> None:
    """Page for the jobs that arq's workers give up.

    Call it in the module with the worker's settings.

    Args:
        handler: pages; default: the handlers attached to the root logger, else to any other, else one made
            from the environment.
        resolve_on_success: make one problem of all failures of a function, and resolve it with its next
            success. arq logs a success as INFO: the logger `arq.worker` must pass that level, as it does
            under arq's own command. Meant for cron jobs: a function that fails for one order in ten would
            be resolved by the next order.
    """
    _Jobs(Tasks("arq", "Job", arq, handler=handler, resolve_on_success=resolve_on_success)).install(_LOGGER)


class _Jobs(ReportFilter):
    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self._tasks = tasks

    def replaced(self, record: logging.LogRecord) -> bool:
        args: Any = record.args
        if record.msg not in (_FAILED, _GAVE_UP, _SUCCEEDED):
            return False
        name, identity = _parts(args[1])
        known: dict[str, Any] = {"task_name": name, "task_id": identity or None}
        if record.msg == _SUCCEEDED:
            self._tasks.succeeded(name)
        elif record.msg == _FAILED:
            self._tasks.failed(name, identity, record.exc_info[1] if record.exc_info else None, **known)
        else:
            self._tasks.failed(
                name, identity, None, f"was given up after {args[2]} tries", **known, task_tries=args[2]
            )
        return record.msg == _FAILED


def _parts(reference: str) -> tuple[str, str]:
    """Split what arq calls a job, `id:name`, into name and id; a cron job has a name only."""
    if reference.startswith("cron:") and reference.count(":") == 1:
        return reference, ""
    identity, _, name = reference.rpartition(":")
    return name, identity
