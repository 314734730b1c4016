"""Events that matter equally: the lines that log take turns, so that none of them holds up the others."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pagerduty_logging.delivery.event import Pending


class Turns:
    """The waiting events of one severity and kind, in the order in which they go.

    The line that has waited longest goes first, with its oldest event; then it waits again. Where every line
    has one event, that is the order in which they came. Lines are distinguished by `Pending.turn`.
    """

    def __init__(self) -> None:
        self._lines: dict[str, list[Pending]] = {}  # what waits from each, the oldest first
        self._served: dict[str, float] = {}  # when those had their last turn that had one
        # The same lines by how many events they have: what is dropped comes from those with the most.
        self._by_count: dict[int, dict[str, None]] = {}
        self._most = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __iter__(self) -> Iterator[Pending]:
        """Yield the line's events whose turn it is, the oldest first, then those of the next line."""
        for events in self._lines.values():
            yield from events

    def add(self, pending: Pending) -> None:
        """Take an event in."""
        name, at = pending.turn, pending.accepted_at
        events = self._lines.get(name)
        if events is None:
            events = self._lines[name] = [pending]
            self._in_place(name)
        else:
            oldest, youngest = events[0], events[-1]
            events.append(pending)
            if youngest.accepted_at > at:  # rarely: it comes from the spool, or another thread was faster
                events.sort(key=_accepted_at)
                if events[0] is not oldest and name not in self._served:
                    self._in_place(name)
        self._count(events[0].turn, len(events) - 1, len(events))

    @property
    def most(self) -> int:
        """How many events the line has that has the most."""
        return self._most

    def remove(self, pending: Pending) -> None:
        """Take an event out."""
        events = self._lines[pending.turn]
        del events[-1 if events[-1] is pending else events.index(pending)]
        # By the name that an event has which stays, so that one text is kept of all that are equal.
        self._count(events[0].turn if events else pending.turn, len(events) + 1, len(events))
        if not events:
            del self._lines[pending.turn]
            self._served.pop(pending.turn, None)

    def had_its_turn(self, pending: Pending, now: float) -> None:
        """An attempt was made with this event: its line waits from now on."""
        self._served[pending.turn] = now
        self._in_place(pending.turn)

    def would_be_least(self, pending: Pending) -> bool:
        """Return whether an event would be the one to do without, if it were added now."""
        return len(self._lines.get(pending.turn, ())) + 1 >= self._most

    def least(self, exempt: Pending | None) -> Pending | None:
        """Return the event to do without: the youngest of the line that has the most."""
        for count in range(self._most, 0, -1):
            for name in reversed(self._by_count.get(count, ())):
                for pending in reversed(self._lines[name]):
                    if pending is not exempt:
                        return pending
        return None

    def _since(self, name: str) -> float:
        """Return since when a line waits for its turn: since its last one, or as long as its oldest event."""
        served = self._served.get(name)
        return self._lines[name][0].accepted_at if served is None else served

    def _in_place(self, name: str) -> None:
        """Put a line behind all those that have waited as long as it has, or longer."""
        since = self._since(name)
        events = self._lines.pop(name)
        latest = self._since(next(reversed(self._lines))) if self._lines else -math.inf
        self._lines[events[0].turn] = events
        if latest > since:
            self._lines = {one: self._lines[one] for one in sorted(self._lines, key=self._since)}

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
