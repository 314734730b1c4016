"""How long a page takes, from the call to its arrival, beside the least that can be done with `requests`.

    python -m tests.benchmarks.time_to_page [PAIRS]

Both take turns in one process against one server, which answers at once. Prints two rows: a new problem at
a line from which the handler has sent before, and the first page of a line, whose source is read on the way.
Each gives the median of the pairs' ratios, its quartiles, and both medians in milliseconds.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from statistics import median, quantiles

from pagerduty_logging import PagerDutyHandler
from tests.benchmarks.processes import server
from tests.benchmarks.workloads import (
    LINES,
    Call,
    InThread,
    first,
    first_of_its_line,
    logger_with,
    page_times,
)

WARM_UP = 10
PAIRS = 200
OF_ONE_LINE = 35
"""Pairs with one handler where all come from one line: of many more it makes one alert."""
ROWS: dict[str, tuple[Callable[[logging.Logger], Call], int]] = {
    "a new problem at a known line": (first, OF_ONE_LINE),
    "the first page of a line": (first_of_its_line, LINES - WARM_UP),
}
"""What is measured, how it is logged, and the pairs with one handler."""


def pairs_of(make: Callable[[logging.Logger], Call], at_once: int, pairs: int) -> list[list[float]]:
    """Return the seconds to the page of both, so many times."""
    found: list[list[float]] = []
    while len(found) < pairs:
        with server("answering") as to:
            handler = PagerDutyHandler("0" * 32, base_url=to.url, max_events_per_minute=100_000)
            ours, bare = make(logger_with(handler, "ours")), make(logger_with(InThread(to), "bare"))
            found += page_times([ours, bare], to, min(at_once, pairs - len(found)) + WARM_UP)[WARM_UP:]
            handler.close()
    return found


def main(pairs: int) -> None:
    for name, (make, at_once) in ROWS.items():
        found = pairs_of(make, at_once, pairs)
        low, middle, high = quantiles([mine / its for mine, its in found], n=4)
        print(
            f"{name}: {middle:.2f} x requests.Session in a thread (quartiles {low:.2f} to {high:.2f}, "
            f"{pairs} pairs): {median(mine for mine, _ in found) * 1_000:.2f} ms against "
            f"{median(its for _, its in found) * 1_000:.2f} ms"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
