"""asyncio's event loops: failures in them that no code awaits."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from pagerduty_logging.delivery import process
from pagerduty_logging.hooks.patching import Function, Patch
from pagerduty_logging.hooks.report import Report, finalizing
from pagerduty_logging.hooks.unraisable import ADDRESS
from pagerduty_logging.record.exits import DESTROYED, stops
from pagerduty_logging.record.reporters import without_arguments

_HANDLER = "call_exception_handler"
_TOLD_ALL = "PySide6."
"""Its loop reports each task that fails or is cancelled, also where its awaiter catches that (6.12)."""
_LOGGERS = ("asyncio", "qasync._QEventLoop")
"""Loggers of what loops report: asyncio, uvloop and rloop use the first, qasync has its own."""


class LoopHooks:
    """Reports exceptions that reach an event loop, and tasks that are destroyed while pending.

    The hook is on the method that every loop calls for them, running now or later, and before an exception
    handler that the program has set. Asyncio's own records of a failure that was just reported do not page
    again.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._reported = _Reported()
        self._patches = [Patch(loop, _HANDLER, self._hook) for loop in _loop_classes()]
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._no_page_of_its_own)

    def in_front(self) -> bool:
        """Return whether every known class of loops has our hook in front."""
        return {patch.owner for patch in self._patches} >= set(_loop_classes()) and all(
            patch.in_front() for patch in self._patches
        )

    def leave(self) -> None:
        """Restore what was there before."""
        for patch in self._patches:
            patch.leave()
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._no_page_of_its_own)

    def at_exit(self) -> None:
        """At the end of the process, report failed tasks whose exception was never retrieved.

        asyncio reports such a task when it is freed. One that the program still refers to is freed when the
        modules are destroyed, and then nothing can be sent.
        """
        for task in _failed_and_never_asked():
            error = task.exception()  # retrieved here, so that asyncio does not report it again
            if error is None or stops(error):
                continue
            context = {"message": "Task exception was never retrieved", "exception": error, "future": task}
            with suppress(Exception):  # an exception handler of the program
                task.get_loop().call_exception_handler(context)

    def _hook(self, before: Function) -> Function:
        def call_exception_handler(loop: Any, context: Mapping[str, Any]) -> None:
            then = partial(before, loop, context)
            if finalizing():
                then()
                return
            was = self._reported.already
            try:
                self._report.once(context.get("exception") or context, partial(self._tell, context), then)
            finally:
                self._reported.already = was

        return call_exception_handler

    def _tell(self, context: Mapping[str, Any]) -> None:
        said = str(context.get("message") or "Unhandled exception in event loop")
        # asyncio's own lines have the arguments of a callback, those of uvloop and rloop its address.
        message = ADDRESS.sub("", without_arguments(said))
        error = context.get("exception")
        if isinstance(error, BaseException):
            if not stops(error):
                self._reported.already = self._report.critical(message, error)
        elif message.startswith(DESTROYED) and "task" in context and not process.ending.begun:
            coroutine = context["task"].get_coro()
            name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
            self._reported.already = self._report.critical(f"{DESTROYED}: {name}", None)

    def _no_page_of_its_own(self, record: logging.LogRecord) -> bool:
        if not self._reported.already:
            return True
        record.pagerduty = False
        # A console handler may have printed the same just now.
        return not self._report.prints() or bool(logging.getLogger(record.name).handlers)


class _Reported(threading.local):
    already = False


def _failed_and_never_asked() -> Iterable[Any]:
    """Return the tasks that are done, and whose exception no code has retrieved."""
    import asyncio

    # By type, which an object cannot fake, and which is quick: there may be a million objects.
    kinds = {asyncio.Task, *asyncio.Task.__subclasses__()}
    tasks = [found for found in gc.get_objects() if type(found) in kinds]
    return [task for task in tasks if getattr(task, "_log_traceback", False) is True]


def _loop_classes() -> list[type]:
    """Return the classes of loops, imported so far, that define what a loop does with exceptions."""
    import asyncio

    known: list[type] = [asyncio.BaseEventLoop, *_below(asyncio.AbstractEventLoop)]
    with suppress(RuntimeError):  # none runs on this thread
        known.append(type(asyncio.get_running_loop()))
    handlers = {getattr(loop, _HANDLER): loop for loop in reversed(known)}
    handlers.pop(asyncio.AbstractEventLoop.call_exception_handler, None)
    return [loop for handler, loop in handlers.items() if not _is_told_all(handler)]


def _is_told_all(handler: object) -> bool:
    return str(getattr(handler, "__module__", None)).startswith(_TOLD_ALL)


def _below(parent: type) -> Iterable[type]:
    """Return the classes derived from one, each before those derived from it."""
    children: list[type] = parent.__subclasses__()
    yield from children
    for child in children:
        yield from _below(child)
