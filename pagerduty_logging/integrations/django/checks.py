"""System checks: find configurations in which errors cannot page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.utils.log import RequireDebugTrue
from django.utils.module_loading import import_string

from pagerduty_logging.handler import PagerDutyHandler, handlers
from pagerduty_logging.integrations import reach
from pagerduty_logging.record.attachment import loggers
from pagerduty_logging.record.filters import ECHOES

MAX_NAMES = 10
"""The most loggers that one warning names."""


def check_logging(*_: Any, **__: Any) -> list[CheckMessage]:
    """Return a warning for each reason why errors do not page."""
    pagers = reach.attached()
    found = [*_unattached(pagers), *_removed(pagers)]
    if pagers:
        found += [*_handlers(pagers), *_failed_requests(), *_cut_off()]
    return found


def configured() -> dict[str, Mapping[str, Any]]:
    """Return the handlers of `LOGGING` that page, by name, as they are configured there."""
    handlers = (settings.LOGGING or {}).get("handlers") or {}
    return {name: written for name, written in handlers.items() if _pages(written)}


def _pages(written: Mapping[str, Any]) -> bool:
    made_by = written.get("class") or written.get("()")
    if isinstance(made_by, str):
        try:
            made_by = import_string(made_by)
        except ImportError:
            return False
    return isinstance(made_by, type) and issubclass(made_by, PagerDutyHandler)


def _unattached(pagers: Mapping[PagerDutyHandler, list[str]]) -> Iterator[CheckMessage]:
    attached = {pager.name for pager in pagers}
    idle = [name for name in configured() if name not in attached]
    for name in idle:
        yield _warning(
            1,
            f"The handler {name!r} of LOGGING pages nothing: no logger has it.",
            f'Attach it: "root": {{"handlers": ["{name}"]}}.',
        )
    if not (idle or pagers):
        yield _warning(
            1,
            "Nothing pages: no logger has a PagerDutyHandler.",
            'Add {"class": "pagerduty_logging.PagerDutyHandler"} to the handlers of LOGGING, and its name to '
            'those of "root".',
        )


def _removed(pagers: Mapping[PagerDutyHandler, list[str]]) -> Iterator[CheckMessage]:
    for handler in handlers():
        trouble = "" if handler in pagers else handler.lookout.trouble()
        if trouble and not pagers:
            yield _warning(
                7,
                f"A PagerDutyHandler pages nothing any more: it {trouble}.",
                "Attach it after that, or have it put back: install_hooks(keep=[handler]).",
            )


def _handlers(pagers: Mapping[PagerDutyHandler, list[str]]) -> Iterator[CheckMessage]:
    for pager, names in pagers.items():
        which = f"The handler {pager.name!r}" if pager.name else f"The PagerDutyHandler of {_listed(names)}"
        if pager.inert:
            yield _warning(
                2,
                f"{which} pages nothing: it has no routing key, or is not enabled.",
                "Set PAGERDUTY_ROUTING_KEY in the environment, or give routing_key_file.",
            )
        if any(isinstance(passes, RequireDebugTrue) for passes in pager.filters):
            yield _warning(
                3,
                f"{which} pages nothing in production: its filter RequireDebugTrue lets records pass only "
                "where DEBUG is True.",
                "Use django.utils.log.RequireDebugFalse.",
            )


def _failed_requests() -> Iterator[CheckMessage]:
    way = reach.reach_of(logging.getLogger("django.request"))
    if not way.pagers:
        reason = f": {way.obstacle}" if way.obstacle else ""
        yield _warning(
            4,
            f"Failed requests do not page: errors of the logger 'django.request' reach no PagerDutyHandler"
            f"{reason}.",
            'Attach it to "root", say "disable_existing_loggers": False, and let "django" propagate.',
        )


def _cut_off() -> Iterator[CheckMessage]:
    disabled, stopped = [], []
    for logger in loggers():
        way = reach.reach_of(logger)
        if logger.name in (*ECHOES, "django.request") or not way.obstacle:
            continue
        if logger.disabled:
            disabled.append(logger.name)
        else:
            stopped.append(f"{logger.name} ({way.obstacle})")
    if disabled:
        yield _warning(
            5,
            f"Errors of these loggers do not page, because they are disabled: {_listed(disabled)}.",
            'Say "disable_existing_loggers": False in LOGGING; True is the default.',
        )
    if stopped:
        yield _warning(
            6,
            f"Errors of these loggers do not page: {_listed(stopped)}.",
            "Let them propagate at level ERROR, or attach the handler to them too.",
        )


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def _warning(number: int, message: str, hint: str) -> CheckMessage:
    return Warning(message, hint=hint, id=f"pagerduty_logging.W{number:03}")
