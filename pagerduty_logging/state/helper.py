"""Calls that may hang are made on a thread of their own, which can be left behind."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

SLICES = 10
"""Parts of a wait: where this process gets no CPU, each takes longer, and no call is blamed for that."""

_T = TypeVar("_T")
_Job = Callable[[], None]


class Call(Generic[_T]):
    """One call that is under way, or has ended."""

    others_wait = False

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._going = threading.Lock()
        self._going.acquire()
        self._result: _T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call."""
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        finally:
            self._going.release()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it has ended."""
        for _ in range(SLICES):
            if self._going.acquire(timeout=max(seconds, 0.0) / SLICES):
                self._going.release()
                return True
        return False

    def result(self) -> _T:
        """Return what it returned, or raise what it raised; for a call that has ended."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class Helper:
    """A thread that makes one call after the other, begun with the first."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] | None = None

    def start(self, work: Callable[[], _T]) -> Call[_T]:
        """Begin a call; where no thread can be started any more, make it at once."""
        call = Call(work)
        if self._jobs is None:
            jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
            thread = threading.Thread(target=_serve, args=(jobs,), name="pagerduty-state", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter shuts down
                call.run()
                return call
            self._jobs = jobs
            # One that is dropped without `leave` gives its thread back all the same.
            weakref.finalize(self, jobs.put, None).atexit = False
        self._jobs.put(call.run)
        return call

    def leave(self) -> None:
        """Let the thread end after the call that it is in; the next call gets another one."""
        jobs, self._jobs = self._jobs, None
        if jobs is not None:
            jobs.put(None)

    def forget(self) -> None:
        """Know no thread: in a child process there is none."""
        self._jobs = None


def _serve(jobs: queue.SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job
