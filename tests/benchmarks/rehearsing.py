"""How fast logs are rehearsed, as ratios within one run: `python -m tests.benchmarks.rehearsing [MEGABYTES]`.

Processor time on one core; the best of three for what is short. Files are read from the page cache.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MEGABYTES = 1_000
LEVELS = ("INFO", "INFO", "DEBUG", "WARNING")


def text_lines(every: int) -> Iterator[str]:
    """Yield lines of plain text, one in `every` of which is an error; the same each time."""
    chance = random.Random(7)
    for n in range(100_000):
        level = "ERROR" if n % every == every // 2 else chance.choice(LEVELS)
        yield (
            f"2026-11-29 {n // 5000:02}:{n // 60 % 60:02}:{n % 60:02},{n % 1000:03} {level} "
            f"shop.orders.{n % 7}: "
            f"order {chance.randrange(10**6)} took {chance.random():.3f} s at node-{n % 31}\n"
        )


def json_lines(every: int) -> Iterator[str]:
    """Yield lines as structlog's JSON renderer writes them."""
    chance = random.Random(7)
    for n in range(100_000):
        level = "error" if n % every == every // 2 else chance.choice(LEVELS).lower()
        told = {"event": f"order {n} took long", "order": n, "level": level, "logger": f"shop.orders.{n % 7}",
                "timestamp": 1_795_921_927 + n / 10, "host": f"node-{n % 31}", "ok": True}  # fmt: skip
        yield json.dumps(told) + "\n"


def write(path: Path, lines: Iterator[str], megabytes: int) -> int:
    """Write the lines again and again; return how many there are."""
    block = "".join(lines).encode()
    times = max(megabytes * 1_000_000 // len(block), 1)
    with path.open("wb") as file:
        for _ in range(times):
            file.write(block)
    seconds(["grep", "-c", "x", str(path)])  # into the page cache
    return times * 100_000


def seconds(command: list[str]) -> tuple[float, int]:
    """Run a command; return the processor time that it took, and the most memory in bytes."""
    # Not into /dev/null, where grep looks no further than the first line that it finds.
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1_024


def rehearse(path: Path) -> list[str]:
    """Return the command that rehearses a log."""
    return [sys.executable, "-m", "pagerduty_logging", "rehearse", str(path), "--tz", "UTC", "--json"]


def parse_every_line(path: Path) -> float:
    """Return the processor time to parse each line as JSON, and to do nothing with it."""
    begun = time.process_time()
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
    return time.process_time() - begun


def best(measure: Callable[[], tuple[float, int]], times: int = 3) -> tuple[float, int]:
    """Return the least of several measurements."""
    return min(measure() for _ in range(times))


def main(megabytes: int) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        nothing = Path(folder, "nothing.log")
        write(nothing, text_lines(100_000), 1)
        start, _ = best(lambda: seconds(rehearse(nothing)))
        print(f"start of the command: {start:.2f} s, taken off below")

        log = Path(folder, "text.log")
        write(log, text_lines(10_000), megabytes)
        grep, _ = best(lambda: seconds(["grep", "-c", "ERROR", str(log)]))
        taken, memory = best(lambda: seconds(rehearse(log)))
        ratio = (taken - start) / grep
        print(f"plain text, one error in 10,000 lines, {megabytes} MB: {taken - start:.2f} s")
        print(f"  {ratio:.1f} times grep -c, {grep:.2f} s; {memory / 1e6:.0f} MB of memory")

        lines = write(log, text_lines(100), megabytes // 5)
        taken, memory = best(lambda: seconds(rehearse(log)))
        rate = lines / (taken - start)
        print(f"plain text, one error in 100 lines: {rate:,.0f} lines/s; {memory / 1e6:.0f} MB")

        write(log, json_lines(10_000), megabytes // 5)
        parsed = parse_every_line(log)
        taken, memory = best(lambda: seconds(rehearse(log)))
        ratio = (taken - start) / parsed
        print(
            f"JSON lines: {ratio:.2f} times json.loads of every line, {parsed:.2f} s; {memory / 1e6:.0f} MB"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES)
