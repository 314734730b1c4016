"""ERROR and CRITICAL log records become PagerDuty alerts, one per problem.

    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"pagerduty": {"class": "pagerduty_logging.PagerDutyHandler"}},
        "root": {"handlers": ["pagerduty"]},
    })

A name is imported when it is first used: importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pagerduty_logging.delivery.stats import Stats
    from pagerduty_logging.events_api.client import EventsClient
    from pagerduty_logging.events_api.errors import (
        ApiError,
        BadRequest,
        EventsError,
        NetworkError,
        RateLimited,
        ServerError,
    )
    from pagerduty_logging.events_api.events import (
        Acknowledge,
        Change,
        Image,
        Link,
        Receipt,
        Resolve,
        Severity,
        Trigger,
    )
    from pagerduty_logging.events_api.retrying import Retry
    from pagerduty_logging.fingerprinting import fingerprint
    from pagerduty_logging.handler import PagerDutyHandler, handlers
    from pagerduty_logging.hooks import install_hooks
    from pagerduty_logging.jobs import page_on_failure
    from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler
    from pagerduty_logging.record.render_templates import RenderTemplates

__all__ = [
    "Acknowledge",
    "ApiError",
    "BadRequest",
    "BreadcrumbHandler",
    "Change",
    "EventsClient",
    "EventsError",
    "Image",
    "Link",
    "NetworkError",
    "PagerDutyHandler",
    "RateLimited",
    "Receipt",
    "RenderTemplates",
    "Resolve",
    "Retry",
    "ServerError",
    "Severity",
    "Stats",
    "Trigger",
    "fingerprint",
    "handlers",
    "install_hooks",
    "page_on_failure",
]

_HOMES = {
    "record.breadcrumbs": ("BreadcrumbHandler",),
    "record.render_templates": ("RenderTemplates",),
    "events_api.client": ("EventsClient",),
    "events_api.errors": (
        "ApiError",
        "BadRequest",
        "EventsError",
        "NetworkError",
        "RateLimited",
        "ServerError",
    ),
    "events_api.events": (
        "Acknowledge",
        "Change",
        "Image",
        "Link",
        "Receipt",
        "Resolve",
        "Severity",
        "Trigger",
    ),
    "events_api.retrying": ("Retry",),
    "fingerprinting": ("fingerprint",),
    "handler": ("PagerDutyHandler", "handlers"),
    "hooks": ("install_hooks",),
    "jobs": ("page_on_failure",),
    "delivery.stats": ("Stats",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
