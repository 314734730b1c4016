"""`trigger`: open an alert, or add to the open one with the same dedup key."""

import argparse

from pagerduty_logging.cli import options
from pagerduty_logging.cli.parsing import Subparsers
from pagerduty_logging.cli.sending import send


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "trigger",
        help="open an alert: this pages",
        description="Open an alert, or add to the open one with the same dedup key. This pages. "
        "Prints the dedup key, in a pipe nothing else.",
        epilog="example: pagerduty-logging trigger 'The disk of db1 is full' --severity critical "
        "--dedup-key disk/db1 --link Runbook=https://wiki.example.com/disk --details '{\"free\": 0}'",
    )
    parser.add_argument("summary", help="what broke, in a sentence")
    parser.add_argument(
        "--severity", type=str.lower, choices=options.SEVERITIES, default="error", help="default: %(default)s"
    )
    parser.add_argument(
        "--dedup-key", metavar="KEY", help="identifies the alert (default: a new key, so a new alert)"
    )
    parser.add_argument("--component", help="the part that is affected, such as mysql")
    parser.add_argument("--group", help="what the component belongs to, such as prod-db")
    parser.add_argument(
        "--class", dest="event_class", metavar="CLASS", help="the kind of problem, such as disk"
    )
    parser.add_argument("--client", help="the program that reports the problem")
    parser.add_argument(
        "--client-url", type=options.web_address, metavar="URL", help="the address of that program"
    )
    options.add_words(parser)
    options.add_json(parser)
    options.add_connection(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Send the event; 0, or 1 if PagerDuty did not accept it."""
    details = options.details(args)
    return send(
        args,
        lambda client: client.trigger(
            args.summary,
            severity=args.severity,
            source=args.source,
            dedup_key=args.dedup_key,
            timestamp=args.timestamp,
            component=args.component,
            group=args.group,
            event_class=args.event_class,
            custom_details=details,
            links=args.link,
            client=args.client,
            client_url=args.client_url,
        ),
    )
