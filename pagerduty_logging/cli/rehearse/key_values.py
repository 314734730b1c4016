"""Lines of `key=value`, as logfmt and structlog's key-value renderer write them."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
from typing import Final

from pagerduty_logging.cli.rehearse import levels

_TIME: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*+"
"""A time as `logging` writes it, without quotes."""
_BEGIN: Final = re.compile(r"[A-Za-z_@][\w.@/-]{0,60}=(?! )")
_PAIR: Final = re.compile(
    r"(?P<key>[A-Za-z_@][\w.@/-]*+)(?:=(?P<value>"
    + _TIME
    # A quoted value may continue on the next line.
    + r'|"(?:[^"\\]|\\.)*+(?:"|$)|'
    + r"'(?:[^'\\]|\\.)*+(?:'|$)"
    + r"|[^\s\"']\S*+)?)?(?:\s+|$)"
)
_LEVELS: Final = ("level", "lvl", "severity", "levelname", "at")
_TIMES: Final = ("time", "when", "ts", "timestamp", "t")
_TEXTS: Final = ("msg", "message", "event")


def read(text: str) -> dict[str, str] | None:
    """Return the keys and values of a line that consists of them and has a level; None: it does not."""
    if not _BEGIN.match(text):
        return None
    said: dict[str, str] = {}
    position = 0
    goes_on = False
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is None:
            return None
        value = pair["value"] or ""
        goes_on = value[:1] in ("'", '"') and (len(value) < 2 or value[-1] != value[0])
        said.setdefault(pair["key"], _plain(value))
        position = pair.end()
    level = next((said[name] for name in _LEVELS if levels.of_word(said.get(name, "")) is not None), None)
    if level is None or not any(name in said for name in (_TIMES if goes_on else (*_TIMES, *_TEXTS))):
        return None
    return {"level": level, **said}


def _plain(value: str) -> str:
    if value[:1] not in ("'", '"'):
        return value
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        return str(json.loads(value) if value[0] == '"' else ast.literal_eval(value))
    return value[1:].removesuffix(value[0])
