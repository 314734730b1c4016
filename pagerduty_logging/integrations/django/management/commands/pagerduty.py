"""`manage.py pagerduty check` and `manage.py pagerduty test`."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.log import RequireDebugFalse

from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import this_host
from pagerduty_logging.events_api.routing_key import find_routing_key
from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations import reach
from pagerduty_logging.integrations.django.checks import check_logging, configured
from pagerduty_logging.state.options import find_place
from pagerduty_logging.state.trial import tried

MESSAGE = "A test of paging by manage.py pagerduty test: nothing is broken"
_OF_THE_CLIENT = ("region", "base_url", "allow_http", "session", "timeout")


class Command(BaseCommand):
    """Checks whether errors reach PagerDuty, or sends a test error."""

    help = "Check whether errors reach PagerDuty without paging anybody, or send a test alert."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments: the action, and the options of the test."""
        parser.add_argument(
            "action",
            choices=("check", "test"),
            help="check: show what pages and whether PagerDuty can be reached; pages nobody. "
            "test: log a test error, wait until it is delivered, resolve it; this pages.",
        )
        parser.add_argument(
            "--logger", default="django.request", help="the logger of the test error; default: django.request"
        )
        parser.add_argument(
            "--timeout", type=float, default=30.0, help="seconds to wait for the test alert; default: 30"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the action; raises a CommandError, which makes the exit status 1, if something is wrong."""
        if options["action"] == "check":
            self._check()
        else:
            self._test(logging.getLogger(options["logger"]), options["timeout"])

    def _check(self) -> None:
        for pager, names in reach.attached().items():
            level = logging.getLevelName(pager.level)
            debugging = settings.DEBUG and any(isinstance(rule, RequireDebugFalse) for rule in pager.filters)
            unless = "; silent now, because DEBUG is True" if debugging else ""
            self.stdout.write(f"{_name(pager)}: level {level}, attached to {', '.join(names)}{unless}")
        faults = [f"{fault.msg} {fault.hint}" for fault in check_logging()]
        for name, written in configured().items():
            faults += self._tried(name, written)
        if faults:
            raise CommandError("\n".join(faults))
        self.stdout.write(self.style.SUCCESS("Errors page."))

    def _tried(self, name: str, written: Mapping[str, Any]) -> list[str]:
        """Test whether PagerDuty accepts what a handler of `LOGGING` would send; return what is wrong."""
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                key = find_routing_key(written.get("routing_key"), written.get("routing_key_file"))
            if key is None:
                return []  # the checks report it
            given = {option: written[option] for option in _OF_THE_CLIENT if option in written}
            with EventsClient(key, **given) as client:
                client.check()
            fault = self._state_fault(name, written.get("state"), key.reveal())
        except (EventsError, TypeError, ValueError) as error:
            return [f"{name}: {error}"]
        self.stdout.write(f"{name}: {client.base_url} is reached, and takes the form of the routing key")
        return [f"{name}: {warning.message}" for warning in said] + ([f"{name}: {fault}"] if fault else [])

    def _state_fault(self, name: str, option: Any, routing_key: str) -> str | None:
        """Test the state that processes share, if there is one; return what is wrong."""
        place = find_place(option)
        if place is None:
            return None
        trial = tried(place, routing_key, this_host())
        said = trial.said_by(place)
        if trial.fault is not None:
            return said
        self.stdout.write(f"{name}: {said}")
        return None

    def _test(self, logger: logging.Logger, timeout: float) -> None:
        way = reach.reach_of(logger)
        if not way.pagers:
            reason = way.obstacle or "no PagerDutyHandler is on their way"
            raise CommandError(f"Errors of {logger.name} do not page: {reason}.")
        delivered = {pager: pager.stats.delivered for pager in way.pagers}
        dedup_key = f"pagerduty-logging-test-{uuid4().hex}"
        logger.error(MESSAGE, extra={"pagerduty": {"dedup_key": dedup_key}})
        faults = []
        for pager, before in delivered.items():
            pager.flush(timeout)
            fault = _fault(pager, before, timeout)
            if fault:
                faults.append(f"{_name(pager)}: {fault}")
                continue
            pager.resolve(dedup_key)
            closed = "resolved" if pager.flush(timeout) else "is not resolved yet"
            done = f"{_name(pager)}: the test alert was delivered, and {closed}."
            self.stdout.write(self.style.SUCCESS(done))
        if faults:
            raise CommandError("\n".join(faults))


def _name(pager: PagerDutyHandler) -> str:
    return pager.name or "PagerDutyHandler"


def _fault(pager: PagerDutyHandler, delivered: int, timeout: float) -> str:
    """Return why the test error did not arrive; "" if it did."""
    stats = pager.stats
    if stats.delivered > delivered:
        return ""
    if pager.inert:
        return "it has no routing key, or is not enabled"
    if stats.pending:
        return f"the test alert is not delivered after {timeout:g} s: {stats.last_error or 'no answer yet'}"
    if stats.last_error:
        return f"the test alert was not delivered: {stats.last_error}"
    return (
        "the test error was kept back by the handler's own rules: its filters (such as RequireDebugFalse "
        "where DEBUG is True), before_send, ignore_loggers or min_occurrences"
    )
