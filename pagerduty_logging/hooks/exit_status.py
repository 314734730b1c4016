"""Reports a `sys.exit(status)` that ends the process.

No hook of Python gets the exit status: `SystemExit` never reaches `sys.excepthook`, and `atexit` functions
do not get it. But the interpreter reads the exception's `code`, and not from a Python frame.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import CodeType
from typing import Any, NoReturn

from pagerduty_logging.hooks import pending_exit
from pagerduty_logging.hooks.patching import Function
from pagerduty_logging.hooks.report import Report
from pagerduty_logging.record import paged_exceptions
from pagerduty_logging.record.exits import is_success, stops


def hook(report: Report, before: Function) -> Function:
    """Return a `sys.exit` that reports a status other than success."""

    def exit(status: Any = None, /) -> NoReturn:
        leaving: SystemExit | None = None
        try:
            before(status)
        except SystemExit as raised:
            leaving = raised
        if leaving is None or is_success(leaving.code) or not _in_main_thread():
            raise leaving or SystemExit(status)
        if not isinstance(leaving, Leaving):
            caller = sys._getframe(1)
            while caller.f_code.co_filename in _OURS and caller.f_back is not None:
                caller = caller.f_back  # hooks that were installed twice, or `pending_exit`
            leaving = Leaving(leaving.code, caller.f_code, caller.f_lineno)
        leaving.reports[id(report.logger)] = report
        raise leaving

    return exit


_OURS = frozenset((hook.__code__.co_filename, pending_exit.meet.__code__.co_filename))


class Leaving(SystemExit):
    """A `SystemExit` that notices when it ends the process."""

    def __init__(self, status: Any, code: CodeType, line: int) -> None:
        super().__init__(status)
        self.reports: dict[int, Report] = {}
        self._place = (code, line)

    def __getattribute__(self, name: str) -> Any:
        if name == "code" and _asked_by_the_interpreter():
            self._report()
        return super().__getattribute__(name)

    def __reduce__(self) -> tuple[Callable[..., SystemExit], tuple[Any, ...]]:
        return SystemExit, self.args

    def _report(self) -> None:
        error = self.__context__
        if error is not None and stops(error):
            return  # the usual exit after an interruption
        paged = paged_exceptions.is_marked(self, paged_exceptions.JOB)
        for report in self.reports.values():
            words = f"{_program()} {ending(self.args[0])}"
            log = partial(report.critical_at, *self._place, words, error, pages=not paged)
            report.once(self, log, _nothing)


Leaving.__name__ = Leaving.__qualname__ = "SystemExit"  # tracebacks and the like show the usual name
Leaving.__module__ = "builtins"


def ending(status: object) -> str:
    """Return how a program ends, as a text."""
    return f"exits with status {int(status)}" if isinstance(status, int) else f"exits: {status}"


def _asked_by_the_interpreter() -> bool:
    frame = sys._getframe(1)  # __getattribute__
    if frame.f_back is not None:
        return False
    process = sys.modules.get("multiprocessing.process")
    return process is None or process.parent_process() is None  # a child process reports when `run` ends


def _in_main_thread() -> bool:
    # In other threads it ends the thread; only a plain SystemExit does that without a traceback.
    return threading.get_ident() == threading.main_thread().ident


def _program() -> str:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:
        return str(spec.parent if spec.name.endswith(".__main__") else spec.name)
    return os.path.basename(sys.argv[0]) or "python"


def _nothing() -> None:
    return
