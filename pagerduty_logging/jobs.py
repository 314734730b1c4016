"""Jobs: one that fails or takes too long pages, and its next success resolves the alert."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import Any, ParamSpec, Self, TypeVar, cast

from pagerduty_logging.events_api import options
from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations import handlers
from pagerduty_logging.record import overrides, paged_exceptions
from pagerduty_logging.record.exits import fails

MAX_NAME_CHARS = 200

P = ParamSpec("P")
R = TypeVar("R")


def page_on_failure(
    name: str,
    *,
    resolve_on_success: bool = True,
    max_seconds: float | None = None,
    severity: Severity | str = Severity.ERROR,
    handler: PagerDutyHandler | None = None,
) -> JobGuard:
    """Page when a job fails or takes too long, and resolve the alert with its next success.

    A context manager (`with`, `async with`) and a decorator of functions, async ones too. The alert's
    dedup key is made of the job's name and the handler's `environment`, so that the next run resolves it,
    on any host, and a run in staging never resolves production's. The handler's `min_occurrences` and
    `ignore_exceptions` do not apply to it. An exception reaches the caller unchanged. A job that is
    interrupted or cancelled has not failed; one that ends with `sys.exit(status)`, with a status other than
    0 or a message, has failed.

    It pages for nothing else. An error that the job logs pages only if a `PagerDutyHandler` is attached to
    a logger; it is its own problem, which a success does not resolve. A failure before the guard is
    entered, such as an import's, needs `install_hooks`. A process that is killed, and a job that never
    starts, page nobody: use `pagerduty-logging run` and a heartbeat monitor. In an outage the page is lost
    at the end of the process, unless the handler has a spool.

    Args:
        name: the job's name.
        resolve_on_success: resolve with every success, because an earlier run in another process may have
            failed; at most once in 300 seconds in one process, unless it has paged itself. PagerDuty drops
            a resolve for which no alert is open.
        max_seconds: seconds after which it pages while the job continues.
        severity: "critical", "error", "warning" or "info".
        handler: pages; default: the handlers attached to the root logger, else to any other, else one
            made from the environment, which has no spool and is attached to no logger.

    Raises:
        TypeError, ValueError: naming the argument that is wrong.
    """
    return JobGuard(
        name,
        resolve_on_success=options.flag("resolve_on_success", resolve_on_success),
        max_seconds=None if max_seconds is None else options.seconds("max_seconds", max_seconds),
        severity=_severity(severity),
        handler=handlers.checked_handler(handler),
    )


class JobGuard:
    """Guards each run of one job; made by `page_on_failure`, and safe to share between threads and tasks."""

    def __init__(
        self,
        name: str,
        *,
        resolve_on_success: bool,
        max_seconds: float | None,
        severity: Severity,
        handler: PagerDutyHandler | None,
    ) -> None:
        self._key = dedup_key(name, None if handler is None else handler.environment)
        self._name = name
        self._resolve_on_success = resolve_on_success
        self._max_seconds = max_seconds
        self._severity = severity
        self._handler = handler
        self._entered: dict[tuple[int, int], list[_Run]] = {}

    @property
    def dedup_key(self) -> str:
        """The alert's dedup key, with the handler that was given, else with the first one attached now."""
        found = [self._handler] if self._handler is not None else handlers.attached_handlers()
        return dedup_key(self._name, found[0].environment if found else None)

    def __enter__(self) -> Self:
        self._enter(_Place.of_caller(), threading.get_ident())
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._leave(error)

    async def __aenter__(self) -> Self:
        self._enter(_Place.of_caller(), None)
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._leave(error)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Guard every call of `function`; raises TypeError for what it cannot guard."""
        if isinstance(function, (staticmethod, classmethod)):
            return cast(Callable[P, R], type(function)(self(function.__func__)))
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"page_on_failure guards functions, not {function!r}")
        runs = _what_runs(function)
        if inspect.isgeneratorfunction(runs) or inspect.isasyncgenfunction(runs):
            raise TypeError(
                f"page_on_failure cannot guard {runs.__qualname__}, which is a generator: "
                "use a with block in it, or around the loop that runs it"
            )
        place = _Place.of(runs)
        if inspect.iscoroutinefunction(runs):
            coroutine_function = cast(Callable[P, Any], function)

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                return await _awaited(_Run(self, place, None), coroutine_function(*args, **kwargs))

            return cast(Callable[P, R], awaited)

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            run = _Run(self, place, threading.get_ident())
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                run.end(error)
                raise
            if inspect.iscoroutine(result):  # of a function that only returns the coroutine of another one
                run.in_a_task()
                return cast(R, _awaited(run, result))
            run.end(None)
            return result

        return called

    def _enter(self, place: _Place, thread: int | None) -> None:
        self._entered.setdefault(_whose(), []).append(_Run(self, place, thread))

    def _leave(self, error: BaseException | None) -> None:
        whose = _whose()
        if whose not in self._entered:  # entered by another task or thread
            whose = next(iter(list(self._entered)), whose)
        runs = self._entered.get(whose)
        if runs:
            run = runs.pop()
            if not runs:
                self._entered.pop(whose, None)
            run.end(error)

    def _page(
        self,
        place: _Place,
        words: str,
        *args: object,
        error: BaseException | None = None,
        stack: str | None = None,
        ran: float,
    ) -> None:
        exc_info = None if error is None else (type(error), error, error.__traceback__)
        page = record(
            self._name, self._severity, words, *args, place=place, exc_info=exc_info, stack=stack, ran=ran
        )
        if error is not None:
            paged_exceptions.mark(error, paged_exceptions.JOB, self._key)
        handlers.note_failure(self._key)
        handlers.call_each(
            self._handler, self._name, lambda handler: handler.handle(in_environment(page, handler))
        )

    def _succeed(self, overran: bool) -> None:
        if self._resolve_on_success and handlers.resolve_is_due(self._key, always=overran):
            handlers.call_each(
                self._handler,
                self._name,
                lambda handler: handler.resolve(dedup_key(self._name, handler.environment)),
            )


class _Run:
    """One run of a job.

    Args:
        guard: the job's guard.
        place: where the job is in the source.
        thread: the thread that runs the job and nothing else meanwhile; None: there is no such thread.
    """

    def __init__(self, guard: JobGuard, place: _Place, thread: int | None) -> None:
        self._guard = guard
        self._place = place
        self._thread = thread
        self._since = monotonic()
        self._overran = self._ended = False
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        limit = guard._max_seconds
        if limit is not None:
            timer = threading.Timer(limit, self._overrun, (limit,))
            timer.daemon = True
            try:
                timer.start()
            except RuntimeError:  # the process is ending, and cannot start threads
                return
            self._timer = timer

    def in_a_task(self) -> None:
        """Record that the job runs in a task, without a thread of its own."""
        self._thread = None

    def end(self, error: BaseException | None) -> None:
        """Record how the job ended: with `error`, or with success."""
        with self._lock:  # the page for its duration has been sent, or never will be
            self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        if error is None or (isinstance(error, SystemExit) and not fails(error)):
            self._guard._succeed(self._overran)
        elif fails(error):
            ran = monotonic() - self._since
            self._guard._page(self._place, "Job %s failed", self._guard._name, error=error, ran=ran)

    def _overrun(self, limit: float) -> None:
        with self._lock:
            if self._ended:
                return
            self._overran = True
            stack = None if self._thread is None else _stack_of(self._thread)
            words = "Job %s is still running after %s"
            ran = monotonic() - self._since
            self._guard._page(self._place, words, self._guard._name, in_words(limit), stack=stack, ran=ran)


async def _awaited(run: _Run, job: Awaitable[Any]) -> Any:
    """Return what a job's coroutine returns, as a run."""
    try:
        result = await job
    except BaseException as error:
        run.end(error)
        raise
    run.end(None)
    return result


def _what_runs(function: Callable[..., object]) -> Callable[..., Any]:
    """Return the function behind a partial one, or an object that can be called."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if inspect.isroutine(function) else type(function).__call__


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of source."""

    path: str = ""
    line: int = 0
    function: str = ""

    @classmethod
    def of(cls, function: Callable[..., object]) -> _Place:
        code = getattr(inspect.unwrap(function), "__code__", None)
        return cls() if code is None else cls(code.co_filename, code.co_firstlineno, code.co_name)

    @classmethod
    def of_caller(cls) -> _Place:
        frame = sys._getframe(1).f_back
        return cls() if frame is None else cls(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


# --- shared with `pagerduty-logging run` ----------------------------------------------------------


def dedup_key(name: str, environment: str | None = None) -> str:
    """Return the dedup key of a job in an environment, the same in every process and on every host.

    Raises:
        TypeError, ValueError: the name is invalid.
    """
    if not isinstance(name, str):
        hint = ': write @page_on_failure("name")' if callable(name) else ""
        raise TypeError(f"name must be text, not {type(name).__name__}{hint}")
    if not name.strip() or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise ValueError(f"name must be 1 to {MAX_NAME_CHARS} printable characters")
    return handlers.task_key("job", name.strip(), environment)


def in_words(seconds: float) -> str:
    """Return a length of time as text: "1 second", "0.5 seconds"."""
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


def record(
    name: str,
    severity: Severity,
    words: str,
    *args: object,
    place: _Place = _Place(),
    exc_info: Any = None,
    stack: str | None = None,
    ran: float,
    details: Mapping[str, object] | None = None,
) -> logging.LogRecord:
    """Return the log record of a job that needs attention; `details` are shown with the page."""
    level = logging.CRITICAL if severity is Severity.CRITICAL else logging.ERROR
    made = logging.LogRecord(
        name, level, place.path, place.line, words, args, exc_info, place.function or None, stack
    )
    made.pagerduty = {"dedup_key": dedup_key(name), "severity": str(severity)}
    made.ran_for = f"{ran:.1f} s"
    made.__dict__.update(details or {})
    setattr(made, overrides.GUARDED, True)
    return made


def in_environment(page: logging.LogRecord, handler: PagerDutyHandler) -> logging.LogRecord:
    """Return a copy of a job's record with the dedup key that it has with a handler."""
    changed = copy(page)
    changed.pagerduty = {**page.__dict__["pagerduty"], "dedup_key": dedup_key(page.name, handler.environment)}
    return changed


def _severity(value: Severity | str) -> Severity:
    try:
        return Severity(value)
    except ValueError:
        raise ValueError(f"severity must be one of {', '.join(Severity)}") from None


def _whose() -> tuple[int, int]:
    """Return a key for the current thread and, if there is one, the current task."""
    asyncio = sys.modules.get("asyncio")
    task = None
    if asyncio is not None:
        with suppress(RuntimeError):  # no event loop runs on this thread
            task = asyncio.current_task()
    return threading.get_ident(), id(task)


def _stack_of(thread: int) -> str | None:
    frame = sys._current_frames().get(thread)
    if frame is None:
        return None
    return "Stack (most recent call last):\n" + "".join(traceback.format_stack(frame)).rstrip()
