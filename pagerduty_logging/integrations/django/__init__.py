"""Django: `check --deploy` finds errors that cannot page, and `manage.py pagerduty` tries the way.

    INSTALLED_APPS = [..., "pagerduty_logging.integrations.django"]

Pages need none of it: a `PagerDutyHandler` in `LOGGING` is enough, and shows Django's requests by itself.
"""
