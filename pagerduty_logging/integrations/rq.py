"""RQ: one page for a job that fails, which says which job it was.

    DICT_CONFIG = {
        ...
        "filters": {"rq": {"()": "pagerduty_logging.integrations.rq.JobDetails"}},
        "handlers": {
            "pagerduty": {
                "class": "pagerduty_logging.PagerDutyHandler", "filters": ["rq"], "background": False
            }
        },
    }

Arguments of jobs are never shown: they may be secret.
"""

from __future__ import annotations

import copy
import logging

from rq import get_current_job

from pagerduty_logging.integrations.reports import tell_of_error


class JobDetails(logging.Filter):
    """Tells a `PagerDutyHandler` of the job in which a record was logged.

    A record in a job gets `func`, `job_id` and `queue`. RQ's own record of a job that failed tells of the
    exception itself, names the job in its template, so that each is a problem of its own, and loses the
    job's arguments. Other handlers see the record as it was.
    """

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:  # type: ignore[override]
        """Return a record that tells more."""
        told = copy.copy(record)
        about = told.__dict__
        job = get_current_job()
        if job is not None:
            about.update(func=job.func_name, job_id=job.id, queue=job.origin)
        if told.name == "rq.worker" and "job_id" in about:
            about.pop("arguments", None)
            about.pop("kwargs", None)
            tell_of_error(told, "Job", str(about.get("func")), about["job_id"])
        return told
