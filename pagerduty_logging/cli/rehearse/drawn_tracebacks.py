"""A traceback that rich has drawn in a box becomes one as Python prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

_TITLE: Final = "Traceback (most recent call last):"
_PLACE: Final = re.compile(r"(?P<path>[^\s:][^:]*\.\w{1,4}):(?P<line>\d{1,9}) in (?P<function>.+)")
_RAISED: Final = re.compile(r"[A-Za-z_][\w.]*(?:: .*|:)?$")


def undrawn(lines: Sequence[str]) -> list[str]:
    """Return the lines of a printed traceback; values of variables and lines of source are left out.

    Args:
        lines: from the box's upper edge on.
    """
    return list(_printed(lines))


def _printed(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        text = line.strip()
        if text.startswith("╭"):
            if _TITLE[:-1] in text:  # else it is the box around the values of variables
                yield _TITLE
        elif text.startswith("│"):
            inner = text.strip("│").strip()
            place = _PLACE.fullmatch(inner)
            if place is not None:
                yield f'  File "{place["path"]}", line {place["line"]}, in {place["function"]}'
        elif not text.startswith("╰"):
            yield text if _RAISED.match(text) or not text else line.rstrip()
