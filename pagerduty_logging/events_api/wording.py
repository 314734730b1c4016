"""Words from anywhere, on one clean line: for events, for exceptions, for whoever reads them."""

from __future__ import annotations

import re

from pagerduty_logging.events_api.safejson import valid_text

_MARK = "…"
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029"  # line breaks, terminal escapes and the like
    "\u200e\u200f\u202a-\u202e\u2066-\u2069]+"  # what turns the direction of the text around it
)


def one_line(words: str, limit: int) -> str:
    """Return `words` as valid text on one line: at most `limit` characters, with a mark if it was cut."""
    if len(words) <= limit and _is_plain(words):
        return words.strip()
    # However many control characters there are, no more than this is looked at.
    start = words[: 64 * limit]
    line = valid_text(_CONTROLS.sub(" ", start)).strip()
    return shorten(line if len(start) == len(words) else line + _MARK, limit)


def shorten(words: str, limit: int) -> str:
    """Return `words` whole, or their beginning and a mark: at most `limit` characters."""
    return words if len(words) <= limit else words[: limit - len(_MARK)] + _MARK


def is_clean(words: str) -> bool:
    """Tell whether `words` are valid text without control characters."""
    return _is_plain(words) or (valid_text(words) == words and not _CONTROLS.search(words))


def _is_plain(words: str) -> bool:
    """Tell at once of most texts that nothing in them needs a closer look."""
    return words.isascii() and words.isprintable()
