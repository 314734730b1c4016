"""What the subcommands print: tables and colours for a person at a terminal, plain lines in a pipe."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

COLOURS = {
    "ok": "32",
    "failed": "31",
    "critical": "1;31",
    "error": "31",
    "warning": "33",
    "info": "36",
    "bold": "1",
    "dim": "2",
}
_GAP = "  "
_LEAST = 12


def is_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout.isatty()


def coloured(text: str, colour: str) -> str:
    """Return the text in a colour, where a terminal shows it and it is not switched off (https://no-color.org)."""
    if not is_terminal() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    colours: Mapping[str, str] | None = None,
    below: Sequence[str] = (),
) -> None:
    """Print rows: aligned below their header at a terminal, separated by tabs and bare in a pipe.

    Args:
        header: the names of the columns, which only a terminal shows.
        rows: their cells.
        colours: of cells, by their text.
        below: of each row what a terminal shows on a line of its own; empty: nothing.
    """
    clean = [[plain(cell) for cell in row] for row in rows]
    if not is_terminal():
        for row in clean:
            print("\t".join(row))
        return
    widths = [max(map(len, column)) for column in zip(header, *clean, strict=True)]
    print(coloured(_GAP.join(map(str.ljust, header, widths)).rstrip(), "bold"))
    for number, row in enumerate(clean):
        print(_GAP.join(_cell(cell, width, colours or {}) for cell, width in zip(row, widths, strict=True)))
        if below:
            print(coloured(_GAP + plain(below[number]), "dim"))


def room_for(column: int, header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return the characters that a terminal has for one column beside the others: at least 12."""
    others = [row[:column] + row[column + 1 :] for row in (tuple(header), *map(tuple, rows))]
    taken = sum(max(len(plain(cell)) for cell in cells) + len(_GAP) for cells in zip(*others, strict=True))
    return max(shutil.get_terminal_size().columns - taken, _LEAST)


def _cell(text: str, width: int, colours: Mapping[str, str]) -> str:
    padded = text.ljust(width)
    return coloured(padded, colours[text]) if text in colours else padded


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    print(json.dumps(value))


def plain(text: str) -> str:
    """Return the text made harmless for a terminal of any encoding."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    printable = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    return printable.encode(encoding, "backslashreplace").decode(encoding)


def give_up() -> None:
    """Close standard output for good: the flush at the interpreter's end must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(sentence: str) -> None:
    """Say a sentence on standard error."""
    print(f"pagerduty-logging: {plain(sentence)}", file=sys.stderr)
