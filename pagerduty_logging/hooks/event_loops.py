"""asyncio's event loops: failures in them that no code awaits."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from pagerduty_logging.delivery import process
from pagerduty_logging.hooks.patching import Function, Place
from pagerduty_logging.hooks.report import Report, finalizing
from pagerduty_logging.hooks.unraisable import ADDRESS
from pagerduty_logging.record.exits import DESTROYED, stops
from pagerduty_logging.record.reporters import without_arguments

_HANDLER = "call_exception_handler"


class LoopHooks:
    """Reports exceptions that reach an event loop, and tasks that are destroyed while pending.

    They are caught where every loop takes them to, running now or later, and before the exception handler
    that the program may have given its loop. Records of asyncio's own, logged there about what was just
    reported, do not page again.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._reported = _Reported()
        self._places = [Place(loop, _HANDLER, self._hook) for loop in _loop_classes()]
        logging.getLogger("asyncio").addFilter(self._no_page_of_its_own)

    def in_front(self) -> bool:
        """Return whether every known class of loops has our hook in front."""
        return {place.owner for place in self._places} >= set(_loop_classes()) and all(
            place.in_front() for place in self._places
        )

    def leave(self) -> None:
        """Put back what was there before."""
        for place in self._places:
            place.leave()
        logging.getLogger("asyncio").removeFilter(self._no_page_of_its_own)

    def at_exit(self) -> None:
        """Report tasks that have failed, and that nobody has asked since; the process ends.

        asyncio reports such a task when it is freed. One that a program still holds is freed when the modules
        are taken apart, and then nothing can be sent any more.
        """
        for task in _failed_and_never_asked():
            error = task.exception()  # asked for now: asyncio does not report it again
            if error is None or stops(error):
                continue
            context = {"message": "Task exception was never retrieved", "exception": error, "future": task}
            with suppress(Exception):  # an exception handler of the program's
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
        # asyncio's own lines have the arguments of a callback, uvloop's its address.
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
        # What a console has just printed of it is not printed a second time.
        return not self._report.prints() or bool(logging.getLogger("asyncio").handlers)


class _Reported(threading.local):
    already = False


def _failed_and_never_asked() -> Iterable[Any]:
    """Return asyncio's tasks that are done, and whose exception no code has retrieved."""
    import asyncio

    # By type, which no object can misstate, and which is quick: there may be a million of them.
    kinds = {asyncio.Task, *asyncio.Task.__subclasses__()}
    tasks = [found for found in gc.get_objects() if type(found) in kinds]
    return [task for task in tasks if getattr(task, "_log_traceback", False) is True]


def _loop_classes() -> list[type]:
    """Return the classes that define what their loops do with exceptions, as far as they are known."""
    import asyncio

    known: list[type] = [asyncio.BaseEventLoop]
    if "uvloop" in sys.modules:
        known.append(sys.modules["uvloop"].Loop)
    with suppress(RuntimeError):  # none runs on this thread
        known.append(type(asyncio.get_running_loop()))
    handlers = {getattr(loop, _HANDLER): loop for loop in reversed(known)}
    return list(handlers.values())
