"""Finds out, at the end of the process, that an exception ended it which no hook of ours was shown.

A library may set `sys.excepthook` after us, and not call what was there: typer does so in each call of an
application. The interpreter notes what it gave to the hook, whichever that is, in `sys.last_value`.
"""

from __future__ import annotations

import sys
from types import TracebackType

_MAIN, _RUNPY = "__main__", "runpy"


def last_exception() -> BaseException | None:
    """Return what the interpreter gave to `sys.excepthook` last; None in an interactive session.

    pytest, IPython and the like note there what they caught, too: its traceback begins in their own code.
    """
    error = getattr(sys, "last_value", None)
    if not isinstance(error, BaseException) or hasattr(sys, "ps1"):
        return None
    return error if _left_the_program(error.__traceback__) else None


def _left_the_program(traceback: TracebackType | None) -> bool:
    """Return whether a traceback begins where a program does: in the main module, or what ran that."""
    if traceback is None:
        return False
    frame = traceback.tb_frame
    name = frame.f_globals.get("__name__")
    return name == _RUNPY or (name == _MAIN and frame.f_code.co_name == "<module>")
