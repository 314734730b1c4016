"""The clock of deadlines and pauses, which tools that freeze time in tests do not change.

freezegun and time-machine replace `time.monotonic` for its callers, but not where it is a default argument
already. A deadline from one of the two that is compared with the other never comes, nor does a frozen one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType
from typing import NamedTuple


def _clock(name: str, otherwise: Callable[[], float]) -> Callable[[], float]:
    """Return a clock that asks the system itself, which Python cannot do on Windows."""
    number = getattr(time, name, None)
    return partial(otherwise) if number is None else partial(time.clock_gettime, number)


monotonic = _clock("CLOCK_MONOTONIC", time.monotonic)
"""Return seconds that never go back, as `time.monotonic` does."""
_quickest = (time.monotonic,)  # in a tuple, because such tools replace the names in modules


def quickest() -> Callable[[], float]:
    """Return a clock like `monotonic`, which is faster where possible.

    Keep it in an instance: tools that freeze time would replace a name in a module.
    """
    (found,) = _quickest
    return found if isinstance(found, BuiltinFunctionType) else monotonic


time_of_day = _clock("CLOCK_REALTIME", time.time)
"""Return seconds since the epoch, as `time.time` does."""


class Clocks(NamedTuple):
    """The clocks and random source of a handler, which a rehearsal replaces.

    Attributes:
        monotonic: seconds that never go back.
        time_of_day: seconds since the epoch.
        random: a number in [0, 1).
    """

    monotonic: Callable[[], float] = monotonic
    time_of_day: Callable[[], float] = time_of_day
    random: Callable[[], float] = random.random
