"""Compares a result with another result, with incidents, and with what was really sent."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from pagerduty_logging.cli.rehearse.report import (
    Block,
    Heading,
    Points,
    Table,
    Text,
    _duration,
    _short,
    day_and_time,
)
from pagerduty_logging.cli.rehearse.result import ORDERS, Problem, Result
from pagerduty_logging.cli.rehearse.times import Clock, reader_of
from pagerduty_logging.delivery.decisions import Verdict
from pagerduty_logging.state.why import Why

EARLY: Final = 300.0
"""Seconds by which an alert may precede the start that people noted for an incident."""
ALIKE: Final = 5.0
"""Seconds by which the times of an event that was sent and of one that was rehearsed may differ."""
JITTER: Final = 0.1
"""Share of the time since the previous event by which a reminder may differ in addition."""
AFTER_THE_LAST: Final = 120.0
"""Seconds after the last record in which an event may report it."""
MAX_ROWS: Final = 30


@dataclass(frozen=True, slots=True)
class Incident:
    """Something for which people were woken, or should have been."""

    start: float
    end: float
    title: str


def compared(before: Result, after: Result) -> list[Block]:
    """Return what changes from one result to another."""
    old = {(problem.rule, problem.key): problem for problem in before.problems}
    new = {(problem.rule, problem.key): problem for problem in after.problems}
    rows = [
        ("alerts", f"{before.alerts:,}", f"{after.alerts:,}", _change(before.alerts, after.alerts)),
        ("events", f"{before.events:,}", f"{after.events:,}", _change(before.events, after.events)),
        ("alerts at night", f"{before.night_alerts:,}", f"{after.night_alerts:,}",
         _change(before.night_alerts, after.night_alerts)),
        ("busiest minute", f"{before.busiest:,}", f"{after.busiest:,}",
         _change(before.busiest, after.busiest)),
        ("events that wait", f"{before.waited:,}", f"{after.waited:,}", _change(before.waited, after.waited)),
    ]  # fmt: skip
    found: list[Block] = [Heading("Compared"), Table(("", "before", "after", "change"), rows)]
    changed: list[tuple[int, tuple[str, ...]]] = []
    for key in old.keys() | new.keys():
        a, b = _events(old.get(key)), _events(new.get(key))
        if a != b or _delay(old.get(key), new.get(key)):
            problem: Problem = new.get(key) or old[key]
            what = "paged only after" if not a else "paged only before" if not b else ""
            late = _delay(old.get(key), new.get(key))
            what = what or (
                f"reported {_duration(abs(late))} {'later' if late > 0 else 'earlier'}"
                if abs(late) >= 1
                else ""
            )
            changed.append((-abs(b - a), (f"{a:,}", f"{b:,}", what, _short(problem.key), problem.summary)))
    changed.sort()
    if changed:
        found.append(
            Table(("before", "after", "what", "key", "problem"), [row for _, row in changed[:MAX_ROWS]])
        )
    else:
        found.append(Text("No problem would have been reported differently."))
    if len(changed) > MAX_ROWS:
        found.append(Text(f"… {len(changed) - MAX_ROWS:,} more problems changed."))
    return found


def _events(problem: Problem | None) -> int:
    return len(problem.events) if problem else 0


def _delay(before: Problem | None, after: Problem | None) -> float:
    if before is None or after is None or not (before.events and after.events):
        return 0.0
    return after.events[0].at - before.events[0].at


def _change(before: int, after: int) -> str:
    return f"{after - before:+,}" if after != before else "same"


# --- incidents --------------------------------------------------------------------------------------


def read_incidents(text: str, zone: tzinfo, newest: float) -> list[Incident]:
    """Return the incidents of a CSV with the columns start, end and title, or of a JSON list of such objects.

    Raises:
        ValueError: it is neither, or a time cannot be read.
    """
    when = reader_of(Clock(zone, newest))
    text = text.removeprefix("\ufeff")
    rows: Iterable[Mapping[str, Any]]
    if text.lstrip()[:1] in ("[", "{"):
        data = json.loads(text)
        rows = data.get("incidents", []) if isinstance(data, dict) else data
    else:
        head, _, body = text.partition("\n")
        separator = (
            ";" if ";" in head and "," not in head else ","
        )  # as spreadsheets write it in much of Europe
        rows = csv.DictReader(
            io.StringIO(f"{head.lower()}\n{body}"), skipinitialspace=True, delimiter=separator
        )
    incidents = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping) or not row.get("start"):
            raise ValueError(f"incident {number} has no start: the columns are start, end and title")
        start = when(row["start"])
        end = when(row["end"]) if row.get("end") else start
        if start is None or end is None:
            raise ValueError(f"incident {number}: a time cannot be read")
        if end < start:
            raise ValueError(f"incident {number} ends before it starts")
        incidents.append(Incident(start, end, str(row.get("title") or f"incident {number}")))
    return incidents


def judged(result: Result, incidents: Sequence[Incident], zone: tzinfo) -> list[Block]:
    """Return which incidents were caught, how fast, which were missed, and which alerts were false alarms."""
    alerts = sorted((event.at, p.summary) for p in result.problems for event in p.alerts)
    times = sorted(event.at for p in result.problems for event in p.events if event.why not in ORDERS)
    rows = []
    used: set[int] = set()
    caught = 0
    for incident in sorted(incidents, key=lambda i: i.start):
        during = [n for n, (at, _) in enumerate(alerts) if incident.start - EARLY <= at <= incident.end]
        # A reminder just before it does not announce it.
        heard = [alerts[n][0] for n in during] + [at for at in times if incident.start <= at <= incident.end]
        used.update(during)
        if heard:
            caught += 1
            first = min(heard)
            late = first - incident.start
            after = f"caught after {_duration(late)}" if late >= 0 else f"caught {_duration(-late)} before"
            woke = f"{len(during)} alerts" if during else "reported on an alert that was open"
            rows.append((after, woke, day_and_time(incident.start, zone), incident.title))
        else:
            rows.append(("missed", "", day_and_time(incident.start, zone), incident.title))
    nothing = [alert for n, alert in enumerate(alerts) if n not in used]
    found: list[Block] = [
        Heading("Incidents"),
        Text(
            f"{caught} of {len(incidents)} caught; {len(nothing)} of {len(alerts)} alerts woke for nothing."
        ),
        Table(("judged", "alerts", "start", "incident"), rows),
    ]
    if nothing:
        found.append(
            Points([f"For nothing: {day_and_time(at, zone)} {summary}" for at, summary in nothing[:MAX_ROWS]])
        )
    return found


# --- what was really sent -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """How a rehearsal and what was really sent agree."""

    alike: int
    only_rehearsed: int
    only_sent: int
    at_other_times: int = 0

    @property
    def share(self) -> float:
        """The share of events that agree."""
        every = self.alike + self.only_rehearsed + self.only_sent
        return self.alike / every if every else 1.0

    @property
    def sentence(self) -> str:
        """The same as a sentence."""
        parts = f"{self.alike:,} alike, {self.only_rehearsed:,} only rehearsed, {self.only_sent:,} only sent"
        found = f"{parts}: {self.share:.0%}"
        if self.at_other_times:
            found += f"; {self.at_other_times:,} more were sent before or after this log"
        if not self.alike and self.only_rehearsed and self.only_sent:
            found += (
                ". No key agrees: did the handler have a fingerprint, environment or client? See --config"
            )
        return found


def read_ledger(text: str) -> list[tuple[float, str]]:
    """Return time and dedup key of every alert's event that a handler's ledger says was sent.

    Raises:
        ValueError: no line of it describes an event.
    """
    sent: list[tuple[float, str]] = []
    decisions = 0
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict) or not isinstance(entry.get("time"), (int, float)):
            continue
        decisions += "verdict" in entry
        event = entry.get("event")
        # A resolve or acknowledge has no reason for an alert.
        if entry.get("verdict") == Verdict.SENT and isinstance(event, str) and Why.of(entry.get("reason")):
            sent.append((float(entry["time"]), event))
    if not decisions:
        raise ValueError(
            "it is not a ledger: none of its lines is a decision, as the option `ledger` writes them"
        )
    return sent


def checked(result: Result, sent: Iterable[tuple[float, str]]) -> Checked:
    """Pair the events of each key in their order, where their times agree, within the time of both.

    A reminder may come a tenth of its window earlier or later than rehearsed: handlers add jitter, so that
    the processes of a fleet do not all send at once.
    """
    sent = sorted(sent)
    begin, end = _both(result, sent)
    real: dict[str, list[float]] = defaultdict(list)
    for at, key in sent:
        if begin <= at <= end:
            real[key].append(at)
    total = sum(len(times) for times in real.values())
    alike = rehearsed = 0
    for key, times in _rehearsed(result).items():
        mine = [at for at in times if begin <= at <= end]
        rehearsed += len(mine)
        theirs, place, before = real.get(key, []), 0, None
        for at in mine:
            apart = ALIKE + (0.0 if before is None else JITTER * (at - before))
            while place < len(theirs) and theirs[place] < at - apart:
                place += 1
            if place < len(theirs) and theirs[place] <= at + apart:
                alike += 1
                place += 1
            before = at
    return Checked(alike, rehearsed - alike, total - alike, len(sent) - total)


def _both(result: Result, sent: Sequence[tuple[float, str]]) -> tuple[float, float]:
    """Return the time that the log and the ledger both cover."""
    begin, end = result.read["earliest"], result.read["latest"]
    if begin is None or not sent:
        return math.inf, -math.inf
    return max(begin, sent[0][0]) - ALIKE, end + AFTER_THE_LAST


def _rehearsed(result: Result) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for problem in result.problems:
        for event in problem.events:
            if event.why not in (*ORDERS, "no_room"):
                found[event.second or problem.key].append(event.at)
    return {key: sorted(times) for key, times in found.items()}
