"""What the threads of one worker wait for, and how they are woken."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class WakeUps:
    """What threads wait for.

    Attributes:
        worker: something came, or the thread is to look for itself.
        waiting: what others wait to come true, and where they are woken.
        starting: held while the thread is started, or ends.
        working: held by the thread that sends.
        orders: what the thread is to do beside its work, next.
    """

    __slots__ = ("orders", "starting", "waiting", "worker", "working")

    def __init__(self) -> None:
        self.worker: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.waiting: deque[tuple[Callable[[], bool], queue.SimpleQueue[None]]] = deque()
        self.starting = threading.Lock()
        self.working = threading.Lock()
        self.orders: deque[Callable[[], object]] = deque()

    def wake_waiting(self) -> None:
        """Wake the threads whose condition has come true."""
        for waiting in list(self.waiting):
            done, sleeper = waiting
            if done():
                with suppress(ValueError):
                    self.waiting.remove(waiting)
                sleeper.put(None)
