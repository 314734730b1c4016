"""A lock for data that a signal handler or a finaliser may need on the same thread that is changing it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


class ReentrantLock:
    """Runs one piece of work at a time, and none inside another on the same thread.

    A plain lock would deadlock there. With a reentrant one the second change would see the first half done.
    """

    __slots__ = ("_at_work", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._at_work = False

    @property
    def at_work(self) -> bool:
        """Whether some thread is at work."""
        return self._at_work

    def run(
        self, work: Callable[..., _T], *args: Any, or_else: Callable[..., _T], timeout: float = -1.0
    ) -> _T:
        """Return `work(*args)`, run while no other work runs.

        A function and no context manager: near the recursion limit `__exit__` may not be callable.

        Args:
            work: what is to be done.
            args: its arguments.
            or_else: is called instead, with the same arguments, if this thread is at work already, or if
                another one does not come out in time.
            timeout: seconds to wait for other threads; below 0: as long as it takes.
        """
        if not self._lock.acquire(timeout=timeout):
            return or_else(*args)
        try:
            if self._at_work:
                return or_else(*args)
            self._at_work = True
            try:
                return work(*args)
            finally:
                self._at_work = False
        finally:
            self._lock.release()
