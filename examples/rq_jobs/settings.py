"""What `rq worker -c settings` reads: the logging of the worker."""

import os

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost")

DICT_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"rq": {"()": "pagerduty_logging.integrations.rq.JobDetails"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler"},
        "pagerduty": {
            "class": "pagerduty_logging.PagerDutyHandler",
            "filters": ["rq"],
        },
    },
    "root": {"level": "INFO", "handlers": ["console", "pagerduty"]},
}
