"""Converts a traceback that rich has drawn in a box to one as Python prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pagerduty_logging.record.echoes import HEADER

_PLACE: Final = re.compile(r"(?P<path>[^\s:][^:]*\.\w{1,4}):(?P<line>\d{1,9}) in (?P<function>.+)")
RAISED: Final = re.compile(r"[A-Za-z_][\w.]*(?:: .*|:)?$")
"""The last line of a traceback, which names the exception."""


def undrawn(lines: Sequence[str]) -> list[str]:
    """Return the lines of a printed traceback; values of variables and lines of source are left out.

    Args:
        lines: the lines from the upper edge of the box on.
    """
    return list(_printed(lines))


def _printed(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        text = line.strip()
        if text.startswith("╭"):
            if HEADER[:-1] in text:  # another box is around the values of variables
                yield HEADER
        elif text.startswith("│"):
            inner = text.strip("│").strip()
            place = _PLACE.fullmatch(inner)
            if place is not None:
                yield f'  File "{place["path"]}", line {place["line"]}, in {place["function"]}'
        elif not text.startswith("╰"):
            yield text if RAISED.match(text) or not text else line.rstrip()
