"""`explain`: which template and rule make the dedup key of a call site or a message."""

from __future__ import annotations

import argparse
import json
import logging
import os
import select
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pagerduty_logging.cli import output
from pagerduty_logging.cli.call_sites import CallSite, Logs, call_site, line_of
from pagerduty_logging.cli.parsing import Subparsers
from pagerduty_logging.cli.samples import samples

if TYPE_CHECKING:
    from pagerduty_logging.fingerprinting import Explanation, Fingerprinter

MAX_MESSAGE_CHARS: Final = 1_000_000
MAX_SOURCE_BYTES: Final = 4_000_000
_FIRST_BYTE_TIMEOUT: Final = 1.0  # seconds to wait for the first byte of a message that is optional

_WORDS: Final = {
    "source": "read from the line of source that logs",
    "mask": "the message, with its values masked",
}


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "explain",
        help="show the template and the rule that make a dedup key",
        description=(
            "Show which template, by which rule, makes the dedup key of the logging call at "
            "FILE:LINE, or of a message given on standard input, or of both together."
        ),
        epilog="example: pagerduty-logging explain shop/payments.py:42",
    )
    parser.add_argument(
        "location", nargs="?", type=_location, metavar="FILE:LINE", help="the source line of a logging call"
    )
    parser.add_argument(
        "--logger",
        metavar="NAME",
        help="the logger's name; shows the key, of which it is a part",
    )
    parser.add_argument(
        "--environment",
        metavar="NAME",
        help="the handler's environment, part of the key (default: as handlers find it, such as APP_ENV)",
    )
    parser.add_argument("--client", metavar="NAME", help="the handler's client, which is part of the key")
    parser.add_argument(
        "--json", action="store_true", help="print a JSON object for each text that the line can log"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Explain; 0, 1 if there is nothing to explain or no key can be shown, 2 for wrong use."""
    if args.location is None and sys.stdin.isatty():
        output.complain("explain: give FILE:LINE, or a message on standard input")
        return 2
    path, line = args.location or ("", 0)
    if path and not os.path.isfile(path):
        output.complain(f"no such file: {path}")
        return 2
    message = _message(optional=bool(path))
    if not path and message is None:
        output.complain("explain: give FILE:LINE, or a message on standard input, which is empty")
        return 2
    text = _source(path)
    site = call_site(text, line) if path else CallSite(Logs.UNKNOWN)
    if site.logs is Logs.NO or (site.logs is Logs.MAYBE and message is None):
        output.complain(_no_logging_call(path, line, site.logs))
        return 1
    if message is None and site.calls:
        found = _explained(site, _lines(text), os.path.abspath(path), args)
    else:
        found = _explained_message(site, path, line, message, args)
    if not found:
        output.complain(
            f"no call with a template at {path}:{line}; its messages are masked "
            "(give one on standard input to see how)"
        )
        return 1
    _print(found, args)
    if site.logs is Logs.MAYBE and not any(doubt for _, doubt in found):
        output.complain(f"this holds only if the call at {path}:{line} logs with stacklevel")
    return 1 if args.logger is not None and any(doubt for _, doubt in found) else 0


_Found: TypeAlias = "list[tuple[Explanation, str | None]]"
"""Explanations, each with the reason why its alert may have another key; None: it has this one."""


def _explained(site: CallSite, lines: list[str], path: str, args: argparse.Namespace) -> _Found:
    """Explain each text that the calls at a line may log."""
    from pagerduty_logging.fingerprinting import Rule, parts

    explain = _fingerprinter(args).explain
    found: dict[tuple[str, str], tuple[Explanation, str | None]] = {}
    for sample in samples(site, lines, path, args.logger or "root"):
        explanation = explain(sample.record)
        if explanation.rule is Rule.MASK and not sample.is_whole:
            continue  # another value would make another template
        doubt = None
        if explain(sample.with_exceptions).key != explanation.key:
            doubt = "an exception among the values of this call becomes part of the key"
        elif sample.raises and parts.says_little_template(explanation.template):
            doubt = "the exception that this call logs becomes part of the key, as its words say little"
        found.setdefault((explanation.template, explanation.key), (explanation, doubt))
    return list(found.values())


def _explained_message(
    site: CallSite, path: str, line: int, message: str | None, args: argparse.Namespace
) -> _Found:
    """Explain a message, at its line if one is given, or a line of a file that cannot be parsed."""
    from pagerduty_logging.fingerprinting import source

    place = os.path.abspath(path) if path else ""
    if message is None:
        templates = source.templates_at(place, line)
        if not templates:
            return []
        message = "7".join(templates[0].pieces)
    line = line_of(site.calls[0]) if site.calls else line
    record = logging.LogRecord(
        args.logger or "root", logging.ERROR, place, line, message, None, None, site.function
    )
    explanation = _fingerprinter(args).explain(record)
    return [(explanation, _doubt(explanation, site, path, line))]


def _fingerprinter(args: argparse.Namespace) -> Fingerprinter:
    from pagerduty_logging.fingerprinting import Fingerprinter
    from pagerduty_logging.page.deployment import find_environment

    return Fingerprinter(environment=find_environment(args.environment), client=args.client)


def _print(found: _Found, args: argparse.Namespace) -> None:
    for number, (explanation, doubt) in enumerate(found):
        shown = _shown(explanation, with_key=args.logger is not None and doubt is None)
        if args.json:
            print(json.dumps(shown))
            continue
        if number:
            print()
        for name, value in shown.items():
            print(f"{name + ':':10}{', '.join(value) if isinstance(value, list) else value}")
    for doubt in dict.fromkeys(doubt for _, doubt in found if doubt):
        output.complain(f"{doubt}{'; no key is shown' if args.logger is not None else ''}")


def _source(path: str) -> bytes:
    if not path:
        return b""
    with open(path, "rb") as file:
        return file.read(MAX_SOURCE_BYTES)


def _lines(text: bytes) -> list[str]:
    return text.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _no_logging_call(path: str, line: int, logs: Logs) -> str:
    if logs is Logs.NO:
        return (
            f"nothing is logged at {path}:{line}; to see how a message is masked, "
            "give it on standard input without FILE:LINE"
        )
    return (
        f"no call of a logger's method at {path}:{line}; if the call there logs in its caller's name "
        "(stacklevel), give a message on standard input"
    )


def _doubt(explanation: Explanation, site: CallSite, path: str, line: int) -> str | None:
    """Return why the alert of such a message may have another key; None: it has this one."""
    from pagerduty_logging.fingerprinting import Rule

    if not path:
        return (
            "where the line that logs this message can be read, that line decides template and key: "
            "give FILE:LINE together with the message"
        )
    if explanation.rule is not Rule.SOURCE and not site.passes_text:
        return f"the call at {path}:{line} does not log this message as it stands; its alert has another key"
    return None


def _shown(explanation: Explanation, *, with_key: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "template": explanation.template,
        "rule": explanation.rule.value,
        "why": _WORDS.get(explanation.rule.value, explanation.rule.value),
    }
    if explanation.joined:
        shown["joined"] = list(explanation.joined)
    if with_key:
        shown["key"] = explanation.key
    return shown


def _location(text: str) -> tuple[str, int]:
    path, _, line = text.rpartition(":")
    if not path or not (line.isascii() and line.isdigit()) or int(line) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not FILE:LINE")
    return path, int(line)


def _message(*, optional: bool) -> str | None:
    """Return the message on standard input, without its last line end; None if there is none."""
    if sys.stdin.isatty() or (optional and not _something_to_read()):
        return None
    return sys.stdin.read(MAX_MESSAGE_CHARS).removesuffix("\n") or None


def _something_to_read() -> bool:
    # Standard input may have been left open with nothing to write to it.
    try:
        return bool(select.select([sys.stdin], [], [], _FIRST_BYTE_TIMEOUT)[0])
    except (OSError, ValueError):  # a kind of file that `select` does not take
        return True
