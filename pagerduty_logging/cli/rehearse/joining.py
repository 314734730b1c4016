"""Joins the lines that belong to a record: the one that begins it, and those that continue it.

A traceback follows its record. If several processes write to one log, a line of another process may be in
the middle of it: the traceback is continued after it.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from pagerduty_logging.cli.rehearse.drawn_tracebacks import RAISED, undrawn
from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.record.echoes import HEADER

MAX_CHARS: Final = 100_000
"""Characters of the lines after the first that are kept."""
MAX_LINES_BETWEEN: Final = 50
"""Lines of other records after which the rest of a traceback is no longer expected."""

_BEGIN: Final = re.compile(
    r"[ \t|+]*(?:Exception Group )?(?:Traceback|Stack) \(most recent call last\):"
    r"|[ \t]*╭─+ Traceback \(most recent call last\)"
)
_DRAWN: Final = re.compile(r"[ \t]*╭")
_RULE: Final = re.compile(r"-{5,}")
"""The line between records in Zope's logs."""
_LINKS: Final = ("The above exception was", "During handling of the above", "Caused by:", "Suppressed:")
_HEAD: Final = re.compile(
    r"[\[(<\"']?(?:\d{1,4}[-./]\d{1,3}(?:[-./]\d{1,4})?|[A-Z][a-z]{2,8},? \d{1,2})[ T,].{0,24}?\d\d:\d\d"
    r".{0,60}?(?<!\w)(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)(?!\w)"
)
_INDENTED: Final = (" ", "\t", "|", "+", ")", "}", "]", "╭", "│", "╰")


def goes_on(text: str) -> bool:
    """Return whether a line looks like one that belongs to the line before it."""
    return text.startswith((*_INDENTED, *_LINKS)) or bool(_BEGIN.match(text))


def looks_like_head(text: str) -> bool:
    """Return whether a line looks like the first one of a record though no format matches it."""
    return _HEAD.match(text) is not None


@dataclass(slots=True)
class _Open:
    """A record to which more lines may belong."""

    entry: Entry
    text: str = ""  # its first line, as it was written
    prefix: str = ""  # the beginning of each line of its traceback, if they have one in common
    lines: list[str] = field(default_factory=list)
    chars: int = 0
    unfinished: bool = False  # in a traceback whose last line has not come yet
    margin: str = ""  # the margin of each line of the traceback
    indent: int = 0  # indentation of its lines after the first, in a log with columns
    patience: int = 0  # how many more lines of other records it waits for; 0: it does not wait

    def take(self, text: str) -> None:
        if self.indent and not text[: self.indent].strip():
            text = text[self.indent :].rstrip()
        if _BEGIN.match(text):
            bare = text.lstrip(" \t")
            own = 2 if bare.startswith("+") else 0  # a group's lines begin with two spaces of its own
            self.margin = text[: max(len(text) - len(bare) - own, 0)]
            self.unfinished = not bare.lstrip("|+ ").startswith(("Exception Group", "Stack"))
        elif self.unfinished:
            inner = text.removeprefix(self.margin)
            self.unfinished = not inner or inner.startswith(_INDENTED)
        if self.chars < MAX_CHARS:
            self.lines.append(text)
            self.chars += len(text)

    def finished(self) -> Entry:
        entry = self.entry
        if not self.lines:
            return entry
        while self.lines and (not self.lines[-1].strip() or _RULE.fullmatch(self.lines[-1])):
            self.lines.pop()
        begin = next((n for n, line in enumerate(self.lines) if _BEGIN.match(line)), len(self.lines))
        if _DRAWN.match(self.lines[begin] if begin < len(self.lines) else ""):
            self.lines[begin:] = undrawn(self.lines[begin:])
        message = self.lines[:begin]
        if message:
            entry.message = (" " if self.indent else "\n").join([entry.message, *message]).rstrip()
        if begin < len(self.lines) and not entry.traceback:
            entry.traceback = "\n".join(line.removeprefix(self.margin) for line in self.lines[begin:])
        return entry


class Joiner:
    """Joins the lines of one source; returns the records in order."""

    def __init__(self) -> None:
        self._current: _Open | None = None
        self._broken: _Open | None = None
        self._waiting: deque[_Open] = deque()
        self._begun = False
        self._elsewhere = False  # in a traceback of a record that is not kept

    @property
    def busy(self) -> bool:
        """Whether the next line may belong to a record that is to be kept."""
        return self._current is not None or self._broken is not None

    def head(self, entry: Entry, text: str = "", indent: int = 0) -> list[Entry]:
        """Take the first line of a record that is wanted; return the records that are complete.

        Args:
            entry: the record.
            text: the line as it was written.
            indent: how far the record's other lines are indented.
        """
        self._close()
        self._current = _Open(entry, text, indent=indent)
        self._waiting.append(self._current)
        return self._whole()

    def below(self) -> list[Entry]:
        """Take the first line of a record that is not wanted; return the records that are complete."""
        self._close()
        return self._whole()

    def repeats_head(self, text: str) -> bool:
        """Take a line of a traceback in which each line begins like the record's own, as OpenStack writes it.

        Returns:
            whether it is such a line.
        """
        current = self._current
        if current is None:
            return False
        if not current.prefix:
            begin = text.find(HEADER)
            if begin <= 0 or not current.text.startswith(text[:begin]):
                return False
            current.prefix = text[:begin]
        if not text.startswith(current.prefix.rstrip()):
            return False
        current.take(text[len(current.prefix) :])
        return True

    def rest(self, text: str) -> bool:
        """Take a line that does not begin a record; return whether it belongs to one, or looks like it."""
        broken, current = self._broken, self._current
        begins = bool(_BEGIN.match(text))
        goes_on = text.startswith(_INDENTED) or bool(RAISED.match(text))
        if broken is not None and goes_on and not begins and not (current and current.unfinished):
            broken.take(text)
            if not broken.unfinished:
                broken.patience = 0
                self._broken = None
            return True
        if current is not None:
            current.take(text)
            return True
        belongs = begins or self._elsewhere or not text.strip() or text.startswith((*_INDENTED, *_LINKS))
        self._elsewhere = begins or (self._elsewhere and (not text.strip() or text.startswith(_INDENTED)))
        return self._begun and belongs

    @property
    def resumes(self) -> bool:
        """Whether the rest of an interrupted traceback is expected."""
        return self._broken is not None

    @property
    def expects_error(self) -> bool:
        """Whether the last line of a traceback is expected."""
        return self._elsewhere or any(
            each is not None and each.unfinished for each in (self._current, self._broken)
        )

    def end(self) -> list[Entry]:
        """Return the records that are left."""
        self._current = self._broken = None
        for each in self._waiting:
            each.patience = 0
        return self._whole()

    def _close(self) -> None:
        self._begun, self._elsewhere = True, False
        current, self._current = self._current, None
        if self._broken is not None:
            self._broken.patience -= 1
            if self._broken.patience <= 0:
                self._broken = None
        if current is not None and current.unfinished and self._broken is None:
            self._broken = current
            current.patience = MAX_LINES_BETWEEN

    def _whole(self) -> list[Entry]:
        if not self._waiting:
            return []
        whole = []
        while self._waiting:
            first = self._waiting[0]
            if first is self._current or first.patience > 0:
                break
            self._waiting.popleft()
            whole.append(first.finished())
        return whole
