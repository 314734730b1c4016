"""Logs that are one JSON document, or JSON objects of several lines each: read one object at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

MAX_OBJECT_CHARS: Final = 4_000_000
"""Characters of one object; a longer one is skipped."""

_BEGIN: Final = re.compile(
    r'\s*(?:\{\s*"(?:events|results|records|Records|logEvents)"\s*:\s*)?\[\s*(?=\{|\]|\[\s*\{)'
)
_SPREAD: Final = re.compile(r"\s*\{[ \t]*\r?\n")
_NEXT: Final = re.compile(r"[\s,]*")


def begins_document(block: bytes) -> bool:
    """Return whether a log begins as a JSON document, or as an object of several lines."""
    text = block[:4_096].decode("utf-8", "replace").lstrip("\ufeff")
    return bool(_BEGIN.match(text) or _SPREAD.match(text))


def objects(blocks: Iterable[bytes]) -> Iterator[dict[str, Any] | str]:
    """Yield the objects of a document in order; what was not understood is yielded as text."""
    text = ""
    decode = json.JSONDecoder().raw_decode
    begun = is_list = False
    for block in blocks:
        text += block.decode("utf-8", "replace")
        if not begun:
            begun = True
            found = _BEGIN.match(text.lstrip("\ufeff"))
            is_list = found is not None
            text = text.lstrip("\ufeff")[found.end() if found else 0 :]
        while True:
            text = text[_end(_NEXT, text) :]
            if is_list and text.startswith("]"):
                return
            if not text.startswith(("{", "[{") if is_list else "{"):
                break
            try:
                said, end = decode(text)
            except (ValueError, RecursionError):
                if len(text) > MAX_OBJECT_CHARS:
                    following = text.find("\n{", 1)
                    yield text[:200]
                    text = text[following + 1 :] if following >= 0 else ""
                    continue
                break
            if isinstance(said, list):  # of CloudWatch's Insights
                said = {pair.get("field"): pair.get("value") for pair in said if isinstance(pair, dict)}
            if isinstance(said, dict):
                yield said
            text = text[end:]
        if text and not text.startswith(("{", "[{") if is_list else "{"):
            text = _after_rubbish(text)
    if text.strip("]} \r\n\t,"):
        yield text[:200]


def _end(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.match(text)
    return found.end() if found else 0


def _after_rubbish(text: str) -> str:
    following = text.find("\n{")
    return text[following + 1 :] if following >= 0 else text
