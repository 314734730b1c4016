"""Which silence keeps an event back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fnmatch import fnmatchcase

from pagerduty_logging.state.protocol import Silence
from pagerduty_logging.state.worse import second_keys

LONGEST = 7 * 86_400.0
"""Longest silence, in seconds: an endless one would be forgotten."""
CRITICAL = 0
"""The severity that passes unless a silence says otherwise."""


def silences(silence: Silence, key: str, logger: str, severity: int) -> bool:
    """Return whether a silence keeps an event of this dedup key, logger and severity back."""
    if severity == CRITICAL and not silence.critical:
        return False
    if silence.by == "all":
        return True
    if silence.by == "key":
        return key == silence.what or key in second_keys(silence.what)
    return fits(silence.what, logger)


def fits(what: str, logger: str) -> bool:
    """Return whether a logger is one that is meant: a name with all below it, or what fits a glob."""
    if any(character in what for character in "*?["):
        return fnmatchcase(logger, what)
    return logger == what or logger.startswith(f"{what}.")


def which(
    known: Iterable[tuple[Silence, float]], key: str, logger: str, severity: int, now: float
) -> tuple[Silence, float] | None:
    """Return the silence that keeps an event back for the longest time, with its end; None: there is none.

    Args:
        known: silences, each with its end on the clock of `now`.
    """
    fitting = [one for one in known if one[1] > now and silences(one[0], key, logger, severity)]
    return max(fitting, key=lambda one: one[1], default=None)


def checked_length(seconds: float) -> float:
    """Return the length of a silence.

    Raises:
        ValueError: it has no end, or is too long or too short.
    """
    if not math.isfinite(seconds) or seconds <= 0.0:
        raise ValueError("a silence needs an end, later than now")
    if seconds > LONGEST:
        raise ValueError("the longest silence is 7 days")
    return seconds
