"""The forms of flat data in texts, JSON or a dict's `repr`: a known form shows the words at once.

A form is the names and the signs between them, as they stood. A text that has it would be read as data with
these names, so that the value under one of them is its words again.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pagerduty_logging.record import structured

MAX_CHARS: Final = 2_000
MAX_FORMS: Final = 300
MAX_ALIKE: Final = 8
"""Forms that begin with the same name."""
_NUMBER: Final = r"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?"
# Without what ends a text early, is escaped, or belongs to a traceback.
_STRINGS: Final = {'"': r'"([^"\\(\x00-\x1f]*)"', "'": r"""'([^'"\\(\x00-\x1f]*)'"""}
_SCALARS: Final = {
    quote: rf"(?:{string.replace('(', '(?:', 1)}|{_NUMBER}|{others})"
    for (quote, string), others in zip(_STRINGS.items(), ("true|false|null", "True|False|None"), strict=True)
}
_PAIRS: Final = {
    quote: re.compile(rf"[{{,] ?{string}: ?({scalar})(?=[,}}])", re.ASCII)
    for (quote, string), scalar in zip(_STRINGS.items(), _SCALARS.values(), strict=True)
}

# Reads and writes of one entry are atomic; a form too few costs one reading more.
_forms: dict[str, tuple[re.Pattern[str], ...]] = {}


def words_in(text: str) -> str | None:
    """Return the words of a text whose form is known; None if it is not."""
    if len(text) > structured.MAX_TEXT:
        return None  # too long to be read as data
    for form in _forms.get(text[: text.find(":")], ()):
        found = form.fullmatch(text)
        if found is not None:
            return found[1]
    return None


def learn(text: str, data: dict[Any, Any], name: str) -> None:
    """Remember the form of a text, if it is simple enough.

    Args:
        text: it.
        data: what it was read as.
        name: under which its words stand.
    """
    pairs = _PAIRS.get(text[1:2])
    if pairs is None or len(text) > MAX_CHARS:
        return
    quote, at, names, form = text[1:2], 0, [], ""
    while (found := pairs.match(text, at)) is not None:
        value = _STRINGS[quote] if found[1] == name else _SCALARS[quote]
        form += re.escape(text[at : found.start(2)]) + value
        names.append(found[1])
        at = found.end()
    if text[at:] != "}" or names != list(data) or name not in names:
        return
    begins = text[: text.find(":")]
    known = _forms.get(begins, ())
    if len(_forms) >= MAX_FORMS:
        _forms.clear()
    _forms[begins] = (re.compile(form + r"\}", re.ASCII), *known[: MAX_ALIKE - 1])
