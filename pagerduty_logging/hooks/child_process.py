"""Finds the exception that ends a process of `multiprocessing` whose own function installed the hooks.

It is too late then to wrap the function. The exception is found in what its caller does next (CPython:
Lib/multiprocessing/process.py, `BaseProcess._bootstrap`): up to Python 3.12 it calls the functions of
`multiprocessing.util.Finalize` while the exception propagates; later it only prints the exception, but not a
`SystemExit`.

`multiprocess` is the same package with other pickles (multiprocess 0.70); pathos, datasets and mpire use it.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

_BEFORE_QUEUES = 100
"""A priority above that of queues (-5), so that a record put into a queue now is still sent."""


def classes() -> list[tuple[str, Any]]:
    """Return the packages that are imported, and the class of each whose `run` calls a process's function."""
    from multiprocessing.process import BaseProcess

    other = sys.modules.get("multiprocess.process")
    found: list[tuple[str, Any]] = [("multiprocessing", BaseProcess)]
    return found if other is None else [*found, ("multiprocess", other.BaseProcess)]


def at_the_end(package: str, call: Callable[[str, BaseException], object]) -> None:
    """Call `call` with the process's name and the exception that ends its function, if this runs in one.

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
