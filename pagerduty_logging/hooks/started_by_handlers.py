"""Threads that a handler starts while a hook logs, and that die of it: without end, if that is logged again.

Honeybadger's handler (honeybadger 1.3) sends each record from a thread of its own, which dies where the
network is away. A hook logs that, the handler starts the next thread, and the program never ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, TracebackType
from typing import Final
from weakref import WeakSet

MAX_KINDS: Final = 100
"""Kinds of failures that are remembered; then all count as repeated."""


class Rounds:
    """Recognises a failure that logging a failure has led to. Safe to share between threads."""

    def __init__(self) -> None:
        self._alive_before: list[frozenset[threading.Thread]] = []
        self._started: WeakSet[threading.Thread] = WeakSet()
        self._kinds: set[tuple[type[BaseException], CodeType | None]] = set()

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Note the threads that are started within the block, by whomever."""
        before = frozenset(threading.enumerate())
        self._alive_before.append(before)
        try:
            yield
        finally:
            self._alive_before.remove(before)
            self._started.update(thread for thread in threading.enumerate() if thread not in before)

    def repeats(
        self, thread: threading.Thread | None, kind: type[BaseException], traceback: TracebackType | None
    ) -> bool:
        """Return whether a thread that was started while a hook logged died as one did before.

        Args:
            thread: the thread, if it is known.
            kind, traceback: what ended it.
        """
        if thread is None or not (
            thread in self._started or any(thread not in before for before in list(self._alive_before))
        ):
            return False
        failure = (kind, _innermost(traceback))
        if failure in self._kinds or len(self._kinds) >= MAX_KINDS:
            return True
        self._kinds.add(failure)
        return False


def _innermost(traceback: TracebackType | None) -> CodeType | None:
    code = None
    while traceback is not None:
        code, traceback = traceback.tb_frame.f_code, traceback.tb_next
    return code
