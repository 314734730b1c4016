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
        "In a pipe, the dedup key is printed alone.",
        epilog="example: pagerduty-logging trigger 'The disk of db1 is full' --severity critical "
        "--dedup-key disk/db1 --link Runbook=https://wiki.example.com/disk --details '{\"free\": 0}'",
    )
    parser.add_argument("summary", help="what broke, in a sentence")
    parser.add_argument("--severity", choices=("critical", "error", "warning", "info"), default="error")
    parser.add_argument("--dedup-key", metavar="KEY", help="identifies the problem (default: a new one)")
    parser.add_argument("--component")
    parser.add_argument("--group")
    parser.add_argument("--class", dest="event_class")
    parser.add_argument("--client", help="the monitoring program that reports")
    parser.add_argument("--client-url", type=options.web_address, metavar="URL", help="its page")
    options.add_words(parser)
    options.add_json(parser)
    options.add_connection(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Send it; 0, or 1 when PagerDuty did not accept it."""
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
