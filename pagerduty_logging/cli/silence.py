"""`silence`, `silences`, `unsilence`: keep problems from paging for a while, from outside the program."""

from __future__ import annotations

import argparse
import getpass
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pagerduty_logging.cli import options, output
from pagerduty_logging.cli.parsing import Misuse, Subparsers
from pagerduty_logging.cli.problems import TROUBLE, add_state, as_json, open_store, timestamp

if TYPE_CHECKING:
    from pagerduty_logging.state.protocol import Silence
    from pagerduty_logging.state.store import Store

_LENGTH = re.compile(r"(?:(\d+(?:\.\d+)?)([smhd]))+")
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
MAX_REASON_CHARS = 200
"""Characters that are kept of a reason."""
MAX_WHAT_CHARS = 255
"""The most characters that a dedup key or a glob may have."""


def length(given: str) -> float:
    """Return the length of a silence, in seconds, from a text such as `30m` or `1h30m`.

    Raises:
        ValueError: it is not a length of time, or a silence may not last so long.
    """
    from pagerduty_logging.state.silences import checked_length

    found = seconds("--for", given)
    try:
        return checked_length(found)
    except ValueError as error:
        raise ValueError(f"--for {given}: {error}") from None


def seconds(option: str, given: str) -> float:
    """Return the number of seconds in a text such as `30m` or `1h30m`.

    Raises:
        ValueError: it is not a length of time; the message names the option.
    """
    if not _LENGTH.fullmatch(given):
        raise ValueError(f"{option} {given!r} is not a length of time: say 90s, 30m, 2h or 1d")
    return sum(float(n) * _SECONDS[unit] for n, unit in _PART.findall(given))


@dataclass(frozen=True, slots=True)
class _Command:
    """One of the three subcommands."""

    name: str

    def add_parser(self, subparsers: Subparsers) -> argparse.ArgumentParser:
        """Add the subcommand and its options."""
        return _PARSERS[self.name](subparsers)

    def run(self, args: argparse.Namespace) -> int:
        """Run it; 0 done, 1 no such silence, 2 for wrong use or a state that cannot be used."""
        from pagerduty_logging.state.protocol import StateError

        store, created = _store(args, create=self.name == "silence")
        try:
            return _RUNS[self.name](store, args, created)
        except StateError as error:
            output.complain(str(error))
            return TROUBLE
        finally:
            store.close()


def _store(args: argparse.Namespace, *, create: bool) -> tuple[Store, bool]:
    import os

    if create:
        _checked(args)
    store = open_store(args, create=create)
    path = getattr(store, "path", None)
    return store, path is not None and not os.path.exists(path)


def _add_silence(subparsers: Subparsers) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(
        "silence",
        help="keep a problem, a logger or everything from paging for a while",
        description="Keep a problem, the loggers that match a glob, or everything from paging for a while, "
        "in every process that shares the state. Occurrences are counted meanwhile; the first "
        "one afterwards pages. Critical events pass unless --critical is given.",
        epilog="example: pagerduty-logging silence --logger 'shop.billing.*' --for 30m --reason 'new bank'",
    )
    parser.add_argument("key", nargs="?", metavar="KEY", help="the problem's dedup key")
    parser.add_argument(
        "--logger", metavar="GLOB", help="a logger and all below it, or a glob such as shop.*.cards"
    )
    parser.add_argument("--all", action="store_true", help="everything")
    parser.add_argument(
        "--for", dest="length", required=True, metavar="TIME", help="how long: 90s, 30m, 2h; at most 7d"
    )
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for others to read")
    parser.add_argument("--critical", action="store_true", help="keep critical events back too")
    return _with_state(parser)


def _add_silences(subparsers: Subparsers) -> argparse.ArgumentParser:
    return _with_state(
        subparsers.add_parser(
            "silences",
            help="show the silences",
            description="Show the silences that have not ended yet, in the order in which they end.",
            epilog="example: pagerduty-logging silences",
        )
    )


def _add_unsilence(subparsers: Subparsers) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(
        "unsilence",
        help="end a silence",
        description="End a silence. Exit code: 0 it has ended, 1 there is none of this name.",
        epilog="example: pagerduty-logging unsilence 5c1f0a9e",
    )
    parser.add_argument("id", metavar="ID", help="its name, as `silences` shows it")
    return _with_state(parser)


def _with_state(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    add_state(parser)
    options.add_json(parser)
    return parser


def _checked(args: argparse.Namespace) -> None:
    """Check what is to be silenced, and for how long.

    Raises:
        Misuse: an option is wrong.
    """
    from pagerduty_logging.events_api.encoding import fit_dedup_key

    if sum((args.key is not None, args.logger is not None, args.all)) != 1:
        raise Misuse("silence one of: KEY, --logger GLOB, --all")
    if args.key is not None:
        args.key = fit_dedup_key(args.key)
    what = args.key if args.key is not None else args.logger
    if what is not None and not what.strip():
        raise Misuse("the key or the glob is empty: --all silences everything")
    if what is not None and len(what) > MAX_WHAT_CHARS:
        raise Misuse(f"the glob has more than {MAX_WHAT_CHARS} characters")
    if not args.reason.strip():
        raise Misuse("--reason is empty: say why, for others to read")
    try:
        args.seconds = length(args.length)
    except ValueError as error:
        raise Misuse(str(error)) from None


def _silence(store: Store, args: argparse.Namespace, created: bool) -> int:
    from pagerduty_logging.events_api.safejson import valid_text
    from pagerduty_logging.state.protocol import Silence
    from pagerduty_logging.state.silences import fits

    known = store.problems()[1]
    stored = store.silence(
        Silence(
            id="",
            by="all" if args.all else "logger" if args.logger is not None else "key",
            what=valid_text(args.logger or args.key or ""),
            since=0.0,
            until=0.0,
            reason=valid_text(args.reason.strip()[:MAX_REASON_CHARS]),
            who=_who(),
            critical=args.critical,
        ),
        args.seconds,
    )
    if created:
        output.complain("no program has used this file so far: is it the one that handlers are given?")
    elif args.key is not None and all(problem.key != args.key for problem in known):
        output.complain("no open problem has this key; the silence is active anyway")
    elif args.logger is not None and not any(fits(args.logger, problem.logger) for problem in known):
        output.complain("no open problem matches; the silence is active anyway")
    if args.json:
        output.print_json(as_json(stored))
    else:
        critical = "" if stored.critical else "; critical events pass"
        print(f"{stored.id}: {_what(stored)} is silent until {timestamp(stored.until)}{critical}")
    return 0


def _silences(store: Store, args: argparse.Namespace, created: bool) -> int:
    now, known = store.silences()
    if args.json:
        output.print_json({"silences": [as_json(silence) for silence in known]})
    elif known or not output.is_terminal():
        header = ("ID", "WHAT", "LEFT", "CRITICAL", "WHO", "REASON")
        rows = [
            (
                silence.id,
                _what(silence),
                output.age(silence.until - now),
                "critical events too" if silence.critical else "critical events pass",
                silence.who,
                silence.reason,
            )
            for silence in known
        ]
        output.table(header, rows)
    else:
        print("Nothing is silenced.")
    return 0


def _unsilence(store: Store, args: argparse.Namespace, created: bool) -> int:
    ended = store.unsilence(args.id)
    if args.json:
        output.print_json({"id": args.id, "ended": ended})
    elif ended:
        print(f"{args.id} is ended")
    if not ended:
        output.complain("no silence has this name: `pagerduty-logging silences` lists the names")
    return 0 if ended else 1


def _what(silence: Silence) -> str:
    return {"all": "everything", "key": silence.what, "logger": f"logger {silence.what}"}[silence.by]


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # in a container the user may have no name
        user = "?"
    return f"{user}@{socket.gethostname()}"


_PARSERS = {"silence": _add_silence, "silences": _add_silences, "unsilence": _add_unsilence}
_RUNS = {"silence": _silence, "silences": _silences, "unsilence": _unsilence}

silence, silences, unsilence = _Command("silence"), _Command("silences"), _Command("unsilence")
