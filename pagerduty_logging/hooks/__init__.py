"""Hooks that log uncaught exceptions, which are not logged otherwise."""

from __future__ import annotations

import atexit
import logging
import sys as _sys
import threading as _threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from traceback import clear_frames
from types import TracebackType
from typing import Any, Self

from pagerduty_logging.events_api import options
from pagerduty_logging.handler import PagerDutyHandler, handlers
from pagerduty_logging.hooks import child_process, exit_status, pending_exit
from pagerduty_logging.hooks.event_loops import LoopHooks
from pagerduty_logging.hooks.last_exception import last_exception
from pagerduty_logging.hooks.patching import Function, Patch
from pagerduty_logging.hooks.report import Report, finalizing, rounds
from pagerduty_logging.hooks.unraisable import failed
from pagerduty_logging.record.exits import is_success, stops
from pagerduty_logging.record.source_of_main import load_source_of_main


class Hooks:
    """Installed hooks; `uninstall()`, or the end of the `with` block, restores what was there before."""

    def __init__(self, installation: _Installation, keep: tuple[PagerDutyHandler, ...] = ()) -> None:
        self._installation: _Installation | None = installation
        self._keep = keep
        installation.users += 1
        for handler in keep:
            handler.lookout.keepers += 1

    def uninstall(self) -> None:
        """Stop logging, and restore what was there before, also if other hooks were installed since.

        Hooks can be uninstalled in any order, and more than once.
        """
        installation, self._installation = self._installation, None
        if installation is not None:
            for handler in self._keep:
                handler.lookout.keepers -= 1
            installation.users -= 1
            if not installation.users:
                installation.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.uninstall()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The options of one call of `install_hooks`."""

    logger: logging.Logger
    sys: bool
    threading: bool
    unraisable: bool
    asyncio: bool
    exit_status: bool


class _Installation:
    """The installed hooks, shared by calls with equal options as long as no other hook is in front of them.

    So a program that configures logging a thousand times does not get a thousand hooks.
    """

    def __init__(self, wanted: _Wanted) -> None:
        self.users = 0
        self.wanted = wanted
        self._report = Report(wanted.logger)
        self._patches: list[Patch | LoopHooks] = []
        self._seen = last_exception()
        if wanted.sys:
            self._patches.append(Patch(_sys, "excepthook", self._main_thread))
        self.meet_processes()
        if wanted.threading:
            self._patches.append(Patch(_threading, "excepthook", self._other_thread))
        if wanted.unraisable:
            self._patches.append(Patch(_sys, "unraisablehook", self._unraisable))
        if wanted.asyncio:
            self._loops = LoopHooks(self._report)
            self._patches.append(self._loops)
        if wanted.exit_status:
            pending_exit.meet()
            self._patches.append(Patch(_sys, "exit", partial(exit_status.hook, self._report)))
        atexit.register(self._at_exit)
        _installed.append(self)

    def in_front(self) -> bool:
        """Return whether no later hook is in front of any of these."""
        return all(patch.in_front() for patch in self._patches)

    def meet_processes(self) -> None:
        """Hook the processes of the packages that are imported by now, unless they are hooked already."""
        if self.wanted.sys or self.wanted.exit_status:
            hooked = [patch.owner for patch in self._patches if isinstance(patch, Patch)]
            for package, process in child_process.classes():
                if process not in hooked:
                    self._patches.append(Patch(process, "run", self._child))
                    child_process.at_the_end(package, self._child_failed)

    def leave(self) -> None:
        """Restore what was there before."""
        self._report.over = True
        _installed.remove(self)
        atexit.unregister(self._at_exit)
        for patch in self._patches:
            patch.leave()

    def _main_thread(self, before: Function) -> Function:
        def hook(
            kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
        ) -> None:
            then = partial(before, kind, error, traceback)
            self._seen = last_exception()
            self._report.once(
                error or kind, lambda: self._log("Uncaught exception", kind, error, traceback), then
            )

        return hook

    def _at_exit(self) -> None:
        """Log what ended the program, if a hook in front of ours did not call ours, and tasks that failed."""
        error = last_exception()
        if self.wanted.sys and error is not None and error is not self._seen:
            log = partial(self._log, "Uncaught exception", type(error), error, error.__traceback__)
            self._report.once(error, log, _nothing)
        if self.wanted.asyncio:
            self._loops.at_exit()

    def _other_thread(self, before: Function) -> Function:
        def hook(args: Any) -> None:
            where = "" if args.thread is None else f" in thread {args.thread.name}"
            exception = (f"Uncaught exception{where}", args.exc_type, args.exc_value, args.exc_traceback)
            everywhere = not rounds.repeats(args.thread, args.exc_type, args.exc_traceback)
            log = partial(self._log, *exception, everywhere=everywhere)
            self._report.once(args.exc_value or args, log, partial(before, args))

        return hook

    def _unraisable(self, before: Function) -> Function:
        def hook(unraisable: Any) -> None:
            then = partial(before, unraisable)
            if finalizing():
                then()
                return
            exception = (unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
            self._report.once(
                unraisable.exc_value or unraisable,
                lambda: self._log(f"Uncaught exception {failed(unraisable)}".rstrip(), *exception),
                then,
            )
            # The traceback's frame would keep the object that is being deleted alive with each kept record.
            clear_frames(unraisable.exc_traceback)

        return hook

    def _child(self, before: Function) -> Function:
        def run(process: Any) -> None:
            try:
                before(process)
            except BaseException as error:
                self._child_failed(process.name, error)
                raise

        return run

    def _child_failed(self, name: str, error: BaseException) -> None:
        message = self._words_of_child(name, error)
        if message is not None:
            self._report.once(error, partial(self._report.critical, message, error), _nothing)

    def _words_of_child(self, name: str, error: BaseException) -> str | None:
        if isinstance(error, SystemExit):
            reported = self.wanted.exit_status and not is_success(error.code)
            return f"{name} {exit_status.ending(error.code)}" if reported else None
        return f"Uncaught exception in process {name}" if self.wanted.sys and not stops(error) else None

    def _log(
        self,
        message: str,
        kind: type[BaseException],
        error: BaseException | None,
        traceback: TracebackType | None,
        *,
        everywhere: bool = True,
    ) -> bool:
        if error is None:
            error = kind()
        return not stops(error) and self._report.critical(message, error, traceback, everywhere=everywhere)


def _nothing() -> None:
    return


def install_hooks(
    logger: logging.Logger | None = None,
    *,
    sys: bool = True,
    threading: bool = True,
    unraisable: bool = True,
    asyncio: bool = True,
    exit_status: bool = False,
    keep: Iterable[PagerDutyHandler] = (),
) -> Hooks:
    """Log every uncaught exception as CRITICAL, so that it pages like any other record.

    Hooks that were there before are called too, so the usual traceback is still printed. An exception that
    passes through the hooks of several calls is logged once by each logger. `KeyboardInterrupt` is not
    logged, and `SystemExit` only with `exit_status`.

    Args:
        logger: the logger to log with; default: the root logger.
        sys: log exceptions of the main thread, also in processes of `multiprocessing.Process` in which the
            hooks are installed.
        threading: log exceptions of other threads.
        unraisable: log what Python itself can only print: exceptions in `__del__`, in callbacks of weak
            references and in the garbage collector.
        asyncio: log exceptions of callbacks and of tasks that are not awaited, and tasks that are destroyed
            while pending; in asyncio's loops, and in others that were imported before or are running.
        exit_status: log `sys.exit(status)` with a status other than 0, or with a message, if it ends the
            process. `raise SystemExit(status)`, `exit()` and `os._exit()` are not seen,
            nor, up to Python 3.11, a `sys.exit(main())` whose `main` installs the hooks, which warns.
        keep: handlers to attach again, within seconds, after a library's `dictConfig`, `fileConfig` or
            `basicConfig(force=True)` has removed them; not if they are closed on purpose, nor if another
            `PagerDutyHandler` has replaced them.

    Returns:
        the hooks, which can be uninstalled or used as a context manager.

    Raises:
        TypeError: naming the option that is wrong.
    """
    if logger is not None and not isinstance(logger, logging.Logger):
        raise TypeError(f"logger must be a logging.Logger or None, not {type(logger).__name__}")
    wanted = _Wanted(
        logger=logger or logging.getLogger(),
        sys=options.flag("sys", sys),
        threading=options.flag("threading", threading),
        unraisable=options.flag("unraisable", unraisable),
        asyncio=options.flag("asyncio", asyncio),
        exit_status=options.flag("exit_status", exit_status),
    )
    load_source_of_main()
    kept = _handlers("keep", keep)
    for handler in handlers():
        handler.lookout.note_attached()
    for installation in _installed:
        if installation.wanted == wanted and installation.in_front():
            installation.meet_processes()
            return Hooks(installation, kept)
    return Hooks(_Installation(wanted), kept)


def _handlers(option: str, given: Iterable[PagerDutyHandler]) -> tuple[PagerDutyHandler, ...]:
    found = () if isinstance(given, (str, logging.Handler)) else tuple(given)
    if (isinstance(given, (str, logging.Handler))) or not all(isinstance(h, PagerDutyHandler) for h in found):
        raise TypeError(f"{option} must be a list of PagerDutyHandlers")
    return found


_installed: list[_Installation] = []
