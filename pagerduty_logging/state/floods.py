"""Floods: too many of a kind share an alert, until they become fewer again.

Of the messages of one line of source, or of the functions that report one text, the first few have an alert
each; the others are a flood, and share one alert. A *kind* is such a line or text, a *member* one of these
messages or functions.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from dataclasses import dataclass, field

from pagerduty_logging.state.lock import ReentrantLock


class WhichAlert(enum.Enum):
    """Which alert a member has."""

    OWN = "own"  # as if there were no others
    SHARED = "shared"  # with other members: there are too many


@dataclass(slots=True, eq=False)
class Flood:
    """The members of one kind. Times are on the caller's clock.

    Attributes:
        alone: those with their own alert, and when each was last seen.
        sharing: the latest of the others, and when each was last seen, the latest last.
        ongoing: whether there were too many, and have not become fewer since.
        different: how many have shared an alert since there are too many.
        exact: whether that is all of them; False: at least so many.
        examples: texts of the latest of them.
    """

    alone: dict[str, float] = field(default_factory=dict)
    sharing: dict[str, float] = field(default_factory=dict)
    ongoing: bool = False
    different: int = 0
    exact: bool = True
    examples: tuple[str, ...] = ()
    _counted: set[int] | frozenset[int] = frozenset()  # most kinds never become floods


def judge(flood: Flood, member: str, now: float, limit: int, seconds: float) -> WhichAlert:
    """Decide which alert a member has that is seen now, and note it.

    More than `limit` within `seconds` are too many, until fewer than that are seen within so many seconds.
    Members with their own alert keep it in between.
    """
    if member in flood.alone:
        flood.alone[member] = now
        return WhichAlert.OWN
    if len(flood.alone) >= limit or flood.ongoing:
        if not _has_calmed(flood, member, now - seconds, limit):
            flood.ongoing = True
            flood.sharing.pop(member, None)
            flood.sharing[member] = now
            if len(flood.sharing) > limit:
                del flood.sharing[next(iter(flood.sharing))]
            return WhichAlert.SHARED
        flood.alone = {one: seen for one, seen in flood.alone.items() if seen > now - seconds}
        flood.sharing, flood.ongoing = {}, False
    flood.alone[member] = now
    return WhichAlert.OWN


def _has_calmed(flood: Flood, member: str, since: float, limit: int) -> bool:
    """Return whether there is room for one more among those that were seen since then."""
    others = flood.sharing.keys() - {member} if member in flood.sharing else flood.sharing
    if len(others) == limit and next(iter(flood.sharing.values())) > since:
        return False  # as it is while a flood lasts: without a look at all of them
    recent = sum(seen > since for seen in flood.alone.values())
    return recent + sum(flood.sharing[one] > since for one in others) < limit


class Floods:
    """The members of every kind, bounded in number; safe to share between threads.

    Args:
        limit: how many of a kind have their own alert.
        seconds: within how long.
        examples: texts that are kept of a flood.
        max_kinds: kinds known at once; the least recently seen go first.
        max_counted: members of all floods that are known to be counted; beyond it counts are not exact.
    """

    def __init__(
        self, limit: int, seconds: float, *, examples: int, max_kinds: int = 500, max_counted: int = 10_000
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._examples = examples
        self._max_kinds = max_kinds
        self._max_counted = max_counted
        self.forget()

    def forget(self) -> None:
        """Know nothing: this is another process than the one that knew."""
        # Most kinds have one member, which was seen at a time: that takes a fifth of a flood's memory.
        # The latest last. No `OrderedDict`, which takes half as much again.
        self._floods: dict[Hashable, Flood | tuple[str, float]] = {}
        self._count = 0
        self._lock = ReentrantLock()

    def note(self, kind: Hashable, member: str, example: str, now: float) -> Flood | None:
        """Note that a member was seen.

        Args:
            kind: of which there may be too many.
            member: which one was seen.
            example: what is shown of it, if it shares an alert.
            now: when it was seen.

        Returns:
            the flood that it shares an alert with; None: it has its own.
        """
        return self._lock.run(self._note, kind, member, example, now, or_else=_alone)

    def _note(self, kind: Hashable, member: str, example: str, now: float) -> Flood | None:
        flood = self._floods.pop(kind, None)
        if flood is None or (type(flood) is tuple and flood[0] == member):
            self._floods[kind] = member, now
            if len(self._floods) > self._max_kinds:
                self._let_go(self._floods.pop(next(iter(self._floods))))
            return None
        if not isinstance(flood, Flood):
            flood = Flood(alone=dict([flood]))
        self._floods[kind] = flood
        if judge(flood, member, now, self._limit, self._seconds) is WhichAlert.SHARED:
            self._count_in(flood, member, example)
            return flood
        if flood.different and not flood.ongoing:
            # Its event may still be under way: what is seen from now on belongs to another flood.
            self._floods[kind] = Flood(alone=flood.alone)
            self._let_go(flood)
        return None

    def _count_in(self, flood: Flood, member: str, example: str) -> None:
        number = hash(member)
        if number in flood._counted:
            return
        if self._count >= self._max_counted:
            flood.exact = False
            return
        self._count += 1
        if isinstance(flood._counted, frozenset):
            flood._counted = set()
        flood._counted.add(number)
        flood.different += 1
        flood.examples = (*flood.examples, example)[-self._examples :]

    def _let_go(self, flood: Flood | tuple[str, float]) -> None:
        if isinstance(flood, Flood):
            self._count -= len(flood._counted)
            flood._counted = frozenset()


def _alone(kind: Hashable, member: str, example: str, now: float) -> None:
    """Give its own alert to what a signal handler logs while this very thread is in `note`."""
