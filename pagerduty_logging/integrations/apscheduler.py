"""APScheduler: one page for each job that fails.

    handler = PagerDutyHandler()
    handler.addFilter(JobDetails())

For versions 3 and 4. Arguments of jobs are never shown: they may be secret.
"""

from __future__ import annotations

import copy
import logging
from typing import Any

from pagerduty_logging.integrations.reports import describe_error

try:
    from apscheduler import current_job
except ImportError:  # version 3
    current_job = None


class JobDetails(logging.Filter):
    """Adds to APScheduler's records the job that failed, for a `PagerDutyHandler`.

    APScheduler logs the failures of all jobs with one template, which would make them one problem. The filter
    makes the job's name part of the template, and adds `job_name` and `job_id` to the details. Version 4
    gives each run a new id; the name is then that of the task, such as `shop:send_invoices`. Other
    handlers get the record unchanged.
    """

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:  # type: ignore[override]
        """Return the record, with its job."""
        if not record.name.startswith("apscheduler.") or not isinstance(record.args, tuple):
            return record
        job = _job_of(record)
        if job is None:
            return record
        changed = copy.copy(record)
        name, identity = (job.name, job.id) if current_job is None else (job.task_id, str(job.id))
        changed.__dict__.update(job_name=name, job_id=identity)
        if changed.exc_info:
            describe_error(changed, "Job", name, identity)
        return changed


def _job_of(record: logging.LogRecord) -> Any:
    """Return the job that a record is about, or None."""
    if current_job is not None:
        return current_job.get(None)
    from apscheduler.job import Job

    return next((given for given in record.args or () if isinstance(given, Job)), None)
