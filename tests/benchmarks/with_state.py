"""What a shared state costs a program: beside the same handler without one, in turns.

    python -m tests.benchmarks.with_state [ROUNDS]

Prints the time to the page as a ratio, the least that asking takes without any code of ours, the slowest call
while the state hangs, and a repeat's instructions (where valgrind is installed).
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from statistics import median, quantiles

from pagerduty_logging import PagerDutyHandler
from tests.benchmarks import instructions
from tests.benchmarks.contenders import Addresses
from tests.benchmarks.processes import server
from tests.benchmarks.workloads import Call, first, logger_with, page_times
from tests.state.servers import Server, running

WARM_UP, PAIRS = 10, 30
"""In each round: of more new problems at one line a handler makes fewer alerts."""
ROUNDS = 5
PAUSE = 0.05
"""Seconds between two calls: as between two new problems, what is to answer sleeps meanwhile."""
OURS = "pagerduty-logging"


def calls(to: Addresses, states: list[str | None]) -> list[Call]:
    """Return what logs a new problem with each of the states."""
    handlers = [
        PagerDutyHandler("0" * 32, base_url=to.url, max_events_per_minute=100_000, state=state)
        for state in states
    ]
    time.sleep(1.0)  # they connect
    return [first(logger_with(handler, str(number))) for number, handler in enumerate(handlers)]


def time_to_page(kind: str, state: str, rounds: int, cpus: tuple[set[int], set[int]]) -> None:
    """Compare the way of a new problem to its arrival.

    Args:
        kind: of the state, for people.
        state: its address.
        rounds: each with a server of its own.
        cpus: those of the program, and those of the servers.
    """
    found = []
    for _ in range(rounds):
        with _on(cpus[1]), server("answering") as to, _on(cpus[0]):
            found += page_times(calls(to, [state, None]), to, WARM_UP + PAIRS)[WARM_UP:]
    ratios = [mine / its for mine, its in found]
    low, _, high = quantiles(ratios, n=4)
    mine, its = (median(one) * 1_000 for one in zip(*found, strict=True))
    print(
        f"{kind}: time to page {median(ratios):.2f} x without (quartiles {low:.2f} to {high:.2f}, "
        f"{len(found)} pairs): {mine:.2f} ms against {its:.2f} ms",
        flush=True,
    )


@contextmanager
def _on(cpus: set[int]) -> Iterator[None]:
    """Let this thread, and what it starts, run on these CPUs alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def least(redis: Server, folder: str, times: int) -> None:
    """Measure what no way of asking can do without: a bare round trip, or one row that a thread writes."""
    with closing(socket.create_connection(("127.0.0.1", redis.port))) as bare:

        def ping() -> None:
            bare.sendall(b"PING\r\n")
            bare.recv(64)

        print(f"the least, Redis: PING on a bare socket {_after_pauses(ping, times):.2f} ms", flush=True)
    rows: SimpleQueue[str | None] = SimpleQueue()
    written: SimpleQueue[None] = SimpleQueue()
    with closing(
        sqlite3.connect(os.path.join(folder, "least.sqlite"), isolation_level=None, check_same_thread=False)
    ) as database:
        for statement in ("journal_mode = WAL", "synchronous = NORMAL"):
            database.execute(f"PRAGMA {statement}")
        database.execute("CREATE TABLE rows (row TEXT)")

        def write() -> None:
            while (row := rows.get()) is not None:
                database.execute("INSERT INTO rows VALUES (?)", (row,))
                written.put(None)

        def insert() -> None:
            rows.put("x" * 300)
            written.get()

        thread = threading.Thread(target=write)
        thread.start()
        taken = _after_pauses(insert, times)
        rows.put(None)
        thread.join()
    print(f"the least, SQLite: one row by another thread {taken:.2f} ms", flush=True)


def _after_pauses(call: Callable[[], object], times: int) -> float:
    """Return the median of its milliseconds."""
    taken = []
    for _ in range(times):
        time.sleep(PAUSE)
        since = time.perf_counter()
        call()
        taken.append(time.perf_counter() - since)
    return median(taken) * 1_000


def repeat_instructions(kind: str, state: str) -> None:
    """Compare the instructions of a repeat."""
    with _environment(""):
        its = instructions.count([OURS], ["repeat"])["repeat"][OURS]
    with _environment(state):
        mine = instructions.count([OURS], ["repeat"])["repeat"][OURS]
    print(f"{kind}: a repeat takes {mine:,.0f} instructions, without state {its:,.0f}: {mine / its:.3f} x")


@contextmanager
def _environment(state: str) -> Iterator[None]:
    os.environ["PAGERDUTY_STATE"] = state
    try:
        yield
    finally:
        del os.environ["PAGERDUTY_STATE"]


def while_it_hangs(redis: Server, times: int) -> None:
    """Compare the slowest call, of new problems and repeats in turns, while Redis hangs and without one."""
    with server("answering") as to:
        logging_calls = calls(to, [redis.url, None])
        for call in logging_calls:
            call()
        time.sleep(1.0)
        redis.signal(signal.SIGSTOP)
        taken: list[list[float]] = [[], []]
        try:
            for turn in range(times):
                for number in (0, 1) if turn % 2 else (1, 0):  # the first after a pause takes longer
                    since = time.perf_counter()
                    logging_calls[number]()
                    taken[number].append(time.perf_counter() - since)
                time.sleep(0.005)
        finally:
            redis.signal(signal.SIGCONT)
    mine, its = (sorted(one) for one in taken)
    print(
        f"Redis hangs, {times} new problems each: slowest call {mine[-1] * 1_000:.2f} ms, without state "
        f"{its[-1] * 1_000:.2f} ms; 99th percentile {mine[-times // 100] * 1_000:.2f} and "
        f"{its[-times // 100] * 1_000:.2f} ms"
    )


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as redis:
        every = os.sched_getaffinity(0)
        states = {"Redis": redis.url, "SQLite": os.path.join(folder, "state.sqlite")}
        for kind, state in states.items():
            time_to_page(kind, state, rounds, (every, every))
        if len(every) > 1:
            program, *others = sorted(every)
            os.sched_setaffinity(redis._process.pid, others)
            time_to_page("Redis on a CPU of its own", redis.url, rounds, ({program}, set(others)))
            os.sched_setaffinity(redis._process.pid, every)
        least(redis, folder, 40 * rounds)
        while_it_hangs(redis, 200 * rounds)
        for kind, state in states.items():
            if instructions.available():
                repeat_instructions(kind, state)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
