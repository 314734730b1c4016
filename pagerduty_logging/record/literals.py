"""Reads mappings and sequences from their `repr`, also if they hold objects of unknown types.

`ast.literal_eval` fails at the first object that is not a literal, and its parser at deep nesting.
"""

from __future__ import annotations

import ast
import re
from typing import Final

MAX_DEPTH: Final = 6
"""Containers inside containers; what lies deeper stays text."""

# An unterminated string takes the whole rest: otherwise the rest would be searched once for every quote.
_STRING = r"""'(?:[^'\\]|\\.|\\\Z)*+(?:'|(\Z))|"(?:[^"\\]|\\.|\\\Z)*+(?:"|(\Z))"""
_TOKEN = re.compile(rf"{_STRING}|[\[\](){{}},:]|\s+|[^\[\](){{}},:'\"\s]+", re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?", re.ASCII)
_FLAGS: Final = {"True": True, "False": False, "None": None}
_OPEN: Final = {"[": "]", "(": ")", "{": "}"}
_CLOSE: Final = frozenset(_OPEN.values())


class Unread(str):
    """The text of a value that is neither a string nor a number or flag."""

    __slots__ = ()


def read(text: str) -> object:
    """Return the container that `text` is the `repr` of, its unknown objects as `Unread`, or `text`."""
    tokens: list[str] = []
    for found in _TOKEN.finditer(text):
        if _is_cut(found):
            return text
        tokens.append(found[0])
    value, at = _value(tokens, 0, 0)
    return text if isinstance(value, str) or at != len(tokens) else value


def string(literal: str) -> str:
    """Return the value of a quoted string; the text itself if it cannot be read."""
    try:
        value = ast.literal_eval(literal)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return literal[1:-1]
    return value if type(value) is str else literal


def items(text: str) -> list[str] | None:
    """Return the texts of the entries of a bracketed `text`, or None."""
    tokens = []
    for token in _TOKEN.finditer(text):
        if _is_cut(token):
            return None
        tokens.append(token[0])
    if not tokens or tokens[0] not in _OPEN:
        return None
    found: list[str] = []
    at = 1
    while at < len(tokens) and tokens[at] not in _CLOSE:
        entry, at = _unread(tokens, at, "")
        found.append(entry.strip())
        if at < len(tokens) and tokens[at] == ",":
            at += 1
    return found


def end(text: str, begin: int) -> int:
    """Return where the bracket ends that opens at `begin`; -1 if it does not."""
    depth = 0
    for token in _TOKEN.finditer(text, begin):
        if _is_cut(token):
            return -1
        depth += (token[0] in _OPEN) - (token[0] in _CLOSE)
        if not depth:
            return token.end()
    return -1


def _is_cut(token: re.Match[str]) -> bool:
    """Whether a token is a string that does not end."""
    return token[1] is not None or token[2] is not None


def _value(tokens: list[str], at: int, depth: int) -> tuple[object, int]:
    """Read one value from AT on; return it and where the next token is."""
    while at < len(tokens) and tokens[at].isspace():
        at += 1
    if at == len(tokens):
        return Unread(""), at
    token, begin = tokens[at], at
    value: object = None
    if token in _OPEN and depth < MAX_DEPTH:
        value, at = _container(tokens, at, depth)
    elif token[0] in "'\"":
        value, at = string(token), at + 1
    if value is not None and (at == len(tokens) or tokens[at] in ",:" or tokens[at] in _CLOSE):
        return value, at
    text, at = _unread(tokens, begin, ":" if depth else "")
    return _plain(text), at


def _container(tokens: list[str], at: int, depth: int) -> tuple[object, int]:
    opened, closer = tokens[at], _OPEN[tokens[at]]
    entries: dict[str, object] = {}
    elements: list[object] = []
    at += 1
    while at < len(tokens) and tokens[at] != closer:
        value, at = _value(tokens, at, depth + 1)
        if opened == "{" and at < len(tokens) and tokens[at] == ":":
            entries[str(value)], at = _value(tokens, at + 1, depth + 1)
        elif value != "" or type(value) is str:
            elements.append(value)
        if at < len(tokens) and tokens[at] in ",:":
            at += 1
        elif at < len(tokens) and tokens[at] != closer:  # brackets that do not match
            return None, at
    if at == len(tokens):
        return None, at
    return (entries if opened == "{" and not elements else elements), at + 1


def _plain(text: str) -> object:
    if text in _FLAGS:
        return _FLAGS[text]
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return Unread(text)


def _unread(tokens: list[str], at: int, stops: str) -> tuple[str, int]:
    """Return the tokens of one value unchanged, with brackets and their contents."""
    begin, depth = at, 0
    while at < len(tokens):
        token = tokens[at]
        if token in _OPEN:
            depth += 1
        elif token in _CLOSE:
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and (token == "," or token == stops):
            break
        at += 1
    return "".join(tokens[begin:at]).strip(), at
