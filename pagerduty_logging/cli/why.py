"""`why`: why something paged, or did not, as a handler's ledger has it."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pagerduty_logging.cli import options, output
from pagerduty_logging.cli.parsing import Misuse, Subparsers
from pagerduty_logging.cli.silence import seconds

NOTHING, TROUBLE = 1, 2
_LATEST = 2.0**35
"""Seconds since the epoch that can be shown as a date."""


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add it and its options."""
    parser = subparsers.add_parser(
        "why",
        help="say why something paged, or did not",
        description="Say what became of the records that a text fits, as the ledger of a handler has it, the "
        "newest first. Exit code: 0 something was found, 1 nothing was, 2 there is no ledger.",
        epilog="example: pagerduty-logging why 'payment failed' --ledger pages.jsonl --since 2h",
    )
    parser.add_argument(
        "text", metavar="TEXT|KEY", help="words of the message, a logger's name, or a dedup key"
    )
    parser.add_argument("--ledger", metavar="FILE", help="default: the environment variable PAGERDUTY_LEDGER")
    parser.add_argument("--since", metavar="TIME", help="90s, 30m, 2h, 1d: only what is not older")
    options.add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Do it."""
    path = args.ledger or os.environ.get("PAGERDUTY_LEDGER")
    if not path:
        raise Misuse("which ledger? Give --ledger FILE, or set PAGERDUTY_LEDGER")
    if not args.text.strip():
        raise Misuse("the text is empty")
    try:
        oldest = time.time() - seconds("--since", args.since) if args.since else 0.0
    except ValueError as error:
        raise Misuse(str(error)) from None
    try:
        decisions = [found for found in _decisions(path) if _fits(found, args.text, oldest)]
    except OSError as error:
        output.complain(f"{path}: {error.strerror or type(error).__name__}")
        return TROUBLE
    decisions.sort(key=lambda found: float(found["time"]), reverse=True)
    if args.json:
        for decision in decisions:
            output.print_json(decision)
    elif decisions:
        for decision in decisions:
            print(sentence(decision))
    else:
        print("nothing is known of it: it was not logged at a level that pages, or the ledger is not so old")
    return 0 if decisions else NOTHING


def _decisions(path: str) -> Iterator[dict[str, Any]]:
    """Give the decisions of the file and of the one before it; lines that are none are passed over.

    Raises:
        OSError: the file cannot be read.
    """
    before = f"{path}.1"
    for name in (before, path) if os.path.exists(before) else (path,):
        with open(name, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if isinstance(found, dict) and _is_whole(found):
                    yield found


def _is_whole(decision: dict[str, Any]) -> bool:
    texts = ("verdict", "reason", "key", "event", "logger", "template")
    time_of_it = decision.get("time")
    return (
        all(isinstance(decision.get(name, ""), str) for name in texts)
        and all(isinstance(decision.get(name, 0), int) for name in ("repeats", "times"))
        and isinstance(time_of_it, (int, float))
        and 0 <= time_of_it <= _LATEST
    )


def _fits(decision: dict[str, Any], text: str, oldest: float) -> bool:
    if decision["time"] < oldest:
        return False
    if text in (decision.get("key"), decision.get("event")):
        return True
    words = f"{decision.get('logger', '')} {decision.get('template', '')}"
    return text.casefold() in words.casefold()


def sentence(decision: dict[str, Any]) -> str:
    """Say one decision."""
    when = datetime.fromtimestamp(decision["time"]).strftime("%Y-%m-%d %H:%M:%S")
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
            repr(decision["template"]) if decision.get("template") else "",
            decision.get("key", ""),
        )
        if part
    )
    return output.plain(f"{said} [{about}]") if about else output.plain(said)
