"""Real programs against a real server: each runs in its own process, with a kill timer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

KILL_AFTER = 90.0
"""Seconds: no program of the tests takes so long unless it hangs."""

FORKS_WITH_THREADS = "ignore:This process:DeprecationWarning"
"""Python 3.12 and later warn of every fork beside a thread: such programs are what is tested."""

PRELUDE = """
import atexit, logging, logging.config, os, signal, sys, threading, time
from pagerduty_logging import PagerDutyHandler, Retry
from pagerduty_logging.delivery import preparation
preparation.PATIENCE = 20.0  # a busy machine may need more than two seconds to load what a page needs
URL = os.environ["PAGERDUTY_EVENTS_URL"]
def handler(**options):
    options = {"base_url": URL, "routing_key": "r" * 32, "spool": os.environ.get("SPOOL"), **options}
    options.setdefault("fingerprint", lambda record: str(record.msg))  # numbered problems are different ones
    return PagerDutyHandler(**options)
def attached(**options):
    made = handler(**options)
    log.addHandler(made)
    return made
def sending(made):
    "Tell whether an event of this handler is under way."
    return made._delivery.worker.queue.sending is not None
def deferred(made):
    "Return how many records wait in this handler's inbox."
    return len(made._delivery.worker.queue.inbox)
log = logging.getLogger("program")
log.propagate = False
"""

PATIENT = """
import pagerduty_logging.state.breaker, pagerduty_logging.state.redis
pagerduty_logging.state.breaker.PATIENCE = 20.0
pagerduty_logging.state.redis.PATIENCE = pagerduty_logging.state.redis.PATIENCE_IN_BACKGROUND = 20.0
"""
"""For programs whose state is well: on a busy machine it may need more than a quarter of a second."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status (negative: the signal), what it wrote, how long it took."""

    status: int
    out: str
    err: str
    seconds: float

    def well(self) -> None:
        """Assert that it ended well, without a word on stderr."""
        assert self.status == 0, self.err
        assert self.err == ""


def run(
    program: str,
    url: str,
    *,
    spool: Path | None = None,
    interfere: Callable[[subprocess.Popen[str]], object] | None = None,
    preload: str = PRELUDE,
    measured: bool = True,
) -> Ended:
    """Run a program to its end; `interfere` is called with the running process.

    Programs that fork beside busy threads, or log from signal handlers, are not `measured`: coverage
    takes its own lock when it meets new code, and such a program then hangs on that.
    """
    with started(program, url, spool=spool, preload=preload, measured=measured) as process:
        since = time.monotonic()
        if interfere is not None:
            interfere(process)
        out, err = process.communicate(timeout=KILL_AFTER)
        return Ended(process.returncode, out, err, time.monotonic() - since)


@contextmanager
def started(
    program: str,
    url: str,
    *,
    spool: Path | None = None,
    preload: str = PRELUDE,
    measured: bool = True,
) -> Iterator[subprocess.Popen[str]]:
    """Start a program; whatever it has started is killed with it at the end of the block."""
    given = environment(url, spool, measured=measured)
    with _running(["-c", preload + textwrap.dedent(program)], given) as process:
        yield process


def run_file(main: Path, url: str, *arguments: str) -> Ended:
    """Run a program that is a file: what `multiprocessing` spawns imports it."""
    with _running([str(main), *arguments], environment(url, measured=False)) as process:
        since = time.monotonic()
        out, err = process.communicate(timeout=KILL_AFTER)
        return Ended(process.returncode, out, err, time.monotonic() - since)


@contextmanager
def _running(arguments: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-W", FORKS_WITH_THREADS, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def environment(url: str, spool: Path | None = None, *, measured: bool = True) -> dict[str, str]:
    """Return the environment of a program that pages to `url`."""
    own = {"PAGERDUTY_EVENTS_URL": url, "PAGERDUTY_ROUTING_KEY": "r" * 32, "PYTHONUNBUFFERED": "1"}
    if spool is not None:
        own["SPOOL"] = str(spool)
    inherited = {k: v for k, v in os.environ.items() if measured or not k.startswith("COVERAGE_")}
    return {**inherited, **own}


def says(process: subprocess.Popen[str], word: str) -> None:
    """Wait until the program has written a line that is `word`."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"the program ended without saying {word!r}: {process.stderr.read()}")  # type: ignore[union-attr]


def until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Wait until `condition()` is true."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.01)
