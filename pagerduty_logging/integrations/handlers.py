"""The handlers of this process with which jobs and integrations page."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterable
from urllib.parse import quote

from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.events_api.routing_key import ENVIRONMENT_VARIABLE
from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations.reach import pagers_behind

_RESOLVE_INTERVAL = 300.0
"""Seconds after a resolve in which further successes of the same job send none."""
_MAX_JOBS = 10_000
"""Jobs whose last resolve is remembered."""


def note_failure(key: str) -> None:
    """Record a page with this dedup key, which the next success resolves."""
    _resolved.pop(key, None)


def resolve_is_due(key: str, *, always: bool = False) -> bool:
    """Return whether a success should send a resolve, and if so record that it did.

    A failure may have happened in another process, so a success resolves even where none is known here,
    at most once every 300 seconds.

    Args:
        key: the dedup key.
        always: this run has paged itself; send the resolve whenever the last one was.
    """
    now = monotonic()
    if not always and now - _resolved.get(key, -_RESOLVE_INTERVAL) < _RESOLVE_INTERVAL:
        return False
    if len(_resolved) >= _MAX_JOBS:
        _resolved.clear()
    _resolved[key] = now
    return True


def call_each(
    handler: PagerDutyHandler | None, name: str, action: Callable[[PagerDutyHandler], object]
) -> None:
    """Call `action` with each handler; raises nothing, so that the job goes on.

    Args:
        handler: the only handler to call. None: all that `attached_handlers` returns.
        name: the job's name, for the diagnostic if a call fails.
        action: pages or resolves.
    """
    try:
        for each in [handler] if handler is not None else attached_handlers():
            action(each)
    except Exception as broken:
        _diagnostics.say("trouble", f"the job {name!r} could not page or resolve: {type(broken).__name__}")


def task_key(kind: str, name: str, environment: str | None) -> str:
    """Return the dedup key of a job or task; as of every key that we make, an environment is part of it.

    Args:
        kind: what runs it, such as "job" or "huey".
        name: of the job or task.
        environment: the handler's; None: it has none.
    """
    where = f"@{quote(environment, safe='')}" if environment else ""
    return f"{kind}{where}/{name}"


def attached_handlers() -> list[PagerDutyHandler]:
    """Return the handlers of the root logger; else those of any other; else one from the environment."""
    root = logging.getLogger()
    found = _among(root.handlers)
    if not found:
        loggers = [
            known for known in list(root.manager.loggerDict.values()) if isinstance(known, logging.Logger)
        ]
        found = _among(handler for logger in loggers for handler in logger.handlers)
    if not found and os.environ.get(ENVIRONMENT_VARIABLE, "").strip():
        try:
            return [_from_environment()]
        except (TypeError, ValueError) as error:
            _diagnostics.say("environment", f"the environment makes no handler, and no job pages: {error}")
            return []
    if not found:
        _diagnostics.say(
            "nobody", f"no PagerDutyHandler is attached and {ENVIRONMENT_VARIABLE} is not set: no job pages"
        )
    return found


def _among(handlers: Iterable[logging.Handler]) -> list[PagerDutyHandler]:
    """Return each `PagerDutyHandler` among these or behind one of them, such as a `QueueHandler`, once."""
    return list(dict.fromkeys(pager for handler in handlers for pager in pagers_behind(handler)))


@functools.cache
def _from_environment() -> PagerDutyHandler:
    return PagerDutyHandler()


def checked_handler(value: PagerDutyHandler | None) -> PagerDutyHandler | None:
    """Return `value` if it is a `PagerDutyHandler` or None; raise a TypeError for anything else."""
    if value is not None and not isinstance(value, PagerDutyHandler):
        raise TypeError(f"handler must be a PagerDutyHandler or None, not {type(value).__name__}")
    return value


_resolved: dict[str, float] = {}
_diagnostics = Diagnostics()
