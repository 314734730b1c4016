"""`why`: why something paged, or why it did not, according to a handler's ledger."""

from __future__ import annotations

import argparse
import os
import time
from datetime import datetime
from typing import Any

from pagerduty_logging.cli import output
from pagerduty_logging.cli.ledger_search import Search
from pagerduty_logging.cli.parsing import Misuse, Subparsers
from pagerduty_logging.cli.silence import seconds

NOTHING, TROUBLE = 1, 2


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "why",
        help="show why something paged, or why it did not",
        description="Show what became of the records that match a text, from a handler's ledger, newest "
        "first, with all other decisions about the same problem. "
        "Exit code: 0 something was found, 1 nothing was, 2 the ledger cannot be read.",
        epilog="example: pagerduty-logging why 'payment failed' --ledger pages.jsonl --since 2h",
    )
    parser.add_argument(
        "text",
        metavar="TEXT|KEY",
        help="a message or words of it, a template, the text of a page, a logger's name, or a dedup key",
    )
    parser.add_argument("--ledger", metavar="FILE", help="the ledger (default: PAGERDUTY_LEDGER)")
    parser.add_argument("--since", metavar="TIME", help="only what is not older than this: 90s, 30m, 2h, 1d")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each decision")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the decisions; 0 some were found, 1 none, 2 for wrong use or a ledger that cannot be read."""
    path = args.ledger or os.environ.get("PAGERDUTY_LEDGER")
    if not path:
        raise Misuse("no ledger: give --ledger FILE, or set PAGERDUTY_LEDGER; handlers need ledger= too")
    if not args.text.strip():
        raise Misuse("the text is empty")
    try:
        oldest = time.time() - seconds("--since", args.since) if args.since else 0.0
    except ValueError as error:
        raise Misuse(str(error)) from None
    try:
        search = Search(path, args.text)
        decisions = search.decisions(oldest)
    except OSError as error:
        output.complain(f"{path}: {error.strerror or type(error).__name__}")
        return TROUBLE
    if search.oldest is None and os.path.getsize(path):
        output.complain(
            f"{path} is not a ledger: none of its lines is a decision, as the option `ledger` writes them"
        )
        return TROUBLE
    if args.json:
        for decision in decisions:
            output.print_json(decision)
    elif decisions:
        for decision in decisions:
            print(sentence(decision, search.templates.get(decision.get("key", ""), "")))
    else:
        print(_nothing(search.oldest, args.since))
    return 0 if decisions else NOTHING


def _nothing(oldest: float | None, since: str | None) -> str:
    if oldest is None:
        return "the ledger holds no decision yet"
    begins = f"the ledger goes back to {_date(oldest)}"
    begins += f", and only the last {since} were looked at" if since else ""
    return (
        f"nothing in the ledger matches this text; {begins}. Perhaps it was logged by a process without this "
        "ledger, at a level that does not page, in other words, or earlier"
    )


def _date(seconds_of_it: float) -> str:
    return datetime.fromtimestamp(seconds_of_it).strftime("%Y-%m-%d %H:%M:%S")


def sentence(decision: dict[str, Any], template: str = "") -> str:
    """Return one decision as a sentence.

    Args:
        decision: a line of the ledger.
        template: its problem's, shown if the decision has none itself.
    """
    when = _date(decision["time"])
    words = decision.get("template") or template or decision.get("summary")
    reason = decision.get("reason", "")
    match decision.get("verdict"):
        case "sent":
            said = f"paged at {when}: {reason or 'as was asked for'}"
        case "ignored":
            said = f"not paged at {when}: kept back by {reason}"
        case "held" | "silenced" | "told elsewhere":
            said = f"not paged at {when}: {reason}"
        case "dropped":
            said = f"not paged at {when}: given up, {reason}"
        case "refused":
            said = f"not paged at {when}: refused for good, {reason}"
        case verdict:
            said = f"{verdict} at {when}: {reason}"
    times, repeats = decision.get("times", 1), decision.get("repeats", 0)
    if times > 1:
        said += f" ({times:,} times)"
    if repeats and str(f"{repeats:,}") not in reason:
        said += f"; {repeats:,} repeats before were counted, not paged"
    about = " ".join(
        part
        for part in (
            decision.get("logger", ""),
            repr(words) if words else "",
            decision.get("key", ""),
        )
        if part
    )
    return output.plain(f"{said} [{about}]") if about else output.plain(said)
