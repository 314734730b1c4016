"""`acknowledge` and `resolve`: events for an alert that is open."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pagerduty_logging.cli import options, output
from pagerduty_logging.cli.parsing import Subparsers
from pagerduty_logging.cli.problems import add_state, find_state
from pagerduty_logging.cli.sending import send

if TYPE_CHECKING:
    from pagerduty_logging.events_api.routing_key import RoutingKey

STATE_NOT_UPDATED = 1


class FollowUp:
    """One of the two subcommands: its name, and what it does."""

    def __init__(self, action: str, help: str) -> None:
        self.action = action
        self.help = help

    def add_parser(self, subparsers: Subparsers) -> argparse.ArgumentParser:
        """Add the subcommand and its options."""
        parser = subparsers.add_parser(
            self.action,
            help=self.help,
            description=f"{self.help[0].upper()}{self.help[1:]}.\n"
            "If no such alert is open, PagerDuty accepts the event and drops it.",
            epilog=f"example: pagerduty-logging {self.action} disk/db1 --summary 'cleaned up by cron'",
        )
        parser.add_argument("dedup_key", help="the alert's dedup key, as `trigger` printed it")
        parser.add_argument("--summary", help="a sentence for the alert's log")
        options.add_details(parser)
        options.add_json(parser)
        options.add_connection(parser)
        return parser

    def run(self, args: argparse.Namespace) -> int:
        """Send the event; 0, or 1 if PagerDuty did not accept it."""
        return self._send(args)

    def _send(self, args: argparse.Namespace, key: RoutingKey | None = None) -> int:
        details = options.details(args)
        return send(
            args,
            lambda client: getattr(client, self.action)(
                args.dedup_key, summary=args.summary, custom_details=details
            ),
            key,
        )


class ResolveForAll(FollowUp):
    """A resolve that the processes which share a state learn of too."""

    def add_parser(self, subparsers: Subparsers) -> argparse.ArgumentParser:
        """Add the subcommand and its options."""
        parser = super().add_parser(subparsers)
        add_state(parser)
        return parser

    def run(self, args: argparse.Namespace) -> int:
        """Send the event; 0, or 1 if PagerDuty did not accept it or the state did not take it."""
        place = find_state(args)
        if place is None:
            return self._send(args)
        from pagerduty_logging.events_api.clock import time_of_day
        from pagerduty_logging.events_api.encoding import fit_dedup_key
        from pagerduty_logging.events_api.events import this_host
        from pagerduty_logging.state.options import open_state

        key, asked_at = options.routing_key(args), time_of_day()
        state = open_state(args.state, routing_key=key.reveal(), host=this_host())
        status = self._send(args, key)
        if status != 0 or state is None:
            return status
        state.resolve(fit_dedup_key(args.dedup_key), at=asked_at)
        if state.close(1.0):
            return 0
        why = state.stats.why or "no answer"
        output.complain(f"resolved, but those who share {place.where} do not know it: {why}")
        return STATE_NOT_UPDATED


acknowledge = FollowUp("acknowledge", "acknowledge an alert: somebody is working on it")
resolve = ResolveForAll("resolve", "resolve an alert: the problem is over")
