"""The result of a rehearsal: plain data that can be written as JSON and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

VERSION: Final = 1
"""Version of the JSON; increased when a field changes its meaning."""

ORDERS: Final = ("resolve", "acknowledge")
"""Reasons of events that are not alerts."""
OF_NO_RECORD: Final = ("size", "end", "no_room")
"""Reasons of events that report suppressed or dropped records."""

MAX_SLOTS: Final = 480
"""Slots in which a problem's records are counted; beyond this number slots become twice as wide."""


@dataclass(slots=True)
class Event:
    """One event that PagerDuty would have got.

    Attributes:
        at: when it would have been sent, in seconds since the epoch.
        wanted: when its record was made.
        why: "first", "worse", "again", "size", "lost" (the event before was dropped), "no_room" (what was
            dropped), "resolve" or "acknowledge".
        severity: PagerDuty's word.
        number: its place among all events, in the order of sending.
        held: suppressed records that it reports.
        second: the dedup key of a second alert; "": it is the problem's own.
    """

    at: float
    wanted: float
    why: str
    severity: str
    number: int
    held: int = 0
    second: str = ""


@dataclass(slots=True)
class Problem:
    """One problem: a dedup key, and what would have been sent for it.

    Attributes:
        key: the dedup key.
        summary: the summary of its first event, or the message of its first record.
        logger: the logger of its first record.
        severity: the worst of its records.
        uncertain: its key was made by masking values, because the log has no template.
        records: number of records, by slots of `width` seconds.
        ignored: records that a filter ignored.
        events: what would have been sent.
        page: what its first event says, as PagerDuty's inbox shows it.
        rule: number of the rule of `routing` for its records; 0: none.
    """

    key: str
    summary: str
    logger: str
    severity: str
    uncertain: bool
    first: float
    last: float
    records: int = 0
    ignored: int = 0
    width: float = 15.0
    slots: dict[int, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    page: dict[str, Any] = field(default_factory=dict)
    rule: int = 0

    def note(self, at: float) -> None:
        """Count a record."""
        self.records += 1
        self.first, self.last = min(self.first, at), max(self.last, at)
        slot = int(at // self.width)
        self.slots[slot] = self.slots.get(slot, 0) + 1
        while len(self.slots) > MAX_SLOTS:
            self.width *= 2
            wider: dict[int, int] = {}
            for number, count in self.slots.items():
                wider[number // 2] = wider.get(number // 2, 0) + count
            self.slots = wider

    @property
    def held(self) -> int:
        """Records for which no event was sent."""
        return self.records - self.ignored - sum(event.why not in OF_NO_RECORD for event in self.events)

    @property
    def alerts(self) -> list[Event]:
        """The events that open an alert: the first one of each dedup key."""
        opened: dict[str, Event] = {}
        for event in self.events:
            if event.why not in ORDERS:
                opened.setdefault(event.second, event)
        return list(opened.values())


@dataclass(slots=True)
class Result:
    """The whole result; see `Counts` for `read`.

    Attributes:
        read: what was read and not understood.
        options: the handler's options as given, without secrets.
        not_rehearsed: options that were given and concern only the delivery.
        zone, night: how nights were recognised: the zone's name, and their hours as "22-7".
        problems: the problems, up to `MAX_PROBLEMS`, in the order of their first record.
        more_problems: number of further problems.
        dropped: events for which there would have been no room, by reason.
        waited: events that would have waited more than a second, and the longest wait in seconds.
        busiest: the most events wanted within 60 seconds, when, and the most that would have been sent.
        suggestions: sentences, each with its figure.
    """

    read: dict[str, Any]
    options: dict[str, str]
    zone: str
    night: str
    problems: list[Problem] = field(default_factory=list)
    more_problems: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    waited: int = 0
    longest_wait: float = 0.0
    busiest: int = 0
    busiest_at: float | None = None
    busiest_sent: int = 0
    night_alerts: int = 0
    night_events: int = 0
    suggestions: list[str] = field(default_factory=list)
    not_rehearsed: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def events(self) -> int:
        """Number of events that would have been sent."""
        return sum(len(problem.events) for problem in self.problems)

    @property
    def alerts(self) -> int:
        """Number of alerts that would have been opened: one for each key that paged."""
        return sum(len(problem.alerts) for problem in self.problems)

    @property
    def held(self) -> int:
        """Number of records for which no event would have been sent."""
        return sum(problem.held for problem in self.problems)

    @property
    def records(self) -> int:
        """Number of records at or above the level that pages."""
        return sum(problem.records for problem in self.problems)

    @property
    def ignored(self) -> int:
        """Number of records that a filter ignored."""
        return sum(problem.ignored for problem in self.problems)

    @property
    def uncertain(self) -> float:
        """The share of problems whose keys come from masked values."""
        return sum(p.uncertain for p in self.problems) / len(self.problems) if self.problems else 0.0

    def ranked(self) -> list[Problem]:
        """Return the problems, the most harmful first: by alerts, then events, then records."""
        return sorted(self.problems, key=lambda p: (-len(p.events), -p.records, p.first))

    def all_events(self) -> Iterator[tuple[Problem, Event]]:
        """Yield every event with its problem, in the order of sending."""
        pairs = [(problem, event) for problem in self.problems for event in problem.events]
        yield from sorted(pairs, key=lambda pair: pair[1].number)


def to_json(result: Result) -> str:
    """Return the result as one JSON object."""
    data = asdict(result)
    totals = {
        "problems": len(result.problems) + result.more_problems,
        "alerts": result.alerts,
        "events": result.events,
        "records": result.records,
        "ignored": result.ignored,
        "held_back": result.held,
        "uncertain": round(result.uncertain, 4),
    }
    return json.dumps({"version": VERSION, "totals": totals, **data})


def from_json(text: str) -> Result:
    """Return the result that `to_json` wrote.

    Raises:
        ValueError: it is not a result.
    """
    try:
        data = json.loads(text)
        if data.get("version") != VERSION:
            raise ValueError("it is not a result of this version")
        problems = [_problem(each) for each in data["problems"]]
        names = {f.name for f in fields(Result)} - {"problems"}
        return Result(problems=problems, **{name: data[name] for name in names})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is not a result of a rehearsal: {type(error).__name__}") from None


def _problem(data: Mapping[str, Any]) -> Problem:
    inner = dict(data)
    inner["events"] = [Event(**event) for event in inner["events"]]
    inner["slots"] = {int(slot): count for slot, count in inner["slots"].items()}
    return Problem(**inner)
