"""The one clock of deadlines and pauses: what stops or replaces Python's clocks in a test does not move it.

Tools that freeze time (freezegun, time-machine) replace `time.monotonic` for its callers, but not where
it is a default argument already. A deadline taken from one of the two and compared with the other never
comes, and neither does one that is frozen.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType
from typing import NamedTuple


def _clock(name: str, otherwise: Callable[[], float]) -> Callable[[], float]:
    """Return a clock that asks the system itself, where Python can: on Windows it cannot."""
    number = getattr(time, name, None)
    return partial(otherwise) if number is None else partial(time.clock_gettime, number)


monotonic = _clock("CLOCK_MONOTONIC", time.monotonic)
"""Return seconds that never go back, as `time.monotonic` does."""
_quickest = (time.monotonic,)  # in a tuple: what replaces clocks looks at the names of modules


def quickest() -> Callable[[], float]:
    """Return a clock that reads as `monotonic` does, and takes less time where it can.

    Keep it in an instance: tools that freeze time replace it where a module has a name for it.
    """
    (found,) = _quickest
    return found if isinstance(found, BuiltinFunctionType) else monotonic


time_of_day = _clock("CLOCK_REALTIME", time.time)
"""Return seconds since the epoch, as `time.time` does."""


class Clocks(NamedTuple):
    """What the parts of a handler ask, so that a rehearsal can turn it.

    Attributes:
        monotonic: seconds that never go back.
        time_of_day: seconds since the epoch.
        random: a number in [0, 1).
    """

    monotonic: Callable[[], float] = monotonic
    time_of_day: Callable[[], float] = time_of_day
    random: Callable[[], float] = random.random
