"""Modules that a thread was importing at the moment of a fork: in the child no thread will finish them.

They are in `sys.modules`, and their lock is held by a thread that the child does not have: importing them
there blocks for ever, or gives half a module. Forks wait for our own imports, but not for long; this covers
the rest.
"""

from __future__ import annotations

import importlib
import sys
from types import FrameType
from typing import Any


def forget() -> None:
    """In a forked child, have modules imported again that no living thread is importing."""
    mine = _being_run()
    for name, module in list(sys.modules.items()):
        if name not in mine and getattr(getattr(module, "__spec__", None), "_initializing", False):
            sys.modules.pop(name, None)
    locks: Any = getattr(getattr(importlib, "_bootstrap", None), "_module_locks", None)
    if isinstance(locks, dict):
        for name in [name for name in locks if name not in mine]:
            locks.pop(name, None)


def _being_run() -> set[object]:
    """Return the names of the modules whose code is on the stack of a thread."""
    names = set()
    for outermost in sys._current_frames().values():
        frame: FrameType | None = outermost
        while frame is not None:
            if frame.f_code.co_name == "<module>":
                names.add(frame.f_globals.get("__name__"))
            frame = frame.f_back
    return names
