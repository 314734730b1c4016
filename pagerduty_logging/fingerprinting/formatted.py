"""Repeats that a queue has formatted: counted by what is known of their line, in few steps.

They are copies, whose attributes are found sooner in their dictionary, and the queue's listener does little
else: each step counts. What is not known at once is left to the rest of `CallSites.count`, which would
count the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from . import printed_shapes
from .lines import Line
from .words import HEADER


class Formatted:
    """Counts records that are nothing but words that their line knows, and a traceback known there.

    Args:
        lines: what is known of lines, by logger and number.
        printed: the tracebacks that are known.
    """

    __slots__ = ("_lines", "_printed")

    def __init__(
        self, lines: Mapping[str, Mapping[int, Line]], printed: printed_shapes.PrintedShapes
    ) -> None:
        self._lines = lines
        self._printed = printed

    def count(self, about: dict[str, Any], now: Callable[[], float]) -> bool:
        """Count a record if it is a repeat; return whether it has counted.

        May raise an `Exception`; then it has not counted.

        Args:
            about: the attributes of a record whose `args` are None.
            now: the throttle's clock.
        """
        lines = self._lines.get(about["name"])
        line = None if lines is None else lines.get(about["lineno"])
        if (
            line is None
            or line.alone.level != about["levelno"]
            or about["exc_info"] is not None
            or about["exc_text"] is not None
            or line.path != about["pathname"]
            or line.site.over
            or "pagerduty" in about
            or "extra" in about
            or sys.exception() is not None
            or type(words := about["msg"]) is not str
        ):
            return False
        if "(" in words and HEADER in words:
            words = self._before_traceback(about, words)
        if words is None or line.find(words) is None:
            return False
        problem = line.alone
        if problem.quiet_until <= now():
            return False
        problem.occurrences += 1
        return True

    def _before_traceback(self, about: dict[str, Any], text: str) -> str | None:
        """Return the words before a traceback; None if that is not known there, or joins the key."""
        begins = printed_shapes.begin_of(text)
        if not begins:
            return None
        place = about["name"], about["pathname"], about["lineno"], about["funcName"]
        shape = self._printed.of(place, text, begins)
        words = text[:begins]
        return None if shape is None or shape.joined or HEADER in words else words
