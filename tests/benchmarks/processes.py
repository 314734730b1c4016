"""What is measured from outside: imports, exits, and the workloads in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from tests.benchmarks.contenders import Addresses

LIMIT = 60.0
"""Seconds that one process may take; what takes longer is given no figure."""


@contextmanager
def server(kind: str) -> Iterator[Addresses]:
    """Run a server, "answering" or "hung", in its own process."""
    command = [sys.executable, "-m", "tests.benchmarks.server", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield Addresses(*map(int, process.stdout.readline().split()))
        finally:
            process.kill()


def measured(workload: str, contender: str, kind: str = "answering") -> Any:
    """Run a workload in its own process, beside a fresh server; None if that fails."""
    with server(kind) as to:
        command = [sys.executable, "-m", "tests.benchmarks.workloads", workload, contender, *map(str, to)]
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=LIMIT, check=True
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
            return None
        ended = time.monotonic()
        result = json.loads(done.stdout.splitlines()[-1])
        return ended - result if workload == "exit" else result


def import_ms(statement: str, times: int = 9) -> float:
    """Return the milliseconds that an import takes on top of `logging`, the modules' bytecode at hand."""
    program = f"import logging, time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    run = [sys.executable, "-c", program]
    return median(float(subprocess.check_output(run, env=os.environ)) for _ in range(times)) * 1_000
