"""Messages that are exceptions, or mappings without words: known by their text but for its digits.

Of a value in such a mapping only its words and its shape count, so that digits decide nothing. What an
exception says is masked; its type and where it came from are compared, too.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import places, structured
from pagerduty_logging.state.problem import Problem

from . import alike, causes, parts, shapes, source, texts
from .lines import Texts, is_told_by_mask
from .tokens import Token
from .words import Show, is_plain, may_be_data, not_asked, wordless, words_of

Place: TypeAlias = tuple[str, str, int, object]
"""Logger, file, line and function."""
MAX_PLACES: Final = 300
MAX_DEPTH: Final = 4
MAX_ENTRIES: Final = 50
_HIDES_MORE: Final = re.compile(r"\\|[0-9]_|[0-9.][eE][-+0-9]")
"""What escapes a character by its number, and numbers whose digits decide how they are shown."""
_READ_BY_JSON_ALONE: Final = re.compile(r"true|false|null|NaN|Infinity")


Known: TypeAlias = tuple[source.Site, Texts]
"""What is known of a line: the texts of its messages, each with what else decides, see `_compared`."""


class Objects:
    """What is known of lines that log such messages.

    Attributes:
        known: their sites and texts, by place and function.
    """

    def __init__(self) -> None:
        self.known: dict[Place, Known] = {}

    def learn(
        self, place: Place, said: object, token: Token, problem: Problem, show: Show = not_asked
    ) -> None:
        """Remember the problem of a message, if all that are like it are the same.

        Args:
            place: that logged it.
            said: the message, which alone decides the key.
            token: what it comes to.
            problem: of which it is an occurrence.
            show: as for `find`.
        """
        name, path, number, _ = place
        site, compared = source.sites.get((path, number)), _compared(said, show)
        if (
            site is None
            or compared is None
            or token[0] != name
            or name == parts.ROOT
            or any(template.has_digit() for template in (*site.templates, *site.bare))
            or not _is_told_by_text(place, said, compared[0], token, site)
        ):
            return
        known = self.known.get(place)
        if known is None or known[0] is not site:
            if len(self.known) >= MAX_PLACES:
                self.known.clear()
            by_mask = not (site.templates or site.bare) and causes.is_exception(said)
            known = site, Texts(look_again=not path.startswith("<"), by_mask=by_mask)
            self.known[place] = known
        known[1].add(compared[0], problem, compared[1])


def find(known: Known, said: object, show: Show = not_asked) -> Problem | None:
    """Return the problem of a message, if it is known.

    Args:
        known: what is known of its place.
        said: the message, which alone decides the key.
        show: asked what exceptions say. Default: they are not asked, and no code of the application runs.
    """
    site, texts = known
    if site.over or not texts.are_fresh():
        return None
    compared = _compared(said, show)
    return None if compared is None else texts.find(*compared)


def _compared(said: Any, show: Show) -> tuple[str, object] | None:
    """Return the text of a message, and its kind, or an exception's type and function; None: of no other."""
    kind = type(said)
    if kind is str:
        return (said, kind) if may_be_data(said) else None
    if kind is dict:
        return (repr(said), kind) if "exc_info" not in said and _is_plain(said, 0) else None
    if not issubclass(kind, BaseException):
        return None
    words = shapes.words_of(said)
    words = show(said) if words is None else words
    joined = causes.joined_of_plain(said)
    joined = shapes.joined_of_raised(said) if joined is None else joined
    return None if words is None or joined is None else (words, joined)


def _is_plain(said: dict[Any, Any], depth: int) -> bool:
    """Return whether a mapping has texts as names, and simple values, or lists and mappings of these."""
    if not {str}.issuperset(map(type, said)):
        return False
    if PLAIN.issuperset(map(type, said.values())):
        return True
    if len(said) > MAX_ENTRIES or depth == MAX_DEPTH:
        return False
    for value in said.values():
        kind = type(value)
        if kind is dict:
            if not _is_plain(value, depth + 1):
                return False
        elif kind is list:
            if len(value) > MAX_ENTRIES or not PLAIN.issuperset(map(type, value)):
                return False
        elif kind not in PLAIN:
            return False
    return True


def _is_told_by_text(place: Place, said: Any, text: str, token: Token, site: source.Site) -> bool:
    """Return whether all messages whose text differs from this one's in its digits only have this token."""
    is_simple = len(text) <= alike.MAX_MASKED and _HIDES_MORE.search(text) is None
    if not causes.is_exception(said):
        return is_simple and wordless(said) is not None and not _names_have_digits(said)
    if places.is_library(place[1]):
        return False
    if not text:
        return type(place[3]) is str
    words = words_of(texts.uncounted(text))
    if words is None or not is_plain(words):
        return False
    if may_be_data(text) and not (is_simple and _READ_BY_JSON_ALONE.search(text) is None):
        return False
    return is_told_by_mask(place[3], words, token, site, joins=True)


def _names_have_digits(said: Any) -> bool:
    entries = structured.flat(structured.read_text(said) if type(said) is str else said)
    return any(map(str.isdigit, "".join(name for name, _ in entries)))
