"""What happens at the end of a process and at a fork.

No single exit hook fires everywhere: `atexit` does not in multiprocessing's forked children, the
threading module's does not in Celery's. Both are registered; together they share one budget. Both run
before `logging.shutdown`, and without logging's locks.
"""

from __future__ import annotations

import atexit
import contextvars
import importlib
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from pagerduty_logging.events_api.clock import monotonic

SHORT_ATTEMPT = 1.0
"""Seconds that an attempt may always take."""


class Lives(Protocol):
    """An object that is called at the end of the process and in its forks."""

    flush_timeout: float

    def retry_now(self) -> None:
        """Prepare for the end of the process: retry at once."""

    def finish(self, timeout: float) -> None:
        """Finish within `timeout` seconds."""

    def report_undelivered(self) -> None:
        """Report what will be lost with the process: nothing more can be done."""

    def after_fork_in_child(self) -> None:
        """Reset: nothing that belongs to the parent is this process's."""


class Bystander:
    """A `Lives` that has nothing to finish at the end of the process."""

    flush_timeout = 0.0

    def retry_now(self) -> None:
        """There is nothing to retry."""

    def finish(self, timeout: float) -> None:
        """There is nothing to wait for."""

    def report_undelivered(self) -> None:
        """There is nothing to lose."""


class _Ending:
    """How far the end of the process has come, and how long it may still be delayed.

    Attributes:
        begun: the main thread has ended; other threads may still run, for any length of time.
        over: the last hook has run; nothing runs after it.
        dismissed: threads that will be joined must end now.
        unheard: possibly no hook will run any more, so that the logging call itself sends.
    """

    begun = False
    over = False
    dismissed = False
    unheard = False

    def __init__(self) -> None:
        self._spent = 0.0
        self._until: float | None = None

    def begin(self) -> None:
        """Note that it has begun, and how long it may take."""
        if not self.begun:
            self.begun, self._until = True, monotonic() + self.left()

    def attempt(self, timeout: float, flush_timeout: float) -> float:
        """Return the seconds that one attempt may take on a thread that is joined at the end."""
        longest = min(timeout, max(flush_timeout, SHORT_ATTEMPT))
        return longest if self._until is None else min(longest, max(self._until - monotonic(), 0.0))

    def left(self) -> float:
        """Return the seconds that are left of the budget, which all handlers share."""
        budget = max((living.flush_timeout for living in all_living()), default=0.0)
        return max(budget - self._spent, 0.0)

    def give_up(self) -> None:
        """Set the budget to zero."""
        self._spent += self.left()

    def spare(self, flush: Callable[[float], bool]) -> bool:
        """Call `flush` with the seconds left; before the end has begun, a complete flush costs nothing."""
        spent = self._spent
        with self.waiting() as left:
            done = flush(left)
        if done and not self.begun:
            self._spent = spent
        return done

    @contextmanager
    def waiting(self) -> Iterator[float]:
        """Yield the seconds left; the time spent in the block is deducted."""
        since = monotonic()
        try:
            yield self.left()
        finally:
            self._spent += monotonic() - since


_living: weakref.WeakValueDictionary[int, Lives] = weakref.WeakValueDictionary()
_needed: dict[int, Lives] = {}
ending = _Ending()


def register(living: Lives) -> None:
    """Call `living` at this process's end and forks, for as long as something else holds it."""
    _living[id(living)] = living


def hold(living: Lives) -> None:
    """Keep `living` until `let_go` is called: it has work that must outlive its owner."""
    _needed[id(living)] = living


def let_go(living: Lives) -> None:
    """Stop keeping `living`."""
    _needed.pop(id(living), None)


def enter_process() -> None:
    """Connect to hosts whose processes end without any of Python's hooks.

    A child of Celery's pool ends by `os._exit` when it has done its tasks, after it has sent a Celery signal.
    """
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.worker_process_shutdown.connect(
            _before_celery_exits, weak=False, dispatch_uid="pagerduty-logging"
        )


def threads_run() -> bool:
    """Return whether threads may be started, and will run.

    In uWSGI they run only if its options allow it, and none may run before it forks: Python does not notice
    these forks, and if a thread of the parent held the interpreter's lock, the child waits for it for ever.
    """
    return not (will_fork_unseen() or uwsgi_lacks_threads() or interpreter_lacks_threads())


def interpreter_lacks_threads() -> bool:
    """Return whether this is a sub-interpreter that can neither end while a thread runs nor wait for it."""
    return not IN_MAIN_INTERPRETER and sys.version_info < (3, 14)


def will_fork_unseen() -> bool:
    """Return whether this is a uWSGI process that has not forked its workers yet."""
    uwsgi: Any = sys.modules.get("uwsgi")
    return hasattr(uwsgi, "worker_id") and uwsgi.worker_id() == 0 and uwsgi.mule_id() == 0


def after_unseen_fork(call: Callable[[], object]) -> None:
    """Make uWSGI call `call` in each worker that it forks, after its other hooks."""
    uwsgi: Any = sys.modules["uwsgi"]
    before = getattr(uwsgi, "post_fork_hook", None)

    def hook() -> None:
        if before is not None:
            before()
        call()

    uwsgi.post_fork_hook = hook


def sends_in_call() -> bool:
    """Return whether this process stops, or ends, without waiting for a thread to send what was logged.

    AWS Lambda freezes it with the answer (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html);
    RQ's work horse ends by `os._exit` after its job.
    """
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ or _in_work_horse()


def _in_work_horse() -> bool:
    if "rq.worker" not in sys.modules:
        return False
    # The main thread's: a job may log on other threads.
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("rq.worker") and frame.f_code.co_name in ("fork_work_horse", "main_work_horse"):
            return True
        frame = frame.f_back
    return False


def uwsgi_lacks_threads() -> bool:
    """Return whether this is uWSGI with threads disabled."""
    options = getattr(sys.modules.get("uwsgi"), "opt", None)
    if not isinstance(options, dict):
        return False
    names = {name.decode() if isinstance(name, bytes) else name for name in options}
    return names.isdisjoint({"enable-threads", "threads"})


def _in_main_interpreter() -> bool:
    for name in ("_interpreters", "_xxsubinterpreters"):  # as they are called from 3.13 on, and before
        with suppress(ImportError):
            interpreters = importlib.import_module(name)
            return bool(interpreters.get_current() == interpreters.get_main())
    return True


IN_MAIN_INTERPRETER = _in_main_interpreter()
"""Determined on import: it takes a millisecond, which would delay the first page."""


def new_thread(run: Callable[[], object], name: str = "pagerduty-logging") -> threading.Thread:
    """Return a thread, not started yet, that calls `run` and does not outlive the process.

    It gets an empty context: if threads inherit theirs (an option of Python 3.14), it would keep the first
    page's alive, with the request in it. In a sub-interpreter the thread is joined at the end, because one
    that ends with a daemon thread aborts the process, and from Python 3.14 on it starts none. See
    `ending.dismissed`.
    """
    options: dict[str, Any] = {"context": contextvars.Context()} if sys.version_info >= (3, 14) else {}
    return threading.Thread(target=run, name=name, daemon=IN_MAIN_INTERPRETER, **options)


def all_living() -> list[Lives]:
    """Return all that are registered and not deleted."""
    return [living for ref in _living.valuerefs() if (living := ref()) is not None]


def drain() -> None:
    """Let all handlers finish, within what is left of the budget; a second Ctrl-C stops the wait."""
    everybody = all_living()
    try:
        for living in everybody:
            living.retry_now()
        for living in everybody:
            with ending.waiting() as left:
                living.finish(left)
    except KeyboardInterrupt:
        ending.give_up()


def _end(last: bool) -> None:
    ending.begin()
    drain()
    if last:
        ending.over = True
        for living in all_living():
            living.report_undelivered()


def _at_exit() -> None:
    _end(last=True)


def _before_threads_are_joined() -> None:
    process = sys.modules.get("multiprocessing.process")
    # A child of multiprocessing runs no `atexit` functions.
    _end(last=process is not None and process.parent_process() is not None)
    ending.dismissed = not IN_MAIN_INTERPRETER
    if ending.dismissed:
        for living in all_living():
            living.retry_now()  # wakes its thread


def _before_celery_exits(**_: object) -> None:
    _end(last=True)


def _after_fork_in_child() -> None:
    global ending
    ending = _Ending()
    everybody = all_living()
    _needed.clear()
    for living in everybody:
        living.after_fork_in_child()


def _called_at_the_end() -> bool:
    """Return whether the main thread may be in a function that the interpreter calls when it ends.

    Functions that are registered while those of `atexit` run are never called, nor are the hooks of
    `threading`, if it was not loaded before. Such a function is the outermost on the stack; normally that is
    a module.
    """
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    code = frame.f_code
    return (
        IN_MAIN_INTERPRETER
        and threading.get_ident() == threading.main_thread().ident
        and code.co_name != "<module>"
        and not code.co_filename.startswith("<frozen")
        and frame.f_globals.get("__name__") != "runpy"
    )


ending.unheard = _called_at_the_end()
atexit.register(_at_exit)
# Private, but the only hook that runs in multiprocessing's children; absent, `atexit` remains.
if hasattr(threading, "_register_atexit"):
    try:
        threading._register_atexit(_before_threads_are_joined)
    except RuntimeError:  # first imported while the process ends: too late for either hook
        ending.begun = ending.over = True
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
