"""Measure everything, beside the peers, and write it down.

    python -m tests.benchmarks                 # all of it: about a quarter of an hour
    python -m tests.benchmarks --only repeat   # some rows, the others as they were
    python -m tests.benchmarks --render        # nothing: README.md and the picture from what was measured

The peers: `pip install --group benchmarks`. A peer that is not installed has no figures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

from tests.benchmarks import instructions, messages, rendering
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.processes import import_ms, measured

OURS, SESSION = "pagerduty-logging", "requests.Session in a thread"
EXITING = (OURS, "sentry-sdk", "NullHandler")
ROUNDS = 3
"""Times that each process is run, all contenders in turn; the median counts."""


def in_rounds(workload: str, contenders: tuple[str, ...], kind: str = "answering") -> dict[str, Any]:
    found: dict[str, list[Any]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name in contenders:
            found[name].append(measured(workload, name, kind))
    return {name: middle([one for one in ones if one is not None]) for name, ones in found.items()}


def middle(ones: list[Any]) -> Any:
    if not ones:
        return None
    if isinstance(ones[0], dict):
        return {name: median(one[name] for one in ones) for name in ones[0]}
    return median(ones)


def imports() -> dict[str, float]:
    return {
        OURS: import_ms("import pagerduty_logging"),
        "pagerduty_logging.PagerDutyHandler": import_ms("from pagerduty_logging import PagerDutyHandler"),
        "sentry-sdk": import_ms("import sentry_sdk"),
        "pagerduty": import_ms("import pagerduty"),
        "requests": import_ms("import requests"),
    }


def counted() -> dict[str, dict[str, float]]:
    names = ["NullHandler", OURS, "empty logging.Handler", "log-rate-limit", "QueueHandler"]
    return instructions.count(names) if instructions.available() else {}


def of_messages() -> dict[str, Any]:
    """Return what repeats as people write them cost, by workload: wall time for the quickest peers too."""
    return {name: in_rounds(name, (OURS, "log-rate-limit", "QueueHandler")) for name in messages.WORKLOADS}


def ours_of_messages(way: str) -> dict[str, Any]:
    return {name: in_rounds(f"{way}:{name}", (OURS,))[OURS] for name in messages.WORKLOADS}


EVERYBODY = tuple(CONTENDERS)
ROWS: dict[str, Callable[[], Any]] = {
    "instructions": counted,
    "repeat": lambda: in_rounds("repeat", EVERYBODY),
    "threads": lambda: in_rounds("threads:repeat", EVERYBODY),
    "traceback": lambda: in_rounds("traceback", EVERYBODY),
    "first": lambda: in_rounds("first", EVERYBODY),
    "first_traceback": lambda: in_rounds("first_traceback", EVERYBODY),
    "messages": of_messages,
    "messages_threads": lambda: ours_of_messages("threads"),
    "messages_whole": lambda: ours_of_messages("whole"),
    "storm_1": lambda: in_rounds("storm_1", (OURS,)),
    "storm_8": lambda: in_rounds("storm_8", (OURS,)),
    "memory": lambda: in_rounds("memory", (OURS,)),
    "hung": lambda: in_rounds("hung", EVERYBODY, "hung"),
    "outage": lambda: in_rounds("outage", (OURS,), "hung"),
    "to_page": lambda: in_rounds("to_page", (OURS, SESSION)),
    "first_page": lambda: in_rounds("first_page", (OURS,)),
    "import": imports,
    "exit": lambda: in_rounds("exit", EXITING),
    "exit_hung": lambda: in_rounds("exit", EXITING, "hung"),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    chosen = parser.parse_args()
    results = rendering.load()
    for name in [] if chosen.render else chosen.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = ROWS[name]()
        rendering.save(results)
    rendering.write_readme(results)
    rendering.write_picture(results)
    print(rendering.table(results))


if __name__ == "__main__":
    main()
