"""What the threads of one worker wait for, and how they are woken."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class Signals:
    """The queues and locks by which the threads of a worker wait for each other.

    Attributes:
        wake: wakes the worker's thread: something came, or may have.
        waiting: what other threads wait for, each with the queue that wakes it.
        starting: held while the thread is started, or ends.
        working: held by the thread that sends.
        hand_in_until: when the thread must have handed in all counts; None: it has.
    """

    __slots__ = ("hand_in_until", "starting", "waiting", "wake", "working")

    def __init__(self) -> None:
        self.wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.waiting: deque[tuple[Callable[[], bool], queue.SimpleQueue[None]]] = deque()
        self.starting = threading.Lock()
        self.working = threading.Lock()
        self.hand_in_until: float | None = None

    def tell(self) -> None:
        """Wake the threads for which it has come true."""
        for waiting in list(self.waiting):
            done, wake = waiting
            if done():
                with suppress(ValueError):
                    self.waiting.remove(waiting)
                wake.put(None)
