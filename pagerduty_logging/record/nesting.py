"""Records whose reading logs: an object's `__str__` may log a record whose object does the same."""

from __future__ import annotations

import threading

MAX_NESTED = 5
"""Records, one within the other, before the objects in them are let be."""


class Nesting:
    """How deep each thread is in records whose reading logs, and so on."""

    def __init__(self) -> None:
        self._depths: dict[int, int] = {}

    def enter(self) -> int:
        """Return how deep this thread is in already; to be followed by `leave` with that number."""
        me = threading.get_ident()
        depth = self._depths.get(me, 0)
        self._depths[me] = depth + 1
        return depth

    @property
    def nested(self) -> bool:
        """Whether this thread is in a record."""
        return threading.get_ident() in self._depths

    def leave(self, depth: int) -> None:
        """Be as deep as before."""
        if depth:
            self._depths[threading.get_ident()] = depth
        else:
            self._depths.pop(threading.get_ident(), None)
