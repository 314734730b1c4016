"""`problems`: which problems are open, according to the shared state."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pagerduty_logging.cli import options, output
from pagerduty_logging.cli.parsing import Misuse, Subparsers

if TYPE_CHECKING:
    from pagerduty_logging.state.options import StatePlace
    from pagerduty_logging.state.protocol import Silence
    from pagerduty_logging.state.store import KnownProblem, Store

NONE_OPEN, SOME_OPEN, TROUBLE = 0, 1, 2
WATCH_INTERVAL = 2.0
"""Seconds between two updates of `--watch`."""
_HEADER = ("SEVERITY", "PROBLEM", "TIMES", "HOSTS", "FIRST", "LAST", "WINDOW", "KEY")
_SUMMARY_CHARS = 60
_LEAST_SUMMARY = 30
_LEAST_OF_ALL = 16
_NARROW = ("FIRST", "HOSTS", "WINDOW")
"""What a narrow terminal does not show, the least needed first; `problems show` has it."""


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "problems",
        help="show the open problems of all processes that share a state",
        description="Show the problems that are open, worst first, or one of them. Exit code: 0 if none is "
        "open, 1 if some are, 2 if the state cannot be read.",
        epilog="example: pagerduty-logging problems --state redis://redis.internal:6379/0 --watch",
    )
    parser.add_argument("action", nargs="?", metavar="show", help="`show KEY`: all about one problem")
    parser.add_argument("key", nargs="?", metavar="KEY", help="its dedup key")
    add_state(parser)
    options.add_json(parser)
    parser.add_argument("--watch", action="store_true", help="update every two seconds, until Ctrl-C")
    parser.set_defaults(failed=TROUBLE)
    return parser


def add_state(parser: argparse.ArgumentParser) -> None:
    """Add `--state`."""
    parser.add_argument(
        "--state",
        metavar="STATE",
        help="the file or the redis:// address that handlers share (default: PAGERDUTY_STATE)",
    )


def find_state(args: argparse.Namespace) -> StatePlace | None:
    """Return where the state is, by the option or the environment; None: neither names one.

    Raises:
        Misuse: what they name cannot be a state.
    """
    from pagerduty_logging.state.options import find_place

    try:
        return find_place(args.state, "--state")
    except (TypeError, ValueError) as error:
        raise Misuse(str(error)) from None


def open_store(args: argparse.Namespace, *, create: bool = False) -> Store:
    """Return the store that the options name.

    Args:
        create: make the file if it does not exist.

    Raises:
        Misuse: no state is named, its file does not exist, or it cannot be a state.
    """
    import os

    place = find_state(args)
    if place is None:
        raise Misuse("no state: say which with --state, or set PAGERDUTY_STATE; handlers need state= too")
    if place.path is not None and not create and not os.path.exists(place.path):
        raise Misuse(f"no such file: {place.path}")
    return place.make_store()


def run(args: argparse.Namespace) -> int:
    """Show the open problems; 0 none is open, 1 some are, 2 the state cannot be read."""
    from pagerduty_logging.state.protocol import StateError

    if args.action not in (None, "show"):
        raise Misuse(f"problems {args.action}: write `problems show KEY` for one problem")
    if args.action is not None and args.key is None:
        raise Misuse("problems show KEY: name the problem")
    store = open_store(args)
    try:
        while True:
            try:
                status = _show_one(store, args) if args.key is not None else _show_all(store, args)
            except StateError as error:
                output.complain(str(error))
                status = TROUBLE
            if not args.watch:
                return status
            output.show_now()
            time.sleep(WATCH_INTERVAL)
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class _Look:
    """The silences at one moment.

    Attributes:
        now: the moment, in seconds on the store's clock.
        silences: those that have not ended, each with the time of its end.
    """

    now: float
    silences: list[tuple[Silence, float]]

    def silence_of(self, problem: KnownProblem) -> Silence | None:
        """Return the silence that holds back the events of a problem; None: there is none."""
        from pagerduty_logging.state.silences import which

        found = which(self.silences, problem.key, problem.logger, problem.severity, self.now)
        return None if found is None else found[0]


def _looked(store: Store, args: argparse.Namespace) -> tuple[_Look, list[KnownProblem]]:
    now, known = store.problems()
    silences = store.silences()[1]
    if args.watch and not args.json:
        output.clear()
    return _Look(now, [(silence, silence.until) for silence in silences]), known


def _show_all(store: Store, args: argparse.Namespace) -> int:
    look, known = _looked(store, args)
    known.sort(key=lambda problem: (problem.severity, -problem.last_seen, problem.key))
    if args.json:
        output.print_json({"problems": [_as_json(problem, look) for problem in known]})
    elif known or not output.is_terminal():
        _show_table([_row(problem, look) for problem in known])
    else:
        print("No problem is open.")
    return SOME_OPEN if known else NONE_OPEN


def _show_table(rows: list[tuple[str, ...]]) -> None:
    """Print the problems; at a narrow terminal with each key, which is to be copied, on its own line."""
    header: tuple[str, ...] = _HEADER
    keys: list[str] = []
    room = _SUMMARY_CHARS
    if output.is_terminal():
        room = output.room_for(1, header, rows)
        if room < min(_LEAST_SUMMARY, max(output.columns(row[1]) for row in rows)):
            header, keys, rows = header[:-1], [row[-1] for row in rows], [row[:-1] for row in rows]
            room = output.room_for(1, header, rows)
        for name in _NARROW:
            if room < _LEAST_OF_ALL:
                place = header.index(name)
                header, *rows = (row[:place] + row[place + 1 :] for row in (header, *rows))
                room = output.room_for(1, header, rows)
    shown = [(row[0], output.cut(row[1], min(room, _SUMMARY_CHARS)), *row[2:]) for row in rows]
    output.table(header, shown, {name: name for name in options.SEVERITIES}, keys)


def _show_one(store: Store, args: argparse.Namespace) -> int:
    look, known = _looked(store, args)
    from pagerduty_logging.events_api.encoding import fit_dedup_key

    key = fit_dedup_key(args.key)
    found = [problem for problem in known if problem.key == key]
    if args.json:
        output.print_json({"problems": [_as_json(problem, look) for problem in found]})
    elif not found:
        print("No such problem is open.")
    for problem in () if args.json else found:
        rows = [(name, _words(value)) for name, value in _as_json(problem, look).items()]
        output.table(("WHAT", "IS"), rows)
    return SOME_OPEN if found else NONE_OPEN


def _words(value: object) -> str:
    """Return a value as text: the entries of a list, a dash for what is missing."""
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_words, value)) or "-"
        case dict():
            return ", ".join(f"{name} {_words(each)}" for name, each in value.items())
    return str(value)


def _row(problem: KnownProblem, look: _Look) -> tuple[str, ...]:
    now = look.now
    summary = problem.summary or (f"(logger {problem.logger})" if problem.logger else "?")
    return (
        options.SEVERITIES[problem.severity],
        summary,
        str(problem.occurrences),
        _hosts(problem),
        f"{output.age(now - problem.first_seen)} ago",
        f"{output.age(now - problem.last_seen)} ago",
        _window(problem, look),
        problem.key,
    )


def _hosts(problem: KnownProblem) -> str:
    more = problem.hosts - len(problem.host_names)
    names = ", ".join(problem.host_names)
    return f"{names} and {more} more" if more > 0 else names or "?"


def _window(problem: KnownProblem, look: _Look) -> str:
    silence = look.silence_of(problem)
    if silence is not None:
        return f"silenced for {output.age(silence.until - look.now)}"
    if problem.leased:
        return "being sent"
    if problem.window_left:
        return f"{output.age(problem.window_left)} left"
    return "over" if problem.events else "not sent"


def _as_json(problem: KnownProblem, look: _Look) -> dict[str, Any]:
    last_severity, silence = problem.told_severity, look.silence_of(problem)
    return {
        "key": problem.key,
        "summary": problem.summary,
        "severity": options.SEVERITIES[problem.severity],
        "occurrences": problem.occurrences,
        "suppressed": problem.suppressed,
        "silenced": problem.silenced,
        "silence": None if silence is None else as_json(silence),
        "events": problem.events,
        "first_seen": timestamp(problem.first_seen),
        "last_seen": timestamp(problem.last_seen),
        "last_event": None if problem.told_at is None else timestamp(problem.told_at),
        "last_severity": None if last_severity is None else options.SEVERITIES[last_severity],
        "window_left": round(problem.window_left, 1),
        "being_sent": problem.leased,
        "hosts": problem.hosts,
        "host_names": list(problem.host_names),
        "processes": problem.processes,
        "more": problem.more,
        "first_release": problem.first_release,
        "logger": problem.logger,
    }


def as_json(silence: Silence) -> dict[str, Any]:
    """Return a silence for the JSON output."""
    return {
        "id": silence.id,
        "by": silence.by,
        "what": silence.what,
        "since": timestamp(silence.since),
        "until": timestamp(silence.until),
        "critical": silence.critical,
        "who": silence.who,
        "reason": silence.reason,
    }


def timestamp(seconds: float) -> str:
    """Return a time as ISO 8601, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
