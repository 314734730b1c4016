"""The shape of a printed traceback: its rows but for the words of its exceptions.

Tracebacks of one shape that one line logs tell the same failure, whatever their exceptions say, as long as
these words hold nothing that is looked for in a traceback.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pagerduty_logging.record import places, printed_traceback

from . import causes

_HEADER: Final = f"{printed_traceback.HEADER}\n"
MARK: Final = "(most recent call last):"
"""Is in each text in which `begin_of` finds a traceback."""
STACK: Final = "\nStack (most recent call last):\n"
_OF_GROUP: Final = "\n  + Exception Group "
MAX_PLACES: Final = 300
MAX_SHAPES: Final = 4
"""Of one place."""
MAX_CHARS: Final = 20_000
_WORDS = re.compile(r"^((?: *\| )?[A-Za-z_][\w.]*)(:[^\n]*)?$", re.ASCII)
_NO_WORDS = re.compile(r"^(?:\s|$|Traceback \(|The above exception was|During handling of)")
_LOOKED_FOR = re.compile(
    "|".join(
        map(
            re.escape,
            (
                'File "',
                "(most recent call last)",
                "sub-exception",
                "Exception Group",
                "- 1 -",
                "-packages",
                places.STANDARD_LIBRARY,
                "\x1b",
            ),
        )
    )
)


class PrintedShape(NamedTuple):
    """Rows, each up to where an exception's words begin, and what a traceback of them joins to a key."""

    rows: tuple[str, ...]
    last: str
    """What follows the last of them."""
    joined: tuple[str, ...] = ()
    """What it joins if its line reports for other code."""
    failure: causes.Failure | None = None
    """What it tells of its exception."""

    def means(self, words: str, traceback: str) -> tuple[object, ...]:
        """Return what of a traceback that fits decides a key, where its line has no template.

        Args:
            words: those of its line.
            traceback: the text.
        """
        own = self.failure is not None and self.failure.is_all_of(words, traceback)
        return self.joined, self.failure, own

    def fits(self, text: str, at: int) -> bool:
        """Return whether what follows in a text is such a traceback.

        Args:
            text: the text.
            at: where the traceback begins in it.
        """
        for rows in self.rows:
            if not text.startswith(rows, at):
                return False
            at += len(rows)
            end = text.find("\n", at)
            if end < 0:
                end = len(text)
            if end > at and (text[at] != ":" or _LOOKED_FOR.search(text, at, end)):
                return False
            at = end
        return text.startswith(self.last, at) and at + len(self.last) == len(text)


def shape_of(
    traceback: str, joined: tuple[str, ...] = (), failure: causes.Failure | None = None
) -> PrintedShape | None:
    """Return the shape of a traceback; None if an exception's words are more than one line, or hard to tell.

    Args:
        traceback: the text, from its header to its end.
        joined: what it joins to a key.
        failure: what it tells of its exception.
    """
    if len(traceback) > MAX_CHARS:
        return None
    rows, chunk, after_words = [], "", False
    for row in traceback.split("\n"):
        found = None if _NO_WORDS.match(row) and " | " not in row[:40] else _WORDS.match(row)
        if found is None or _LOOKED_FOR.search(found[2] or ""):
            if after_words and row.strip() and not _NO_WORDS.match(row):
                return None
            chunk += f"\n{row}"
            after_words = False
            continue
        if after_words:
            return None
        rows.append(f"{chunk}\n{found[1]}")
        chunk, after_words = "", True
    return PrintedShape((rows[0][1:], *rows[1:]), chunk, joined, failure) if rows else None


class PrintedShapes:
    """The shapes of tracebacks that are known, by the place that logged them."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[PrintedShape, ...]] = {}

    def of(self, place: object, text: str, begins: int) -> PrintedShape | None:
        """Return the shape of the traceback that begins behind an end of line; None if it is not known."""
        for shape in self._known.get(place, ()):
            if shape.fits(text, begins + 1):
                return shape
        return None

    def learn(self, place: object, text: str, begins: int, joined: tuple[str, ...]) -> None:
        """Remember the shape of the traceback that begins behind an end of line, and what it joins."""
        known = self._known.get(place, ())
        traceback = text[begins + 1 :]
        shape = shape_of(traceback, joined, causes.printed(traceback))
        if shape is None or shape in known:
            return
        if len(self._known) >= MAX_PLACES:
            self._known.clear()
        self._known[place] = (shape, *known[: MAX_SHAPES - 1])


def begin_of(text: str) -> int:
    """Return where the words before a traceback end, which a queue appended; 0 if there is none.

    The stack of `stack_info=True` that follows words alone counts as one.
    """
    at = text.find(_HEADER)
    if at < 0:
        return max(text.find(STACK), 0)
    if text[at - 1] == "\n":
        return at - 1
    begins = at - len(_OF_GROUP)
    return begins if begins > 0 and text.startswith(_OF_GROUP, begins) else 0


def printed_in(words: str, left: object, *, formatted: bool) -> tuple[str, int | None]:
    """Return the text in which a printed traceback follows an end of line, and where; None: there is none.

    Args:
        words: the message of a record.
        left: its `exc_text`, if it came through a socket, which has left no more of its exception.
        formatted: whether a queue formatted it; then its message has the traceback.
    """
    if type(left) is str and left:
        return left, -1
    begins = begin_of(words) if formatted else 0
    return words, begins or None
