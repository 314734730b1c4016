"""prefect: one page for a task or flow that fails for good; the page names it.

    from prefect import flow, task
    install(PagerDutyHandler())

Prefect removes the root logger's handlers when `flow` or `task` is imported. A handler that is given here
pages for runs anyway; for all other errors attach it to the root logger after that import.
Parameters of runs are never shown: they may be secret.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import prefect
from cachetools import LRUCache

from pagerduty_logging.events_api import safejson
from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations.tasks import ReportFilter, Tasks

MAX_RUNS = 1_000
"""Runs whose exception is remembered; the least recently seen is forgotten first."""
MAX_WORDS = 2_000

_LOGGERS = ("prefect.task_runs", "prefect.flow_runs")
_FINISHED = "Finished in state "
_FAILED = ("Failed", "Crashed", "TimedOut")
_COMPLETED = ("Completed", "Cached")
_ATTEMPTS = (
    "Task run failed with ",
    "Task run exceeded timeout of ",
    "Task run failed due to timeout: ",
    "Flow run exceeded timeout of ",
    "Flow run failed due to timeout: ",
    "Encountered exception during execution",
    "Crash detected!",
)
_UNKNOWN = "<unknown>"


def install(handler: PagerDutyHandler | None = None, *, resolve_on_success: bool = True) -> None:
    """Page for the runs of tasks and flows that fail for good.

    A flow that only passes on what a task raised does not page again. Call it in the module of the flows,
    after prefect is imported.

    Args:
        handler: pages; default: the handlers attached to the root logger, else to any other, else one made
            from the environment.
        resolve_on_success: make one problem of all failures of a task within a flow, and resolve it with
            the task's next success. Prefect logs a success as INFO: its loggers must pass that level, as they
            do by default. False: each type of exception is its own problem.
    """
    tasks = Tasks("prefect", "Task", prefect, handler=handler, resolve_on_success=resolve_on_success)
    flows = Tasks("prefect", "Flow", prefect, handler=handler, resolve_on_success=resolve_on_success)
    runs = _Runs(tasks, flows)
    for name in _LOGGERS:
        runs.install(name)


@dataclass(slots=True)
class _Run:
    """What is known about a run that has not ended."""

    error: BaseException | None = None
    tries: int = 1


@dataclass(frozen=True, slots=True)
class _Paged:
    """Why a task failed that has paged: its exception, and the text of its state."""

    error: BaseException | None
    words: str


class _Runs(ReportFilter):
    def __init__(self, tasks: Tasks, flows: Tasks) -> None:
        super().__init__()
        self._tasks, self._flows = tasks, flows
        self._runs: LRUCache[str, _Run] = LRUCache(MAX_RUNS)
        self._paged: LRUCache[str, list[_Paged]] = LRUCache(MAX_RUNS)

    def replaced(self, record: logging.LogRecord) -> bool:
        about: dict[str, Any] = record.__dict__
        message = record.msg
        is_task = record.name == _LOGGERS[0]
        run = str(about.get("task_run_id" if is_task else "flow_run_id", ""))
        if not run or not isinstance(message, str):
            return False
        if message.startswith(_ATTEMPTS):
            noted = self._runs.setdefault(run, _Run())
            if record.exc_info:
                noted.error = record.exc_info[1]
            if " - Retry " in message:
                noted.tries += 1
            return True
        if message.startswith(_FINISHED):
            self._finish(about, is_task, self._runs.pop(run, _Run()), message.removeprefix(_FINISHED))
            return record.levelno >= logging.ERROR
        return False

    def _finish(self, about: dict[str, Any], is_task: bool, run: _Run, state: str) -> None:
        flow, flow_run = about.get("flow_name", _UNKNOWN), str(about.get("flow_run_id", ""))
        names = [name for name in (flow, about.get("task_name")) if name not in (None, _UNKNOWN)]
        name = "/".join(map(str, names))
        kind, _, words = state.partition("(")
        words = words.removesuffix(")").strip("\"'")
        host = self._tasks if is_task else self._flows
        paged = self._paged.setdefault(flow_run, []) if is_task else self._paged.pop(flow_run, [])
        if kind in _COMPLETED:
            host.succeeded(name)
        elif kind in _FAILED and (is_task or not _is_of(run.error, paged)):
            if is_task:
                paged.append(_Paged(run.error, words))
            host.failed(
                name,
                str(about.get("task_run_name" if is_task else "flow_run_name", "")),
                run.error,
                "" if run.error else f"finished in state {kind}",
                *([words] if words and not run.error else []),
                task_name=about.get("task_name"),
                flow_name=None if flow == _UNKNOWN else flow,
                task_id=about.get("task_run_id"),
                flow_run_id=flow_run or None,
                task_tries=run.tries if is_task else None,
            )


def _is_of(error: BaseException | None, paged: list[_Paged]) -> bool:
    """Return whether a flow failed because of a task that has paged.

    Prefect logs no exception for a task that is not tried again because of its `retry_condition_fn`.
    """
    if error is None:
        return bool(paged)
    words = f"{type(error).__name__}: {safejson.text(error, MAX_WORDS)}"
    return any(error is known.error or (known.error is None and words in known.words) for known in paged)
