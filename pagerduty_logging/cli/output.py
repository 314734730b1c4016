"""What the subcommands print: tables and colours for a person at a terminal, plain lines in a pipe."""

import json
import os
import shutil
import sys
import unicodedata
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
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_LEAST = 12


def is_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout.isatty()


def coloured(text: str, colour: str) -> str:
    """Return the text in a colour at a terminal, unless colours are off (https://no-color.org)."""
    if not is_terminal() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    colours: Mapping[str, str] | None = None,
    below: Sequence[str] = (),
) -> None:
    """Print rows: in columns below a header at a terminal, separated by tabs in a pipe.

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
    widths = [max(map(columns, cells)) for cells in zip(header, *clean, strict=True)]
    print(coloured(_GAP.join(map(str.ljust, header, widths)).rstrip(), "bold"))
    for number, row in enumerate(clean):
        print(_GAP.join(_cell(cell, width, colours or {}) for cell, width in zip(row, widths, strict=True)))
        if below:
            print(coloured(_GAP + plain(below[number]), "dim"))


def room_for(column: int, header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return the columns of a terminal that one of the table has beside the others: at least 12."""
    others = [row[:column] + row[column + 1 :] for row in (tuple(header), *map(tuple, rows))]
    taken = sum(
        max(columns(plain(cell)) for cell in cells) + len(_GAP) for cells in zip(*others, strict=True)
    )
    return max(shutil.get_terminal_size().columns - taken, _LEAST)


def _cell(text: str, width: int, colours: Mapping[str, str]) -> str:
    padded = text + " " * (width - columns(text))
    return coloured(padded, colours[text]) if text in colours else padded


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese characters and emoji take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def cut(text: str, most: int) -> str:
    """Return a text that takes so many columns at most, with a mark where it was cut."""
    if columns(text) <= most:
        return text
    while columns(text) >= most:
        text = text[:-1]
    return text + "…"


def age(seconds: float) -> str:
    """Return a length of time in its biggest unit, such as `5 min`."""
    seconds = max(seconds, 0.0)
    size, unit = next((unit for unit in _UNITS if seconds >= unit[0]), _UNITS[-1])
    return f"{seconds / size:.0f} {unit}"


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    print(json.dumps(value))


def plain(text: str) -> str:
    """Return the text without what a terminal, or its encoding, could not print."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    printable = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    return printable.encode(encoding, "backslashreplace").decode(encoding)


def clear() -> None:
    """Let what is printed next be all that a terminal shows."""
    if is_terminal() and os.environ.get("TERM") != "dumb":
        print("\x1b[2J\x1b[H", end="")


def show_now() -> None:
    """Write what was printed, which a pipe gets by 8,192 characters otherwise.

    Raises:
        BrokenPipeError: nobody reads it any more.
    """
    sys.stdout.flush()


def give_up() -> None:
    """Close standard output, so that the flush at the end of the interpreter does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(sentence: str) -> None:
    """Print a sentence on standard error, after the name of the command."""
    print(f"pagerduty-logging: {plain(sentence)}", file=sys.stderr)
