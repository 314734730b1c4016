"""The one clock of deadlines and pauses: what stops or replaces Python's clocks in a test does not move it.

Tools that freeze time (freezegun, time-machine) replace `time.monotonic` for whoever calls it, but not where
it is a default argument already. A deadline taken from one of the two and compared with the other never
comes, and neither does one that is frozen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial


def _clock(name: str, otherwise: Callable[[], float]) -> Callable[[], float]:
    """Return a clock that asks the system itself, where Python can: on Windows it cannot."""
    number = getattr(time, name, None)
    return partial(otherwise) if number is None else partial(time.clock_gettime, number)


monotonic = _clock("CLOCK_MONOTONIC", time.monotonic)
"""Return seconds that never go back, as `time.monotonic` does."""
time_of_day = _clock("CLOCK_REALTIME", time.time)
"""Return seconds since the epoch, as `time.time` does."""
