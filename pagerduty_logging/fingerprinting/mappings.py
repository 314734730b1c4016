"""Mappings without words that a line logs, as data, JSON or a `repr`: known by their text but for its digits.

Of a value in them only its words and its shape count, so that digits decide nothing.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import structured
from pagerduty_logging.state.problem import Problem

from . import alike, parts, source
from .lines import Texts
from .tokens import Token
from .words import may_be_data, wordless

Place: TypeAlias = tuple[str, str, int, object]
"""Logger, file, line and function."""
MAX_PLACES: Final = 300
_HIDES_MORE: Final = re.compile(r"\\|[0-9]_|[0-9.][eE][-+0-9]")
"""What escapes a character by its number, and numbers whose digits decide how they are shown."""


class Mappings:
    """What is known of lines that log such mappings.

    Attributes:
        known: their sites and texts, by place and function.
    """

    def __init__(self) -> None:
        self.known: dict[Place, tuple[source.Site, Texts]] = {}

    def find(self, place: Place, said: object) -> Problem | None:
        """Return the problem of a message, if it is known. Runs none of the application's code."""
        site, texts = self.known.get(place, (None, None))
        if site is None or texts is None or site.over or not texts.are_fresh():
            return None
        text = _text_of(said)
        return None if text is None else texts.find(text)

    def learn(self, place: Place, said: object, token: Token, problem: Problem) -> None:
        """Remember the problem of a message, if all that are like it are the same.

        Args:
            place: that logged it.
            said: the message, which alone decides the key.
            token: what it comes to.
            problem: of which it is an occurrence.
        """
        name, path, number, _ = place
        site, text = source.sites.get((path, number)), _text_of(said)
        if (
            site is None
            or text is None
            or len(text) > alike.MAX_MASKED
            or _HIDES_MORE.search(text)
            or token[0] != name
            or name == parts.ROOT
            or any(template.has_digit() for template in (*site.templates, *site.bare))
            or wordless(said) is None
            or _names_have_digits(said)
        ):
            return
        known = self.known.get(place)
        if known is None or known[0] is not site:
            if len(self.known) >= MAX_PLACES:
                self.known.clear()
            known = self.known[place] = site, Texts(look_again=not path.startswith("<"), ids=False)
        known[1].add(text, problem)


def _names_have_digits(said: Any) -> bool:
    entries = structured.flat(structured.read_text(said) if type(said) is str else said)
    return any(map(str.isdigit, "".join(name for name, _ in entries)))


def _text_of(said: Any) -> str | None:
    """Return the text of a message that may be such a mapping."""
    if type(said) is str:
        return said if may_be_data(said) else None
    if type(said) is not dict or "exc_info" in said or not PLAIN.issuperset(map(type, said.values())):
        return None
    return repr(said) if {str}.issuperset(map(type, said)) else None
