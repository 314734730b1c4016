"""APScheduler: one page for each job that fails.

    handler = PagerDutyHandler()
    handler.addFilter(JobDetails())

Its version 3.
"""

from __future__ import annotations

import copy
import logging

from apscheduler.job import Job

from pagerduty_logging.integrations.reports import tell_of_error


class JobDetails(logging.Filter):
    """Tells a `PagerDutyHandler` which job of APScheduler's failed.

    APScheduler logs all failures of all jobs with one template, so that they would be one problem. Here
    each job's name is part of it; `job_name` and `job_id` are among the details. Other handlers see the
    record as it was.
    """

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:  # type: ignore[override]
        """Return a record that tells more."""
        if not record.name.startswith("apscheduler.executors.") or not isinstance(record.args, tuple):
            return record
        job = next((given for given in record.args if isinstance(given, Job)), None)
        if job is None:
            return record
        told = copy.copy(record)
        told.__dict__.update(job_name=job.name, job_id=job.id)
        if told.exc_info:
            tell_of_error(told, "Job", job.name, job.id)
        return told
