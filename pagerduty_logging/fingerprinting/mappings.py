"""Mappings without words that a line logs, as data, JSON or a `repr`: known by their text but for its digits.

Of a value in them only its words and its shape count, so that digits decide nothing.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, Final

from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import structured
from pagerduty_logging.state.problem import Problem

from . import alike, failure, parts, source
from .lines import Texts
from .tokens import Token
from .words import may_be_data, wordless

MAX_PLACES: Final = 300
_HIDES_MORE: Final = re.compile(r"\\|[0-9]_|[0-9.][eE][-+0-9]")
"""What escapes a character by its number, and numbers whose digits decide how they are shown."""


class Mappings:
    """What is known of lines that log such mappings.

    Attributes:
        known: their sites and texts, by place and function.
    """

    def __init__(self) -> None:
        self.known: dict[object, tuple[source.Site, Texts]] = {}

    def find(self, record: logging.LogRecord) -> Problem | None:
        """Return the problem of a record without arguments, if it is known; runs no code of its own."""
        site, texts = self.known.get(_place_of(record), (None, None))
        if site is None or texts is None or site.over or not texts.are_fresh() or not _is_all(record):
            return None
        text = _text_of(record.msg)
        return None if text is None else texts.find(text)

    def learn(self, record: logging.LogRecord, token: Token, problem: Problem) -> None:
        """Remember the problem of a record with this token, if all that are like it are the same.

        Args:
            record: it.
            token: what decides its key.
            problem: of which it is an occurrence.
        """
        path, number, name, _ = place = _place_of(record)
        site, text = source.sites.get((path, number)), _text_of(record.msg)
        if (
            site is None
            or text is None
            or len(text) > alike.MAX_MASKED
            or _HIDES_MORE.search(text)
            or token[0] != name
            or name == parts.ROOT
            or any(template.has_digit() for template in (*site.templates, *site.bare))
            or not _is_all(record)
            or wordless(record.msg) is None
            or _names_have_digits(record.msg)
        ):
            return
        known = self.known.get(place)
        if known is None or known[0] is not site:
            if len(self.known) >= MAX_PLACES:
                self.known.clear()
            known = self.known[place] = site, Texts(look_again=not path.startswith("<"), ids=False)
        known[1].add(text, problem)


def _place_of(record: logging.LogRecord) -> tuple[str, int, str, object]:
    return record.pathname, record.lineno, record.name, record.funcName


def _is_all(record: logging.LogRecord) -> bool:
    """Return whether nothing but its message decides the key of a record, neither does an exception."""
    handled = sys.exception()
    return not (record.exc_info or record.exc_text) and (
        handled is None or failure.is_ordinary(record, handled)
    )


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
