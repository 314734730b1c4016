"""Which call of logging's own set-up is under way, and who made it: a library, as a rule.

`dictConfig`, `fileConfig` and `basicConfig(force=True)` close every handler that they find, with logging's
locks held, before they attach their own.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import Final

# The files as their code names them: not by `__file__` where they are packed.
LOGGING: Final = logging.shutdown.__code__.co_filename
_CONFIG: Final = logging.config.dictConfig.__code__.co_filename
_SET_UPS = {
    (_CONFIG, "dictConfig"): "logging.config.dictConfig()",
    (_CONFIG, "fileConfig"): "logging.config.fileConfig()",
    (LOGGING, "basicConfig"): "logging.basicConfig(force=True)",
}
_MAX_FRAMES = 30
"""Between the closing of a handler and the set-up that closes it stand four."""


def set_up_under_way() -> str | None:
    """Return which set-up of logging this thread is in, and where it was called; None: it is in none."""
    frame = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame.f_back is None:
            return None
        words = _SET_UPS.get((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
        if words is not None:
            return f"{words}, called at {frame.f_code.co_filename}:{frame.f_lineno}"
    return None


def closed_by_logging() -> bool:
    """Return whether logging itself closes a handler just now, as `logging.shutdown` does."""
    frame = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame.f_code.co_filename == LOGGING and frame.f_code.co_name == "shutdown":
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False
