"""The lock of the module `logging`, which `dictConfig` and others hold while they import and close handlers.

A library's import takes it too, for each logger that it makes. If a thread imports a module that a running
`dictConfig` is about to import, each would wait for the other.
"""

from __future__ import annotations

import logging
from typing import Any


def is_held_here() -> bool:
    """Return whether this thread holds the lock; True if that cannot be found out."""
    is_owned = getattr(getattr(logging, "_lock", None), "_is_owned", None)
    return is_owned is None or bool(is_owned())


def is_free(seconds: float) -> bool:
    """Wait until no other thread holds the lock; return whether that happened within so many seconds."""
    lock: Any = getattr(logging, "_lock", None)
    if lock is None or not lock.acquire(timeout=seconds):
        return lock is None
    lock.release()
    return True
