"""What `django-admin startproject` makes, shortened, with `LOGGING` and one more app."""

from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "only-for-this-example"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "pagerduty_logging.integrations.django",  # optional: check --deploy, and manage.py pagerduty
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,  # True, the default, would silence Django's own loggers
    "handlers": {
        "console": {"class": "logging.StreamHandler"},
        "pagerduty": {
            "class": "pagerduty_logging.PagerDutyHandler",
            "ignore_loggers": ["django.security.DisallowedHost"],  # scanners make it, not your users
            "spool": BASE_DIR / "pages",  # keeps pages when the site is restarted in an outage
        },
    },
    "root": {"level": "WARNING", "handlers": ["console", "pagerduty"]},
    "loggers": {"gunicorn.error": {"propagate": True}},  # requests that gunicorn's timeout kills
}
