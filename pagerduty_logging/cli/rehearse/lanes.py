"""Positions in the picture of a rehearsal, as shares of its width, from the first record to the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from pagerduty_logging.cli.rehearse.result import Problem, Result

MARKS_APART: Final = 0.004
"""Marks of one kind that are closer than this share of the width become one."""
TICKS: Final = 400
"""Number of positions at which records are shown."""
_STEPS: Final = (1, 5, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080)
"""Minutes between two labels of the axis."""
MAX_LABELS: Final = 9
MAX_NIGHTS: Final = 400


@dataclass(frozen=True, slots=True)
class Mark:
    """Events of one kind at one position.

    Attributes:
        at: the position, as a share of the width.
        why: as `Event.why`.
        count: the number of events.
        time: time of the first one, in seconds since the epoch.
    """

    at: float
    why: str
    count: int
    time: float


@dataclass(frozen=True, slots=True)
class Scale:
    """The span of a picture, in seconds since the epoch."""

    begin: float
    end: float

    def place(self, at: float) -> float:
        """Return the position of a moment, from 0 to 1."""
        return min(max((at - self.begin) / (self.end - self.begin), 0.0), 1.0)


def scale(result: Result) -> Scale:
    """Return the span of all that was read and would have been sent."""
    times = [t for t in (result.read.get("earliest"), result.read.get("latest")) if t is not None]
    times += [t for p in result.problems for t in (p.first, p.last)]
    times += [event.at for p in result.problems for event in p.events[-1:]]
    begin, end = min(times, default=0.0), max(times, default=1.0)
    margin = max((end - begin) * 0.01, 30.0)
    return Scale(begin - margin, end + margin)


def ticks(problem: Problem, span: Scale) -> list[tuple[float, int]]:
    """Return the positions of a problem's records, and how many there are at each."""
    counts: Counter[int] = Counter()
    for slot, count in problem.slots.items():
        middle = min(max((slot + 0.5) * problem.width, problem.first), problem.last)
        counts[round(span.place(middle) * TICKS)] += count
    return [(place / TICKS, count) for place, count in sorted(counts.items())]


def marks(problem: Problem, span: Scale) -> list[Mark]:
    """Return the marks of a problem's events; those of one kind that would overlap are one mark."""
    found: list[Mark] = []
    latest: dict[str, int] = {}
    for event in problem.events:
        at = span.place(event.at)
        before = latest.get(event.why)
        if before is not None and at - found[before].at < MARKS_APART:
            old = found[before]
            found[before] = Mark(old.at, old.why, old.count + 1, old.time)
            continue
        latest[event.why] = len(found)
        found.append(Mark(at, event.why, 1, event.at))
    return found


def nights(result: Result, span: Scale, zone: tzinfo) -> list[tuple[float, float]]:
    """Return the positions where nights begin and end."""
    begins, ends = (int(hour) for hour in result.night.split("-"))
    if begins == ends:
        return []
    found = []
    day = datetime.fromtimestamp(span.begin, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    day -= timedelta(days=1)
    for _ in range(MAX_NIGHTS):
        start = day.replace(hour=begins)
        stop = (day + timedelta(days=1) if ends < begins else day).replace(hour=ends)
        if start.timestamp() > span.end:
            break
        left, right = span.place(start.timestamp()), span.place(stop.timestamp())
        if right > left:
            found.append((left, right))
        day += timedelta(days=1)
    return found


def labels(span: Scale, zone: tzinfo) -> list[tuple[float, str]]:
    """Return the labels of the time axis, with their positions."""
    minutes = (span.end - span.begin) / 60
    step = next((step for step in _STEPS if minutes / step <= MAX_LABELS), round(minutes / MAX_LABELS))
    day = datetime.fromtimestamp(span.begin, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    first = int((span.begin - day.timestamp()) // (60 * step))
    found = []
    for number in range(first, first + MAX_LABELS + 3):
        when = (day + timedelta(minutes=step * number)).replace(tzinfo=zone)
        at = when.timestamp()
        if span.begin <= at <= span.end:
            found.append((span.place(at), when.strftime("%m-%d" if step >= 1_440 else "%H:%M")))
    return found


def by_minute(result: Result, span: Scale) -> Iterator[tuple[float, int]]:
    """Yield the position of a minute and its number of events, for the busiest minute at each position."""
    counts: Counter[int] = Counter(int(event.at // 60) for p in result.problems for event in p.events)
    most: dict[int, int] = {}
    for minute, count in counts.items():
        place = round(span.place(minute * 60.0) * TICKS)
        most[place] = max(most.get(place, 0), count)
    for place, count in sorted(most.items()):
        yield place / TICKS, count
