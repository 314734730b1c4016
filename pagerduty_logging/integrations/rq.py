"""RQ: one page for a job that fails; the page names the job.

    DICT_CONFIG = {
        ...
        "filters": {"rq": {"()": "pagerduty_logging.integrations.rq.JobDetails"}},
        "handlers": {"pagerduty": {"class": "pagerduty_logging.PagerDutyHandler", "filters": ["rq"]}},
    }

    rq worker -c settings --worker-class pagerduty_logging.integrations.rq.Worker

RQ's `SpawnWorker` applies `DICT_CONFIG` in its own process only, not in those of its jobs. The `SpawnWorker`
of this module gives each of them a handler, made from the environment.

Arguments of jobs are never shown: they may be secret.
"""

from __future__ import annotations

import copy
import logging
import os
import signal
import sys
from types import FrameType
from typing import Any

import rq

from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations.reports import describe, describe_error
from pagerduty_logging.record.overrides import NAME

_LOGGER = "rq.worker"


class JobDetails(logging.Filter):
    """Adds to a record the job in which it was logged, for a `PagerDutyHandler`.

    A record in a job gets `func`, `job_id` and `queue`. In RQ's own record of a failed job the exception is
    shown, the job becomes part of the template, so that each is its own problem, and the job's arguments
    are removed; if RQ tries the job again, it does not page. Other handlers get the record unchanged.
    """

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:  # type: ignore[override]
        """Return the record, with its job."""
        changed = copy.copy(record)
        about = changed.__dict__
        job = rq.get_current_job()
        if job is not None:
            about.update(func=job.func_name, job_id=job.id, queue=job.origin)
        if changed.name == _LOGGER and "job_id" in about:
            about.pop("arguments", None)
            about.pop("kwargs", None)
            describe_error(changed, "Job", str(about.get("func")), about["job_id"])
            if _is_tried_again():
                setattr(changed, NAME, False)
        return changed


def _is_tried_again() -> bool:
    """Return whether the job whose failure is being logged has tries left."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "handle_exception" and "job" in frame.f_locals:  # of RQ's Worker
            return bool(frame.f_locals["job"].retries_left)
        frame = frame.f_back
    return False


class _ReportsKilled:
    """Logs an error for a job whose process was killed; RQ itself only logs a warning."""

    def handle_work_horse_killed(self, job: Any, retpid: Any, ret_val: Any, rusage: Any) -> None:
        """Do what RQ does, and log an error."""
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[misc]
        job_killed(job, retpid, ret_val, rusage)


class Worker(_ReportsKilled, rq.Worker):
    """RQ's worker, which logs an error for a job whose process was killed, too."""


if hasattr(rq, "SpawnWorker"):  # from RQ 2.2 on

    class SpawnWorker(_ReportsKilled, rq.SpawnWorker):
        """RQ's `SpawnWorker`, which attaches a handler to the root logger in the processes of its jobs.

        The handler is made from the environment, sends inside the logging call, and has `JobDetails`. If the
        modules of the jobs configure logging themselves, use RQ's own class.
        """

        def main_work_horse(self, job: Any, queue: Any) -> None:
            """Attach the handler, and run the job."""
            handler = PagerDutyHandler(background=False)
            handler.addFilter(JobDetails())
            logging.getLogger().addHandler(handler)
            super().main_work_horse(job, queue)


def job_killed(job: Any, pid: int | None, status: int | None, usage: object) -> None:
    """Log an error for a job whose process was killed, or ended by itself: each job is its own problem.

    `Worker` calls it. A worker of another class can have it as its `work_horse_killed_handler`.

    Args:
        job: RQ's job.
        pid: the id of its process.
        status: how the process ended, as `os.wait` returns it; None: unknown, for example if the worker
            killed it.
        usage: not used.
    """
    log = logging.getLogger(_LOGGER)
    if not log.isEnabledFor(logging.ERROR):
        return
    try:
        name = str(job.func_name)
    except Exception:  # the job's description cannot be read
        name = "unknown"
    extra = {"func": name, "job_id": job.id, "queue": job.origin}
    code = job_killed.__code__
    place = (code.co_filename, code.co_firstlineno, "", (), None, code.co_name)
    record = log.makeRecord(log.name, logging.ERROR, *place, extra=extra)
    describe(record, "Job", name, job.id, "lost its process", _end(status))
    log.handle(record)


def _end(status: int | None) -> str:
    if status is None:
        return "how it ended is not known"
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"it ended with status {code}"
    try:
        return f"it was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was killed by signal {-code}"
