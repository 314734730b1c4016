"""Makes any text safe to show: no terminal codes, no direction marks."""

from __future__ import annotations

import re
from typing import Any

from pagerduty_logging.events_api.safejson import free_name, valid_text

ELLIPSIS = "…"

_UNFIT_FOR_A_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029"  # line breaks, terminal escapes and the like
    "\u200e\u200f\u202a-\u202e\u2066-\u2069]+"  # characters that change the direction of the text around them
)
_TERMINAL_CODES = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b\n]*(?:\x07|\x1b\\\\)?|[@-Z\\\\-_])")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DIRECTIONS = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
"""Characters without a width: some reorder the text around them, tags hide a text in a text."""


def plain(text: str) -> str:
    """Return `text` without control codes of terminals and of bidirectional text; lines end in "\\n"."""
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text:
        text = _TERMINAL_CODES.sub("", text)
    text = "\n".join(text.splitlines())
    if text.isascii() and text.isprintable():
        return text
    return _DIRECTIONS.sub("", _CONTROLS.sub(" ", text))


def cleaned(value: Any) -> Any:
    """Return a copy of JSON values with `plain` texts; names of entries are on one line."""
    match value:
        case str():
            return plain(value)
        case dict():
            shown: dict[str, Any] = {}
            for name, held in value.items():
                # Calls would take longer than what they do: every page comes here with a dozen entries.
                if not (name.isascii() and name.isprintable()):
                    name = plain(name).replace("\n", " ")
                if name in shown:
                    name = free_name(name, shown)
                fits = type(held) is str and held.isascii() and held.isprintable()
                shown[name] = held if fits else cleaned(held)
            return shown
        case list() | tuple():
            return [cleaned(item) for item in value]
    return value


def cut(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, the last one a mark if there were more."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + ELLIPSIS


def first_line(text: str, limit: int) -> str:
    """Return the first line that is not blank, in at most `limit` characters."""
    return cut(next((line for line in plain(text).splitlines() if line.strip()), "").strip(), limit)


def rows(text: str) -> str | list[str]:
    """Return a text of several lines as a list.

    PagerDuty drops the newlines of a text, and shows a list with one row for each entry.
    """
    lines = plain(text).rstrip().split("\n")
    return lines if len(lines) > 1 else lines[0]


def one_line(words: str, limit: int) -> str:
    """Return `words` as valid text on one line: at most `limit` characters, with a mark if it was cut."""
    if len(words) <= limit and words.isascii() and words.isprintable():
        return words.strip()
    # Bounds the work, for any number of control characters.
    start = words[: 64 * limit]
    line = valid_text(_UNFIT_FOR_A_LINE.sub(" ", start)).strip()
    return shorten(line if len(start) == len(words) else line + ELLIPSIS, limit)


def shorten(words: str, limit: int) -> str:
    """Return `words` whole, or their beginning and a mark: at most `limit` characters."""
    return words if len(words) <= limit else words[: limit - len(ELLIPSIS)] + ELLIPSIS


def is_one_line(words: str) -> bool:
    """Return whether `words` are valid text without control characters."""
    if words.isascii() and words.isprintable():
        return True
    return valid_text(words) == words and not _UNFIT_FOR_A_LINE.search(words)
