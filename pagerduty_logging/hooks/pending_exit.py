"""A `sys.exit(main())` whose `main` installs the hooks.

Python looks up `sys.exit` before it calls `main`, so that such a call meets no hook. From Python 3.12 on,
`sys.monitoring` says when it comes, and it is handed to the hook; up to 3.11 only a warning can be given.
"""

from __future__ import annotations

import dis
import os
import sys
import threading
import warnings
from itertools import pairwise
from types import BuiltinFunctionType, CodeType, FrameType
from typing import Any, Final

_TOOLS: Final = (4, 3)
"""Tools of `sys.monitoring` that have no use of their own."""
_monitoring: Any = getattr(sys, "monitoring", None)


def meet() -> None:
    """See to the `sys.exit(...)` that waits for the caller's code, if there is one; before it is hooked."""
    if type(sys.exit) is not BuiltinFunctionType or threading.current_thread() is not threading.main_thread():
        return
    if "PYTEST_CURRENT_TEST" in os.environ:
        return  # what waits then is pytest's
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _waits(frame):
        frame = frame.f_back
    if frame is None or _watched(frame.f_code):
        return
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    text = f"exit_status=True does not see the sys.exit(...) of {place}: install the hooks before that line"
    warnings.warn(text, stacklevel=4)


def _waits(frame: FrameType) -> bool:
    """Return whether a frame calls, for an argument of `sys.exit`, what runs now."""
    if not {"sys", "exit"} <= set(frame.f_code.co_names):
        return False
    code = list(dis.get_instructions(frame.f_code))
    here = max(index for index, each in enumerate(code) if each.offset <= max(frame.f_lasti, 0))
    begins = {
        _begin(each)
        for before, each in pairwise(code[:here])
        if each.argval == "exit" and before.argval == "sys"
    }
    return any(each.opname.startswith("CALL") and _begin(each) in begins for each in code[here + 1 :])


def _begin(instruction: dis.Instruction) -> tuple[int | None, int | None]:
    places = instruction.positions
    return (None, None) if places is None else (places.lineno, places.col_offset)


def _watched(code: CodeType) -> bool:
    """Have `_called` called at each call in a function that runs; return whether that can be."""
    tool = next((tool for tool in _TOOLS if _monitoring and _monitoring.get_tool(tool) is None), None)
    if tool is None:
        return False
    builtin = sys.exit

    def called(_code: CodeType, _offset: int, function: object, argument: Any) -> None:
        if function is builtin:
            _monitoring.set_local_events(tool, code, 0)
            _monitoring.register_callback(tool, _monitoring.events.CALL, None)
            _monitoring.free_tool_id(tool)
            sys.exit(argument)  # the hook, called by this function's caller

    _monitoring.use_tool_id(tool, "pagerduty-logging")
    _monitoring.register_callback(tool, _monitoring.events.CALL, called)
    _monitoring.set_local_events(tool, code, _monitoring.events.CALL)
    return True
