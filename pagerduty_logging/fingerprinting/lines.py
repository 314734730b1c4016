"""Lines of source by whose pattern a repeat is known: one look at the text says what the token would.

The pattern of a template fits fewer texts than the template itself: values in which `token_of` might see
more than a value, such as a call or a traceback, do not fit, and are left to it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from pagerduty_logging.record import places
from pagerduty_logging.state.problem import Problem

from . import parts, source, tokens

MAX_HOLES: Final = 16
_VALUE: Final = r'[^=(<"]{0,1000}'
_NO_DATA: Final = r"(?![{\[(T]|\Z)"
_NOT_WITHIN: Final = {
    "(": r"(?!.*\(most recent call last\))(?!.*sub-exceptions?\)\Z)",
    "<": r"(?!.*<class ')",
    '"': r'(?!.*File ")',
}
"""What a text with one of these characters must not hold."""
_FIELDS_END: Final = 64
"""Characters after which an equals sign is no sign of a text that is data."""


class Line(NamedTuple):
    """What is known of a line whose first template needs no look at anything but the text."""

    path: str
    fits: Callable[[str], object]
    """Says whether a text has this template, and nothing about it that `token_of` would look at."""
    site: source.Site
    problem: Problem


def line_of(record: logging.LogRecord, token: tokens.Token, problem: Problem) -> Line | None:
    """Return the line of a record whose token is known; None if more than a text must be looked at there.

    Args:
        record: without arguments, and of a logger whose name joins the token as it is.
        token: what `token_of` returned for it.
        problem: what it is an occurrence of.
    """
    site = source.sites.get((record.pathname, record.lineno))
    name, shape, joined = token
    if site is None or site.over or not site.templates or record.args or joined or name != record.name:
        return None
    first = site.templates[0]
    if first.text != shape or name in places.MAINS or not first.fits(record.msg) or name == parts.ROOT:
        return None
    pattern = _pattern(first.pieces)
    if pattern is None or not tokens.says_enough(shape):
        return None
    return Line(record.pathname, pattern.fullmatch, site, problem)


def _pattern(pieces: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return what fits the texts that are made of these pieces and of harmless values between them."""
    literals = "".join(pieces)
    if not 2 <= len(pieces) <= MAX_HOLES + 1 or -1 < literals.find("=") < _FIELDS_END:
        return None
    first, *middle = pieces[:-1]
    if first[:1] in tokens.FIRST and first:
        return None
    # Each piece where it comes first, and no second look: no text takes long.
    found = "".join(f"(?>{_VALUE}?{re.escape(piece)})" for piece in middle)
    ahead = "" if first else _NO_DATA
    ahead += "".join(words for character, words in _NOT_WITHIN.items() if character in literals)
    return re.compile(f"{ahead}{re.escape(first)}{found}{_VALUE}{re.escape(pieces[-1])}", re.DOTALL)
