"""Reads levels as logs write them: words, letters, numbers of several scales, and objects."""

from __future__ import annotations

import logging
import math
from typing import Any, Final

WORDS: Final = {
    "notset": 0, "trace": 5, "finest": 5, "finer": 5, "verbose": 10, "debug": 10, "debu": 10, "dbug": 10,
    "fine": 10, "config": 10, "info": 20, "information": 20, "informational": 20, "default": 20,
    "success": 25, "log": 20, "notice": 25, "note": 25, "hint": 20, "statement": 20, "detail": 20,
    "warn": 30, "warni": 30, "warning": 30, "error": 40, "erro": 40, "err": 40, "eror": 40, "severe": 40,
    "critical": 50, "crit": 50, "criti": 50, "fatal": 50, "panic": 50, "dpanic": 50, "alert": 50, "emerg": 50,
    "emergency": 50,
    # Also abbreviated, as by `%-7.7s` and the like, and by loggers of other languages.
    "critica": 50, "critic": 50, "cri": 50, "ftl": 50, "warnin": 30, "war": 30, "wrn": 30, "inf": 20,
    "deb": 10, "dbg": 10, "vrb": 10,
}  # fmt: skip
"""Words for levels, in lower case, and their levels in Python's scale."""

SMALL: Final = (
    "dpanic", "emerg", "panic", "alert", "critical", "crit", "fatal", "error", "err", "warning", "warn",
    "notice", "info", "verbose", "debug", "trace", "notset",
)  # fmt: skip
"""Words that logs write in small letters; other levels in small letters are ordinary words."""

LETTERS: Final = {"V": 5, "T": 5, "D": 10, "I": 20, "N": 25, "W": 30, "E": 40, "C": 50, "F": 50, "A": 50}
"""The same for logs that use single letters."""

NAMES: Final = tuple(sorted(WORDS, key=len, reverse=True))

LOWEST: Final = 5
HIGHEST: Final = 100
"""Numbers that are read as levels of Python's scale; smaller ones belong to scales that count by one."""

_OTHER: Final = "level "  # `logging` writes "Level 45" for a number without a name


def of_word(word: str) -> int | None:
    """Return the level of a word; None: it is not a level."""
    low = word.strip().lower()
    known = WORDS.get(low)
    if known is not None:
        return known
    if len(low) == 1:
        return LETTERS.get(low.upper())
    digits = low.removeprefix(_OTHER)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else None


def of_syslog(number: int) -> int:
    """Return the level of syslog's severities: 0 is the worst, 7 the least (RFC 5424, 6.2.1)."""
    if number <= 2:
        return logging.CRITICAL
    return {3: logging.ERROR, 4: logging.WARNING, 5: 25, 6: logging.INFO}.get(number, logging.DEBUG)


def of_opentelemetry(number: int) -> int:
    """Return the level of OpenTelemetry's severity numbers, four a level (Logs Data Model)."""
    if number >= 21:
        return logging.CRITICAL
    if number >= 17:
        return logging.ERROR
    if number >= 13:
        return logging.WARNING
    return logging.INFO if number >= 9 else logging.DEBUG


def of_bunyan(number: int) -> int:
    """Return the level of a number of bunyan and pino, where 50 is an error and 30 is info."""
    return max(number - 10, 0)


def of_azure(number: int) -> int:
    """Return the level of Application Insights, from 0, verbose, to 4, critical."""
    return (number + 1) * 10


def of_google(number: int) -> int:
    """Return the level of Google's LogSeverity: 500 is an error, 600 and more are worse."""
    if number >= 600:
        return logging.CRITICAL
    return {500: logging.ERROR, 400: logging.WARNING, 300: 25, 200: logging.INFO}.get(number, logging.DEBUG)


def of_number(number: int) -> int | None:
    """Return the level of a number in Python's scale, or in Log4j's, a thousand times that; else None."""
    if number >= 10_000 and number % 1_000 == 0:
        number //= 1_000
    return number if number == 0 or LOWEST <= number <= HIGHEST else None


def of_value(value: Any) -> tuple[int | None, str]:
    """Return the level of a JSON value (a word, a number, `{"name": ..., "no": ...}`), and its word."""
    match value:
        case bool() | None:
            return None, ""
        case int() | float():
            number = of_number(int(value)) if math.isfinite(value) else None
            return (None, "") if number is None else (number, logging.getLevelName(number))
        case str():
            return of_word(value), value.strip()
        case {"no": int(number)} if not isinstance(number, bool):
            return of_number(number), str(value.get("name", ""))
        case {"name": str(name)} | {"level": str(name)}:
            return of_word(name), name
        case _:
            return None, ""
