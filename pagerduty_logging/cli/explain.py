"""``explain``: which template and rule make the dedup key of a call site or a message."""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
from typing import TYPE_CHECKING, Any, Final

from pagerduty_logging.cli.call_sites import CallSite, Logs, call_site
from pagerduty_logging.cli.parsing import Subparsers

if TYPE_CHECKING:
    from pagerduty_logging.fingerprinting import Explanation

MAX_MESSAGE_CHARS: Final = 1_000_000
MAX_SOURCE_BYTES: Final = 4_000_000
_FIRST_BYTE_TIMEOUT: Final = 1.0  # seconds to wait for the first byte of a message that is optional

_WORDS: Final = {
    "source": "read back from the source line",
    "mask": "the message, its values masked",
}


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the ``explain`` command to the SUBPARSERS of the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="show the template and the rule that make a dedup key",
        description=(
            "Show which template, by which rule, makes the dedup key of the logging call at "
            "FILE:LINE, or of a message given on standard input, or of both together."
        ),
        epilog="example: pagerduty-logging explain shop/payments.py:42",
    )
    parser.add_argument("location", nargs="?", type=_location, metavar="FILE:LINE")
    parser.add_argument(
        "--logger", metavar="NAME", help="the logger's name; shows the key, which is made of it too"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def run(args: argparse.Namespace) -> int:
    """Explain; return 0, 1 where there is nothing to explain or no key can be given, 2 for a wrong use."""
    from pagerduty_logging.fingerprinting import explain_source

    if args.location is None and sys.stdin.isatty():
        print("explain: give FILE:LINE, or a message on standard input", file=sys.stderr)
        return 2
    path, line = args.location or ("", 0)
    if path and not os.path.isfile(path):
        print(f"explain: no such file: {path}", file=sys.stderr)
        return 2
    message = _message(optional=bool(path))
    if not path and message is None:
        print("explain: standard input holds no message", file=sys.stderr)
        return 2
    site = _site(path, line)
    if site.logs is Logs.NO or (site.logs is Logs.MAYBE and message is None):
        print(f"explain: {_no_logging_call(path, line, site.logs)}", file=sys.stderr)
        return 1
    explanation = explain_source(
        os.path.abspath(path) if path else "", line, message, logger=args.logger or "root"
    )
    if explanation is None:
        print(
            f"explain: no call with a template at {path}:{line}; "
            "its messages are masked (give one on standard input to see how)",
            file=sys.stderr,
        )
        return 1
    doubt = _doubt(explanation, site, path, line)
    with_key = args.logger is not None and doubt is None
    shown = _shown(explanation, with_key=with_key)
    if args.json:
        print(json.dumps(shown))
    else:
        for name, value in shown.items():
            print(f"{name + ':':10}{', '.join(value) if isinstance(value, list) else value}")
    if doubt is not None:
        print(f"explain: {doubt}{'; no key is shown' if args.logger is not None else ''}", file=sys.stderr)
    elif site.logs is Logs.MAYBE:
        print(f"explain: only if the call at {path}:{line} logs with stacklevel", file=sys.stderr)
    return 1 if args.logger is not None and not with_key else 0


def _site(path: str, line: int) -> CallSite:
    if not path:
        return CallSite(Logs.UNKNOWN)
    with open(path, "rb") as file:
        return call_site(file.read(MAX_SOURCE_BYTES), line)


def _no_logging_call(path: str, line: int, logs: Logs) -> str:
    if logs is Logs.NO:
        return (
            f"nothing is logged at {path}:{line}; to see how a message is masked, give it without FILE:LINE"
        )
    return (
        f"no call of a logger's method at {path}:{line}; if the call there logs in its caller's name "
        "(stacklevel), give a message on standard input"
    )


def _doubt(explanation: Explanation, site: CallSite, path: str, line: int) -> str | None:
    """Why the alert of such a message may have another key; None: it has this one."""
    from pagerduty_logging.fingerprinting import Rule

    if not path:
        return (
            "wherever the line that logs a message can be read, it decides template and key: "
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
    """The message on standard input, without its last line end; None if there is none."""
    if sys.stdin.isatty() or (optional and not _something_to_read()):
        return None
    return sys.stdin.read(MAX_MESSAGE_CHARS).removesuffix("\n") or None


def _something_to_read() -> bool:
    # Standard input may have been left open with nothing to write to it.
    try:
        return bool(select.select([sys.stdin], [], [], _FIRST_BYTE_TIMEOUT)[0])
    except (OSError, ValueError):  # not a file that can be waited for
        return True
