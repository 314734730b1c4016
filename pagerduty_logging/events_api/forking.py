"""Prevents a fork in the middle of an exchange.

A fork copies all locks as they are, but only the thread that forks. If another thread is inside OpenSSL, the
resolver or an import at that moment, its locks are never released in the child, whose first exchange then
hangs (seen with OpenSSL on Python 3.12 and 3.13). So a fork waits a short time for running exchanges.
"""

from __future__ import annotations

import functools
import logging  # noqa: F401 - it has fork hooks too, which `requests` would add during a fork
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

FORK_WAIT = 2.0
"""The most seconds that a fork waits for exchanges of other threads."""


class ForkGate:
    """A context manager: while a thread is inside, forks of other threads wait.

    Any number of threads may be inside. A fork waits until there is none, and lets none in until it is done.

    Attributes:
        closing: what no child may inherit, and what closes it before a fork, while nobody is inside.
    """

    def __init__(self) -> None:
        self.closing: weakref.WeakKeyDictionary[Any, Callable[[Any], object]] = weakref.WeakKeyDictionary()
        self._reset()

    def _reset(self) -> None:
        # Re-entrant: a signal's handler may send an event while its thread is in here.
        self._lock = threading.RLock()
        self._moved = threading.Condition(self._lock)
        self._inside: list[int] = []
        self._forks = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._lock:  # and not the condition, which takes it by further calls
            if self._forks:
                self._moved.wait_for(lambda: not self._forks or me in self._inside, timeout=FORK_WAIT)
            self._inside.append(me)

    def __exit__(self, *_: object) -> None:
        me = threading.get_ident()
        with self._lock:  # and not the condition, which takes it by further calls
            if me in self._inside:  # not in a child that this thread itself has forked
                self._inside.remove(me)
            if self._forks:
                self._moved.notify_all()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Allow forks while this thread only waits for the other side, and holds no lock.

        Raises:
            RuntimeError: a greenlet of gevent lives on in a forked child, where the exchange is the parent's.
        """
        pid = os.getpid()
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()
        if pid != os.getpid():
            raise RuntimeError("this process was forked meanwhile")

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Go inside as well, while another thread is: it may wait for this one, and a fork waits for it."""
        me = threading.get_ident()
        with self._lock:
            if self._forks:
                self._moved.wait_for(lambda: not self._forks or self._inside, timeout=FORK_WAIT)
            self._inside.append(me)
        try:
            yield
        finally:
            self.__exit__()

    def before_fork(self) -> None:
        me = threading.get_ident()
        self._moved.acquire()
        self._forks += 1
        self._moved.wait_for(lambda: all(one == me for one in self._inside), timeout=FORK_WAIT)
        for owner, close in () if self._inside else list(self.closing.items()):
            with suppress(Exception):
                close(owner)

    def after_in_parent(self) -> None:
        self._forks -= 1
        self._moved.notify_all()
        self._moved.release()

    def after_in_child(self) -> None:
        self._reset()


@functools.cache
def fork_gate() -> ForkGate:
    """Return the process's gate, made when it is first needed: after gevent has patched its locks."""
    gate = ForkGate()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=gate.before_fork,
            after_in_parent=gate.after_in_parent,
            after_in_child=gate.after_in_child,
        )
    return gate
