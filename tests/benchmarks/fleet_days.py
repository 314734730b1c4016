"""Bad days of a fleet: its processes are replaced, PagerDuty refuses everything, the state is away.

    python -m tests.benchmarks.fleet restart|refused|away [redis|sqlite]

Each process writes what it has logged to a file, so that the truth is known of those that are killed, too.
What they came to is in `pagerduty_logging/state/README.md`.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from pagerduty_logging.state.options import find_place
from pagerduty_logging.state.outbox import HAND_IN
from tests.benchmarks.workloads import loaded

CRITICAL = "orders are paid and not stored"
HANDLERS = 2
EVERY = 0.1
"""Seconds between two rounds of faults of a process."""
OLD, NEW = "1.4.1", "1.4.2"
ENDS = ("SIGTERM", "SIGKILL", "_exit", "exit")
"""How processes end; the last one in order."""
FAULTS = ["the database is gone", "the queue is full", "the disk is full", "no mail goes out", "no cache"]
PLACES = ("shop", "store", "office", "bank", "yard")
PHASE = 20.0
"""Seconds for which PagerDuty refuses everything."""
AWAY = 15.0
"""Seconds for which the state is away."""

# --- one process ---------------------------------------------------------------------------------


def work(url: str, state: str, release: str, rounds: int, truth: str) -> None:
    """Do what stdin says, and write to a file what was logged.

    Args:
        rounds: of faults; 0: until the end.
        truth: the file: lines of a word, the time, and more.
    """
    handlers = [
        PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=url, state=state, release=release, flush_timeout=20.0)
        for _ in range(HANDLERS)
    ]
    loggers = [logging.Logger("shop") for _ in handlers]
    for logger, handler in zip(loggers, handlers, strict=True):
        logger.addHandler(handler)
    handlers[0].change(f"shop {release} was deployed")
    loaded()
    file = os.open(truth, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    faults: list[str] = []
    begins, ends = threading.Event(), threading.Event()

    def note(word: str, more: object = None) -> None:
        os.write(file, f"{json.dumps([word, time.monotonic(), more])}\n".encode())

    def obey() -> None:
        for line in sys.stdin:
            word, _, more = line.strip().partition(" ")
            if word == "faults":
                faults.extend(json.loads(more))
                begins.set()
            elif word == "critical":
                note("critical")
                loggers[-1].critical(CRITICAL)
            elif word == "_exit":
                os._exit(1)
            else:
                ends.set()
                begins.set()

    threading.Thread(target=obey, daemon=True).start()
    print("ready", flush=True)
    begins.wait()
    times: Counter[str] = Counter()
    for number in itertools.count(1):
        now = list(faults)
        times.update(dict.fromkeys(now, HANDLERS))
        note("begun", times)
        for fault in now:
            for logger in loggers:
                logger.error(fault)
        note("done", times)
        if number == rounds:
            ends.wait()
        if ends.wait(EVERY):
            break


class Worker:
    """A process of the fleet, and what it has logged.

    Args:
        folder: for its file.
        url, state, release, rounds: see `work`.
    """

    numbers = itertools.count()

    def __init__(self, folder: str, url: str, state: str, release: str = OLD, rounds: int = 0) -> None:
        self.way = ""
        self._truth = Path(folder, f"truth.{next(self.numbers)}")
        given = (url, state, release, str(rounds), str(self._truth))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.fleet_days", *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def meet(self, faults: list[str]) -> None:
        """Let it log these faults too, from now on."""
        self._tell(f"faults {json.dumps(faults)}")

    def burn(self) -> None:
        """Let it log the critical problem."""
        self._tell("critical")

    def end(self, way: str = "exit") -> None:
        self.way = way
        if way == "SIGTERM":
            self._process.terminate()
        elif way == "SIGKILL":
            self._process.kill()
        else:
            self._tell(way)

    def ended(self) -> str:
        """Wait for its end; return what it wrote to stderr."""
        return self._process.communicate(timeout=90.0)[1]

    def _tell(self, words: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{words}\n")
            self._process.stdin.flush()

    def noted(self, word: str) -> list[tuple[float, dict[str, int]]]:
        """Return what it has noted under a word, and when."""
        lines = self._truth.read_text().splitlines() if self._truth.exists() else []
        return [(at, more or {}) for name, at, more in map(json.loads, lines) if name == word]

    def logged(self) -> tuple[Counter[str], Counter[str]]:
        """Return how often it has logged what: what it must have handed in, and all."""
        begun, done = self.noted("begun"), self.noted("done")
        if not begun or self.way == "exit":
            every = Counter(done[-1][1] if done else {})
            return every, every
        must = [times for at, times in done if at <= begun[-1][0] - HAND_IN - 1.0]
        return Counter(must[-1] if must else {}), Counter(begun[-1][1])


# --- the days ------------------------------------------------------------------------------------


def restart(sandbox: Sandbox, folder: str, state: str, server: Any) -> list[Worker]:
    """Replace twenty processes by others of the next release, one by one."""
    old = [Worker(folder, sandbox.url, state) for _ in range(20)]
    for worker in old:
        worker.ready()
    for worker in old:
        worker.meet(FAULTS)
    time.sleep(10.0)
    new = []
    for number, worker in enumerate(old):
        new.append(Worker(folder, sandbox.url, state, NEW))
        new[-1].ready()
        new[-1].meet(FAULTS)
        worker.end(ENDS[number % len(ENDS)])
        if number == len(old) // 2:
            new[-1].burn()
    time.sleep(10.0)
    return [*old, *new]


def refused(sandbox: Sandbox, folder: str, state: str, server: Any) -> list[Worker]:
    """Let twelve processes meet 25 faults, 12 times each, while PagerDuty takes nothing."""
    faults = [f"{fault} in the {place}" for place in PLACES for fault in FAULTS]
    workers = [Worker(folder, sandbox.url, state, rounds=12) for _ in range(12)]
    for worker in workers:
        worker.ready()
    sandbox.fail_share(429, 1.0)
    begun = time.monotonic()
    for worker in workers:
        worker.meet(faults)
    time.sleep(PHASE / 2)
    workers[5].burn()
    time.sleep(begun + PHASE - time.monotonic())
    sandbox.fail_share(429, 0.0)
    over = time.monotonic()
    told: dict[str, float] = {}
    while time.monotonic() < over + 120.0 and not told.keys() >= {CRITICAL, *faults}:
        time.sleep(0.1)
        told = {body["payload"]["summary"]: at - over for at, body in taken(sandbox)}
    critical = told.pop(CRITICAL)
    print(f"after the refusals: the critical one {critical:.1f} s, the last {max(told.values()):.1f} s")
    return workers


def away(sandbox: Sandbox, folder: str, state: str, server: Any) -> list[Worker]:
    """Let twelve processes meet two new faults and a critical one while the state is away."""
    workers = [Worker(folder, sandbox.url, state) for _ in range(12)]
    for worker in workers:
        worker.ready()
    for worker in workers:
        worker.meet(FAULTS[:3])
    time.sleep(8.0)
    with gone(state, server):
        time.sleep(2.0)
        began = time.monotonic()
        for worker in workers:
            worker.meet(FAULTS[3:])
        time.sleep(AWAY / 2)
        workers[5].burn()
        time.sleep(AWAY / 2)
    back = time.monotonic()
    first = {body["payload"]["summary"]: at - began for at, body in reversed(taken(sandbox))}
    print("first events meanwhile:", {name: f"{at:.2f} s" for name, at in first.items() if at > 0.0})
    time.sleep(30.0)
    print("events later:", sum(at > back for at, _ in taken(sandbox)))
    return workers


@contextmanager
def gone(state: str, server: Any) -> Iterator[None]:
    """Let the state not answer: Redis hangs; a file is locked by another program."""
    if server is None:
        holder = sqlite3.connect(state, isolation_level=None, timeout=10.0)
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.close()
    else:
        server.signal(signal.SIGSTOP)
        yield
        server.signal(signal.SIGCONT)


DAYS: dict[str, Callable[[Sandbox, str, str, Any], list[Worker]]] = {
    "restart": restart,
    "refused": refused,
    "away": away,
}

# --- what came of it -----------------------------------------------------------------------------


def taken(sandbox: Sandbox) -> list[tuple[float, Any]]:
    """Return the events that were taken, and when they arrived."""
    return [(one.arrived, json.loads(one.body)) for one in sandbox.requests if one.status == 202]


def report(sandbox: Sandbox, state: str, workers: list[Worker]) -> None:
    """Print what arrived, and what the state knows after the end beside the truth."""
    statuses = Counter(one.status for one in sandbox.requests)
    print(f"taken {statuses[202]}, refused {statuses[429]}")
    reasons: dict[str, Counter[str]] = {}
    for at, body in taken(sandbox):
        payload = body["payload"]
        if "event_action" not in body:
            print("change event:", payload["summary"])
            continue
        details = payload["custom_details"]
        reasons.setdefault(payload["summary"], Counter())[details["why"].partition(":")[0]] += 1
        if payload["summary"] == CRITICAL:
            lit = [noted for worker in workers for noted, _ in worker.noted("critical")]
            print(f"critical after {at - lit[0]:.2f} s, new in release", details.get("new_in_release"))
    for counts in sorted({str(sorted(counts.items())) for counts in reasons.values()}):
        alike = [fault for fault, found in reasons.items() if str(sorted(found.items())) == counts]
        print(f"events of {len(alike)} problems: {counts}")
    place = find_place(state)
    assert place is not None
    known = {problem.summary: problem for problem in place.make_store().problems()[1]}
    logged = [worker.logged() for worker in workers]
    least, most = (sum(counters, Counter()) for counters in zip(*logged, strict=True))
    exact, less, killed = [], [], sum(worker.way != "exit" for worker in workers)
    for fault, truth in most.items():
        found = known[fault].occurrences
        if found == truth:
            exact.append(truth)
        elif killed and least[fault] <= found < truth:
            less.append(truth - found)
        else:
            print(f"WRONG: {fault}: {found:,} of {least[fault]:,} to {truth:,}")
    if exact:
        print(f"after the end: {len(exact)} problems exact, {sum(exact):,} occurrences")
    if less:
        print(f"after the end: of {max(most.values()):,}, {killed} killed processes took", sorted(less))


def day(what: str, sandbox: Sandbox, folder: str, state: str, server: Any) -> None:
    workers = DAYS[what](sandbox, folder, state, server)
    for worker in workers:
        if not worker.way:
            worker.end()
    said = Counter(line for worker in workers for line in worker.ended().splitlines())
    report(sandbox, state, workers)
    for line, times in said.items():
        print(f"{times} times on stderr: {line}")


if __name__ == "__main__":
    url, state, release, rounds, truth = sys.argv[1:]
    work(url, state, release, int(rounds), truth)
