"""The statement or function around a line of source, parsed as little as possible."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_PARSED_CHARS: Final = 250_000
"""Characters that may be parsed for one call site, at about 0.5 ms per 1,000."""

_DEF = re.compile(r"\s*(?:async\s+def|def)\b")
_FRESH_START = re.compile(r"(?:async\s+def|def|class|if\s+__name__)\b|@")
_NO_NAME: Final = " \t\f#)]}@"
"""How a line begins that gives nothing a name at the top of a file."""
_CONTINUES = re.compile(r"(?:else|elif|except|finally)\b|[)\]}]|#|$")
_PARSED_AS: Final = "<pagerduty_logging source line>"
_IGNORED = ("ignore", None, Warning, re.compile(re.escape(_PARSED_AS)), 0)
"""The filter, as `warnings` keeps it, of the warnings about what is parsed here."""


class Lines(list[str]):
    """The lines of a file."""

    __slots__ = ("_assigning",)

    @property
    def assigning(self) -> tuple[int, ...]:
        """The indexes of lines at the top of the file that may give something a name; found once."""
        try:
            return self._assigning
        except AttributeError:
            found = (i for i, line in enumerate(self) if "=" in line and line[0] not in _NO_NAME)
            self._assigning: tuple[int, ...] = tuple(found)
            return self._assigning


class Around(NamedTuple):
    """The statement or function around a line."""

    tree: ast.Module
    offset: int
    """What to add to a line of the file."""
    text: str


def parsed_around(lines: list[str], lineno: int) -> Around | None:
    """Parse as little as possible around `lineno`."""
    for start, end in _regions(lines, lineno - 1):
        body = lines[start:end]
        indented = body[0][:1] in (" ", "\t", "\f")
        text = "\n".join(["if 1:", *body] if indented else body)
        tree = parsed(text)
        if tree is not None:
            return Around(tree, (1 if indented else 0) - start, text)
    return None


def parsed(text: str) -> ast.Module | None:
    if len(text) > MAX_PARSED_CHARS:
        return None
    # An invalid escape in the application's source would be warned about again, on its stderr
    # or into its log. `catch_warnings` is not safe between threads; a filter for this one
    # made-up file name is. Added again only where another one was put before it: each time makes
    # `warnings` forget which of the application's own it has shown.
    if not warnings.filters or warnings.filters[0] != _IGNORED:
        warnings.filterwarnings("ignore", module=re.escape(_PARSED_AS))
    try:
        return ast.parse(text, _PARSED_AS)
    except (SyntaxError, ValueError):
        return None


def _regions(lines: list[str], index: int) -> Iterator[tuple[int, int]]:
    """Line ranges that may hold the whole function, or else statement, around `index`; the file at last."""
    limit, header = _indent(lines[index]), None
    if _DEF.match(lines[index]):
        header = index
    for i in range(index - 1, -1, -1):
        if limit == 0:
            break
        line = lines[i]
        indent = _indent(line)
        if indent < limit and line.strip() and line.lstrip()[0] not in ")]}#":
            limit = indent
            if _DEF.match(line):
                header = i
    if header is None:
        header = index
        while header > 0 and (_indent(lines[header]) or _CONTINUES.match(lines[header])):
            header -= 1
    yield header, _end(lines, header, index, _CONTINUES, inverted=True)
    # A string may hold lines that look like the end of the function.
    yield header, _end(lines, header, index, _FRESH_START, inverted=False)
    yield 0, len(lines)


def _end(lines: list[str], header: int, index: int, mark: re.Pattern[str], *, inverted: bool) -> int:
    """Return the line after the block that `header` starts and `index` is in.

    It ends at a line that is indented no deeper than the header and matches `mark` (does not, if `inverted`).
    """
    outer = _indent(lines[header])
    for i in range(max(header, index) + 1, len(lines)):
        line = lines[i]
        marked = mark.match(line.lstrip()) is not None
        if line.strip() and _indent(line) <= outer and marked is not inverted:
            return i
    return len(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t\f"))


def statement_end(lines: list[str], start: int) -> int:
    """Return the index of the line after the statement that starts at line `start`, counted from zero."""
    return _end(lines, start, start, _CONTINUES, inverted=True)
