"""dagster: one page for a step that fails for good; the page names job and step.

In dagster.yaml, because dagster's lines go through none of Python's loggers:

    python_logs:
      dagster_handler_config:
        filters:
          steps: {"()": pagerduty_logging.integrations.dagster.StepDetails}
        handlers:
          pagerduty: {class: pagerduty_logging.PagerDutyHandler, filters: [steps]}

And if the next success of a step should resolve its alert:

    @job(hooks={resolve_on_success})
"""

from __future__ import annotations

import logging
from typing import Any

from cachetools import LRUCache
from dagster import HookContext, success_hook

from pagerduty_logging.integrations import handlers
from pagerduty_logging.integrations.reports import describe
from pagerduty_logging.page.deployment import find_environment
from pagerduty_logging.record.echoes import HEADER
from pagerduty_logging.record.overrides import NAME

MAX_RUNS = 1_000
"""Runs with a failed step that are remembered; the least recently seen is forgotten first."""

_STEP_FAILED = "STEP_FAILURE"
_RUN_FAILED = ("RUN_FAILURE", "PIPELINE_FAILURE")
_WRAPPERS = ("Dagster", "RetryRequestedFromPolicy")
"""How the types begin that dagster raises from the exception of a step."""


class StepDetails(logging.Filter):
    """Adds to dagster's records their job and step, for a `PagerDutyHandler`.

    Records get `job`, `step`, `op` and `run_id`. That of a failed step shows the exception; each step
    of a job is its own problem, with the dedup key `dagster/JOB/STEP`, or `dagster@ENV/JOB/STEP` where an
    environment variable such as APP_ENV names the environment. An attempt that will be tried
    again does not page, nor does a run that failed because of a step. Other handlers get the record
    unchanged.
    """

    def __init__(self) -> None:
        super().__init__()
        self._failed: LRUCache[str, bool] = LRUCache(MAX_RUNS)

    def filter(self, record: logging.LogRecord) -> logging.LogRecord | bool:  # type: ignore[override]
        """Return the record with its job and step, or False if it must not page."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
        if not meta:
            return record
        changed = logging.makeLogRecord(
            {name: value for name, value in vars(record).items() if not name.startswith("dagster_")}
        )
        event = meta.get("dagster_event") or getattr(record, "dagster_event", None)
        job, step, run = str(meta.get("job_name")), meta.get("step_key"), str(meta.get("run_id"))
        known = {"job": job, "step": step, "op": meta.get("op_name"), "run_id": run}
        changed.__dict__.update({name: value for name, value in known.items() if value})
        kind = getattr(event, "event_type_value", None)
        if kind == _STEP_FAILED:
            self._failed[run] = True
            _describe_step(changed, job, str(step), run, event)
        elif kind in _RUN_FAILED:
            if run in self._failed or _failed_by_step(event):
                return False
            describe(changed, "Run", job, run, "failed")
            setattr(changed, NAME, {"dedup_key": dedup_key(job)})
        elif kind is None:
            changed.msg, changed.args = str(meta.get("orig_message", record.msg)), ()
        return changed


def dedup_key(job: str, step: str | None = None) -> str:
    """Return the dedup key of a job's step, or of its run if no step failed.

    A filter does not know the handler, so the environment in the key is that of the usual variables.
    """
    return handlers.task_key("dagster", job if step is None else f"{job}/{step}", find_environment(None))


@success_hook(name="resolve_on_success")
def resolve_on_success(context: HookContext) -> None:
    """Resolve the alert of a step of this job; at most once in 300 seconds in one process."""
    key = dedup_key(context.job_name, context.step_key)
    if handlers.resolve_is_due(key):
        handlers.call_each(None, key, lambda handler: handler.resolve(key))


def _describe_step(record: logging.LogRecord, job: str, step: str, run: str, event: Any) -> None:
    """Make `record` say what the step raised, which dagster's exception around it does not say."""
    error = getattr(event.event_specific_data, "error", None)
    while error is not None and error.cause is not None and str(error.cls_name).startswith(_WRAPPERS):
        error = error.cause
    key = dedup_key(job, step)
    handlers.note_failure(key)
    setattr(record, NAME, {"dedup_key": key})
    if error is None:
        describe(record, "Step", f"{job}/{step}", run, "failed")
        return
    words = error.message.strip().removeprefix(f"{error.cls_name}:").strip()
    describe(record, "Step", f"{job}/{step}", run, f"raised {error.cls_name}", *([words] if words else []))
    frames = "".join(error.stack)
    record.exc_text = f"{HEADER}\n{frames}{error.message.strip()}"


def _failed_by_step(event: Any) -> bool:
    """Return whether a run failed because of a step, which another process may have reported."""
    return getattr(event.event_specific_data, "first_step_failure_event", None) is not None
