"""What a call costs its caller, without what the tests around cost it: coverage, the collector's heap."""

import gc
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def in_good_time(attempt: Callable[[], T]) -> T:
    """Return what the first attempt returns that keeps its times: other programs may take the processor."""
    for _ in range(9):
        with suppress(AssertionError):
            return attempt()
    return attempt()


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call()` returns; it may take so much processor time of this thread."""
    tracer = sys.gettrace()
    sys.settrace(None)
    gc.disable()
    try:
        began = time.thread_time()
        result = call()
        took = time.thread_time() - began
    finally:
        gc.enable()
        sys.settrace(tracer)
    assert took < seconds
    return result
