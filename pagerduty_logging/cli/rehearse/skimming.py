"""Where in a block a line stands that may be severe, found without looking at the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pagerduty_logging.cli.rehearse import levels, structured
from pagerduty_logging.cli.rehearse.format import Format


class Finder(Protocol):
    """Finds the next place, from a position on, that may be in a severe line; -1 for none."""

    def __call__(self, block: bytes) -> Callable[[int], int]: ...


def by_words(row: Format, level: int, seen: Mapping[str, int]) -> Finder | None:
    """Return what finds severe lines of a text format; None: they cannot be found by words.

    Args:
        row: the format.
        level: what is severe.
        seen: words that its lines have for levels so far.
    """
    if not row.has_words:
        return None
    known = row.words(level, seen)
    others = [word.encode() for word, number in seen.items() if number >= level]
    words = (*known, *(word for word in others if not any(k in word for k in known)))

    def in_block(block: bytes) -> Callable[[int], int]:
        places = [(word, block.find(word)) for word in words]
        if all(place < 0 for _, place in places):
            return _nowhere
        ahead = {word: place for word, place in places if place >= 0}

        def following(position: int) -> int:
            for word, place in list(ahead.items()):
                if place < position:
                    place = block.find(word, position)
                    if place < 0:
                        del ahead[word]
                    else:
                        ahead[word] = place
            return min(ahead.values(), default=-1)

        return following

    return in_block


def by_key(key: str, level: int) -> Finder:
    """Return what finds severe lines of JSON, whose level is a word under this key."""
    below = [name for name in levels.NAMES if levels.WORDS[name] < level]
    words = "|".join(case(name) for name in below for case in (str.lower, str.upper, str.capitalize))
    severe = re.compile(rf'"{re.escape(key)}": ?+(?!"(?:{words})")'.encode()).search

    def in_block(block: bytes) -> Callable[[int], int]:
        def following(position: int) -> int:
            found = severe(block, position)
            return -1 if found is None else found.start()

        return following

    return in_block


def level_key(said: Mapping[str, Any]) -> str | None:
    """Return the key under which a JSON line has its level as a word; None: there is no such key."""
    for name in structured.LEVELS:
        value = said.get(name)
        if value is not None:
            return name if isinstance(value, str) and levels.of_word(value) is not None else None
    return None


def _nowhere(position: int) -> int:
    return -1
