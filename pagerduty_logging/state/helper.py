"""Calls that may hang are made on a thread of their own, which can be left behind."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic, TypeAlias, TypeVar

from pagerduty_logging.events_api.clock import monotonic

SLICES = 10
"""Parts of a wait."""
STARVED = 2.0
"""A part that takes so many times as long as it should is not counted: this machine has more work than it can
do, and whoever is to answer may have got no CPU either."""
LATE_FOR_MANY = 1.25
"""Where many wait for one answer, a part that takes so many times as long begins the wait anew."""
LONGEST = 2.0
"""Seconds after which all are counted the same."""

Guard: TypeAlias = Callable[[], AbstractContextManager[object]]
"""Is entered around each call, on the thread that makes it."""

_T = TypeVar("_T")
_Job = Callable[[], None]
Look: TypeAlias = Callable[[float], bool]
Wait: TypeAlias = Callable[[Look, float], bool]


def waited(
    look: Look, seconds: float, clock: Callable[[], float] = monotonic, *, by_many: bool = False
) -> bool:
    """Wait until `look`, which waits for so many seconds at most, returns True; return whether it did."""
    if seconds <= 0.0:
        return look(0.0)
    part = seconds / SLICES
    left, began = SLICES, clock()
    since = began
    while left > 0:
        if look(part):
            return True
        now = clock()
        if now - since < (LATE_FOR_MANY if by_many else STARVED) * part or now - began > LONGEST:
            left -= 1
        elif by_many:
            left = SLICES
        since = now
    return False


def waited_by_many(look: Look, seconds: float) -> bool:
    """Wait as `waited` does, for an answer to many: it is most likely late, because many want a CPU."""
    return waited(look, seconds, by_many=True)


def waited_at_once(look: Look, seconds: float) -> bool:
    """Wait in one piece, for callers to whom a late end means nothing."""
    return look(seconds)


class Call(Generic[_T]):
    """One call that is under way, or has ended.

    Args:
        work: the call.
        wait: how it is waited for.
    """

    others_wait = False

    def __init__(self, work: Callable[[], _T], wait: Wait = waited) -> None:
        self._work = work
        self._wait = wait
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
        return self._wait(self._has_ended, seconds)

    def _has_ended(self, seconds: float) -> bool:
        ended = self._going.acquire(timeout=seconds)
        if ended:
            self._going.release()
        return ended

    def result(self) -> _T:
        """Return what it returned, or raise what it raised; for a call that has ended."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class Helper:
    """A thread that makes one call after the other, begun with the first."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] | None = None

    def start(self, work: Callable[[], _T], wait: Wait = waited) -> Call[_T]:
        """Begin a call, see `Call`; where no thread can be started any more, make it at once."""
        call = Call(work, wait)
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
