"""The two moments a process cannot be trusted through: its end and its fork.

No single exit hook fires everywhere: `atexit` does not in multiprocessing's forked children, the
threading module's does not in Celery's. Both are registered; together they share one budget. Both run
before `logging.shutdown`, and without logging's locks.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol


class Lives(Protocol):
    """What wants to be told of a process's end and forks."""

    flush_timeout: float

    def retry_now(self) -> None:
        """Begin to finish; the end is near."""

    def finish(self, timeout: float) -> None:
        """Finish within `timeout` seconds."""

    def report_undelivered(self) -> None:
        """Say what will be lost with the process: nothing more can be done."""

    def after_fork_in_child(self) -> None:
        """Begin anew: nothing of the parent's is this process's."""


class _Ending:
    """How far the end of the process has come, and how long it may still be delayed.

    Attributes:
        begun: the main thread is through; other threads may go on for as long as they like.
        over: the last hook has run; nobody will look again.
    """

    begun = False
    over = False

    def __init__(self) -> None:
        self._spent = 0.0

    def left(self) -> float:
        """Return the seconds of the budget that are left, one budget for everybody."""
        budget = max((living.flush_timeout for living in all_living()), default=0.0)
        return max(budget - self._spent, 0.0)

    def give_up(self) -> None:
        """Spend what is left."""
        self._spent += self.left()

    @contextmanager
    def waiting(self) -> Iterator[float]:
        """Give the seconds left to wait; what is spent waiting is taken from them."""
        since = time.monotonic()
        try:
            yield self.left()
        finally:
            self._spent += time.monotonic() - since


_living: weakref.WeakValueDictionary[int, Lives] = weakref.WeakValueDictionary()
_needed: dict[int, Lives] = {}
ending = _Ending()


def register(living: Lives) -> None:
    """Tell `living` of this process's end and forks, for as long as somebody else holds it."""
    _living[id(living)] = living


def hold(living: Lives) -> None:
    """Keep `living` until it says `let_go`: it has work that must not vanish with its owner."""
    _needed[id(living)] = living


def let_go(living: Lives) -> None:
    """Keep `living` no longer."""
    _needed.pop(id(living), None)


def enter_process() -> None:
    """Listen to the hosts whose processes end without any of Python's hooks.

    A pool child of Celery's that has done its tasks ends by `os._exit`; it says so by a signal of Celery's.
    """
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.worker_process_shutdown.connect(
            _before_celery_exits, weak=False, dispatch_uid="pagerduty-logging"
        )


def threads_run() -> bool:
    """Tell whether threads may be started, and run.

    A sub-interpreter that ends beside one aborts the process. In uWSGI they run only if it was told to let
    them, and none may run before it forks: it does so without Python's knowledge, and a child whose
    parent's thread held the interpreter's lock at that moment waits for it for ever.
    """
    return not will_fork_unseen() and _IN_MAIN_INTERPRETER and not uwsgi_lacks_threads()


def will_fork_unseen() -> bool:
    """Tell whether this is a process of uWSGI's that has not forked its workers yet."""
    uwsgi: Any = sys.modules.get("uwsgi")
    return hasattr(uwsgi, "worker_id") and uwsgi.worker_id() == 0 and uwsgi.mule_id() == 0


def after_unseen_fork(call: Callable[[], object]) -> None:
    """Let uWSGI call `call` in each worker that it forks, after what it would call anyway."""
    uwsgi: Any = sys.modules["uwsgi"]
    before = getattr(uwsgi, "post_fork_hook", None)

    def hook() -> None:
        if before is not None:
            before()
        call()

    uwsgi.post_fork_hook = hook


def uwsgi_lacks_threads() -> bool:
    """Tell whether this is uWSGI, not told to let threads run."""
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


_IN_MAIN_INTERPRETER = _in_main_interpreter()
"""Found out on import: it takes a millisecond, which the first page has not."""


def all_living() -> list[Lives]:
    """Return all that are registered and still live."""
    return [living for ref in _living.valuerefs() if (living := ref()) is not None]


def drain() -> None:
    """Let everybody finish, within what is left of the budget; a second Ctrl-C ends the waiting."""
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
    ending.begun = True
    drain()
    if last:
        ending.over = True
        for living in all_living():
            living.report_undelivered()


def _at_exit() -> None:
    _end(last=True)


def _before_threads_are_joined() -> None:
    process = sys.modules.get("multiprocessing.process")
    # No `atexit` will come in a child of multiprocessing's.
    _end(last=process is not None and process.parent_process() is not None)


def _before_celery_exits(**_: object) -> None:
    _end(last=True)


def _after_fork_in_child() -> None:
    global ending
    ending = _Ending()
    everybody = all_living()
    _needed.clear()
    for living in everybody:
        living.after_fork_in_child()


atexit.register(_at_exit)
# Private, but the only hook that runs in multiprocessing's children; absent, `atexit` remains.
if hasattr(threading, "_register_atexit"):
    try:
        threading._register_atexit(_before_threads_are_joined)
    except RuntimeError:  # first imported while the process ends: too late for either hook
        ending.begun = ending.over = True
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
