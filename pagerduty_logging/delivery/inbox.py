"""What was logged and is not decided yet, in its order, bounded in number and memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

MAX_DEFERRED = 500
"""Records that may wait; what is logged beyond is decided by the thread that logs it."""
MAX_DEFERRED_BYTES = 5_000_000
"""Memory that they may take, about."""
MAX_BEHIND = 5_000
"""Records that may wait where none must be decided at once: behind a resolve or an acknowledge, which they
must not overtake, and while a decision hangs, as in a file system that does not answer."""
HANGS = 0.05
"""Seconds after which a decision hangs; one takes less than a millisecond."""


class Item(Protocol):
    """What was logged, or asked for.

    Attributes:
        keeps_place: whether nothing that comes later may be decided before it: a resolve, for one.
        size: bytes of memory that it takes, about.
    """

    @property
    def keeps_place(self) -> bool: ...

    @property
    def size(self) -> int: ...


class Inbox:
    """Takes items in at any moment, also within its own methods, from a signal handler or a finaliser.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = math.inf
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._keeping_place = 0

    def __len__(self) -> int:
        return len(self._items)

    def offer(self, item: Item) -> bool:
        """Take an item that may be decided later; False if it is to be decided at once."""
        if self._keeping_place or item.keeps_place or (self._began != math.inf and self.hangs):
            if len(self._items) >= MAX_BEHIND:
                return False
            self.put(item)
            return True
        size = item.size
        if len(self._items) >= MAX_DEFERRED or self._bytes + size > MAX_DEFERRED_BYTES:
            return False
        self._bytes += size
        self._items.append(item)
        return True

    def put(self, item: Item) -> None:
        """Take an item, however many there are."""
        self._keeping_place += item.keeps_place
        self._bytes += item.size
        self._items.append(item)

    @property
    def deciding(self) -> bool:
        """Whether an item is being decided."""
        return self._began != math.inf

    @property
    def hangs(self) -> bool:
        """Whether that takes far too long."""
        return self._clock() - self._began > HANGS

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken as a rule."""
        return len(self._items) >= MAX_DEFERRED

    def begin_first(self) -> Item:
        """Return the item that has waited longest, whose decision begins. For one thread at a time."""
        self._began = self._clock()
        return self._items[0]

    def end(self) -> None:
        """Note that nothing is being decided."""
        self._began = math.inf

    def remove_first(self) -> None:
        """Remove it."""
        item = self._items.popleft()
        self._bytes -= item.size
        self._keeping_place -= item.keeps_place
        if not self._items:
            self._bytes = 0
