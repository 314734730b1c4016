"""Events that matter equally: the lines that log take turns, so that none of them holds up the others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pagerduty_logging.delivery.event import Pending


@dataclass(slots=True)
class _Line:
    """What waits from one line of source.

    Attributes:
        name: the one object that is kept of all that are equal.
        events: the oldest first.
        since: when it began to wait for its turn: with its oldest event, or when it had its last turn.
    """

    name: str
    events: list[Pending]
    since: float
    served: bool = False


class Turns:
    """The waiting events of one severity and kind, in the order in which they go.

    The line that has waited longest goes first, with its oldest event; then it waits again. Where every line
    has one event, that is the order in which they came. Lines are told apart by `Pending.turn`.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        # The same lines by how many events they have: what is dropped comes from those with the most.
        self._by_count: dict[int, dict[str, None]] = {}
        self._most = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __iter__(self) -> Iterator[Pending]:
        """Yield the line's events whose turn it is, the oldest first, then those of the next line."""
        for line in self._lines.values():
            yield from line.events

    def add(self, pending: Pending) -> None:
        """Take an event in."""
        name, at = pending.turn, pending.accepted_at
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = _Line(name, [pending], since=at)
            self._in_place(line)
        else:
            late = line.events[-1].accepted_at > at
            line.events.append(pending)
            if late:  # rarely: it comes from the spool, or another thread was faster
                line.events.sort(key=_accepted_at)
                if not line.served and at < line.since:
                    line.since = at
                    self._in_place(line)
        self._count(line.name, len(line.events) - 1, len(line.events))

    @property
    def most(self) -> int:
        """How many events the line has that has the most."""
        return self._most

    def remove(self, pending: Pending) -> None:
        """Take an event out."""
        line = self._lines[pending.turn]
        events = line.events
        del events[-1 if events[-1] is pending else events.index(pending)]
        self._count(line.name, len(events) + 1, len(events))
        if not events:
            del self._lines[line.name]

    def had_its_turn(self, pending: Pending, now: float) -> None:
        """An attempt was made with this event: its line waits from now on."""
        line = self._lines[pending.turn]
        line.since, line.served = now, True
        self._in_place(line)

    def would_be_least(self, pending: Pending) -> bool:
        """Return whether an event would be the one to do without, if it were added now."""
        line = self._lines.get(pending.turn)
        return (0 if line is None else len(line.events)) + 1 >= self._most

    def least(self, exempt: Pending | None) -> Pending | None:
        """Return the event to do without: the youngest of the line that has the most."""
        for count in range(self._most, 0, -1):
            for name in reversed(self._by_count.get(count, ())):
                for pending in reversed(self._lines[name].events):
                    if pending is not exempt:
                        return pending
        return None

    def _in_place(self, line: _Line) -> None:
        """Put a line behind all those that have waited as long as it has, or longer."""
        del self._lines[line.name]
        latest = self._lines[next(reversed(self._lines))].since if self._lines else -math.inf
        self._lines[line.name] = line
        if latest > line.since:
            self._lines = dict(sorted(self._lines.items(), key=_since))

    def _count(self, name: str, before: int, after: int) -> None:
        if before:
            names = self._by_count[before]
            del names[name]
            if not names:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, {})[name] = None
        if after > self._most or (before == self._most and before not in self._by_count):
            self._most = after


def _accepted_at(pending: Pending) -> float:
    return pending.accepted_at


def _since(item: tuple[str, _Line]) -> float:
    return item[1].since
