"""Many workers with the same faults, then a new critical problem in one of them, against PagerDuty's limit.

    python -m tests.benchmarks.fleet [redis|sqlite|none] [WORKERS] [SECONDS] [PROCESSES]
    python -m tests.benchmarks.fleet restart|refused|away [redis|sqlite]

Each worker is a handler, which knows of the others only what the state tells it; a process has several.
Prints what was taken and refused, how long the critical problem took, and how true the counts are. The other
days of a fleet are in `fleet_days.py`.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from pagerduty_logging.state.options import find_place
from tests.benchmarks.fleet_days import DAYS, day
from tests.benchmarks.workloads import loaded
from tests.state.servers import Server, running

FAULTS = ("the database is gone", "the queue is full", "the disk is full")
LIMIT = 120
"""Events a minute, as PagerDuty takes them."""
EVERY = 0.5
"""Seconds between two rounds of faults of one worker."""


def work(url: str, state: str, workers: int, seconds: float, critical: bool) -> None:
    """Log in so many handlers; print when the critical problem was logged, and how often each fault was."""
    handlers = [
        PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=url, state=state or None, flush_timeout=20.0)
        for _ in range(workers)
    ]
    loggers = [logging.Logger("shop") for _ in handlers]
    for logger, handler in zip(loggers, handlers, strict=True):
        logger.addHandler(handler)
    loaded()
    time.sleep(2.0)  # it is connected beside the program
    print("ready", flush=True)
    sys.stdin.readline()
    times, end = 0, time.monotonic() + seconds
    course = []
    while time.monotonic() < end:
        for logger in loggers:
            for fault in FAULTS:
                logger.error(fault)
        times += workers
        course.append((time.monotonic(), times))
        time.sleep(EVERY)
    lit = None
    if critical:
        lit = time.monotonic()
        loggers[-1].critical("orders are paid and not stored")
        handlers[-1].flush(10.0)
    cpu = time.process_time()
    print(json.dumps({"times": times, "lit": lit, "course": course, "cpu": cpu}), flush=True)


@contextmanager
def store(kind: str, folder: str) -> Iterator[tuple[str, Server | None]]:
    """Give the option `state`, and its server."""
    if kind == "redis":
        with running(Path(folder)) as server:
            yield server.url, server
    else:
        yield os.path.join(folder, "state.sqlite") if kind == "sqlite" else "", None


def logged_by(moment: float, course: list[tuple[float, int]]) -> int:
    """Return how often a process had logged a fault at a moment."""
    return max((times for at, times in course if at <= moment), default=0)


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def commands_of(url: str) -> int:
    """Return how many commands a server has answered; what a script calls is not counted."""
    import redis

    with redis.Redis.from_url(url, protocol=2) as client:
        found = client.info("commandstats")
    asked = ("eval", "evalsha", "ping", "hello", "auth", "select", "client|setinfo", "client|setname")
    return sum(found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in asked)


def main(kind: str, workers: int, seconds: float, processes: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        store(kind, folder) as (state, server),
        Sandbox(rate_limit=LIMIT) as sandbox,
    ):
        pid = None if server is None else server._process.pid
        each = workers // processes
        command = [sys.executable, "-m", "tests.benchmarks.fleet", "work", sandbox.url, state]
        begun = [
            subprocess.Popen(
                [*command, str(each), str(seconds), str(number == 0)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(processes)
        ]
        for process in begun:  # all are to begin at once
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        spent = 0.0 if pid is None else cpu_of(pid)
        asked = 0 if pid is None else commands_of(state)
        for process in begun:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said: list[str] = [""] * processes

        def read(number: int) -> None:
            said[number] = begun[number].communicate()[0]

        readers = [threading.Thread(target=read, args=(number,)) for number in range(processes)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        told = [json.loads(text) for text in said]
        times = sum(one["times"] for one in told)
        statuses = Counter(request.status for request in sandbox.requests)
        print(f"{workers} workers in {processes} processes, {seconds:g} s, state: {kind}")
        print(f"taken {statuses[202]}, refused {statuses[429]}; truth of each fault {times:,}")
        events = Counter(event["payload"]["summary"] for event in sandbox.events)
        print("events:", dict(events))
        fire = [r.arrived for r in sandbox.requests if b"paid and not" in r.body and r.status == 202]
        print("critical after:", f"{fire[0] - told[0]['lit']:.2f} s" if fire else "never")
        for request in sandbox.requests:
            if request.status == 202 and FAULTS[0].encode() in request.body:
                count = json.loads(request.body)["payload"]["custom_details"]["occurrences"]
                truth = sum(logged_by(request.arrived, one["course"]) for one in told)
                share = count / max(truth, 1)
                print(f"an event of {FAULTS[0]!r} told {count:,}; truth then {truth:,}: {share:.1%}")
        place = find_place(state) if state else None
        if place is not None:
            known = {problem.summary: problem.occurrences for problem in place.make_store().problems()[1]}
            print("after the end:", {fault: known.get(fault) for fault in FAULTS})
        if pid is not None:
            used = cpu_of(pid) - spent
            print(f"CPU of the server: {used:.2f} s, {used / seconds:.1%} of a core")
            print(f"commands per worker and 5 s: {(commands_of(state) - asked) / workers / seconds * 5:.2f}")
        each_used = [one["cpu"] for one in told]
        print(f"CPU of a process before its end: {min(each_used):.1f} to {max(each_used):.1f} s")
        print(f"CPU of the workers: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime:.1f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        _, _, url, state, workers, seconds, critical = sys.argv
        work(url, state, int(workers), float(seconds), critical == "True")
    elif sys.argv[1:] and sys.argv[1] in DAYS:
        what, kind = [*sys.argv[1:], "redis"][:2]
        with (
            tempfile.TemporaryDirectory() as folder,
            store(kind, folder) as (state, server),
            Sandbox(rate_limit=LIMIT) as sandbox,
        ):
            day(what, sandbox, folder, state, server)
    else:
        given = [*sys.argv[1:], *("redis", "200", "40", "8")[len(sys.argv) - 1 :]]
        main(given[0], int(given[1]), float(given[2]), int(given[3]))
