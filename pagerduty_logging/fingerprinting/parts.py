"""The parts of a dedup key, and how they become one; and the application's own keys, as they are sent."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Final

from pagerduty_logging.events_api.encoding import MAX_DEDUP_KEY_CHARS, fit_dedup_key
from pagerduty_logging.events_api.text import plain
from pagerduty_logging.record import places
from pagerduty_logging.record.structured import EMPTY_WORDS, says_little

from . import texts

SCHEME: Final = "pdl2"
"""The version of the rules; every key made by them starts with it."""

ROOT: Final = "root"
_SEPARATOR: Final = "\x1f"


def named(name: str, path: object) -> str:
    """Return the logger's name, without numbers that differ in each process.

    A logger named after the main module, in `path`, has the name by which that would be imported.
    """
    if name in places.MAINS and type(path) is str and path:
        return places.name_of_main(path)
    return without_numbers(name)


def numbered(name: str) -> bool:
    """Return whether a logger's name may have numbers that differ in each process."""
    return name[-1:].isdecimal() or name[:1] == "["


def without_numbers(name: str) -> str:
    """Return a logger's name without numbers that differ in each process."""
    return places.without_numbers(name, ".<*>")


def key_of(name: object, template: str, joined: tuple[str, ...] = ()) -> str:
    """Return the key for a logger's name, a template, and what else joins them."""
    parts = f"{name!s}{_SEPARATOR}{template}"
    if joined:
        parts = _SEPARATOR.join((parts, *joined))
    digest = hashlib.sha256(parts.encode("utf-8", "backslashreplace"), usedforsecurity=False)
    return f"{SCHEME}-{digest.hexdigest()[:32]}"


def begins_with_letter(template: str) -> bool:
    """Return whether `template` begins with a letter; a placeholder does not."""
    first = template[:1]
    return first.isascii() and first.isalpha()


@functools.lru_cache(maxsize=512)
def says_little_template(template: str) -> bool:
    """Whether no word of `template` says what happened: "%s: %s", "Error: {}"."""
    first = template.partition(" ")[0]
    if first.isascii() and first.isalpha() and first.lower() not in EMPTY_WORDS:
        return False  # as most templates
    return len(template) <= 120 and says_little(texts.without_placeholders(template))


def is_vague(template: str, words: str, *, guessed: bool) -> bool:
    """Return whether `template` may be that of other lines too: `guessed` from `words`, or without a word.

    Words in which nothing was masked make the same key as with the source at hand. A packed program never has
    the source; elsewhere it may be back tomorrow.
    """
    if guessed and not (template == words and places.is_frozen()):
        return True
    return says_little_template(template)


def logged_in(name: object) -> tuple[str, ...]:
    """Return the part for the function that logged; nothing for one without a name."""
    # <lambda>, <listcomp>, ...: which of them have a frame depends on the Python version.
    if not isinstance(name, str) or not name or name.startswith(("<", "(")):
        return ()
    return (f"function={name}",)


def with_more(joined: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts of both, each once."""
    return (*joined, *(part for part in more if part not in joined))


def module_of(name: object, path: str) -> tuple[str, ...]:
    """Return the part for the module that logged, which is in `path`, if its name is known."""
    if name == places.MAIN:
        name = places.name_of_main(path)
    return (f"module={name}",) if type(name) is str and name and name != "Unknown module" else ()


def sendable(key: str, redacted: Callable[[str], str] | None = None) -> str:
    """Return a key as it is sent: one line of plain text without a secret.

    A key over 255 characters is sent as a digest of itself.

    Args:
        key: as the application gave it.
        redacted: takes secrets out; default: what a handler does without `redact`.
    """
    shown = plain(key).replace("\n", " ") if len(key) <= MAX_DEDUP_KEY_CHARS else key
    return (redacted or _usual())(fit_dedup_key(shown))


@functools.cache
def _usual() -> Callable[[str], str]:
    from pagerduty_logging.page.redaction import Redactor

    return Redactor().key
