"""The result in words and tables, for a terminal or as markdown."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from pagerduty_logging.cli import output
from pagerduty_logging.cli.rehearse.result import Problem, Result

PAGERDUTY_LIMIT: Final = 120
"""About how many events a minute PagerDuty accepts for one routing key."""
MASKS_ERR: Final = (
    "of messages with values in them masking separates 78 to 81 % cleanly, splits 8 to 14 % into many, "
    "and merges 2 %"
)
"""Measured, see the figures of the fingerprint: interpolated calls without their source."""
MAX_ROWS: Final = 40
BARS: Final = "▁▂▃▄▅▆▇█"
SPARK_WIDTH: Final = 24


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    words: str
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading."""

    words: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list of sentences."""

    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows; `numbers` are the columns that are aligned to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = Text | Heading | Points | Table


def blocks(result: Result, zone: tzinfo) -> list[Block]:
    """Return the whole report."""
    found: list[Block] = [*reading(result, zone)]
    if not result.problems:
        return [*found, Text("Nothing would have been paged: no record of the level that pages.", "ok")]
    found.append(Heading("What would have been paged"))
    found += [_problems(result, zone), Points(totals(result, zone))]
    if result.suggestions:
        found += [Heading("What to change"), Points(result.suggestions)]
    return found


def reading(result: Result, zone: tzinfo) -> list[Block]:
    """Return the part about what was read, and what was not understood."""
    read = result.read
    about = "about " if read["skimmed"] else ""
    lines = f"Read {about}{read['lines']:,} lines, {_bytes(read['bytes'])}"
    if read["earliest"] is not None:
        first, last = (day_and_time(read[name], zone) for name in ("earliest", "latest"))
        lines += f", from {first} to {last} ({result.zone})"
    found: list[Block] = [Text(lines + ".", "bold")]
    found.append(Points(not_understood(result)))
    kinds = ", ".join(f"{name} ({count:,})" for name, count in read["formats"].items())
    found.append(Text(f"Records by format: {kinds or 'none'}."))
    if result.interrupted:
        found.append(Text("Interrupted: this is what is known so far.", "warning"))
    return found


def not_understood(result: Result) -> list[str]:
    """Return sentences about what was not understood; the first one if everything was."""
    read = result.read
    said = []
    looked = " among those that were read one by one" if read["skimmed"] else ""
    if read["not_understood"]:
        said.append(f"Not understood: {read['not_understood']:,} lines{looked}, such as:")
        said += [f"  {file}: {line.replace('`', chr(39))}" for file, line in read["examples"]]
    else:
        said.append(f"Not understood: no line{looked}.")
    if read["without_time"]:
        said.append(
            f"Without a time: {read['without_time']:,} records that would page. They are not rehearsed."
        )
    if read["without_level"]:
        said.append(f"Without a level: {read['without_level']:,} records. They are not rehearsed.")
    for word, count in read["unknown_levels"].items():
        said.append(f"Level {word!r} is not known: {count:,} records. They are not rehearsed.")
    for name in read["unknown_zones"]:
        said.append(
            f"Time zone {name!r} may be any of several: its times are read as {result.zone}'s (--tz)."
        )
    if read.get("unclear_day"):
        said.append(unclear_day(read["unclear_day"]))
    if read["cut"]:
        said.append(f"Cut: {read['cut']:,} lines that are too long.")
    if read["turned_back"]:
        said.append(f"Time went back {read['turned_back']:,} times; the rehearsal's clock waited.")
        if read["turned_back"] > read["severe"] / 2:
            said.append(
                "The log seems to run backwards: the newest record first. Turn it round, or all is wrong."
            )
    if read["unreached"]:
        said.append(f"Of loggers that the handler is not attached to: {read['unreached']:,} records.")
    if result.not_rehearsed:
        said.append(
            f"Options that are not rehearsed, for nothing is delivered: {', '.join(result.not_rehearsed)}."
        )
    if read["skimmed"]:
        said.append(f"Of {_bytes(read['skimmed'])} only lines with the word of a level that pages were read.")
    said += [f"Not read to its end: {sentence}" for sentence in read["damaged"]]
    return said


def unclear_day(date: str) -> str:
    """Return what to do about a date that may mean two days."""
    return f"Whether the day or the month comes first in {date} cannot be known: give --format and --datefmt."


def totals(result: Result, zone: tzinfo) -> list[str]:
    """Return the result's figures in sentences."""
    begins, ends = result.night.split("-")
    said = [
        f"{len(result.problems) + result.more_problems:,} problems, {result.alerts:,} alerts, "
        f"{result.events:,} events; "
        f"{result.held:,} of {result.records:,} records held back, {result.ignored:,} ignored.",
        f"While people sleep ({begins} to {ends}, {result.zone}): {result.night_alerts:,} alerts, "
        f"{result.night_events:,} events.",
    ]
    if result.busiest_at is not None:
        share = f"PagerDuty takes about {PAGERDUTY_LIMIT}"
        said.append(
            f"Busiest minute: {result.busiest:,} events wanted, {result.busiest_sent:,} sent; {share} "
            f"({day_and_time(result.busiest_at, zone)})."
        )
    if result.waited:
        said.append(
            f"{result.waited:,} events would have waited, the longest {_duration(result.longest_wait)}."
        )
    else:
        said.append("No event would have waited.")
    if any(problem.rule for problem in result.problems):
        said.append(f"By routing rule: {_by_rule(result)}.")
    for reason, count in result.dropped.items():
        said.append(f"{count:,} events would have been dropped: {reason}.")
    if result.uncertain:
        said.append(
            f"≈ {result.uncertain:.0%} of the problems are distinguished by masking values, because the log "
            f"has no templates: "
            f"{MASKS_ERR}. With --source DIR, where lines name file and line, templates are read from "
            f"the source."
        )
    return said


def _by_rule(result: Result) -> str:
    alerts: Counter[int] = Counter()
    for problem in result.problems:
        alerts[problem.rule] += len(problem.alerts)
    return ", ".join(
        f"{f'rule {rule}' if rule else 'no rule'} {count:,} alerts" for rule, count in sorted(alerts.items())
    )


def _problems(result: Result, zone: tzinfo) -> Table:
    ranked = result.ranked()
    rows = []
    for problem in ranked[:MAX_ROWS]:
        rows.append(
            (
                f"{len(problem.events):,}",
                f"{problem.records:,}",
                day_and_time(problem.first, zone),
                day_and_time(problem.last, zone),
                problem.severity,
                ("≈ " if problem.uncertain else "") + _short(problem.key),
                spark(problem, result.read["earliest"], result.read["latest"]),
                problem.summary,
            )
        )
    rest = ranked[MAX_ROWS:]
    if rest:
        events, records = sum(len(p.events) for p in rest), sum(p.records for p in rest)
        rows.append(
            (
                f"{events:,}",
                f"{records:,}",
                "",
                "",
                "",
                "",
                "",
                f"… {len(rest):,} more problems (--json, --csv)",
            )
        )
    return Table(("events", "records", "first", "last", "severity", "key", "when", "problem"), rows)


def spark(problem: Problem, earliest: float | None, latest: float | None) -> str:
    """Return when a problem's records came, as a row of bars over the whole log."""
    begin = problem.first if earliest is None else min(earliest, problem.first)
    end = max(problem.last, latest or problem.last)
    step = max(end - begin, 1.0) / SPARK_WIDTH
    counts = [0] * SPARK_WIDTH
    for slot, count in problem.slots.items():
        middle = min(max((slot + 0.5) * problem.width, begin), end)
        counts[min(int((middle - begin) / step), SPARK_WIDTH - 1)] += count
    most = max(counts) or 1
    return "".join(" " if not count else BARS[min(int(count / most * 7.99), 7)] for count in counts)


def to_csv(result: Result) -> str:
    """Return a row for each problem; times in ISO 8601, UTC."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        (
            "events",
            "records",
            "ignored",
            "held_back",
            "first",
            "last",
            "severity",
            "uncertain",
            "logger",
            "key",
            "problem",
        )
    )
    for p in result.ranked():
        writer.writerow(
            (len(p.events), p.records, p.ignored, p.held, _iso(p.first), _iso(p.last), p.severity,
             "yes" if p.uncertain else "no", _harmless(p.logger), _harmless(p.key), _harmless(p.summary))
        )  # fmt: skip
    return file.getvalue().encode("utf-8", "replace").decode()  # JSON may hold halves of characters


def show(found: Iterable[Block], write: Callable[[str], Any] = print) -> None:
    """Print a report: tables at a terminal, markdown in a pipe."""
    render = _on_terminal if output.is_terminal() else _as_markdown
    for block in found:
        for line in render(block):
            write(line)


def _on_terminal(block: Block) -> list[str]:
    match block:
        case Heading(words):
            return ["", output.coloured(output.plain(words), "bold")]
        case Text(words, colour):
            shown = output.plain(words)
            return [output.coloured(shown, colour) if colour else shown]
        case Points(sentences):
            return [f"  {output.plain(sentence)}" for sentence in sentences]
        case Table(header, rows):
            clean = [[output.plain(cell) for cell in row] for row in rows]
            widths = [max(map(len, column)) for column in zip(header, *clean, strict=True)]
            widths[-1] = 0
            head = "  ".join(map(str.ljust, header, widths)).rstrip()
            return [
                output.coloured(head, "bold"),
                *("  ".join(map(_padded, row, widths, header)).rstrip() for row in clean),
            ]


def _padded(text: str, width: int, name: str) -> str:
    return text.rjust(width) if name in _NUMBERS else text.ljust(width)


_NUMBERS: Final = frozenset({"events", "records", "alerts"})


def _as_markdown(block: Block) -> list[str]:
    match block:
        case Heading(words):
            return ["", f"## {_escaped(words)}", ""]
        case Text(words, _):
            return [_escaped(words), ""]
        case Points(sentences):
            return [
                f"    - {_escaped(sentence.strip())}"
                if sentence.startswith("  ")
                else f"- {_escaped(sentence)}"
                for sentence in sentences
            ] + [""]
        case Table(header, rows):
            rule = ["---:" if name in _NUMBERS else "---" for name in header]
            return [
                _row(header),
                _row(rule, escape=False),
                *(_row(row) for row in rows),
                "",
            ]


def _row(cells: Sequence[str], *, escape: bool = True) -> str:
    shown = [_literal(output.plain(cell)) if escape else cell for cell in cells]
    return f"| {' | '.join(shown)} |"


def _escaped(text: str) -> str:
    """Escape a text for markdown, except code between backticks."""
    parts = output.plain(text).split("`")
    if len(parts) % 2 == 0:
        return _literal("`".join(parts))
    return "`".join(part if number % 2 else _literal(part) for number, part in enumerate(parts))


def _literal(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\`*_<>|[]#" else char for char in text)


def _harmless(cell: str) -> str:
    """Return a cell that a spreadsheet does not read as a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _short(key: str) -> str:
    return key if len(key) <= 16 else f"{key[:15]}…"


def _iso(at: float) -> str:
    from datetime import UTC

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bytes(number: int) -> str:
    size = float(number)
    for unit in ("bytes", "kB", "MB"):
        if size < 1_000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:.1f} GB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5_400 else f"{seconds / 3_600:.1f} hours"


def day_and_time(at: float, zone: tzinfo) -> str:
    """Return a moment, in seconds since the epoch, as month, day and time in a zone."""
    return datetime.fromtimestamp(at, zone).strftime("%m-%d %H:%M:%S")
