"""Lines of source that decide a repeat by themselves: a pattern replaces the text's token.

The pattern is made from the line's first template, if that says enough. It fits fewer texts than the
template: those in which `token_of` might see more than words, such as data, do not fit. A
line without a template for its texts, as in a wrapper, has a list of its texts, compared without their
digits, as their masks would be.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.record import places
from pagerduty_logging.state.problem import Last, Problem

from . import alike, parts, source
from .masking import first_line, says_nothing
from .templates import Template
from .texts import may_be_repr
from .tokens import Token, part_in, says_enough, shape_without_digits
from .words import FIRST, LAST, TEMPLATE, is_plain, may_be_data, words_of

MAX_HOLES: Final = 16
MAX_BEFORE: Final = 3
"""How many likelier templates a line may have before the one of its pattern."""
MAX_TEXTS: Final = 32
MAX_CHARACTERS: Final = 12_000
"""How many texts one line may have, and about how long they may be together."""
_MAX_WITHIN: Final = 200
"""Characters of a value before another piece: each of them is looked at."""
_NO_FIELD: Final = re.compile(r"[\w.-]*+[^\w.=-]", re.ASCII)
"""A text that begins so is not logfmt."""
_NO_DATA: Final = r"(?![{\[(T]|\Z)"
_NO_NAME: Final = r"""(?!<class '|\s*File ")"""
_NOT_COUNTED: Final = r"(?<!sub-exception\))(?<!sub-exceptions\))"


UNKNOWN: Final = Problem("", Last(Severity.ERROR), 0.0, over=True)
"""Stands for the problem of a line whose records all reported for other code so far."""


class Texts:
    """The texts of a line, compared without their digits, and their problems.

    Args:
        look_again: whether to check its file again and again, because it may get a template.
        by_mask: whether only their masks decide their keys: ids in them, and later lines, are not compared.
    """

    def __init__(self, *, look_again: bool, by_mask: bool) -> None:
        self._problems: dict[object, Problem] = {}
        self._characters = 0
        self._by_mask = by_mask
        self._have_ids = False
        self._fresh_until = time.monotonic() + source.LOOK_AGAIN if look_again else math.inf

    def are_fresh(self) -> bool:
        """Return whether they are still valid: once a second they are not, and the file is checked."""
        now = time.monotonic()
        if now < self._fresh_until:
            return True
        self._fresh_until = now + source.LOOK_AGAIN
        return False

    def add(self, text: str, problem: Problem, means: object = None) -> None:
        """Add a text, and with it all that are like it.

        Args:
            text: it.
            problem: its problem.
            means: what else decides the problem, such as a traceback that is appended to it, see
                `PrintedShape`. Default: nothing does.
        """
        compared = self._compared(text)
        if compared is None:
            return
        if len(self._problems) >= MAX_TEXTS or self._characters > MAX_CHARACTERS:
            self._problems.clear()
            self._characters = 0
            self._have_ids = False
        if self._by_mask and (shown := alike.without_ids(compared)) != compared:
            self._have_ids, compared = True, shown
        self._characters += len(compared)
        compared = alike.without_digits(compared)
        self._problems[compared if means is None else (compared, means)] = problem

    def find(self, text: str, means: object = None) -> Problem | None:
        """Return the problem of a text, if it was added, or one like it, with the same meaning."""
        if means is None:
            problem = self._problems.get(text)
            if problem is not None:
                return problem
        compared = self._compared(text)
        if compared is None:
            return None
        if self._have_ids:
            compared = alike.without_ids(compared)
        compared = alike.without_digits(compared)
        return self._problems.get(compared if means is None else (compared, means))

    def _compared(self, text: str) -> str | None:
        """Return the part of a text that decides its problem, with an end of line if there is more."""
        if len(text) <= alike.MAX_MASKED and not (self._by_mask and "\n" in text):
            return text
        if not self._by_mask or not is_plain(text) or may_be_repr(text):
            return None
        return f"{first_line(text)}\n"


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of a line."""

    path: str
    find: Callable[[str], object]
    """Returns None for an unknown text; for a known one the problem, if `problem` is None."""
    site: source.Site
    problem: Problem | None
    function: str | None
    """Its function, if that is part of the key, or if it has a list of texts."""
    module: str | None = None
    """Its module, if that is part of the key."""
    texts: Texts | None = None
    shape: str = ""
    """What stands for its words in the key, where `problem` is theirs."""
    at: int = -1
    """Which template of the site it is; -1: it is none of them."""
    others: Mapping[int, Line] = field(default_factory=dict)
    """What is known of the line's other templates."""
    alone: Problem = field(init=False)
    """The problem, if a text that is found decides it alone; else `UNKNOWN`."""

    def __post_init__(self) -> None:
        alone = self.problem is not None and self.function is None and self.module is None
        object.__setattr__(self, "alone", self.problem if alone else UNKNOWN)

    def closely(self, text: str) -> Line | None:
        """Return what is known of the template that fits a text in which the pattern might see more."""
        for at, template in enumerate(self.site.templates):
            if template.fits(text):
                known = self if at == self.at else self.others.get(at)
                return known if known is not None and is_plain(text) else None
        return None


def finder(before: tuple[Template, ...], pieces: tuple[str, ...]) -> Callable[[str], object] | None:
    """Return a function that finds texts of these pieces, whatever stands between them but a traceback.

    It does not find texts that one of the templates BEFORE fits.
    """
    first, last = pieces[0], pieces[-1]
    closing = LAST.get(first[:1], "")
    if len(pieces) > MAX_HOLES + 1 or len(before) > MAX_BEFORE or (closing and last[-1:] == closing):
        return None
    if first and (first.startswith(TEMPLATE) or TEMPLATE.startswith(first)):
        return None
    value, last_value = ".", ".*"
    if not _NO_FIELD.match(first[:60]):
        if "=" in "".join(pieces):
            return None
        # Not given back where nothing follows, which would take long.
        value, last_value = "[^=]", "[^=]{0,1000}" if last else "[^=]{0,1000}+"
    ahead = "" if first else _NO_DATA
    ahead += _NO_NAME if first.lstrip()[:1] in ("", "<", "F") else ""
    ahead += "".join(rf"(?!{_texts_of(template.pieces, '.*', '.*')}\Z)" for template in before)
    ends = rf"(?<!\{closing})" if closing else ""
    ends += _NOT_COUNTED if last[-1:] in ("", ")") else ""
    texts = _texts_of(pieces, f"{value}{{0,{_MAX_WITHIN}}}", last_value)
    return re.compile(f"{ahead}{texts}{ends}", re.DOTALL).fullmatch


def _texts_of(pieces: tuple[str, ...], value: str, last_value: str) -> str:
    """Return the regular expression for texts with these pieces, searched as `Template.fits` does."""
    if len(pieces) == 1:
        return re.escape(pieces[0])
    first, *middle, last = pieces
    # Each piece at its first place, without backtracking: no text takes long.
    found = "".join(f"(?>{value}?{re.escape(piece)})" for piece in middle)
    return f"{re.escape(first)}{found}{last_value}{re.escape(last)}"


class Where(NamedTuple):
    """Where a record was logged, as it says itself."""

    logger: str
    path: str
    number: int
    function: Any
    module: Any


def line_of(
    where: Where,
    words: str,
    token: Token,
    problem: Problem,
    before: Line | None,
    means: object,
) -> Line | None:
    """Return what is known about the line that logged a record; None: no more than before.

    Args:
        where: the line; only the record's words decide its token.
        words: those of its message, without the data beside them.
        token: what `token_of` returned for it.
        problem: of which it is an occurrence.
        before: what was known before.
        means: what the traceback means that was appended to them; None: there is none.
    """
    logger, path, number, function, _ = where
    site = source.sites.get((path, number))
    name, *_ = token
    if site is None or site.over or (name != logger and logger not in places.MAINS):
        return None
    if before is not None and (before.path != path or before.site is not site):
        before = None
    at = next((n for n, template in enumerate(site.templates) if template.fits(words)), None)
    if at is not None:
        known = _line_of_template(where, token, problem, site, at)
        if before is None or before.problem is None or before.at < 0:
            return known if known.at >= 0 or before is None else None
        if known.at < 0:
            return None
        if at == before.at:
            return replace(known, others=before.others) if _is_replaced(before, problem) else None
        other = before.others.get(at)
        if other is not None and not _is_replaced(other, problem):
            return None
        return replace(before, others={**before.others, at: known}) if at < MAX_HOLES else None
    if before is not None and before.problem is not None:
        return None
    if not is_told_by_mask(function, words, token, site, joins=means is not None):
        return None
    if before is not None and before.function == function and before.texts is not None:
        before.texts.add(words, problem, means)
        return None
    by_mask = not (site.templates or site.bare)
    texts = Texts(look_again=not path.startswith("<"), by_mask=by_mask)
    texts.add(words, problem, means)
    return Line(path, texts.find, site, None, function, texts=texts)


def _line_of_template(where: Where, token: Token, problem: Problem, site: source.Site, at: int) -> Line:
    """Return what is known of a line by the template that fits the words of its record."""
    logger, path, _, function, module = where
    _, shape, joined = token
    template = site.templates[at]
    more = parts.module_of(module, path) if logger == parts.ROOT else ()
    crash = joined[: len(joined) - len(more)]
    says = template.text == shape and joined == (*crash, *more)
    by_function = None
    if not says_enough(shape):
        says = (
            says and type(function) is str and not says_nothing(shape) and crash == parts.logged_in(function)
        )
        crash, by_function = (), function
    if not says:
        return Line(path, _find_nothing, site, problem, None)
    return Line(
        path,
        finder(site.templates[:at], template.pieces) or _find_nothing,
        site,
        UNKNOWN if crash else problem,
        by_function,
        module if more else None,
        shape=shape,
        at=at,
    )


def is_told_by_mask(function: Any, words: str, token: Token, site: source.Site, *, joins: bool) -> bool:
    """Return whether all texts that differ from WORDS in their digits only have this token.

    JOINS: what a printed traceback means joins it; then that is part of what they are known by.
    """
    name, shape, joined = token
    return (
        type(function) is str
        and name != parts.ROOT
        and (joins or joined in ((), parts.logged_in(function)))
        and not any(template.has_digit() for template in site.templates)
        and not (may_be_data(words) and (words[:1] in FIRST or words_of(words) != words))
        and (shape == _part_of(site, words) or shape_without_digits(site, words) == shape)
    )


def _part_of(site: source.Site, words: str) -> str | None:
    part = part_in(site, words)
    return None if part is None else part.text


def _is_replaced(known: Line, problem: Problem) -> bool:
    """Return whether the problem known for a line is over, or was forgotten and has occurred again."""
    before = known.problem
    return before is None or before.over or (before is not problem and before.key == problem.key)


def _find_nothing(text: str) -> None:
    return None
