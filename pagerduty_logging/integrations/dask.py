"""dask.distributed: one page for a task that fails for good; the page names the task.

    client = Client(...)
    install(client)

The scheduler pages: only it knows whether a task will be tried again. Workers need no handler.
Arguments of tasks are never shown: they may be secret.
"""

from __future__ import annotations

import logging

import distributed
from dask.utils import key_split
from distributed.diagnostics.plugin import SchedulerPlugin, WorkerPlugin

from pagerduty_logging.integrations.tasks import ReportFilter, Tasks
from pagerduty_logging.record import printed_traceback

_NAME = "pagerduty-logging"


def install(client: distributed.Client, *, resolve_on_success: bool = False) -> None:
    """Page for the tasks that fail for good, for all clients of this scheduler.

    In the scheduler's process the handlers attached to the root logger page, else those of any other logger,
    else one made from the environment. With a `LocalCluster` that is the program's own process.

    Args:
        client: a synchronous client; with an asynchronous one, register `FailedTasks` and `QuietWorkers`.
        resolve_on_success: make one problem of all failures of a function, and resolve it with the
            function's next success.
    """
    client.register_plugin(FailedTasks(resolve_on_success=resolve_on_success))
    client.register_plugin(QuietWorkers())


class FailedTasks(SchedulerPlugin):
    """Pages from the scheduler; see `install`."""

    name = _NAME
    idempotent = True

    def __init__(self, *, resolve_on_success: bool = False) -> None:
        self._resolve_on_success = resolve_on_success

    async def start(self, scheduler: distributed.Scheduler) -> None:
        """Start, in the scheduler's process."""
        self._tasks = Tasks(
            "dask", "Task", distributed, handler=None, resolve_on_success=self._resolve_on_success
        )

    def transition(self, key: object, start: str, finish: str, *args: object, **about: object) -> None:
        """Page for a task that failed itself; tasks that depend on it get the same state, and do not page."""
        if start != "processing" or finish not in ("erred", "memory"):
            return
        name = key_split(key)
        if finish == "memory":
            self._tasks.succeeded(name)
            return
        said = str(about.get("exception_text"))
        kind, words = printed_traceback.exception_of(said)
        self._tasks.failed(
            name,
            str(key),
            None,
            f"raised {kind}",
            *([words] if words else []),
            traceback=printed_traceback.of_parts(str(about.get("traceback_text") or ""), said),
            task_name=name,
            task_id=str(key),
            task_worker=about.get("worker"),
        )


class QuietWorkers(WorkerPlugin):
    """Keeps the workers' own records of failed tasks from paging; see `install`."""

    name = _NAME
    idempotent = True

    def setup(self, worker: distributed.Worker) -> None:
        """Start, in a worker's process."""
        _Attempts().install("distributed.worker")


class _Attempts(ReportFilter):
    def replaced(self, record: logging.LogRecord) -> bool:
        return str(record.msg).startswith("Compute Failed\n")
