"""Options that several subcommands share."""

from __future__ import annotations

import argparse
import getpass
import json
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

from pagerduty_logging.cli import output
from pagerduty_logging.cli.parsing import Misuse, RefuseKey

if TYPE_CHECKING:
    from pagerduty_logging.events_api.client import EventsClient
    from pagerduty_logging.events_api.events import Link
    from pagerduty_logging.events_api.retrying import Retry
    from pagerduty_logging.events_api.routing_key import RoutingKey

SEVERITIES = ("critical", "error", "warning", "info")
"""The highest first. Not taken from `events_api.events`, so that the command starts fast."""
_TITLED = re.compile(r"(?!https?://)(?P<text>.*?)=(?P<href>https?://.*)", re.DOTALL)


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the options for the routing key and the address."""
    group = parser.add_argument_group(
        "PagerDuty",
        "The routing key comes from the environment variable PAGERDUTY_ROUTING_KEY, from a file or from "
        "standard input.",
    )
    keys = group.add_mutually_exclusive_group()
    keys.add_argument("--routing-key-file", metavar="PATH", help="read the routing key from this file")
    keys.add_argument(
        "--routing-key-stdin", action="store_true", help="read the routing key from standard input"
    )
    group.add_argument("--routing-key", nargs="?", action=RefuseKey, help=argparse.SUPPRESS)
    group.add_argument(
        "--region",
        type=str.lower,
        choices=("us", "eu"),
        default="us",
        help="where the account lives (default: us)",
    )
    group.add_argument(
        "--base-url",
        metavar="URL",
        help="another address of the Events API (default: PAGERDUTY_EVENTS_URL, else the region's)",
    )
    group.add_argument(
        "--allow-http", action="store_true", help="allow plain http to machines other than this one"
    )
    group.add_argument(
        "--timeout",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long to keep trying, in total (default: %(default)g)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_words(parser: argparse.ArgumentParser) -> None:
    """Add the options that `trigger` and `change` have in common."""
    parser.add_argument("--source", help="what is affected (default: this host's name)")
    parser.add_argument(
        "--timestamp", metavar="TIME", help="when, in ISO 8601, such as 2026-01-31T08:15:00Z (default: now)"
    )
    parser.add_argument(
        "--link",
        action="append",
        default=[],
        type=_link,
        metavar="[TEXT=]URL",
        help="a link, with its text; may be given several times",
    )
    add_details(parser)


def add_details(parser: argparse.ArgumentParser) -> None:
    """Add `--details`."""
    parser.add_argument(
        "--details",
        metavar="JSON|@FILE|-",
        help="custom details: JSON, a file that holds it, or - for standard input",
    )


def make_client(
    args: argparse.Namespace, key: RoutingKey | None = None, retry: Retry | None = None
) -> EventsClient:
    """Make the client that the options ask for.

    Args:
        args: the options.
        key: the routing key, if it was found already.
        retry: the schedule of attempts; None: keep trying for `--timeout` seconds.

    Raises:
        Misuse: there is no routing key, or an option is wrong.
    """
    from pagerduty_logging.cli.reporting_client import ReportingClient
    from pagerduty_logging.events_api.client import DEFAULT_TIMEOUT
    from pagerduty_logging.events_api.options import seconds
    from pagerduty_logging.events_api.retrying import Retry

    try:
        timeout = seconds("--timeout", args.timeout, most=86_400)
        return ReportingClient(
            key or routing_key(args),
            region=args.region,
            base_url=args.base_url,
            allow_http=args.allow_http,
            timeout=min(timeout, DEFAULT_TIMEOUT),
            retry=retry or Retry(max_age=timeout),
        )
    except (ValueError, TypeError) as error:
        raise Misuse(str(error).replace("allow_http=True", "--allow-http")) from None


def routing_key(args: argparse.Namespace) -> RoutingKey:
    """Find the routing key; one that does not look like PagerDuty's gets a line on stderr.

    Raises:
        Misuse: it is missing or invalid.
    """
    from pagerduty_logging.events_api.routing_key import find_routing_key

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            key = find_routing_key(_key_read(args), args.routing_key_file)
        except (ValueError, TypeError) as error:
            raise Misuse(str(error)) from None
    for warning in caught:
        output.complain(str(warning.message))
    if key is None:
        raise Misuse(
            "no routing key: set PAGERDUTY_ROUTING_KEY, or use --routing-key-file or --routing-key-stdin"
        )
    return key


def key_origin(args: argparse.Namespace) -> str:
    """Return where the routing key came from."""
    if args.routing_key_stdin:
        return "standard input"
    return args.routing_key_file or "PAGERDUTY_ROUTING_KEY"


def details(args: argparse.Namespace) -> Any:
    """Read the custom details.

    Raises:
        Misuse: they cannot be read, or are not JSON.
    """
    given: str | None = args.details
    if given is None:
        return None
    try:
        return json.loads(_read(given, stdin_taken=args.routing_key_stdin))
    except OSError as error:
        raise Misuse(f"--details cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise Misuse(f"--details is not JSON: {error}") from None


def _key_read(args: argparse.Namespace) -> str | None:
    if not args.routing_key_stdin:
        return None
    return getpass.getpass("Routing key: ") if sys.stdin.isatty() else sys.stdin.read(1_000)


def _read(given: str, *, stdin_taken: bool) -> str:
    if given == "-":
        if stdin_taken:
            raise Misuse("--details - and --routing-key-stdin: standard input holds one of them only")
        return sys.stdin.read()
    if not given.startswith("@"):
        return given
    with open(given[1:], encoding="utf-8") as file:
        return file.read()


def web_address(given: str) -> str:
    """Return the address of a web page: a type for `argparse`."""
    from pagerduty_logging.events_api.address import is_web_address

    if not is_web_address(given):
        raise argparse.ArgumentTypeError(f"{given!r} is not an address with http:// or https://")
    return given


def _link(given: str) -> Link:
    from pagerduty_logging.events_api.events import Link

    titled = _TITLED.fullmatch(given)
    href, text = (titled["href"], titled["text"]) if titled else (given, None)
    if not re.match(r"https?://[^\s/]", href):
        raise argparse.ArgumentTypeError(f"{given!r} is not URL or TEXT=URL, with http:// or https://")
    return Link(href, text)
