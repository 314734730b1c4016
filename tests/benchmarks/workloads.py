"""What is measured within one process: blocks of calls, each beside a block with a NullHandler.

    python -m tests.benchmarks.workloads WORKLOAD CONTENDER HTTP_PORT SINK_PORT

Prints what was measured, as JSON.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import json
import logging
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from tests.benchmarks import messages
from tests.benchmarks.contenders import CONTENDERS, Addresses

Call = Callable[[], None]
PAIRS = 31
BLOCK_SECONDS = 0.01
"""How long a block lasts, about; fewer calls for those that are slow."""
STORM = 100_000
TEMPLATES = 10_000
OUTAGE = 20.0
"""Seconds for which a server's silence is watched."""
FRAMES = 20
LINES = 1_000
_numbers = itertools.count()


def logger_with(handler: logging.Handler, name: str = "shop") -> logging.Logger:
    logger = logging.Logger(name)
    logger.addHandler(handler)
    return logger


def repeat(logger: logging.Logger) -> Call:
    error = logger.error
    return lambda: error("payment %s failed", 4711)


def with_traceback(logger: logging.Logger) -> Call:
    caught = deep_error(FRAMES - 1)
    error = logger.error
    return lambda: error("payment %s failed", 4711, exc_info=caught)


def first(logger: logging.Logger) -> Call:
    error, new = logger.error, new_messages().__next__
    new()  # makes the first of them
    return lambda: error(new(), 4711)


def first_of_its_line(logger: logging.Logger) -> Call:
    """As `first`, each from a line of its own: of many from one line a handler makes few alerts."""
    error, new, lines = logger.error, new_messages().__next__, itertools.cycle(_lines())
    new()
    return lambda: next(lines)(error, new())


@functools.cache
def _lines() -> list[Callable[..., None]]:
    """Return functions that log, each from a line of its own in a file that can be read."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    path = os.path.join(folder, "shop.py")
    text = "".join(f"def call_{number}(error, message): error(message, 4711)\n" for number in range(LINES))
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    made: dict[str, Any] = {}
    exec(compile(text, path, "exec"), made)
    return [made[f"call_{number}"] for number in range(LINES)]


def first_with_traceback(logger: logging.Logger) -> Call:
    error, new = logger.error, new_messages().__next__
    new()
    return lambda: error(new(), 4711, exc_info=deep_error(FRAMES - 1))


def new_messages() -> Iterator[str]:
    """Yield templates that differ in a word, and are made before they are needed."""
    while True:
        made = [f"problem {next(_numbers):x} of payment %s".translate(_LETTERS) for _ in range(1_000)]
        yield from made


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def deep_error(frames: int) -> BaseException:
    def dive(left: int) -> None:
        if not left:
            raise ValueError("no such payment")
        dive(left - 1)

    try:
        dive(frames - 1)
    except ValueError as error:
        return error
    raise AssertionError


def seconds(call: Call, times: int) -> float:
    since = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - since


def ratios(call: Call, null: Call, pairs: int = PAIRS) -> list[float]:
    """Return the ratios of blocks, each to the NullHandler's block beside it, in turns."""
    times = max(min(int(BLOCK_SECONDS / seconds(call, 1)), 1_000), 2)
    seconds(null, 100)
    found = []
    for pair in range(pairs):
        if pair % 2:
            mine = seconds(call, times)
            its = seconds(null, times)
        else:
            its = seconds(null, times)
            mine = seconds(call, times)
        found.append(mine / its)
    return found


def in_turns(make: Callable[[logging.Logger], Call], handler: logging.Handler) -> float:
    call = make(logger_with(handler))
    call()
    time.sleep(0.3)  # a first page is on its way
    if make not in (first, first_with_traceback):
        seconds(call, 1_000)  # the worker wakes with the first repeat, and takes its turn
    return median(ratios(call, make(logger_with(logging.NullHandler()))))


def eight_threads(make: Callable[[logging.Logger], Call], handler: logging.Handler) -> float:
    """Return the median ratio where eight threads log the same way at once."""
    make(logger_with(handler))()
    time.sleep(0.3)  # a first page is on its way
    found: list[float] = []

    def run() -> None:
        found.extend(ratios(make(logger_with(handler)), make(logger_with(logging.NullHandler()))))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return median(found)


def whole_process(make: Callable[[logging.Logger], Call], handler: logging.Handler) -> float:
    """Return the CPU of the process for 100,000 repeats, worker included, by that of the logging thread."""
    call = make(logger_with(handler))
    call()
    loaded()
    process, mine = time.process_time(), time.thread_time()
    seconds(call, STORM)
    mine = time.thread_time() - mine
    time.sleep(0.5)  # what the worker still has to do for them
    return (time.process_time() - process) / mine


def storm(handler: logging.Handler, to: Addresses, threads: int) -> dict[str, float]:
    """Return the requests for 100,000 repeats, and the process's time beside the NullHandler's."""

    def process_seconds(call: Call) -> float:
        since = time.process_time()
        share = STORM // threads
        running = [threading.Thread(target=seconds, args=(call, share)) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return time.process_time() - since

    loaded()
    null = process_seconds(repeat(logger_with(logging.NullHandler())))
    mine = process_seconds(repeat(logger_with(handler)))
    handler.flush()
    time.sleep(0.5)
    return {"cpu": mine / null, "requests": len(arrivals(to))}


def memory(handler: logging.Handler) -> float:
    """Return the megabytes by which 10,000 distinct templates raise the peak."""
    call = first_of_its_line(logger_with(handler))
    repeat(logger_with(handler))()
    time.sleep(1.5)
    loaded()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(TEMPLATES):
        call()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1_024


def hung(handler: logging.Handler) -> dict[str, float]:
    """Return the latencies of calls beside the NullHandler's, of which one in fifty is a new problem."""
    before = threading.active_count()
    again, new = repeat(logger_with(handler)), first_of_its_line(logger_with(handler))
    null = repeat(logger_with(logging.NullHandler()))
    again()
    time.sleep(0.3)
    mine, its = [], []
    until = time.monotonic() + 5.0
    for number in range(5_000):
        if time.monotonic() > until:
            break
        mine.append(seconds(new if number % 50 == 0 else again, 1))
        its.append(seconds(null, 1))
    mine, its = sorted(mine), sorted(its)
    at = len(mine) * 99 // 100
    return {
        "p50": mine[len(mine) // 2] / its[len(its) // 2],
        "p99": mine[at] / its[at],
        "worst_ms": mine[-1] * 1_000,
        "threads": threading.active_count() - before,
    }


def outage(handler: logging.Handler) -> float:
    """Return the per cent of a core that is taken, a second after 10,000 new problems of 8 threads."""
    loaded()
    new = first_of_its_line(logger_with(handler))
    threads = [threading.Thread(target=seconds, args=(new, TEMPLATES // 8)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(1.0)
    cpu, since = time.process_time(), time.monotonic()
    time.sleep(OUTAGE)
    return (time.process_time() - cpu) / (time.monotonic() - since) * 100


def to_page(handler: logging.Handler, to: Addresses, times: int = 40) -> float:
    """Return the milliseconds from the call to the request's arrival, each the first page of a line."""
    call = first_of_its_line(logger_with(handler))
    return median(found for (found,) in page_times([call], to, times)[5:]) * 1_000


def first_page(handler: logging.Handler, to: Addresses) -> float:
    """Return the milliseconds to the first page of a handler that has loaded what it needs."""
    call = first_of_its_line(logger_with(handler))
    loaded()
    return page_times([call], to, 1)[0][0] * 1_000


def page_times(calls: list[Call], to: Addresses, times: int) -> list[list[float]]:
    """Return the seconds from each call to its request's arrival; the calls take turns, `times` times."""
    found = []
    number = 0
    for _ in range(times):
        turn = []
        for call in calls:
            since = time.monotonic()
            call()
            time.sleep(0.03)
            while len(came := arrivals(to)) <= number:
                time.sleep(0.01)
            turn.append(came[number] - since)
            number += 1
        found.append(turn)
    return found


def loaded() -> None:
    """Wait until the handler has loaded what a page needs, which it does a second after it was made."""
    while any(thread.name == "pagerduty-logging-later" for thread in threading.enumerate()):
        time.sleep(0.01)


class InThread(logging.Handler):
    """The least that can be done with `requests`: a session on its own thread."""

    def __init__(self, to: Addresses) -> None:
        import queue

        import requests

        super().__init__()
        waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._put = waiting.put
        session = requests.Session()

        def run() -> None:
            while True:
                session.post(f"{to.url}/v2/enqueue", json=waiting.get(), timeout=10)

        threading.Thread(target=run, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        payload = {"summary": record.getMessage(), "severity": "error", "source": "bench"}
        self._put({"routing_key": "0" * 32, "event_action": "trigger", "payload": payload})


def arrivals(to: Addresses) -> list[float]:
    with urllib.request.urlopen(to.url) as answer:
        return list(json.load(answer))


def exit_of(handler: logging.Handler) -> float:
    """Return when the program's own work ended, by the machine's clock; its process ends later."""
    repeat(logger_with(handler))()
    time.sleep(1.0)
    return time.monotonic()


def main(workload: str, contender: str, *ports: str) -> None:
    to = Addresses(*map(int, ports))
    if contender == "requests.Session in a thread":
        handler: logging.Handler = InThread(to)
    else:
        handler = CONTENDERS[contender](to)
    simple = {
        "repeat": repeat,
        "traceback": with_traceback,
        "first": first,
        "first_traceback": first_with_traceback,
        **messages.WORKLOADS,
    }
    way, _, shape = workload.partition(":")
    if workload in simple:
        result: Any = in_turns(simple[workload], handler)
    elif shape:
        result = {"threads": eight_threads, "whole": whole_process}[way](simple[shape], handler)
    else:
        result = {
            "storm_1": lambda: storm(handler, to, 1),
            "storm_8": lambda: storm(handler, to, 8),
            "memory": lambda: memory(handler),
            "hung": lambda: hung(handler),
            "outage": lambda: outage(handler),
            "to_page": lambda: to_page(handler, to),
            "first_page": lambda: first_page(handler, to),
            "exit": lambda: exit_of(handler),
        }[workload]()
    print(json.dumps(result), flush=True)
    if workload != "exit":
        os._exit(0)  # what a contender still has to send does not matter


if __name__ == "__main__":
    main(*sys.argv[1:])
