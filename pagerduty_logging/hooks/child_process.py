"""A process of `multiprocessing` whose function installs the hooks itself, when it is running already.

`multiprocess` is the same package with other pickles (multiprocess 0.70); pathos, datasets and mpire use it.

What ends the function is met in what its caller does then (CPython: Lib/multiprocessing/process.py,
`BaseProcess._bootstrap`): up to Python 3.12 it calls what `multiprocessing.util.Finalize` was given while the
exception is on its way; later it only prints it, which a `SystemExit` is not.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

_BEFORE_QUEUES = 100
"""Queues send what they hold at priority -5: a record that a `QueueHandler` puts there now still goes."""


def classes() -> list[tuple[str, Any]]:
    """Return the packages that are imported, and the class of each whose `run` calls a process's function."""
    from multiprocessing.process import BaseProcess

    other = sys.modules.get("multiprocess.process")
    found: list[tuple[str, Any]] = [("multiprocessing", BaseProcess)]
    return found if other is None else [*found, ("multiprocess", other.BaseProcess)]


def at_the_end(package: str, call: Callable[[str, BaseException], object]) -> None:
    """Call `call` with the process's name and what ends its function, if such a function calls this.

    Args:
        package: whose process it is.
        call: logs it.
    """
    process = sys.modules[f"{package}.process"]
    if process.parent_process() is None or not _is_running(package, sys._getframe()):
        return

    def ending() -> None:
        error = sys.exc_info()[1]
        if error is not None:
            call(process.current_process().name, error)

    if "_exit_function" in process.BaseProcess._bootstrap.__code__.co_names:
        sys.modules[f"{package}.util"].Finalize(None, ending, exitpriority=_BEFORE_QUEUES)
    else:
        before = traceback.print_exc

        def print_exc(*args: Any, **options: Any) -> None:
            if _is_caller(package, sys._getframe(1)):
                ending()
            before(*args, **options)

        traceback.print_exc = print_exc


def _is_running(package: str, frame: FrameType | None) -> bool:
    while frame is not None:
        if _is_caller(package, frame):
            return True
        frame = frame.f_back
    return False


def _is_caller(package: str, frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__")
    return frame.f_code.co_name == "_bootstrap" and module == f"{package}.process"
