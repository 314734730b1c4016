"""Exceptions that nobody catches never become log records by themselves: these hooks log them."""

from __future__ import annotations

import logging
import sys as _sys
import threading as _threading
from types import TracebackType
from typing import Any, Self


class Hooks:
    """Installed hooks; `uninstall()`, or leaving the `with` block, puts back what was there before."""

    def __init__(self, logger: logging.Logger, *, sys: bool, threading: bool) -> None:
        self._logger = logger
        self._previous_sys = _sys.excepthook
        self._previous_threading = _threading.excepthook
        if sys:
            _sys.excepthook = self._main_thread
        if threading:
            _threading.excepthook = self._other_thread

    def uninstall(self) -> None:
        """Put the previous hooks back, where no later ones have taken our place."""
        if _sys.excepthook == self._main_thread:
            _sys.excepthook = self._previous_sys
        if _threading.excepthook == self._other_thread:
            _threading.excepthook = self._previous_threading

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.uninstall()

    def _main_thread(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        self._log("Uncaught exception", kind, error, traceback)
        self._previous_sys(kind, error, traceback)

    def _other_thread(self, args: Any) -> None:
        name = "" if args.thread is None else f" in thread {args.thread.name}"
        self._log(f"Uncaught exception{name}", args.exc_type, args.exc_value, args.exc_traceback)
        self._previous_threading(args)

    def _log(
        self,
        message: str,
        kind: type[BaseException],
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if issubclass(kind, (KeyboardInterrupt, SystemExit)):
            return
        # The template says nothing, on purpose: the exception's type and origin make the problem.
        self._logger.critical("%s", message, exc_info=(kind, error or kind(), traceback))


def install_hooks(logger: logging.Logger | None = None, *, sys: bool = True, threading: bool = True) -> Hooks:
    """Log every uncaught exception as CRITICAL, so that it pages like any other record.

    The hooks that were there are called too: the usual traceback is still printed. `KeyboardInterrupt`
    and `SystemExit` are no failures.

    Args:
        logger: the logger to log with; default: the root logger.
        sys: of the main thread.
        threading: of other threads.

    Returns:
        the hooks, to be uninstalled, or used as a context manager.
    """
    return Hooks(logger or logging.getLogger(), sys=sys, threading=threading)
