"""Send one event: what `trigger`, `acknowledge`, `resolve` and `change` have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pagerduty_logging.cli import options, output
from pagerduty_logging.cli.parsing import Misuse

if TYPE_CHECKING:
    from pagerduty_logging.events_api.client import EventsClient
    from pagerduty_logging.events_api.errors import EventsError
    from pagerduty_logging.events_api.events import Receipt
    from pagerduty_logging.events_api.routing_key import RoutingKey


def send(
    args: argparse.Namespace, act: Callable[[EventsClient], Receipt], key: RoutingKey | None = None
) -> int:
    """Send an event by `act`; print its receipt, or say why there is none.

    Args:
        args: the options.
        act: sends it.
        key: the routing key, if it was found already.

    In a pipe the dedup key is printed alone, so that a script can keep it.

    Raises:
        Misuse: a field of the event is wrong.
    """
    from pagerduty_logging.events_api.errors import EventsError

    with options.make_client(args, key) as client:
        try:
            receipt = act(client)
        except EventsError as error:
            return failed(error, args)
        except (ValueError, TypeError) as error:
            raise Misuse(str(error)) from None
    if args.json:
        output.print_json(
            {"status": receipt.status, "message": receipt.message, "dedup_key": receipt.dedup_key}
        )
    elif receipt.dedup_key is None or output.is_terminal():
        print(output.coloured(output.plain(receipt.message or receipt.status), "ok"))
        if receipt.dedup_key is not None:
            print(f"dedup key: {output.coloured(output.plain(receipt.dedup_key), 'bold')}")
    else:
        print(output.plain(receipt.dedup_key))
    return 0


def failed(error: EventsError, args: argparse.Namespace) -> int:
    """Report that PagerDuty did not accept an event; return the exit code."""
    output.complain(f"not accepted: {error}")
    if args.json:
        output.print_json(as_json(error))
    return 1


def as_json(error: EventsError) -> dict[str, Any]:
    """Return an error for the JSON output."""
    return {
        "error": str(error),
        "kind": type(error).__name__,
        "http_status": error.status,
        "errors": list(getattr(error, "errors", ())),
    }
