"""Which loggers' errors reach a `PagerDutyHandler`, and what stops the others, as configured now."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.record.attachment import behind, loggers


class Reach(NamedTuple):
    """Where a logger's ERROR records go."""

    pagers: tuple[PagerDutyHandler, ...]
    """The handlers that they reach; the handlers' filters are not considered."""
    obstacle: str
    """What stops them on their way to an attached handler; "" if nothing does, or if there is no handler."""


def pagers_at(logger: logging.Logger) -> list[PagerDutyHandler]:
    """Return the handlers that are attached to this logger itself, directly or behind a queue or a buffer."""
    return [pager for handler in logger.handlers for pager in pagers_behind(handler)]


def attached() -> dict[PagerDutyHandler, list[str]]:
    """Return all attached handlers, with the names of their loggers."""
    found: dict[PagerDutyHandler, list[str]] = {}
    for logger in loggers():
        for pager in pagers_at(logger):
            found.setdefault(pager, []).append(logger.name)
    return found


def reach_of(logger: logging.Logger, level: int = logging.ERROR) -> Reach:
    """Return where a record of this level goes from here."""
    passed = list(_upwards(logger))
    on_the_way = [pager for each in passed for pager in pagers_at(each)]
    last = passed[-1]
    beyond = [pager for each in _upwards(last.parent, whole=True) for pager in pagers_at(each)]
    if not on_the_way and not beyond:
        return Reach((), "")
    if logger.disabled:
        return Reach((), "it is disabled")
    if not logger.isEnabledFor(level):
        return Reach((), f"its level is {logging.getLevelName(logger.getEffectiveLevel())}")
    if not on_the_way:
        return Reach((), f"propagate is off at {last.name!r}")
    reached = tuple(pager for pager in on_the_way if pager.level <= level)
    return Reach(
        reached, "" if reached else f"the handler's level is {logging.getLevelName(on_the_way[0].level)}"
    )


def _upwards(logger: logging.Logger | None, *, whole: bool = False) -> Iterator[logging.Logger]:
    """Yield the loggers that a record passes; `whole`: also those after the point where it is stopped."""
    while logger is not None:
        yield logger
        logger = logger.parent if whole or logger.propagate else None


def pagers_behind(handler: logging.Handler) -> Iterator[PagerDutyHandler]:
    """Return each `PagerDutyHandler` that gets the handler's records: itself, or behind a queue or buffer."""
    return (known for known in behind(handler) if isinstance(known, PagerDutyHandler))
