"""Records whose reading logs: an object's `__str__` may log a record whose object does the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MAX_NESTED = 5
"""Records, one within the other, before the objects in them are let be."""


class Nesting:
    """How deep each thread is in records whose reading logs, and so on."""

    def __init__(self) -> None:
        self._depths: dict[int, int] = {}

    @contextmanager
    def one_more(self) -> Iterator[bool]:
        """Tell whether it is so deep that the program's code should not be run once more."""
        me = threading.get_ident()
        depth = self._depths.get(me, 0)
        self._depths[me] = depth + 1
        try:
            yield depth >= MAX_NESTED
        finally:
            if depth:
                self._depths[me] = depth
            else:
                del self._depths[me]
