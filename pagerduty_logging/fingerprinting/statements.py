"""The statement or function around a line of source, parsed as little as possible."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Final

MAX_PARSED_CHARS: Final = 250_000
"""Characters that may be parsed for one call site, at about 0.5 ms per 1,000."""

_DEF = re.compile(r"\s*(?:async\s+def|def)\b")
_FRESH_START = re.compile(r"(?:async\s+def|def|class|if\s+__name__)\b|@")
_CONTINUES = re.compile(r"(?:else|elif|except|finally)\b|[)\]}]|#|$")
_PARSED_AS: Final = "<pagerduty_logging source line>"


def parsed_around(lines: list[str], lineno: int) -> tuple[ast.Module, int] | None:
    """Parse as little as possible around LINENO: (tree, what to add to a line of the file)."""
    for start, end in (*_regions(lines, lineno - 1), (0, len(lines))):
        body = lines[start:end]
        indented = body[0][:1] in (" ", "\t", "\f")
        tree = parsed("\n".join(["if 1:", *body] if indented else body))
        if tree is not None:
            return tree, (1 if indented else 0) - start
    return None


def parsed(text: str) -> ast.Module | None:
    if len(text) > MAX_PARSED_CHARS:
        return None
    # An invalid escape in the application's source would be warned about again, on its stderr
    # or into its log. `catch_warnings` is not safe between threads; a filter for this one
    # made-up file name is.
    warnings.filterwarnings("ignore", module=re.escape(_PARSED_AS))
    try:
        return ast.parse(text, _PARSED_AS)
    except (SyntaxError, ValueError):
        return None


def _regions(lines: list[str], index: int) -> Iterator[tuple[int, int]]:
    """Line ranges that may hold the whole function, or else statement, around INDEX."""
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


def _end(lines: list[str], header: int, index: int, mark: re.Pattern[str], *, inverted: bool) -> int:
    """Return the line after the block that HEADER starts and INDEX is in.

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
    """Return the index of the line after the statement that starts at line START, counted from zero."""
    return _end(lines, start, start, _CONTINUES, inverted=True)
