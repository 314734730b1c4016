"""Finds release and environment: from the options, else from the variables that hosts usually set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import unquote

RELEASE_VARIABLES = (
    "SENTRY_RELEASE",
    "DD_VERSION",
    "APP_VERSION",
    "RELEASE",
    "RELEASE_VERSION",
    "HEROKU_BUILD_COMMIT",
    "HEROKU_SLUG_COMMIT",
    "SOURCE_VERSION",
    "RENDER_GIT_COMMIT",
    "RAILWAY_GIT_COMMIT_SHA",
    "VERCEL_GIT_COMMIT_SHA",
    "KAMAL_VERSION",
    "K_REVISION",
    "GIT_COMMIT",
    "GIT_SHA",
)
"""The first one that is set counts: those of error trackers, then of hosts, then of builds."""
ENVIRONMENT_VARIABLES = (
    "SENTRY_ENVIRONMENT",
    "DD_ENV",
    "APP_ENV",
    "ENVIRONMENT",
    "DJANGO_ENV",
    "FLASK_ENV",
    "RAILWAY_ENVIRONMENT_NAME",
    "VERCEL_ENV",
)
_OPENTELEMETRY = "OTEL_RESOURCE_ATTRIBUTES"
"""Source: opentelemetry.io, "Resource SDK": comma-separated key=value pairs, percent-encoded."""
_RELEASE_ATTRIBUTES = ("service.version",)
_ENVIRONMENT_ATTRIBUTES = ("deployment.environment.name", "deployment.environment")


def find_release(option: str | None, variables: Mapping[str, str] = os.environ) -> str | None:
    """Return the release: the option, else from the variables, else None."""
    return option or _first(variables, RELEASE_VARIABLES, _RELEASE_ATTRIBUTES)


def find_environment(option: str | None, variables: Mapping[str, str] = os.environ) -> str | None:
    """Return the environment's name: the option, else from the variables, else None."""
    return option or _first(variables, ENVIRONMENT_VARIABLES, _ENVIRONMENT_ATTRIBUTES)


def _first(variables: Mapping[str, str], names: tuple[str, ...], attributes: tuple[str, ...]) -> str | None:
    resource = dict(
        pair.split("=", 1) for pair in variables.get(_OPENTELEMETRY, "").split(",") if "=" in pair
    )
    resource = {name.strip(): unquote(value.strip()) for name, value in resource.items()}
    values = [
        *(variables.get(name, "").strip() for name in names),
        *(resource.get(name, "") for name in attributes),
    ]
    return next((value for value in values if value), None)
