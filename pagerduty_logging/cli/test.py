"""`test`: open one real alert, clearly marked as a test, and resolve it."""

import argparse
import math
import time
from collections.abc import Callable

from pagerduty_logging.cli import options, output
from pagerduty_logging.cli.parsing import Subparsers
from pagerduty_logging.cli.sending import failed

SLICE = 0.2
"""Longest single sleep, in seconds."""


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "test",
        help="page once, clearly marked as a test, then resolve",
        description="Open one alert, clearly marked as a test, and resolve it a little later (Ctrl-C: now).\n"
        "Somebody may be woken; without --page it only says what it would do.",
        epilog="example: pagerduty-logging test --page",
    )
    parser.add_argument("--page", action="store_true", help="open the alert: somebody may be woken")
    parser.add_argument(
        "--severity", type=str.lower, choices=options.SEVERITIES, default="error", help="default: %(default)s"
    )
    parser.add_argument(
        "--resolve-after",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long the alert stays open, for PagerDuty to notify somebody (default: %(default)g)",
    )
    options.add_json(parser)
    options.add_connection(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Trigger and resolve; 0, 1 if one of the two was not accepted, 2 without `--page`."""
    from pagerduty_logging.events_api.clock import monotonic
    from pagerduty_logging.events_api.errors import EventsError
    from pagerduty_logging.events_api.events import this_host

    with options.make_client(args) as client:
        if not args.page:
            output.complain(
                f"test would open an alert ({args.severity}) at {client.base_url}, which may wake somebody, "
                f"and resolve it after {args.resolve_after:g} s; --page does it"
            )
            return 2
        try:
            receipt = client.trigger(
                f"TEST from {this_host()}: please ignore, it resolves itself",
                severity=args.severity,
                client="pagerduty-logging test",
                custom_details={"test": "Sent by hand to see that pages arrive. Nothing is wrong."},
            )
        except EventsError as error:
            return failed(error, args)
        try:
            output.complain(
                f"the alert is open; it will be resolved in {args.resolve_after:g} s (Ctrl-C: now)"
            )
            wait(args.resolve_after, monotonic)
        except KeyboardInterrupt:
            pass
        try:
            client.resolve(receipt)
        except EventsError as error:
            output.complain(f"the alert is still open, its dedup key is {receipt.dedup_key}")
            return failed(error, args)
    if args.json:
        output.print_json({"dedup_key": receipt.dedup_key, "triggered": True, "resolved": True})
    else:
        print(f"{output.coloured('Triggered and resolved.', 'ok')} Did it arrive where it should?")
    return 0


def wait(seconds: float, clock: Callable[[], float], sleep: Callable[[float], None] = time.sleep) -> None:
    """Sleep in slices: Python 3.14 and later may see a Ctrl-C only when a sleep has ended (CPython)."""
    until = clock() + seconds
    while (left := until - clock()) > 0:
        sleep(min(left, SLICE))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 86400, a day")
    return seconds
