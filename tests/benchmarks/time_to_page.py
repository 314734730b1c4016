"""How long a page takes, from the call to its arrival, beside the least that can be done with `requests`.

    python -m tests.benchmarks.time_to_page [PAIRS]

Both take turns in one process against one server, which answers at once. Prints the median of their ratios,
its quartiles, and both medians in milliseconds.
"""

from __future__ import annotations

import sys
from statistics import median, quantiles

from pagerduty_logging import PagerDutyHandler
from tests.benchmarks.processes import server
from tests.benchmarks.workloads import InThread, first_of_its_line, logger_with, page_times

WARM_UP = 10
PAIRS = 200


def main(pairs: int) -> None:
    with server("answering") as to:
        handler = PagerDutyHandler("0" * 32, base_url=to.url, max_events_per_minute=100_000)
        ours = first_of_its_line(logger_with(handler, "ours"))
        bare = first_of_its_line(logger_with(InThread(to), "bare"))
        found = page_times([ours, bare], to, pairs + WARM_UP)[WARM_UP:]
    ratios = [mine / its for mine, its in found]
    low, _, high = quantiles(ratios, n=4)
    print(
        f"{median(ratios):.2f} x requests.Session in a thread (quartiles {low:.2f} to {high:.2f}, "
        f"{pairs} pairs): {median(mine for mine, _ in found) * 1_000:.2f} ms against "
        f"{median(its for _, its in found) * 1_000:.2f} ms"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
