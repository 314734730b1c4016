"""Calls functions a second later, on a thread that ends when there is nothing left to call."""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from collections.abc import Callable

from pagerduty_logging.delivery import process
from pagerduty_logging.events_api.forking import FORK_WAIT, fork_gate

A_WHILE = 1.0
"""Seconds until a call."""


class LaterCalls:
    """Calls functions after a while, if threads run in this process and it does not end before.

    The functions raise nothing. A forked child forgets them. The thread ends before a fork, because Python
    warns about forks of a process with threads.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._asked: deque[tuple[Callable[[], object], bool]] = deque()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def ask(self, call: Callable[[], object], *, at_fork: bool = False) -> bool:
        """Call `call` after `A_WHILE`; return whether there is a thread to do so.

        Args:
            call: raises nothing.
            at_fork: whether to call it before a fork that comes earlier.
        """
        if process.ending.begun or not (process.IN_MAIN_INTERPRETER and process.threads_run()):
            return False
        _watch_forks()
        asked = (call, at_fork)
        self._asked.append(asked)
        if self._thread is None and not self._start():
            self._asked.remove(asked)
            return False
        return True

    def _start(self) -> bool:
        self._stop = threading.Event()  # of the same kind as the thread: gevent may have patched since
        self._thread = thread = process.new_thread(self._run, name="pagerduty-logging-later")
        try:
            thread.start()
        except RuntimeError:
            self._thread = None
            return False
        return True

    def _run(self) -> None:
        stop = self._stop
        while self._asked and not stop.wait(A_WHILE):
            for _ in range(len(self._asked)):
                call, _at_fork = self._asked.popleft()
                call()
        self._thread = None
        if self._asked and not stop.is_set():
            self._start()

    # --- forks -------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """End our thread, and call what must not wait, before a fork."""
        thread = self._thread
        if thread is not None and thread.ident != threading.get_ident():
            self._stop.set()
            thread.join(FORK_WAIT)
        asked, self._asked = self._asked, deque()
        for call, at_fork in asked:
            if at_fork:
                call()
            else:
                self._asked.append((call, at_fork))

    def after_fork_in_parent(self) -> None:
        """Continue after the fork, in the parent."""
        if self._asked and self._thread is None:
            self._start()

    def after_fork_in_child(self) -> None:
        """Start empty, in the child."""
        self._begin()


@functools.cache
def _watch_forks() -> None:
    fork_gate()  # registered first: later hooks are called earlier, and what these call may use the gate
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=later.before_fork,
            after_in_parent=later.after_fork_in_parent,
            after_in_child=later.after_fork_in_child,
        )


later = LaterCalls()
"""The one of this process."""
