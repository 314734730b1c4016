"""Source lines of a child process, loaded before a traceback asks for them.

From Python 3.15 on, showing a traceback of a spawned process's main module causes a DeprecationWarning:
that module has no `__spec__` (CPython: Lib/linecache.py, `_bless_my_loader`). Where warnings are errors, that
one is raised in place of the exception. linecache does not look for what it has loaded already.
"""

from __future__ import annotations

import linecache
from contextlib import suppress
from types import TracebackType

from pagerduty_logging.record.exceptions import MAX_CHAIN

_MAX_FRAMES = 100
"""Of one traceback: there are few files in the rest."""


def load_source(error: BaseException | None) -> None:
    """Load the source of `error` and of the exceptions that led to it."""
    for _ in range(MAX_CHAIN):
        if error is None:
            return
        _load(error.__traceback__)
        error = error.__cause__ or error.__context__


def _load(traceback: TracebackType | None) -> None:
    for _ in range(_MAX_FRAMES):
        if traceback is None:
            return
        with suppress(Exception):
            linecache.getlines(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
