"""Runs a command as if it were not supervised: with its own streams, signals and exit status.

One thread does everything: it passes on what the command writes to stderr, forwards signals, and watches
the time limit.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import subprocess
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import TypeAlias

from pagerduty_logging.events_api.clock import monotonic

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL."""
DRAIN = 5.0
"""Seconds in which the rest of stderr is passed on to a slow reader after the command has ended."""
FORWARDED = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
TO_THE_COMMAND_ALONE = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals that end a process unless it handles them: for the command only, not for what it has started."""
FROM_THE_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to every process in its foreground."""
CHUNK = 4096
"""Bytes passed on at a time: PIPE_BUF on Linux, which a pipe that is ready takes at once (POSIX)."""
TAIL_BYTES = 8_192
TAIL_LINES = 20
STDERR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a command ended, or its state at the time limit.

    Attributes:
        status: its exit status; negative: the signal that ended it.
        seconds: how long it ran.
        timed_out: it ran longer than the time limit, and was asked to end.
        forwarded: signals that we forwarded to it.
        last_lines: the last lines that it wrote to stderr.
    """

    status: int = 0
    seconds: float = 0.0
    timed_out: bool = False
    forwarded: frozenset[int] = frozenset()
    last_lines: list[str] = field(default_factory=list)

    @property
    def interrupted(self) -> bool:
        """Whether the command was ended by Ctrl-C."""
        return self.status in (-signal.SIGINT, 128 + signal.SIGINT) and signal.SIGINT in self.forwarded

    @property
    def failed(self) -> bool:
        """Whether the command needs a person's attention."""
        return self.timed_out or (self.status != 0 and not self.interrupted)


class Supervisor:
    """Runs `command` once.

    Args:
        command: the program and its arguments.
        environment: its variables; None: ours.
        timeout: seconds after which it is asked to end; None: never.
        grace: seconds from then until it is killed.
        on_timeout: called when the time limit has passed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
        grace: float = GRACE,
        on_timeout: Callable[[CommandResult], object],
    ) -> None:
        self._command = list(command)
        self._environment = environment
        self._timeout = timeout
        self._grace = grace
        self._on_timeout = on_timeout
        self._forwarded: set[int] = set()
        self._waiting: list[int] = []
        self._timed_out = False

    def run(self) -> CommandResult:
        """Run the command to its end.

        Raises:
            OSError: it cannot be started.
        """
        # In the foreground of a terminal it stays in our process group, so that it can read from the
        # terminal and gets its signals; elsewhere it has its own group, which can be ended as a whole.
        self._shares_group = _in_foreground()
        self._since = monotonic()
        _occupy_stderr()
        theirs, ours = _stderr()
        with _listening(self._notice) as wake:
            try:
                self._child = subprocess.Popen(
                    self._command,
                    stderr=theirs,
                    env=self._environment,
                    process_group=None if self._shares_group else 0,
                )
            except BaseException:
                os.close(ours)
                raise
            finally:
                os.close(theirs)
            _listen_to_ignored(self._notice)
            self._stderr = _PassedOn(ours)
            try:
                self._watch(wake)
                if self._timed_out and not self._shares_group:
                    self._kill(signal.SIGKILL)  # processes that it has started and left running
                self._stderr.finish()
            finally:
                os.close(ours)
        return self._result(self._child.returncode)

    def _notice(self, number: int, _frame: FrameType | None) -> None:
        self._waiting.append(number)

    def _watch(self, wake: int) -> None:
        """Pass on output, forward signals and wait until the command has ended."""
        deadline = None if self._timeout is None else self._since + self._timeout
        while self._child.poll() is None:
            if deadline is not None and monotonic() >= deadline:
                deadline = self._end()
            left = None if deadline is None else max(deadline - monotonic(), 0.0)
            self._stderr.step(left, wake)
            while self._waiting:
                self._forward(self._waiting.pop(0))

    def _forward(self, number: int) -> None:
        if number == signal.SIGCHLD:
            return
        self._forwarded.add(number)
        if number in TO_THE_COMMAND_ALONE:
            self._child.send_signal(number)
        elif not (self._shares_group and number in FROM_THE_TERMINAL):
            self._kill(number)

    def _end(self) -> float | None:
        """Ask the command to end, or kill it; return when to check again."""
        if self._timed_out:
            self._kill(signal.SIGKILL)
            return None
        self._timed_out = True
        self._on_timeout(self._result(0))
        self._kill(signal.SIGTERM)
        self._kill(signal.SIGCONT)
        return monotonic() + self._grace

    def _kill(self, number: int) -> None:
        if self._shares_group:
            self._child.send_signal(number)
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)

    def _result(self, status: int) -> CommandResult:
        return CommandResult(
            status=status,
            seconds=monotonic() - self._since,
            timed_out=self._timed_out,
            forwarded=frozenset(self._forwarded),
            last_lines=self._stderr.last_lines(),
        )


class _PassedOn:
    """Passes the command's stderr on to ours, and keeps the end of it.

    Nothing is read before the last chunk has been written: a slow reader slows the command, as it would
    without us.
    """

    def __init__(self, source: int) -> None:
        os.set_blocking(source, False)
        self._source = source
        self._open = True
        self._to_write = b""
        self._tail = b""

    def step(self, timeout: float | None, *others: int) -> bool:
        """Pass on one chunk, or wait until that is possible; return whether anything was done."""
        with selectors.SelectSelector() as selector:
            for other in others:
                selector.register(other, selectors.EVENT_READ)
            if self._to_write:
                selector.register(STDERR, selectors.EVENT_WRITE)
            elif self._open:
                selector.register(self._source, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(timeout)}
        for other in ready.intersection(others):
            os.read(other, CHUNK)
        if STDERR in ready:
            self._write()
        if self._source in ready:
            self._read()
        return bool(ready)

    def finish(self) -> None:
        """Pass on the rest, without waiting for processes that the command has left running."""
        until = monotonic() + DRAIN
        while monotonic() < until and self._open:
            if not self.step(0.0):
                if not self._to_write:
                    return
                self.step(until - monotonic())

    def last_lines(self) -> list[str]:
        """Return the last lines, as a terminal would show them."""
        lines = self._tail.decode("utf-8", "replace").splitlines()
        shown = [line.rstrip() for line in lines if line.strip()]
        if len(self._tail) == TAIL_BYTES and len(shown) > 1:
            del shown[0]  # cut at its beginning
        return shown[-TAIL_LINES:]

    def _read(self) -> None:
        try:
            self._to_write = os.read(self._source, CHUNK)
        except BlockingIOError:
            return
        except OSError:  # how a terminal reports its end
            self._to_write = b""
        self._open = self._to_write != b""
        self._tail = (self._tail + self._to_write)[-TAIL_BYTES:]

    def _write(self) -> None:
        try:
            written = os.write(STDERR, self._to_write)
        except BlockingIOError:
            return
        except OSError:  # it has no reader
            written = len(self._to_write)
        self._to_write = self._to_write[written:]


def _occupy_stderr() -> None:
    """Open the null device as stderr if it is closed, so that no other file gets its number."""
    try:
        os.fstat(STDERR)
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        if nothing != STDERR:
            os.dup2(nothing, STDERR)
            os.close(nothing)


def _stderr() -> tuple[int, int]:
    """Return the command's stderr and our end of it: a terminal where ours is one."""
    if not os.isatty(STDERR):
        ours, theirs = os.pipe()
        return theirs, ours
    ours, theirs = os.openpty()
    tty.setraw(theirs)  # bytes are passed on as they are
    with suppress(OSError):
        size = fcntl.ioctl(STDERR, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    return theirs, ours


def _in_foreground() -> bool:
    """Return whether a terminal sends its signals to our process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


_Notice: TypeAlias = Callable[[int, FrameType | None], object]


def _forwarded() -> list[signal.Signals]:
    return [getattr(signal, name) for name in FORWARDED]


def _listen_to_ignored(notice: _Notice) -> None:
    """Call `notice` also for signals that were ignored when we started, as SIGHUP is under nohup.

    To be called after the command has started, because the command inherits what is ignored. It may handle
    these signals anyway, and then expects to get them.
    """
    for number in _forwarded():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, notice)


@contextmanager
def _listening(notice: _Notice) -> Iterator[int]:
    """Call `notice` for signals, except ignored ones; yields a descriptor that is readable after a signal."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = {number: signal.getsignal(number) for number in [signal.SIGCHLD, *_forwarded()]}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN or number == signal.SIGCHLD:
                signal.signal(number, notice)
        yield reader
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(wakeup)
        os.close(reader)
        os.close(writer)
