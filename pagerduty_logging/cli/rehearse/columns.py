"""Logs in columns, as rich writes them: a time is left out if it is the same as in the line before."""

from __future__ import annotations

import re

from pagerduty_logging.cli.rehearse.format import Format


class Columns:
    """Puts the time back into lines that leave it out.

    Attributes:
        message: the column in which messages begin; 0: the log has no columns.
    """

    def __init__(self) -> None:
        self._level = 0
        self._time = ""
        self.message = 0

    def note(self, row: Format, head: re.Match[str]) -> None:
        """Remember the first line of a record."""
        if row.columns:
            self._level, self.message = head.start("level"), head.start("message")
        if self._level and "level" in head.re.groupindex and head.start("level") == self._level:
            self._time = head.string[: self._level]

    def whole(self, text: str) -> str:
        """Return a line with its time, if it begins a record and leaves out the time; else unchanged."""
        if not self._level or text[: self._level].strip() or not text[self._level : self._level + 1].strip():
            return text
        return self._time + text[self._level :]
