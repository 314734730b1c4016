"""When to try again: pure functions of an attempt, an answer and a random number."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER_BOUNDS = (1.0, 300.0)
"""Seconds: a shorter Retry-After would hammer the server, a longer one would hold pages back for too long."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The schedule of further attempts: exponential back-off with full jitter.

    Args:
        initial: the longest wait before the second attempt; it doubles with every attempt. Seconds.
        maximum: the longest wait between two attempts. Seconds.
        max_age: how long an event is retried, from its first attempt. Seconds; 0: a single attempt.

    Raises:
        ValueError, TypeError: an option is wrong; the message names it.
    """

    initial: float = 1.0
    maximum: float = 60.0
    max_age: float = 86_400.0

    def __post_init__(self) -> None:
        for name in ("initial", "maximum", "max_age"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"retry.{name} must be a number of seconds")
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"retry.{name} must be a finite number of seconds, 0 or more")
        if self.maximum < self.initial:
            raise ValueError("retry.maximum must not be less than retry.initial")


def delay(retry: Retry, attempts: int, retry_after: float | None, random: Callable[[], float]) -> float:
    """Return the seconds to wait after the `attempts`-th failed attempt (1, 2, …).

    A server's `retry_after` is the minimum, to which the jitter is added, so that a fleet that got the same
    number does not come back all at once.
    """
    # 2**1023 is the greatest power of two that a float holds.
    ceiling = min(retry.maximum, retry.initial * 2.0 ** min(attempts - 1, 1000))
    return (retry_after or 0.0) + random() * ceiling


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return a Retry-After header as seconds within bounds; None: there is none, or it is not valid.

    Source: RFC 9110, section 10.2.3 (seconds, or an HTTP date). `urllib3` has a parser too, which takes the
    time of day itself, and importing it here would make every program start more slowly.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - now).total_seconds()
    if not math.isfinite(seconds):
        return None
    shortest, longest = RETRY_AFTER_BOUNDS
    return min(max(seconds, shortest), longest)


def uniform() -> float:
    """Return a random number in [0, 1) from the system's source, which a fork does not duplicate."""
    return (int.from_bytes(os.urandom(7), "big") >> 3) / 2**53
