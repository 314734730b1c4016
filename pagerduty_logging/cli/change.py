"""`change`: record a change, such as a deploy."""

import argparse

from pagerduty_logging.cli import options
from pagerduty_logging.cli.parsing import Subparsers
from pagerduty_logging.cli.sending import send


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "change",
        help="record a change, such as a deploy; pages nobody",
        description="Record a change, such as a deploy: PagerDuty shows it beside alerts. Pages nobody.",
        epilog="example: pagerduty-logging change 'Deployed 1.4.2' --source shop "
        "--link Build=https://ci.example.com/142",
    )
    parser.add_argument("summary", help="what changed, in a sentence")
    options.add_words(parser)
    options.add_json(parser)
    options.add_connection(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Send the event; 0, or 1 if PagerDuty did not accept it."""
    details = options.details(args)
    return send(
        args,
        lambda client: client.change(
            args.summary,
            source=args.source,
            timestamp=args.timestamp,
            custom_details=details,
            links=args.link,
        ),
    )
