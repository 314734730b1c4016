"""Lines of `key=value`, as logfmt and structlog's key-value renderer write them."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
from typing import Final

from pagerduty_logging.cli.rehearse import levels

_BEGIN: Final = re.compile(r"[A-Za-z_@][\w.@/-]{0,60}=(?! )")
_PAIR: Final = re.compile(
    r"(?P<key>[A-Za-z_@][\w.@/-]*+)(?:=(?P<value>"
    r'"(?:[^"\\]|\\.)*+"|' + r"'(?:[^'\\]|\\.)*+'" + r"|[^\s\"']\S*+)?)?(?:\s+|$)"
)
_LEVELS: Final = ("level", "lvl", "severity", "levelname", "at")
_OTHERS: Final = ("time", "ts", "timestamp", "t", "msg", "message", "event")


def read(text: str) -> dict[str, str] | None:
    """Return the keys and values of a line that says a level and is nothing else; None: it is none."""
    if not _BEGIN.match(text):
        return None
    said: dict[str, str] = {}
    position = 0
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is None:
            return None
        said.setdefault(pair["key"], _plain(pair["value"] or ""))
        position = pair.end()
    level = next((said[name] for name in _LEVELS if levels.of_word(said.get(name, "")) is not None), None)
    if level is None or not any(name in said for name in _OTHERS):
        return None
    return {"level": level, **said}


def _plain(value: str) -> str:
    if value[:1] not in ("'", '"'):
        return value
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        return str(json.loads(value) if value[0] == '"' else ast.literal_eval(value))
    return value[1:-1]
