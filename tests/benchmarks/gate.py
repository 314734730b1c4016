"""What a call may cost, in instructions: a count, so that it is the same on a busy machine.

    python -m tests.benchmarks.gate                     # all of it
    python -m tests.benchmarks.gate f_string mapping    # some

Ends with status 1 if a bound does not hold.
"""

from __future__ import annotations

import sys
from statistics import median
from typing import TypeAlias

from tests.benchmarks import instructions

Counts: TypeAlias = list[dict[str, dict[str, float]]]
NULL, EMPTY, OURS = "NullHandler", "empty logging.Handler", "pagerduty-logging"
CONTENDERS = [NULL, EMPTY, OURS]
COUNTS = 9
"""Counts of what is over its bound at first, each with another seed for hashes; their median decides: where
things lie in memory and in dictionaries moves a count by some 0.3 percent. No more are made than needed."""
BOUNDS = (
    ("repeat", NULL, 1.06),
    ("repeat", EMPTY, 0.98),
    ("traceback", NULL, 1.08),
    ("first", NULL, 2.5),
    ("first_traceback", NULL, 4.0),
    ("f_string", NULL, 1.31),
    ("f_string_traceback", NULL, 1.51),
    ("long_f_string", NULL, 1.43),
    ("f_string_root", NULL, 1.32),
    ("mapping", NULL, 1.5),
    ("json", NULL, 1.55),
    ("the_error", NULL, 1.8),
    ("fresh_error", NULL, 1.75),
    ("error_argument", NULL, 2.1),
    ("overrides", NULL, 1.2),
    # An empty `logging.Handler` costs 1.75 there: the chain itself is next to nothing.
    ("listener", NULL, 3.5),
    ("loguru", NULL, 1.2),
    ("structlog", NULL, 1.3),
    ("wrapped", NULL, 1.95),
    ("evaluated", NULL, 1.5),
    ("cause", NULL, 2.0),
    ("handled", NULL, 1.47),
    ("wordless", NULL, 1.75),
    ("own_key", NULL, 1.32),
    ("own_severity", NULL, 1.32),
    ("listener_traceback", NULL, 7.3),
)


def main() -> int:
    if not instructions.available():
        print("gate of instructions: skipped, valgrind is not installed")
        return 0
    chosen = sys.argv[1:] or list(dict.fromkeys(workload for workload, *_ in BOUNDS))
    counts = [instructions.count(CONTENDERS, chosen)]
    bounds = [(workload, other, bound) for workload, other, bound in BOUNDS if workload in counts[0]]
    over = [one for one in bounds if _ratio(counts, *one[:2]) > one[2]]
    while open_ones := [one for one in over if not _settled(counts, *one)]:
        # With those that go before: what the interpreter has run by then changes a count too.
        last = max(chosen.index(workload) for workload, _, _ in open_ones)
        counts.append(instructions.count(CONTENDERS, chosen[: last + 1], seed=len(counts)))
    broken = 0
    for workload, other, bound in bounds:
        ratio = _ratio(counts, workload, other)
        broken += ratio > bound
        print(
            f"{'ok  ' if ratio <= bound else 'OVER'} {workload}: {ratio:.3f} x {other}, at most {bound}"
            f" ({counts[0][workload][OURS]:,.0f} instructions)"
        )
    return min(broken, 1)


def _settled(counts: Counts, workload: str, other: str, bound: float) -> bool:
    """Return whether the median is on one side of the bound, whatever further counts say."""
    over = [ratio > bound for ratio in _ratios(counts, workload, other)]
    return max(over.count(True), over.count(False)) > COUNTS // 2


def _ratio(counts: Counts, workload: str, other: str) -> float:
    """Return the median of our ratios to another contender."""
    return median(_ratios(counts, workload, other))


def _ratios(counts: Counts, workload: str, other: str) -> list[float]:
    of_workload = [count[workload] for count in counts if workload in count]
    return [count[OURS] / count[other] for count in of_workload]


if __name__ == "__main__":
    sys.exit(main())
