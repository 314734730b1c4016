"""The handlers that a program has at hand, and what they are told of its jobs and tasks."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.events_api.routing_key import ENVIRONMENT_VARIABLE
from pagerduty_logging.handler import PagerDutyHandler

RESOLVE_INTERVAL = 300.0
"""Seconds in which a process that has just resolved a job does not do so again for each success."""
MAX_JOBS = 10_000
"""Jobs of which a process knows when it resolved them."""


def note_failure(key: str) -> None:
    """Note that a page for this dedup key was asked for: the next success resolves it."""
    _resolved.pop(key, None)


def resolve_is_due(key: str, *, surely: bool = False) -> bool:
    """Return whether a success should be sent as a resolve; if so, note that it was.

    Another process may have failed before, so that every success counts, at most every 300 seconds.

    Args:
        key: a dedup key.
        surely: something of this very run is open.
    """
    now = monotonic()
    if not surely and now - _resolved.get(key, -RESOLVE_INTERVAL) < RESOLVE_INTERVAL:
        return False
    if len(_resolved) >= MAX_JOBS:
        _resolved.clear()
    _resolved[key] = now
    return True


def tell(handler: PagerDutyHandler | None, name: str, word: Callable[[PagerDutyHandler], object]) -> None:
    """Call `word` with every handler concerned; what is wrong there never reaches the job.

    Args:
        handler: the one that was given; None: those at hand.
        name: of the job, for a diagnostic.
        word: sends something.
    """
    try:
        for each in [handler] if handler is not None else handlers_at_hand():
            word(each)
    except Exception as broken:
        _diagnostics.say("trouble", f"the job {name!r} could not be told of: {type(broken).__name__}")


def handlers_at_hand() -> list[PagerDutyHandler]:
    """Return the handlers of the root logger; else those of any other; else one from the environment."""
    root = logging.getLogger()
    found = _among(root.handlers)
    if not found:
        loggers = [
            known for known in list(root.manager.loggerDict.values()) if isinstance(known, logging.Logger)
        ]
        found = _among(handler for logger in loggers for handler in logger.handlers)
    if not found and os.environ.get(ENVIRONMENT_VARIABLE, "").strip():
        return [_from_environment()]
    if not found:
        _diagnostics.say(
            "nobody", f"no PagerDutyHandler is attached and {ENVIRONMENT_VARIABLE} is not set: no job pages"
        )
    return found


def _among(handlers: Iterable[logging.Handler]) -> list[PagerDutyHandler]:
    """Return the handlers that page, also those behind others; each once."""
    found: dict[int, PagerDutyHandler] = {}
    waiting: list[Any] = list(handlers)
    for handler in waiting:
        if isinstance(handler, PagerDutyHandler):
            found[id(handler)] = handler
            continue
        behind = [
            getattr(handler, "target", None),
            *getattr(getattr(handler, "listener", None), "handlers", ()),
        ]
        waiting.extend(one for one in behind if isinstance(one, logging.Handler) and one not in waiting)
    return list(found.values())


@functools.cache
def _from_environment() -> PagerDutyHandler:
    return PagerDutyHandler()


def checked_handler(value: PagerDutyHandler | None) -> PagerDutyHandler | None:
    """Return a handler that was given, or None; raise a TypeError for anything else."""
    if value is not None and not isinstance(value, PagerDutyHandler):
        raise TypeError(f"handler must be a PagerDutyHandler or None, not {type(value).__name__}")
    return value


_resolved: dict[str, float] = {}
_diagnostics = Diagnostics()
