"""Turns the format of a `logging.Formatter` into a format that reads its lines."""

from __future__ import annotations

import logging
import re
import string
from collections.abc import Iterator
from typing import Final

from pagerduty_logging.cli.rehearse import levels, times
from pagerduty_logging.cli.rehearse.format import Format

_PERCENT: Final = re.compile(
    r"%(?:\((?P<name>\w+)\)(?P<flags>[-#0+ ]*)(?P<width>\d*)(?:\.\d+)?[diouxXeEfFgGcrsa]|%)"
)
_DOLLAR: Final = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<name>\w+))")

_LEVEL: Final = "{any}"
_GROUPS: Final = {
    "asctime": "",  # depends on the date format
    "created": rf"(?P<time>{times.EPOCH})",
    "levelname": _LEVEL,
    "levelno": r"(?P<level>\d{1,5})",
    "name": r"(?P<logger>[^\n]{0,200}?)",
    "message": r"(?P<message>.*)",
    "pathname": r"(?P<path>[^\n]{0,400}?)",
    "filename": r"(?P<file>[^\n]{0,200}?)",
    "module": r"(?P<module>[^\n]{0,200}?)",
    "lineno": r"(?P<line>\d+)",
    "funcName": r"(?P<function>[^\n]{0,200}?)",
    "process": r"(?P<process>\d+)",
    "thread": r"\d+",
    "msecs": r"\d+(?:\.\d+)?",
    "relativeCreated": r"\d+(?:\.\d+)?",
}
"""The pattern of each attribute of a record; others may be anything. All except the message are bounded, so
that a line that does not match takes no time that grows with its length."""

_COLOURS: Final = frozenset(
    {"log_color", "reset", "message_log_color", "name_log_color", "levelname_log_color"}
)

_DIRECTIVES: Final = {
    "Y": r"\d{4}", "m": r"\d\d", "d": r"\d\d", "H": r"\d\d", "M": r"\d\d", "S": r"\d\d", "y": r"\d\d",
    "I": r"\d\d",
    "f": r"\d{1,6}", "z": r"(?:[+-]\d\d:?\d\d|Z)?", "Z": r"[A-Za-z+-]*", "b": r"\w{3,}", "B": r"\w{3,}",
    "a": r"\w{2,}", "A": r"\w{2,}", "p": r"\w\w", "j": r"\d{3}", "e": r"[ \d]\d", "T": r"\d\d:\d\d:\d\d",
    "F": r"\d{4}-\d\d-\d\d", "D": r"\d\d/\d\d/\d\d", "s": r"\d+", "%": "%",
}  # fmt: skip
_SPELT: Final = {"%T": "%H:%M:%S", "%F": "%Y-%m-%d", "%D": "%m/%d/%y", "%e": "%d", "%R": "%H:%M"}


def reader_of(text: str, date_format: str | None = None) -> Format:
    """Return a format that reads the lines of a formatter with this format.

    Args:
        text: the format, in the style of `%`, `{` or `$`.
        date_format: the formatter's `datefmt`; None: as `logging` writes times.

    Raises:
        ValueError: the format has no message, or none that can be found in a line.
    """
    layout = date_format
    for short, spelt in _SPELT.items():
        layout = layout.replace(short, spelt) if layout else layout
    pattern: list[str] = []
    seen: set[str] = set()
    named: set[str] = set()
    for literal, name in _parts(text):
        if name is None:
            pattern.append(re.escape(literal).replace(r"\ ", " "))
            continue
        if name in _COLOURS:
            continue
        named.add(name)
        group = _time_of(layout) if name == "asctime" else _GROUPS.get(name, r"[^\n]{0,200}?")
        if name == "levelname":
            group = _level_of(text)
        if name in seen or ("<time>" in group and "time" in seen):
            group = re.sub(r"\(\?P<\w+>", "(?:", group).replace(_LEVEL, r"[^\n]{0,200}?")
        seen.add("time" if name in ("asctime", "created") else name)
        # A width pads with spaces on one side or the other.
        pattern.append(
            group if name in ("message", "asctime") else rf" *{group} *" if _pads(text, name) else group
        )
    if "message" not in seen:
        raise ValueError("the format has no message: %(message)s, {message} or $message")
    row = Format(
        "the format that was given",
        "".join(pattern),
        level_of=_named,
        is_python=True,
        layout=layout if "asctime" in named else None,
    )
    try:
        row.match("")
    except re.error as error:
        raise ValueError(f"the format cannot be read back: {error}") from None
    return row


def _named(word: str) -> int | None:
    """Return the level of a name, also if abbreviated, or added by `logging.addLevelName` in this process."""
    known = levels.of_word(word)
    if known is None:
        names = logging.getLevelNamesMapping()
        word = word.strip()
        cut = {level for name, level in names.items() if word and name.startswith(word)}
        known = names.get(word, min(cut) if len(cut) == 1 else None)
    return known


_CUT_LEVEL: Final = re.compile(
    r"%\(levelname\)[-#0+ ]*\d*\.([123])s|\{levelname(?:![rsa])?:[^}]{0,20}\.([123])\}"
)


def _level_of(text: str) -> str:
    """Return the pattern of a level's name, which a format may cut to a few letters."""
    cut = _CUT_LEVEL.search(text)
    return _LEVEL if cut is None else rf"(?P<level>[^\W\d_]{{1,{cut[1] or cut[2]}}})"


def _pads(text: str, name: str) -> bool:
    return re.search(rf"%\({name}\)[-#0+ ]*\d|\{{{name}(?:![rsa])?:[^}}]*\d", text) is not None


def _time_of(layout: str | None) -> str:
    if not layout:
        return rf"(?P<time>{times.ISO})"
    found = re.sub(r"%(-?\w|%)|[^%]+", lambda part: _directive(part), layout)
    return f"(?P<time>{found})" if times.names_day(layout) else f"(?:{found})"


def _directive(part: re.Match[str]) -> str:
    if part[1] is None:
        return re.escape(part[0])
    return _DIRECTIVES.get(part[1].lstrip("-"), r"[^\n]{0,200}?")


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the format's literal texts, and the names of attributes."""
    if _PERCENT.search(text) and "%(" in text:
        yield from _split(text, _PERCENT, "%")
    elif "{message" in text or re.search(r"(?<!\$)\{\w+[!:}]", text):
        for literal, name, _, _ in string.Formatter().parse(text):
            if literal:
                yield literal, None
            if name is not None:
                yield "", re.split(r"[.\[]", name)[0]
    else:
        yield from _split(text, _DOLLAR, "$")


def _split(text: str, placeholder: re.Pattern[str], escaped: str) -> Iterator[tuple[str, str | None]]:
    end = 0
    for found in placeholder.finditer(text):
        if found.start() > end:
            yield text[end : found.start()], None
        groups = found.groupdict()
        name = groups.get("braced") or groups.get("name")
        yield (escaped, None) if name is None else ("", name)
        end = found.end()
    if end < len(text):
        yield text[end:], None
