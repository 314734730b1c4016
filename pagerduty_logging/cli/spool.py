"""`spool`: show the events in a spool directory, send those that no living process holds, or delete them."""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING, Any

from pagerduty_logging.cli import options, output
from pagerduty_logging.cli.parsing import Misuse, Subparsers

if TYPE_CHECKING:
    from pagerduty_logging.delivery.delivery import Delivery
    from pagerduty_logging.delivery.spool import Spool, SpoolEntry
    from pagerduty_logging.events_api.routing_key import RoutingKey

LONGEST_AGE = 100 * 365 * 86_400.0
"""Seconds: a person who sends a spool by hand wants all of it, however old it is."""


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand, its actions and their options."""
    parser = subparsers.add_parser(
        "spool",
        help="show the events in a handler's spool, send or delete them",
        description="Show the events in the directory of a handler's spool (spool=DIR), send those that no "
        "living process holds, or delete them.",
        epilog="example: pagerduty-logging spool list /var/lib/shop/pages",
    )
    actions = parser.add_subparsers(required=True, metavar="action")

    listing = actions.add_parser(
        "list",
        help="show the events",
        description="Show the events in a spool, oldest first. Each is waiting to be sent, held by a "
        "living process, refused by PagerDuty, or broken.",
        epilog="example: pagerduty-logging spool list /var/lib/shop/pages",
    )
    _add_directory(listing)
    options.add_json(listing)
    listing.set_defaults(act=_list)

    retry = actions.add_parser(
        "retry",
        help="send the events that no living process holds: this pages",
        description="Send the events for this routing key that no living process holds, oldest first. This "
        "pages. It stops at the first one that PagerDuty does not accept now; the others stay.",
        epilog="example: pagerduty-logging spool retry /var/lib/shop/pages",
    )
    _add_directory(retry)
    options.add_json(retry)
    options.add_connection(retry)
    retry.set_defaults(act=_retry)

    drop = actions.add_parser(
        "drop",
        help="delete events for good",
        description="Delete the named events, or all that no living process holds. Their pages are "
        "lost; without --yes it only says what it would delete.",
        epilog="example: pagerduty-logging spool drop /var/lib/shop/pages --yes",
    )
    _add_directory(drop)
    drop.add_argument("events", nargs="*", metavar="EVENT", help="an event's name, as `list` shows it")
    drop.add_argument("--yes", action="store_true", help="do it")
    options.add_json(drop)
    drop.set_defaults(act=_drop)
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the action; 0, 1 if something is left that should not be, 2 for wrong use."""
    if not os.path.isdir(args.directory):
        raise Misuse(f"no such directory: {args.directory}")
    status: int = args.act(args)
    return status


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", help="the handler's spool")


def _list(args: argparse.Namespace) -> int:
    entries = _entries(_spool(args))
    if args.json:
        output.print_json({"events": [_as_json(entry) for entry in entries]})
    elif entries or not output.is_terminal():
        header = ("STATE", "AGE", "SEVERITY", "WHAT", "EVENT")
        rows = [
            (entry.state, _age(entry), _severity(entry), entry.kept.label if entry.kept else "?", entry.name)
            for entry in entries
        ]
        output.table(header, rows, {name: name for name in ("critical", "error", "warning", "info")})
    else:
        print("The spool is empty.")
    return 0


def _retry(args: argparse.Namespace) -> int:
    from pagerduty_logging.delivery.delivery import Delivery
    from pagerduty_logging.delivery.diagnostics import Diagnostics
    from pagerduty_logging.delivery.spool import MAX_FILES
    from pagerduty_logging.events_api.retrying import Retry

    key = options.routing_key(args)
    spool = _spool(args, key)
    with options.make_client(args, key, Retry(max_age=LONGEST_AGE)) as client:
        delivery = Delivery(
            client,
            decide=_nothing,
            max_pending=MAX_FILES,
            max_events_per_minute=100,
            spool=spool,
            background=False,
            flush_timeout=0.0,
            diagnostics=Diagnostics(),
        )
        try:
            _send_all(delivery, client.timeout)
        finally:
            spool.sign_off()
    stats = delivery.stats()
    left = [entry for entry in _entries(_spool(args)) if entry.state in ("waiting", "held")]
    result = {
        "delivered": stats.delivered,
        "refused": stats.dead_lettered,
        "left": len(left),
        "error": stats.last_error,
    }
    if args.json:
        output.print_json(result)
    else:
        print(f"{stats.delivered} delivered, {stats.dead_lettered} refused, {len(left)} left")
    if held := sum(entry.state == "held" for entry in left):
        _report_held(held)
    if left and stats.last_error:
        output.complain(f"not all could be sent: {stats.last_error}")
    return 1 if left or stats.dead_lettered else 0


def _nothing(item: object) -> None:
    """Stand for the pipeline of a handler: nothing is logged here, so nothing has to be decided."""


def _send_all(delivery: Delivery, timeout: float) -> None:
    """Send until nothing is left, or PagerDuty does not accept an event now."""
    while (wait := delivery.step(timeout)) is not None:
        if wait > 0:
            if delivery.stats().last_error is not None:
                return
            time.sleep(wait)  # the rate limit leaves room for so many a minute


def _drop(args: argparse.Namespace) -> int:
    from pagerduty_logging.delivery.diagnostics import counted

    spool = _spool(args)
    entries = {entry.name: entry for entry in _entries(spool)}
    unknown = [name for name in args.events if name not in entries]
    if unknown:
        raise Misuse(f"no such event: {', '.join(unknown)}")
    chosen = [entries[name] for name in args.events] or list(entries.values())
    doomed = [entry for entry in chosen if entry.state != "held"]
    held = len(chosen) - len(doomed)
    if held:
        _report_held(held)
    if not args.yes:
        what = f"{counted(len(doomed), 'event')}, whose {'page is' if len(doomed) == 1 else 'pages are'} lost"
        output.complain(f"drop would delete {what}; --yes does it")
        return 2
    for entry in doomed:
        spool.remove(entry.name)
    if args.json:
        output.print_json({"dropped": [entry.name for entry in doomed]})
    else:
        print(f"{len(doomed)} dropped")
    return 0


def _report_held(number: int) -> None:
    if number == 1:
        output.complain("1 event is held by a living process, and stays")
    else:
        output.complain(f"{number:,} events are held by living processes, and stay")


def _spool(args: argparse.Namespace, routing_key: RoutingKey | None = None) -> Spool:
    from pagerduty_logging.delivery.diagnostics import Diagnostics
    from pagerduty_logging.delivery.spool import Spool

    return Spool(args.directory, routing_key, Diagnostics())


def _entries(spool: Spool) -> list[SpoolEntry]:
    try:
        return spool.entries()
    except OSError as error:
        raise Misuse(f"the directory cannot be read: {error.strerror}") from None


def _as_json(entry: SpoolEntry) -> dict[str, Any]:
    from pagerduty_logging.events_api.clock import time_of_day

    kept = entry.kept
    return {
        "event": entry.name,
        "state": entry.state,
        "age": None if kept is None else round(time_of_day() - kept.accepted, 3),
        "severity": None if kept is None else str(kept.severity),
        "label": None if kept is None else kept.label,
        "dedup_key": None if kept is None else kept.encoded.dedup_key,
    }


def _severity(entry: SpoolEntry) -> str:
    return str(entry.kept.severity) if entry.kept else "?"


def _age(entry: SpoolEntry) -> str:
    from pagerduty_logging.events_api.clock import time_of_day

    if entry.kept is None:
        return "?"
    return output.age(time_of_day() - entry.kept.accepted)
