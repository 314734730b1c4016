"""Calls in the texts of libraries, such as `pay('CUST4711', amount=7)`: what they were given is left out."""

from __future__ import annotations

import re
from typing import Final

_CALL = re.compile(r"(?<![\w.])[A-Za-z_][\w.<>-]{0,200}(?:\[[^\]\n]{0,100}\])?\(")
_DATA = re.compile(r"['\"=\[{\d]")
_TOKEN = re.compile(r"'(?:[^'\\\n]|\\.){0,300}+'|\"(?:[^\"\\\n]|\\.){0,300}+\"|[()\n]")
_TRACEBACK: Final = "Traceback (most recent call last)"


def without_arguments(text: str) -> str:
    """Return a text with `…` for the arguments of each call in it, as far as they hold any data.

    What an open bracket holds to the end of its line counts as arguments. A printed traceback is left alone.
    """
    if "(" not in text:
        return text
    words, header, rest = text.partition(_TRACEBACK)
    shown: list[str] = []
    at = scanned = 0
    for call in _CALL.finditer(words):
        if call.start() < scanned:
            continue
        scanned = _end(words, call.end())
        if _DATA.search(words, call.end(), scanned):
            shown += (words[at : call.end()], "…")
            at = scanned
    return "".join((*shown, words[at:], header, rest))


def _end(text: str, begin: int) -> int:
    """Return where the bracket that was opened just before is closed."""
    depth = 1
    for token in _TOKEN.finditer(text, begin):
        if token[0] == "\n":
            return token.start()
        depth += (token[0] == "(") - (token[0] == ")")
        if not depth:
            return token.start()
    return len(text)
