"""What the `rehearse` command does, from its arguments to its exit status."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time
import zoneinfo
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, Final

from pagerduty_logging.cli import output
from pagerduty_logging.cli.parsing import INTERRUPTED, Misuse
from pagerduty_logging.cli.rehearse import (
    blocks,
    comparing,
    configuration,
    drawing,
    report,
    suggesting,
    user_format,
)
from pagerduty_logging.cli.rehearse.counts import Counts
from pagerduty_logging.cli.rehearse.format import Format
from pagerduty_logging.cli.rehearse.merging import merged
from pagerduty_logging.cli.rehearse.progress import Progress
from pagerduty_logging.cli.rehearse.reader import LogReader
from pagerduty_logging.cli.rehearse.records import RecordMaker
from pagerduty_logging.cli.rehearse.rehearsal import Night, Rehearsal, Setting, empty_result, rehearse
from pagerduty_logging.cli.rehearse.result import Result, from_json, to_json
from pagerduty_logging.cli.rehearse.simulation import NOT_REHEARSED, SAME_KEYS, Simulation
from pagerduty_logging.cli.rehearse.spill import Spill
from pagerduty_logging.page.redaction import redactor

TOO_MANY: Final = 1
OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000
"""Objects that are made between two runs of the garbage collector."""
MAX_RECORDS_AGAIN: Final = 300_000
"""Records that are rehearsed once more to find out what a change saves."""


def rehearse_logs(args: argparse.Namespace) -> int:
    """Rehearse logs, and show the result."""
    with _few_collections():
        return _rehearse_logs(args)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Run the garbage collector less often: records make no cycles, and it takes a twelfth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _rehearse_logs(args: argparse.Namespace) -> int:
    zone = _zone(args.tz)
    configured = configuration.read(args.config) if args.config else configuration.Configured()
    formats = _formats(args, configured)
    changes = dict(configuration.value_of(each) for each in args.set)
    incidents = None
    if args.incidents:
        incidents = _loaded(
            "--incidents", args.incidents, lambda text: comparing.read_incidents(text, zone, time.time())
        )
    ledger = None
    if args.check:
        ledger = _ledger(args.check)
    setting = Setting(
        options=configured.options,
        night=_night(args.night, zone),
        maker=RecordMaker(_folder(args.source)),
        filters=configured.filters,
        formatter=configured.formatter,
        reaches=configured.reaches,
    )
    with closing(Spill()) as spill:
        result = _read(args, spill, setting, _level(setting, changes), formats)
        after = None
        if not result.interrupted:
            if changes:
                after = _again(spill, setting, changes)
                after.read = result.read
            shown = after or result
            if spill.count <= MAX_RECORDS_AGAIN:
                options = {**setting.options, **changes}
                shown.suggestions = suggesting.suggestions(
                    shown,
                    lambda more: _again(spill, setting, {**changes, **more}, with_pages=False),
                    options,
                )
    shown = after or result
    _show(args, result, after, zone)
    if incidents is not None:
        report.show(comparing.judged(shown, incidents, zone), _side_printer(args))
    if ledger is not None:
        report.show(
            [report.Heading("Checked"), report.Text(comparing.checked(shown, ledger).sentence)],
            _side_printer(args),
        )
    for path, draw in ((args.html, drawing.html), (args.svg, drawing.svg)):
        if path:
            _write(path, draw(shown, zone))
    if result.interrupted:
        return INTERRUPTED
    return TOO_MANY if args.fail_over is not None and shown.alerts > args.fail_over else 0


def compare(args: argparse.Namespace) -> int:
    """Compare two saved results."""
    before, after = (_loaded("--compare", path, from_json) for path in args.compare)
    report.show(comparing.compared(before, after))
    return TOO_MANY if args.fail_over is not None and after.alerts > args.fail_over else 0


# --- reading ------------------------------------------------------------------------------------------


def _read(
    args: argparse.Namespace, spill: Spill, setting: Setting, level: int, formats: tuple[Format, ...]
) -> Result:
    """Read the logs, rehearse their records, and keep the records so that they can be rehearsed again."""
    paths: list[str] = args.logs
    if paths.count(blocks.STDIN) > 1:
        raise Misuse("- is given twice: there is one standard input")
    for path in paths:
        if path != blocks.STDIN:
            blocks.opened(path).close()  # before any of them is read
    counts = Counts()
    sizes = [blocks.size(path) for path in paths]
    progress = Progress(counts, None if None in sizes else sum(size or 0 for size in sizes))
    only = args.format is not None
    options: dict[str, Any] = {
        "level": level,
        "zone": setting.night.zone,
        "formats": formats,
        "only": only,
        "on_block": progress,
    }
    readers = [LogReader(path, counts, **options).entries() for path in paths]
    run = Rehearsal(setting, empty_result(setting))
    interrupted = False
    try:
        for entry in readers[0] if len(readers) == 1 else merged(readers):
            spill.keep(entry, run.take(entry))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        progress.end()
    if not interrupted:
        _complain_of_nothing(paths, counts)
    result = run.finish()
    result.interrupted = interrupted
    result.read = _read_summary(counts, setting, run.unreached)
    return result


def _complain_of_nothing(paths: list[str], counts: Counts) -> None:
    """Report why nothing in the logs can be rehearsed."""
    names = ", ".join(paths[:3]) + (" …" if len(paths) > 3 else "")
    if not counts.bytes_read:
        raise Misuse(f"{names}: there is nothing in it")
    if not counts.records:
        seen = next((line for _, line in counts.examples), "")
        hidden = redactor((), lambda: "\0").text(seen)[:100]
        if counts.damaged and not counts.lines:
            raise Misuse(counts.damaged[0])
        damaged = f" ({counts.damaged[0]})" if counts.damaged else ""
        raise Misuse(
            f"{names}: none of {counts.lines:,} lines was understood{damaged}; seen: {hidden!r}. "
            f"{_words_of_unclear_day(counts.unclear_day)}Give the log's format, "
            "such as --format '%(asctime)s %(levelname)s %(name)s %(message)s'"
        )
    if counts.earliest is None:
        raise Misuse(
            f"{names}: {counts.records:,} records, and none says when it was made: the format needs a "
            f"time, such as "
            "%(asctime)s; or give the log as journald, Docker or Kubernetes keeps it, which note times"
        )


def _words_of_unclear_day(date: str) -> str:
    return f"{report.unclear_day(date)} " if date else ""


def _read_summary(counts: Counts, setting: Setting, unreached: int) -> dict[str, Any]:
    """Return the counts for the result, with secrets masked."""
    hide = redactor(setting.options.get("redact", ()), lambda: "\0").text
    return {
        "bytes": counts.bytes_read,
        "lines": counts.all_lines,
        "skimmed": counts.skimmed_bytes,
        "records": counts.records,
        "severe": counts.severe,
        "continued": counts.continued,
        "not_understood": counts.not_understood,
        "examples": [(file, hide(line)) for file, line in counts.examples],
        "without_time": counts.without_time,
        "without_level": counts.without_level,
        "unknown_levels": {hide(word): count for word, count in counts.unknown_levels.items()},
        "unknown_zones": sorted(counts.unknown_zones),
        "unclear_day": counts.unclear_day,
        "cut": counts.cut,
        "turned_back": counts.turned_back,
        "unreached": unreached,
        "damaged": counts.damaged,
        "formats": dict(counts.formats.most_common()),
        "earliest": counts.earliest,
        "latest": counts.latest,
    }


def _again(spill: Spill, setting: Setting, changes: Mapping[str, Any], *, with_pages: bool = True) -> Result:
    """Rehearse the records again with other options; problems that cannot change are taken from before."""
    changed = replace(setting, options={**setting.options, **changes})
    return rehearse(spill.entries(changes.keys() <= SAME_KEYS), changed, with_pages=with_pages)


# --- showing ------------------------------------------------------------------------------------------


def _show(args: argparse.Namespace, result: Result, after: Result | None, zone: tzinfo) -> None:
    shown = after or result
    if args.json:
        print(to_json(shown))
    elif args.csv:
        print(report.to_csv(shown), end="")
    elif after is None:
        report.show(report.blocks(result, zone))
    else:
        report.show([*report.blocks(after, zone), *comparing.compared(result, after)])


def _side_printer(args: argparse.Namespace) -> Any:
    """Return the function that prints what is neither JSON nor CSV: to standard error."""
    return (lambda line: print(line, file=sys.stderr)) if args.json or args.csv else print


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise Misuse(f"{path} cannot be written: {error.strerror}") from None
    output.complain(f"drawn: {path}")


# --- arguments ----------------------------------------------------------------------------------------


def _zone(name: str | None) -> tzinfo:
    """Return the zone of a name, or this host's, with its summer time."""
    if name is None:
        name = os.environ.get("TZ", "").lstrip(":") or _host_zone()
        try:
            return zoneinfo.ZoneInfo(name)
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
            local = datetime.now().astimezone().tzinfo
            assert local is not None
            return local
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise Misuse(f"--tz {name}: there is no such time zone; such as Europe/Berlin or UTC") from None


def _host_zone() -> str:
    _, _, name = os.path.realpath("/etc/localtime").partition("zoneinfo/")
    return name.removeprefix("posix/").removeprefix("right/") or "UTC"


def _night(text: str, zone: tzinfo) -> Night:
    begins, dash, ends = text.partition("-")
    try:
        hours = int(begins), int(ends)
    except ValueError:
        hours = (-1, -1)
    begin, end = hours[0] % 24, hours[1] or 24
    if not dash or not all(0 <= hour <= 24 for hour in hours) or begin == end:
        raise Misuse(f"--night {text}: must be two hours, such as 22-7")
    return Night(begin, end, zone)


def _formats(args: argparse.Namespace, configured: configuration.Configured) -> tuple[Format, ...]:
    if args.format is None:
        if args.datefmt is not None:
            raise Misuse("--datefmt says how --format writes times: give --format too")
        return configured.formats
    try:
        return (user_format.reader_of(args.format, args.datefmt),)
    except ValueError as error:
        raise Misuse(f"--format: {error}") from None


def _folder(path: str | None) -> str | None:
    if path is not None and not os.path.isdir(path):
        raise Misuse(f"--source {path} is not a directory")
    return path


def _level(setting: Setting, changes: Mapping[str, Any]) -> int:
    """Return the lowest level that pages, with the changes or without, after the options are checked."""
    names = ("--config", "--set")
    levels = []
    for name, options in zip(names, (setting.options, {**setting.options, **changes}), strict=True):
        unfit = sorted(NOT_REHEARSED & changes.keys())
        if unfit:
            raise Misuse(f"--set {unfit[0]}: it says how events are delivered, which a rehearsal does not")
        try:
            levels.append(Simulation(options, setting.filters, setting.formatter).level)
        except (TypeError, ValueError) as error:
            words = str(error)
            if "unexpected keyword argument" in words:
                words = f"there is no option {words.rpartition('argument ')[2]} of PagerDutyHandler"
            raise Misuse(f"{name}: {words}") from None
    lowest = min(levels)
    return lowest if lowest > logging.NOTSET else logging.DEBUG


def _ledger(path: str) -> list[tuple[float, str]]:
    """Return what was sent according to a ledger and the rotated file before it (`*.1`)."""
    before = f"{path}.1"
    texts = [_loaded("--check", each, str) for each in (before, path) if each == path or os.path.exists(each)]
    found: list[tuple[float, str]] = _loaded(
        "--check", path, lambda text: comparing.read_ledger("\n".join(texts))
    )
    return found


def _loaded(option: str, path: str, read: Any) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return read(file.read())
    except OSError as error:
        raise Misuse(f"{option} {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise Misuse(f"{option} {path}: {error}") from None
