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
        hand_in_until: the thread is to hand in all that was counted, by this time; None: it has.
    """

    __slots__ = ("hand_in_until", "starting", "waiting", "worker", "working")

    def __init__(self) -> None:
        self.worker: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.waiting: deque[tuple[Callable[[], bool], queue.SimpleQueue[None]]] = deque()
        self.starting = threading.Lock()
        self.working = threading.Lock()
        self.hand_in_until: float | None = None

    def wake_waiting(self) -> None:
        """Wake the threads whose condition has come true."""
        for waiting in list(self.waiting):
            done, sleeper = waiting
            if done():
                with suppress(ValueError):
                    self.waiting.remove(waiting)
                sleeper.put(None)
