"""Loads what a page needs, once: a second after a handler is made, with the first event, or before a fork.

That takes a tenth of a second, which must not delay the start of a program, nor the end of one that has
nothing to send. Later there may be no file descriptor left to load anything.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

from pagerduty_logging.delivery import half_imported, logging_lock, process
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.later import later

PATIENCE = 2.0
"""Seconds to wait for a running `dictConfig`, or for another thread that loads."""


class BeingLoaded(TimeoutError):
    """Another thread is loading, and takes long; it reports its own errors."""


class Preparation(process.Bystander):
    """Loads what a page needs.

    Args:
        load: does it; raises an exception if that is not possible now.
        diagnostics: gets a notice then.
    """

    def __init__(self, load: Callable[[], object], diagnostics: Diagnostics) -> None:
        self._load = load
        self._diagnostics = diagnostics
        self._done = False
        self._lock = threading.Lock()
        process.register(self)

    def soon(self) -> None:
        """Load in a second; at once, if no thread can."""
        me = weakref.ref(self)  # a handler that is deleted by then needs nothing

        def load() -> None:
            waiting = me()
            if waiting is not None:
                waiting._now()

        if not later.ask(load, at_fork=True):
            self._now()

    def __call__(self) -> None:
        """Load, unless that is done.

        Raises:
            Exception: why it is not possible.
        """
        if self._done:
            return
        if not self._lock.acquire(
            timeout=PATIENCE
        ):  # also if a signal handler runs while this thread is loading
            raise BeingLoaded("it is being loaded, and that takes too long")
        try:
            if not self._done:
                if not logging_lock.is_free(PATIENCE):
                    raise TimeoutError("logging is being set up, and that takes too long")
                self._load()
                self._done = True
        finally:
            self._lock.release()
            if process.ending.begun and getattr(sys, "last_type", None) is KeyboardInterrupt:
                _end_by_signal()

    def after_fork_in_child(self) -> None:
        """Load again, if a thread of the parent was loading at the moment of the fork."""
        if self._lock.locked():
            half_imported.forget()
            self._lock = threading.Lock()

    def _now(self) -> None:
        try:
            self()
        except BeingLoaded:
            pass
        except Exception as broken:
            words = f"cannot load what a page needs, will try again with the first: {type(broken).__name__}"
            self._diagnostics.say("load", f"{words}: {broken}", always=True)


def _end_by_signal() -> None:
    """Make a program that Ctrl-C ends still end by the signal, for the shell to see.

    CPython notes in its `run_eval_code_obj` that this exception ended the program, and forgets it when it
    next runs code from a text, as for each named tuple that an import makes.
    """
    with suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt")
