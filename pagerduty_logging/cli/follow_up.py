"""`acknowledge` and `resolve`: what follows an alert."""

import argparse

from pagerduty_logging.cli import options
from pagerduty_logging.cli.parsing import Subparsers
from pagerduty_logging.cli.sending import send


class FollowUp:
    """One of the two subcommands: what it is called, and what it does."""

    def __init__(self, action: str, help: str) -> None:
        self.action = action
        self.help = help

    def add_parser(self, subparsers: Subparsers) -> argparse.ArgumentParser:
        """Add the subcommand and its options."""
        parser = subparsers.add_parser(
            self.action,
            help=self.help,
            description=f"{self.help[0].upper()}{self.help[1:]}.\n"
            "PagerDuty accepts this, and drops it, where no such alert is open.",
            epilog=f"example: pagerduty-logging {self.action} disk/db1 --summary 'cleaned up by cron'",
        )
        parser.add_argument("dedup_key", help="the alert's, as `trigger` printed it")
        parser.add_argument("--summary", help="a sentence for the alert's log")
        options.add_details(parser)
        options.add_json(parser)
        options.add_connection(parser)
        return parser

    def run(self, args: argparse.Namespace) -> int:
        """Send it; 0, or 1 when PagerDuty did not accept it."""
        details = options.details(args)
        return send(
            args,
            lambda client: getattr(client, self.action)(
                args.dedup_key, summary=args.summary, custom_details=details
            ),
        )


acknowledge = FollowUp("acknowledge", "stop an alert from paging: somebody is on it")
resolve = FollowUp("resolve", "close an alert: it is over")
