"""Lines of source by which a repeat is known: one look at the text says what its token would.

A line whose first template says enough is known by a pattern of it. That fits fewer texts than the template:
values in which `token_of` might see more than a value, such as a call or a traceback, are left to it. A line
without a template for its texts, as in a wrapper, is known by these, their digits apart, as their masks are.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.record import places
from pagerduty_logging.state.problem import Last, Problem

from . import parts, source, tokens
from .templates import Template

MAX_HOLES: Final = 16
MAX_BEFORE: Final = 3
"""Templates of a line that are likelier than the one by which it is known."""
MAX_TEXTS: Final = 32
"""Texts by which one line is known."""
_VALUE: Final = r'[^=(<"]{0,1000}'
_VALUE_OF_WORDS: Final = r'[^(<"]{0,1000}'
_NO_FIELD: Final = re.compile(r"[\w.-]*+[^\w.=-]", re.ASCII)
"""How a text begins that is no logfmt, whatever follows."""
_NO_DATA: Final = r"(?![{\[(T]|\Z)"
_NOT_WITHIN: Final = {
    "(": r"(?!.*\(most recent call last\))(?!.*sub-exceptions?\)\Z)",
    "<": r"(?!.*<class ')",
    '"': r'(?!.*File ")',
}
"""What a text with one of these characters must not hold."""
_DIGIT: Final = re.compile("[0-9]")


UNKNOWN: Final = Problem("", Last(Severity.ERROR), 0.0, over=True)
"""Stands for the problem of a line whose records all reported for other code so far."""


class Texts:
    """The texts of a line, their digits apart, and their problems.

    Args:
        look_again: whether its file is to be looked at again and again, for it may have a template by now.
    """

    def __init__(self, *, look_again: bool) -> None:
        self._problems: dict[str, Problem] = {}
        self._fresh_until = time.monotonic() + source.LOOK_AGAIN if look_again else math.inf

    def are_fresh(self) -> bool:
        """Return whether they still hold: once a second one record goes the whole way, and the file is looked
        at again."""
        now = time.monotonic()
        if now < self._fresh_until:
            return True
        self._fresh_until = now + source.LOOK_AGAIN
        return False

    def add(self, text: str, problem: Problem) -> None:
        """Let texts like this one but for their digits be known."""
        if len(self._problems) >= MAX_TEXTS:
            self._problems.clear()
        self._problems[tokens.without_digits(text)] = problem

    def find(self, text: str) -> Problem | None:
        """Return the problem of a text that is known."""
        problem = self._problems.get(text)
        if problem is not None or len(text) > tokens.MAX_MASKED:
            return problem
        return self._problems.get(tokens.without_digits(text))


class Line(NamedTuple):
    """What is known of a line."""

    path: str
    find: Callable[[str], object]
    """Returns something for the texts that are known, else None; the problem, where `problem` is None."""
    site: source.Site
    problem: Problem | None
    function: str | None
    """The function that it is in, if its texts are known by their masks."""
    module: str | None = None
    """Its module, if that tells its problem too."""
    texts: Texts | None = None
    shape: str = ""
    """What stands for its words in the key, where `problem` is theirs."""


def line_of(
    record: logging.LogRecord, words: str, token: tokens.Token, problem: Problem, before: Line | None
) -> Line | None:
    """Return what is known of the line that logged a record; None: nothing more than before.

    Args:
        record: of which nothing but its words decides what `token_of` returned.
        words: its own, without the data beside them.
        token: what `token_of` returned for it.
        problem: what it is an occurrence of.
        before: what was known.
    """
    site = source.sites.get((record.pathname, record.lineno))
    name, shape, joined = token
    if site is None or site.over or record.args or name != record.name or name in places.MAINS:
        return None
    if before is not None and (before.path != record.pathname or before.site is not site):
        before = None
    if before is not None and before.problem is not None and not _is_replaced(before.problem, problem):
        return None
    number = next((n for n, template in enumerate(site.templates) if template.fits(words)), None)
    if number is not None:
        template = site.templates[number]
        more = parts.module_of(record) if name == parts.ROOT else ()
        crash = joined[: len(joined) - len(more)]
        says = template.text == shape and joined == (*crash, *more) and tokens.says_enough(shape)
        find = _finder(site.templates[:number], template.pieces) if says else None
        return Line(
            record.pathname,
            find or _find_nothing,
            site,
            UNKNOWN if crash and says else problem,
            None,
            record.module if more else None,
            shape=shape,
        )
    if not _is_told_by_mask(record, words, token, site):
        return None
    if before is not None and before.function == record.funcName and before.texts is not None:
        before.texts.add(words, problem)
        return None
    texts = Texts(look_again=not record.pathname.startswith("<"))
    texts.add(words, problem)
    return Line(record.pathname, texts.find, site, None, record.funcName, texts=texts)


def _is_replaced(known: Problem, problem: Problem) -> bool:
    """Return whether a problem that a line is known for is over, or was forgotten and has come again."""
    return known.over or (known is not problem and known.key == problem.key)


def _find_nothing(text: str) -> None:
    return None


def _is_told_by_mask(record: logging.LogRecord, words: str, token: tokens.Token, site: source.Site) -> bool:
    """Return whether all texts have this token that are like WORDS but for their digits."""
    name, shape, joined = token
    return (
        type(record.funcName) is str
        and name != parts.ROOT
        and joined in ((), parts.logged_in(record))
        and not any(_DIGIT.search("".join(template.pieces)) for template in site.templates)
        and not tokens.may_be_data(words)
        and (shape == _part_of(site, words) or tokens.shape_without_digits(site, words) == shape)
    )


def _part_of(site: source.Site, words: str) -> str | None:
    part = tokens.part_in(site, words)
    return None if part is None else part.text


def _finder(before: tuple[Template, ...], pieces: tuple[str, ...]) -> Callable[[str], object] | None:
    """Return what finds the texts that are made of these pieces and of harmless values between them, and that
    none of the templates BEFORE fits."""
    first, last = pieces[0], pieces[-1]
    closing = tokens.LAST.get(first[:1], "")
    if len(pieces) > MAX_HOLES + 1 or len(before) > MAX_BEFORE or (closing and last[-1:] == closing):
        return None
    if first and (first.startswith(tokens.TEMPLATE) or tokens.TEMPLATE.startswith(first)):
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
    """Return the expression of texts in which these pieces stand as `Template.fits` looks for them."""
    if len(pieces) == 1:
        return re.escape(pieces[0])
    first, *middle, last = pieces
    # Each where it comes first, and no second look: no text takes long.
    found = "".join(f"(?>{value}?{re.escape(piece)})" for piece in middle)
    return f"{re.escape(first)}{found}{value}{re.escape(last)}"
