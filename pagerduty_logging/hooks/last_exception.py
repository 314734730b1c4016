"""Finds, at the end of the process, an exception that ended it and that our hooks did not get.

A library may set `sys.excepthook` after us and not call the hook that was there: typer does so in each
call of an application. The interpreter keeps the exception that it passed to the hook in `sys.last_value`.
"""

from __future__ import annotations

import sys
from types import TracebackType

_MAIN, _RUNPY = "__main__", "runpy"


def last_exception() -> BaseException | None:
    """Return the last exception passed to `sys.excepthook`; None in an interactive session.

    pytest, IPython and the like also store there what they caught; its traceback begins in their own code.
    """
    error = getattr(sys, "last_value", None)
    if not isinstance(error, BaseException) or hasattr(sys, "ps1"):
        return None
    return error if _left_the_program(error.__traceback__) else None


def _left_the_program(traceback: TracebackType | None) -> bool:
    """Return whether a traceback begins where a program does: in the main module, or in what runs that."""
    if traceback is None:
        return False
    frame = traceback.tb_frame
    name = frame.f_globals.get("__name__")
    return name == _RUNPY or (name == _MAIN and frame.f_code.co_name == "<module>")
