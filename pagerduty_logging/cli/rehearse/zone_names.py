"""The names of time zones that logs write, as `%Z` gives them: PST, CEST."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final

# fmt: off
_HOURS: Final = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "SAST": 2,
    "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8,
    "HST": -10, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "AEST": 10, "AEDT": 11, "ACST": 9.5, "ACDT": 10.5,
    "AWST": 8, "NZST": 12, "NZDT": 13, "BRT": -3, "ART": -3, "PKT": 5, "NPT": 5.75, "WIB": 7,
}
# fmt: on
_AMBIGUOUS: Final = ("CST", "IST", "BST", "AST", "GST", "WAT", "ECT", "AMT")
"""Names of more than one zone: they are only read as the given zone, if it has the name."""

NAMES: Final = "|".join((*_HOURS, *_AMBIGUOUS))


def placed(when: datetime, name: str, zone: tzinfo) -> datetime | None:
    """Return a local time in the zone with this name; None: the zone is not known.

    Args:
        when: the local time, without a zone.
        name: one of `NAMES`, or another name.
        zone: the zone whose local times may have the name; the name says which of two equal hours is meant.
    """
    for fold in (0, 1):
        here = when.replace(tzinfo=zone, fold=fold)
        if here.tzname() == name:
            return here
    hours = _HOURS.get(name)
    return None if hours is None else when.replace(tzinfo=timezone(timedelta(hours=hours), name))
