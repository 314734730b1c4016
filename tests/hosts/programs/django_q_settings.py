import os

SECRET_KEY = "only-for-the-tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_q"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": {"timeout": 20}}
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
Q_CLUSTER = {
    "name": "shop",
    "orm": "default",
    "workers": 1,
    "timeout": 1,
    "retry": 2,  # seconds, and more than `timeout`, as django-q2 asks for
    "poll": 0.05,
    "max_attempts": 2,
    "error_reporter": {"pagerduty": {"resolve_on_success": "RESOLVES" in os.environ}},
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"pagerduty": {"class": "pagerduty_logging.PagerDutyHandler"}},
    "root": {"handlers": ["pagerduty"]},
}
