"""Floods: too many of a kind share an alert, until they become fewer again.

Of the messages of one line of source, or of the functions that report one text, the first few have their own
alerts; the others are a crowd, and share one.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from dataclasses import dataclass, field

from pagerduty_logging.state.lock import ReentrantLock


class Alert(enum.Enum):
    """Which alert one of a kind has."""

    OWN = "own"  # as if there were no others
    SHARED = "shared"  # with others of its kind: there are too many


@dataclass(slots=True, eq=False)
class Crowd:
    """Those of one kind. Times are on the caller's clock.

    Attributes:
        apart: those with an alert of their own, and when each was last seen.
        together: the latest of the others, and when each was last seen, the latest last.
        too_many: whether there were too many, and have not become fewer since.
        different: how many have shared an alert since there are too many.
        exact: whether that is all of them; False: at least so many.
        examples: texts of the latest of them.
    """

    apart: dict[str, float] = field(default_factory=dict)
    together: dict[str, float] = field(default_factory=dict)
    too_many: bool = False
    different: int = 0
    exact: bool = True
    examples: tuple[str, ...] = ()
    _counted: set[int] | frozenset[int] = frozenset()  # most kinds never become crowds


def judge(crowd: Crowd, member: str, now: float, limit: int, seconds: float) -> Alert:
    """Decide which alert a member has that is seen now, and note it.

    More than `limit` within `seconds` are too many, until fewer than that are seen within so many seconds.
    Members with their own alert keep it in between.
    """
    if member in crowd.apart:
        crowd.apart[member] = now
        return Alert.OWN
    if len(crowd.apart) >= limit or crowd.too_many:
        if not _has_calmed(crowd, member, now - seconds, limit):
            crowd.too_many = True
            crowd.together.pop(member, None)
            crowd.together[member] = now
            if len(crowd.together) > limit:
                del crowd.together[next(iter(crowd.together))]
            return Alert.SHARED
        crowd.apart = {one: seen for one, seen in crowd.apart.items() if seen > now - seconds}
        crowd.together, crowd.too_many = {}, False
    crowd.apart[member] = now
    return Alert.OWN


def _has_calmed(crowd: Crowd, member: str, since: float, limit: int) -> bool:
    """Return whether there is room for one more among those that were seen since then."""
    others = crowd.together.keys() - {member} if member in crowd.together else crowd.together
    if len(others) == limit and next(iter(crowd.together.values())) > since:
        return False  # as it is while a flood lasts: without a look at all of them
    recent = sum(seen > since for seen in crowd.apart.values())
    return recent + sum(crowd.together[one] > since for one in others) < limit


class Crowds:
    """Those of every kind, bounded in number; safe to share between threads.

    Args:
        limit: how many of a kind have an alert of their own.
        seconds: within how long.
        examples: texts that are kept of a crowd.
        max_kinds: kinds known at once; the least recently seen go first.
        max_counted: members of all crowds that are known to be counted; beyond it counts are not exact.
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
        # Most kinds have one member, which was seen at a time: that takes a fifth of a crowd's memory.
        # The latest last. No `OrderedDict`, which takes half as much again.
        self._crowds: dict[Hashable, Crowd | tuple[str, float]] = {}
        self._count = 0
        self._lock = ReentrantLock()

    def note(self, kind: Hashable, member: str, example: str, now: float) -> Crowd | None:
        """Note one of a kind.

        Args:
            kind: of which there may be too many.
            member: which one it is.
            example: what is shown of it, if it shares an alert.
            now: when it was seen.

        Returns:
            the crowd that it shares an alert with; None: it has its own.
        """
        return self._lock.run(self._note, kind, member, example, now, or_else=_apart)

    def _note(self, kind: Hashable, member: str, example: str, now: float) -> Crowd | None:
        crowd = self._crowds.pop(kind, None)
        if crowd is None or (type(crowd) is tuple and crowd[0] == member):
            self._crowds[kind] = member, now
            if len(self._crowds) > self._max_kinds:
                self._let_go(self._crowds.pop(next(iter(self._crowds))))
            return None
        if not isinstance(crowd, Crowd):
            crowd = Crowd(apart=dict([crowd]))
        self._crowds[kind] = crowd
        if judge(crowd, member, now, self._limit, self._seconds) is Alert.SHARED:
            self._count_in(crowd, member, example)
            return crowd
        if crowd.different and not crowd.too_many:
            # Its event may still be under way: what is seen from now on belongs to another crowd.
            self._crowds[kind] = Crowd(apart=crowd.apart)
            self._let_go(crowd)
        return None

    def _count_in(self, crowd: Crowd, member: str, example: str) -> None:
        number = hash(member)
        if number in crowd._counted:
            return
        if self._count >= self._max_counted:
            crowd.exact = False
            return
        self._count += 1
        if isinstance(crowd._counted, frozenset):
            crowd._counted = set()
        crowd._counted.add(number)
        crowd.different += 1
        crowd.examples = (*crowd.examples, example)[-self._examples :]

    def _let_go(self, crowd: Crowd | tuple[str, float]) -> None:
        if isinstance(crowd, Crowd):
            self._count -= len(crowd._counted)
            crowd._counted = frozenset()


def _apart(kind: Hashable, member: str, example: str, now: float) -> None:
    """Give its own alert to what a signal handler logs while this very thread is in `note`."""
