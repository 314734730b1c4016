"""Django: `check --deploy` finds loggers whose errors cannot page, `manage.py pagerduty` tests paging.

    INSTALLED_APPS = [..., "pagerduty_logging.integrations.django"]

Paging does not need it: a `PagerDutyHandler` in `LOGGING` is enough, and shows Django's requests by itself.
"""
