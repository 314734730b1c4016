"""Finds out from a log's dates whether dates such as 03/04/2026 name the day or the month first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

NEAR: Final = timedelta(days=2)
"""How close the newest date must be to when the log was written, if nothing else decides."""
AHEAD: Final = timedelta(days=1)

_DATE: Final = re.compile(rb"^[^\n\d]{0,60}(\d{1,2})([/-])(\d{1,2})\2(\d{4}),? \d\d?:\d\d", re.MULTILINE)


def has_dates(block: bytes) -> bool:
    """Return whether lines begin with such dates."""
    return _DATE.search(block) is not None


def day_first(samples: Iterable[bytes], newest: datetime) -> bool | None:
    """Return whether the day comes first; None: unknown.

    A day after the 12th decides. Else the newest date must be close to when the log was written in one
    order, and not in the other.

    Args:
        samples: parts of the log.
        newest: when it was written.
    """
    dates = {
        (int(found[1]), int(found[3]), int(found[4])) for part in samples for found in _DATE.finditer(part)
    }
    proofs = {first > 12 for first, second, _ in dates if max(first, second) > 12}
    if len(proofs) == 1:
        return proofs.pop()
    if proofs:
        return None
    near = [
        order
        for order in (True, False)
        if -AHEAD <= newest - max((_date(each, order) for each in dates), default=newest) <= NEAR
    ]
    return near[0] if len(near) == 1 else None


def _date(parts: tuple[int, int, int], day_first: bool) -> datetime:
    first, second, year = parts
    day, month = (first, second) if day_first else (second, first)
    return datetime(max(year, 1), max(month, 1), max(day, 1))
