"""The two moments a process cannot be trusted through: its end and its fork.

No single exit hook fires everywhere: `atexit` does not in multiprocessing's forked children, the
threading module's does not in Celery's. Both are registered; together they share one budget. Both run
before `logging.shutdown`, and without logging's locks.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from typing import Protocol

FORK_PATIENCE = 2.0
"""Seconds a fork may wait for an exchange to end. A child forked inside a TLS exchange inherits a lock
of OpenSSL's that nobody will release (seen on CPython 3.12 and 3.13)."""


class Lives(Protocol):
    """What wants to be told of a process's end and forks."""

    flush_timeout: float

    def hurry(self) -> None:
        """Begin to finish; the end is near."""

    def end(self, timeout: float) -> None:
        """Finish within `timeout` seconds; what is left will be lost with the process."""

    def before_fork(self, timeout: float) -> None:
        """Reach a state that a child can live with, within `timeout` seconds."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin anew: nothing of the parent's is this process's."""


_living: weakref.WeakValueDictionary[int, Lives] = weakref.WeakValueDictionary()
_ends_at: float | None = None


def register(living: Lives) -> None:
    """Tell `living` of this process's end and forks, for as long as somebody else holds it."""
    _living[id(living)] = living


def ending() -> float | None:
    """Return the seconds left until the process may end; None while its end has not begun."""
    return None if _ends_at is None else max(_ends_at - time.monotonic(), 0.0)


def _all() -> list[Lives]:
    return [living for ref in _living.valuerefs() if (living := ref()) is not None]


def _end() -> None:
    global _ends_at
    everybody = _all()
    if _ends_at is None:
        budget = max((living.flush_timeout for living in everybody), default=0.0)
        _ends_at = time.monotonic() + budget
    for living in everybody:
        living.hurry()
    for living in everybody:
        living.end(ending() or 0.0)


def _before_fork() -> None:
    until = time.monotonic() + FORK_PATIENCE
    for living in _all():
        living.before_fork(max(until - time.monotonic(), 0.0))


def _after_fork_in_parent() -> None:
    for living in _all():
        living.after_fork_in_parent()


def _after_fork_in_child() -> None:
    global _ends_at
    _ends_at = None
    for living in _all():
        living.after_fork_in_child()


atexit.register(_end)
# Private, but the only hook that runs in multiprocessing's children; absent, `atexit` remains.
if hasattr(threading, "_register_atexit"):
    threading._register_atexit(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
