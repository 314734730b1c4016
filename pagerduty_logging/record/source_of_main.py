"""The source of a child process's main module, loaded before a traceback asks for it.

From Python 3.15 on, showing a traceback of a spawned process's main module causes a DeprecationWarning: that
module has no `__spec__` (CPython: Lib/linecache.py, `_bless_my_loader`). Where warnings are errors, that one
is raised in place of the exception, by every handler that prints it and by the pool that returns it.
linecache does not look again for a file that it has loaded.
"""

from __future__ import annotations

import linecache
import sys
from contextlib import suppress


def load_source_of_main() -> None:
    """Load it, if multiprocessing spawned this process."""
    # In other processes this is another name of `__main__`.
    if getattr(sys.modules.get("__mp_main__"), "__name__", None) == "__mp_main__":
        with suppress(Exception):
            linecache.getlines(sys.modules["__mp_main__"].__file__ or "")
