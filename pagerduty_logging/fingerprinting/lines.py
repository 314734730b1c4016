"""Lines of source that decide a repeat by themselves: a pattern replaces the text's token.

The pattern is made from the line's first template, if that says enough. It fits fewer texts than the
template: values in which `token_of` might see more than a value, such as a call or a traceback, do not fit. A
line without a template for its texts, as in a wrapper, has a list of its texts, compared without their
digits, as their masks would be.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.state.problem import Last, Problem

from . import alike, source
from .templates import Template
from .words import LAST, TEMPLATE

MAX_HOLES: Final = 16
MAX_BEFORE: Final = 3
"""How many likelier templates a line may have before the one of its pattern."""
MAX_TEXTS: Final = 32
"""How many texts one line may have."""
_VALUE: Final = r'[^=(<"]{0,1000}'
_VALUE_OF_WORDS: Final = r'[^(<"]{0,1000}'
_NO_FIELD: Final = re.compile(r"[\w.-]*+[^\w.=-]", re.ASCII)
"""A text that begins so is not logfmt."""
_NO_DATA: Final = r"(?![{\[(T]|\Z)"
_NOT_WITHIN: Final = {
    "(": r"(?!.*\(most recent call last\))(?!.*sub-exceptions?\)\Z)",
    "<": r"(?!.*<class ')",
    '"': r'(?!.*File ")',
}
"""By character: what a text with it must not hold."""


UNKNOWN: Final = Problem("", Last(Severity.ERROR), 0.0, over=True)
"""Stands for the problem of a line whose records all reported for other code so far."""


class Texts:
    """The texts of a line, compared without their digits, and their problems.

    Args:
        look_again: whether to check its file again and again, because it may get a template.
        ids: whether to compare them without their ids, too: if only their masks decide their keys.
    """

    def __init__(self, *, look_again: bool, ids: bool) -> None:
        self._problems: dict[str, Problem] = {}
        self._ids = ids
        self._have_ids = False
        self._fresh_until = time.monotonic() + source.LOOK_AGAIN if look_again else math.inf

    def are_fresh(self) -> bool:
        """Return whether they are still valid: once a second they are not, and the file is checked."""
        now = time.monotonic()
        if now < self._fresh_until:
            return True
        self._fresh_until = now + source.LOOK_AGAIN
        return False

    def add(self, text: str, problem: Problem) -> None:
        """Add a text, and with it all that differ from it in their digits only."""
        if len(self._problems) >= MAX_TEXTS:
            self._problems.clear()
            self._have_ids = False
        if self._ids and (shown := alike.without_ids(text)) != text:
            self._have_ids, text = True, shown
        self._problems[alike.without_digits(text)] = problem

    def find(self, text: str) -> Problem | None:
        """Return the problem of a text, if it was added."""
        problem = self._problems.get(text)
        if problem is not None or len(text) > alike.MAX_MASKED:
            return problem
        if self._have_ids:
            text = alike.without_ids(text)
        return self._problems.get(alike.without_digits(text))


class Line(NamedTuple):
    """What is known of a line."""

    path: str
    find: Callable[[str], object]
    """Returns None for an unknown text; for a known one the problem, if `problem` is None."""
    site: source.Site
    problem: Problem | None
    function: str | None
    """Its function, if it has a list of texts."""
    module: str | None = None
    """Its module, if that is part of the key."""
    texts: Texts | None = None
    shape: str = ""
    """What stands for its words in the key, where `problem` is theirs."""


def finder(before: tuple[Template, ...], pieces: tuple[str, ...]) -> Callable[[str], object] | None:
    """Return a function that finds texts of these pieces with harmless values between them.

    It does not find texts that one of the templates BEFORE fits.
    """
    first, last = pieces[0], pieces[-1]
    closing = LAST.get(first[:1], "")
    if len(pieces) > MAX_HOLES + 1 or len(before) > MAX_BEFORE or (closing and last[-1:] == closing):
        return None
    if first and (first.startswith(TEMPLATE) or TEMPLATE.startswith(first)):
        return None
    value = _VALUE_OF_WORDS if _NO_FIELD.match(first[:60]) else _VALUE
    literals = "".join(pieces)
    if value is _VALUE and "=" in literals:
        return None
    ahead = "" if first else _NO_DATA
    ahead += "".join(words for character, words in _NOT_WITHIN.items() if character in literals)
    ahead += "".join(rf"(?!{_texts_of(template.pieces, '.*')}\Z)" for template in before)
    ends = rf"(?<!\{closing})" if closing else ""
    return re.compile(f"{ahead}{_texts_of(pieces, value)}{ends}", re.DOTALL).fullmatch


def _texts_of(pieces: tuple[str, ...], value: str) -> str:
    """Return the regular expression for texts with these pieces, searched as `Template.fits` does."""
    if len(pieces) == 1:
        return re.escape(pieces[0])
    first, *middle, last = pieces
    # Each piece at its first place, without backtracking: no text takes long.
    found = "".join(f"(?>{value}?{re.escape(piece)})" for piece in middle)
    return f"{re.escape(first)}{found}{value}{re.escape(last)}"
