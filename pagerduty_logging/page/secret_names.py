"""Whether a value under a name is a secret: one rule for fields of data and for names in texts."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from pagerduty_logging.events_api.late_pattern import late
from pagerduty_logging.page.secret_patterns import (
    CLASSES,
    COUNTED,
    DATES,
    FILES,
    HOLDERS,
    INNOCENT,
    KEYLIKE,
    LAST_WORDS,
    MEASURES,
    SENSITIVE_PARTS,
    SENSITIVE_WORDS,
)

_WORD = late(r"[A-Z]++(?![a-z])|[A-Z]?[a-z]++|[A-Z]++|\d++|[^\W\dA-Za-z_]++")
_SEPARATORS = late(r"[\W_]++")
MAX_NAME = 80
"""Characters at the end of a name that are read."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a name says about its value."""

    sensitive: bool = False
    counts: bool = False
    """A number is not a secret: `max_tokens`."""
    strong: bool = False
    """The value is a secret whatever it looks like; otherwise only if it does not look like a sentence."""
    header: bool = False
    """The value is the rest of the line."""
    short: bool = False
    """A number of up to three digits is not a secret: `pass=3 fail=2`."""
    place: bool = False
    """A path is not a secret: `pwd=/home/bob`, `password_file=/run/secrets/db`."""


HARMLESS = Judgement()


def compact(name: str) -> str:
    """Return `name` without separators and case, as names are compared."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", name[-MAX_NAME:]).casefold())


def judgement_of(
    name: str, more: frozenset[str] = frozenset(), harmless: frozenset[str] = frozenset()
) -> Judgement:
    """Return what `name` says about its value.

    Args:
        name: a name of a field, or of what stands before `=` or `:` in a text.
        more: further names of secrets, in the form that `compact` gives.
        harmless: names of none, in the same form.
    """
    short = unicodedata.normalize("NFKC", name[-MAX_NAME:])
    whole = compact(name)
    for innocent in INNOCENT:
        whole = whole.replace(innocent, "")
    if whole in harmless:
        return HARMLESS
    words = [word.casefold() for word in _WORD.findall(short)] or [whole]
    if whole in more or not more.isdisjoint(words):
        return Judgement(sensitive=True, strong=True)
    last = words[-2] if words[-1].isdigit() and len(words) > 1 else words[-1]
    if not any(part in whole for part in SENSITIVE_PARTS) and not _has_word(short, words, last):
        return HARMLESS
    if "." in short and last in FILES:
        return HARMLESS
    if whole.endswith("webhookurl"):
        return Judgement(sensitive=True, strong=True)
    if last in CLASSES or words[0] in ("has", "is") or not DATES.isdisjoint(words):
        return HARMLESS
    return Judgement(
        sensitive=True,
        counts=not COUNTED.isdisjoint(words) or last in MEASURES or words[0] in MEASURES,
        strong=any(part in whole for part in KEYLIKE),
        header=whole.endswith(("authorization", "cookie")),
        short=last in ("pass", "pin"),
        place=last in ("pwd", "file", "path", "dir", "directory", "filename", "folder", "location"),
    )


def _has_word(name: str, words: list[str], last: str) -> bool:
    by_separators = _SEPARATORS.split(name.casefold())
    if not SENSITIVE_WORDS.isdisjoint(words) or not SENSITIVE_WORDS.isdisjoint(by_separators):
        return True
    if last in LAST_WORDS or by_separators[-1] in LAST_WORDS:
        return True
    return last in HOLDERS and len(words) > 1 and words[-2] in LAST_WORDS
