"""Templates of messages: the literal pieces of a text, with holes for the values between them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from string import Formatter
from typing import Final, TypeAlias

from pagerduty_logging.record.template_strings import HOLE

from .masking import ANSI, says_nothing

PERCENT: Final = re.compile(
    r"%(?:\([^)]{0,200}\))?[#0 +-]*+(?:\*|[0-9]++)?(?:\.(?:\*|[0-9]++))?[hlL]?([diouxXeEfFgGcrsa%])",
    re.ASCII,
)

Pieces: TypeAlias = tuple[str, ...]
"""The literals; there is a hole between each two."""
OPAQUE: Final[Pieces] = ("", "")
"""The template of an unknown text: one hole."""


_DIGIT = re.compile("[0-9]")
_TAGS = re.compile(r"(?:\[[^\[\]]{1,40}\][\s:|-]*)+")
_LEAST_LETTERS: Final = 6
"""Letters of a template that is looked for within a longer text."""


@dataclass(frozen=True, slots=True)
class Template:
    """One way a call site can build its message."""

    text: str
    pieces: Pieces
    bare: bool = field(init=False)

    def __post_init__(self) -> None:
        words = "".join(self.pieces)
        object.__setattr__(
            self, "bare", not words or says_nothing(words) or (len(self.pieces) > 1 and is_tag(words))
        )

    def fits(self, message: str) -> bool:
        """Whether `message` holds the literal pieces in order, first and last at its ends."""
        pieces = self.pieces
        if len(pieces) == 1:
            return message == pieces[0]
        first, last = pieces[0], pieces[-1]
        end = len(message) - len(last)
        at = len(first)
        if at > end or not message.startswith(first) or not message.endswith(last):
            return False
        if len(pieces) == 2:
            return True
        for piece in pieces[1:-1]:
            at = message.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    def has_digit(self) -> bool:
        """Whether one of the literal pieces has a digit."""
        return any(_DIGIT.search(piece) for piece in self.pieces)

    def is_in(self, message: str) -> bool:
        """Whether `message` holds the literal pieces in order, words before and after them."""
        first, *others = self.pieces
        if "\x1b" in message:
            message = ANSI.sub("", message)
        if sum(map(str.isalpha, "".join(self.pieces))) < _LEAST_LETTERS or not first.strip():
            return False
        at = message.find(first)
        if at < 0 or (first[0].isalnum() and message[at - 1 : at].isalnum() and at > 0):
            return False
        at += len(first)
        for piece in others:
            at = message.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return not (message[at - 1 : at].isalnum() and message[at : at + 1].isalnum())

    def holds_another(self, message: str) -> bool:
        """Return whether this is a wrapper's template, with a hole for its caller's template."""
        if HOLE not in self.text or PERCENT.search(self.text):
            return False
        return any(map(PERCENT.search, self.values_in(message)))

    def values_in(self, message: str) -> tuple[str, ...]:
        """Return what stands in the holes of a `message` that fits."""
        values = []
        at = len(self.pieces[0])
        for piece in self.pieces[1:-1]:
            end = message.find(piece, at) if piece else at
            values.append(message[at:end])
            at = end + len(piece)
        return (*values, message[at : len(message) - len(self.pieces[-1])])


def is_tag(words: str) -> bool:
    """Return whether words are a tag alone, as a wrapper puts it before all messages: "[shop]"."""
    return words[:1] == "[" and _TAGS.fullmatch(words) is not None


def percent_pieces(template: str) -> Pieces:
    """Return the literal pieces of a %-style `template`."""
    pieces, at, literal = [], 0, ""
    for spec in PERCENT.finditer(template):
        literal += template[at : spec.start()]
        at = spec.end()
        if spec[1] == "%":
            literal += "%"
        else:
            pieces.append(literal)
            literal = ""
    return (*pieces, literal + template[at:])


def format_pieces(template: str) -> Pieces:
    """Return the literal pieces of a `template` for `str.format`; one hole if it is invalid."""
    pieces = [""]
    try:
        for literal, name, _, _ in Formatter().parse(template):
            pieces[-1] += literal
            if name is not None:
                pieces.append("")
    except ValueError:
        return OPAQUE
    return tuple(pieces)
