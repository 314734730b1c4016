"""Shows custom details to a person: any JSON value as text, rows, or a table."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

MAX_DEPTH = 4  # tables within tables; deeper values are shown as JSON

_PLACE = re.compile(
    r"""^\s*File ".+", line \d|:\d+ in """
)  # the place lines in a traceback, as Python or our handler writes them

Kind = Literal["text", "rows", "table", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of text; `role` distinguishes places, code and folded frames of a traceback."""

    text: str
    role: Literal["plain", "place", "code", "folded"] = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How one value is shown.

    The kind "text" has `text`, and `href` if it is a web address; "rows" has `rows`; "table" has `table`.
    `folds`: PagerDuty would show the rows as one line, because they came as a text and not as a list.
    """

    kind: Kind
    text: str = ""
    href: str | None = None
    rows: tuple[Row, ...] = ()
    table: tuple[tuple[str, "Cell"], ...] = ()
    folds: bool = False


def cell(value: Any, depth: int = 0) -> Cell:
    """Return how to show a JSON value."""
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, dict | list) and not value:
        return Cell(kind="nothing", text="empty")
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return Cell(kind="rows", rows=_rows([line for item in value for line in _lines(_scalar(item))]))
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            text = json.dumps(value, indent=2, ensure_ascii=False)
            return Cell(kind="rows", rows=_rows(text.splitlines()))
        named = value.items() if isinstance(value, dict) else enumerate(value, 1)
        return Cell(kind="table", table=tuple((str(name), cell(item, depth + 1)) for name, item in named))
    return Cell(kind="nothing" if value is None else "text", text=_scalar(value))


def web_address(text: object) -> str | None:
    """Return the text if it is an address that a browser can open without running anything; else None."""
    if not isinstance(text, str) or any(char.isspace() or not char.isprintable() for char in text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.hostname else None


def _of_text(text: str) -> Cell:
    lines = _lines(text.rstrip("\n"))
    if len(lines) > 1:
        return Cell(kind="rows", rows=_rows(lines), folds=True)
    return Cell(kind="text" if text else "nothing", text=text or "empty", href=web_address(text))


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def _rows(lines: list[str]) -> tuple[Row, ...]:
    if not any(_PLACE.search(line) for line in lines):
        return tuple(Row(text=line) for line in lines)
    return tuple(_row_of_traceback(line) for line in lines)


def _row_of_traceback(line: str) -> Row:
    words = line.strip()
    if words.startswith("…"):
        return Row(text=line, role="folded")
    if line[:1].isspace() and not words.startswith('File "'):
        return Row(text=line, role="code")
    return Row(text=line, role="place")


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
