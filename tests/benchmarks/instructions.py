"""The same calls counted in instructions, by valgrind's callgrind: no other program can disturb that.

`os.getpgrp` marks where one count ends and the next begins: callgrind writes down what was counted
whenever that function of the C library is entered. Only the calling thread is counted.
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.benchmarks import messages
from tests.benchmarks.contenders import CONTENDERS, Addresses
from tests.benchmarks.workloads import first, first_with_traceback, logger_with, repeat, with_traceback

NOBODY = Addresses(1, 1)
"""Ports that refuse: what is sent does not matter here."""
ROUNDS, CALLS = 5, 40
"""Calls that go before: until the interpreter has adapted itself, and a worker has learned what repeats, for
which it needs to look twice."""
TIMES = 100
SLICE, IDLE, PATIENCE = 0.1, 0.02, 60.0
"""Seconds: a process that uses less than IDLE of a SLICE is waiting, which comes true within PATIENCE."""


WORKLOADS = {
    "repeat": repeat,
    "traceback": with_traceback,
    "first": first,
    "first_traceback": first_with_traceback,
    **messages.WORKLOADS,
    **messages.OTHERWISE,
}


def available() -> bool:
    """Return whether instructions can be counted on this machine."""
    return shutil.which("valgrind") is not None


def count(names: list[str], only: Iterable[str] = WORKLOADS, seed: int = 0) -> dict[str, dict[str, float]]:
    """Return the instructions of a call, by workload and contender.

    Args:
        names: the contenders.
        only: the workloads.
        seed: of hashes, which decide where things lie in dictionaries; with one seed a count is the same.
    """
    workloads = [name for name in WORKLOADS if name in only]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--separate-threads=yes",
                "--dump-before=getpgrp",
                f"--callgrind-out-file={out}",
                sys.executable,
                "-m",
                __name__,
                ",".join(workloads),
                *names,
            ],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        order = [(workload, name) for workload in workloads for name in names]
        found: dict[str, dict[str, float]] = {workload: {} for workload in workloads}
        for number, (workload, name) in enumerate(order):
            # What was counted between the two marks around it; the first part is all that came before.
            written = Path(f"{out}.{2 * number + 2}-01").read_text()
            total = re.search(r"^totals: (\d+)", written, re.MULTILINE)
            assert total is not None
            found[workload][name] = int(total[1]) / TIMES
        return found


def wait_until_idle() -> None:
    """Wait until no thread has anything to do, such as to decide what was logged so far."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        before = time.process_time()
        time.sleep(SLICE)
        if time.process_time() - before < IDLE:
            return
    raise TimeoutError("the process does not come to rest")


def program(workloads: str, *names: str) -> None:
    """Make the calls, between marks."""
    # Logging asks of a single argument whether it is a mapping. It takes longer once anything was one, as in
    # any program that uses requests: for all contenders, and not only for those that come after ours.
    assert isinstance({}, Mapping)
    handlers = {name: CONTENDERS[name](NOBODY) for name in names}
    for workload in workloads.split(","):
        for name in names:
            call = WORKLOADS[workload](logger_with(handlers[name], workload))
            for _ in range(ROUNDS):
                for _ in range(CALLS):
                    call()
                wait_until_idle()
            gc.collect()
            gc.freeze()  # or a collection of all that was imported falls into one count or another
            os.getpgrp()
            for _ in range(TIMES):
                call()
            os.getpgrp()
    os._exit(0)


if __name__ == "__main__":
    program(*sys.argv[1:])
