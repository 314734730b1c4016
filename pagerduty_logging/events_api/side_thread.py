"""Runs work without a time limit on a thread that can be abandoned."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

MAX_LEFT_BEHIND = 16
"""Threads that may be abandoned at a time; beyond it work is refused."""

_T = TypeVar("_T")


class SideThread:
    """Runs work on a thread of its own, and waits for it as long as there is time."""

    def __init__(self) -> None:
        self._left_behind: list[threading.Thread] = []

    def do(self, work: Callable[[], _T], seconds: float, what: str) -> _T:
        """Return what `work` returns, or raise what it raises.

        Raises:
            TimeoutError: after `seconds`, or at once if too many threads are abandoned; names `what`.
        """
        self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
        if len(self._left_behind) >= MAX_LEFT_BEHIND:
            raise TimeoutError(f"{what}: {MAX_LEFT_BEHIND} earlier attempts hang")
        results: queue.SimpleQueue[tuple[_T | None, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                results.put((work(), None))
            except BaseException as error:
                results.put((None, error))

        thread = threading.Thread(target=run, name="pagerduty-side", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread can be started while the interpreter shuts down
            return work()
        try:
            result, error = results.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            self._left_behind.append(thread)
            raise TimeoutError(f"{what}: not done in time") from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]
