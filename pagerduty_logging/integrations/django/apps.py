"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register

from pagerduty_logging.integrations.django.checks import check_logging


class PagerDutyLoggingConfig(AppConfig):
    """Adds the system checks and the command `manage.py pagerduty`; has no models and no settings."""

    name = "pagerduty_logging.integrations.django"
    label = "pagerduty_logging"
    verbose_name = "PagerDuty logging"

    def ready(self) -> None:
        """Register the checks, for `check --deploy` only: development needs no routing key."""
        register(check_logging, "pagerduty_logging", deploy=True)
