"""Texts that differ in their digits only, or in ids that stand alone, have the same mask: it is looked up."""

from __future__ import annotations

import functools
import re
from typing import Final

from .masking import MAX_TEXT_CHARS, first_line, mask

MAX_MASKED: Final = MAX_TEXT_CHARS
"""Characters of the longest line whose mask is looked up."""
# An entry for each usual character: `translate` catches an exception for each one that is missing.
_ZEROS: Final = "".join("0" if chr(n).isdecimal() else chr(n) for n in range(128))
# UUIDs, and hexadecimal numbers that cannot be read as decimal ones with an exponent or a unit. A digit in
# the first eight: letters alone may be a word.
_ID = re.compile(
    r"""([\s'"(=\[])(?=[a-f]{0,7}[0-9])"""
    r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9a-f]*[abcf])[0-9a-f]{8,64})(?![\w.@/:#+-])",
    re.ASCII,
)


def mask_of(text: str) -> str:
    """What `mask` returns."""
    shape = mask_without_digits(text)
    return mask(text) if shape is None else shape


def mask_without_digits(text: str) -> str | None:
    """What `mask` returns for all texts whose first line differs from this one's so; None if it varies."""
    shape = _mask(without_digits(without_ids(masked_part(text))))
    return None if "0" in shape else shape


def masked_part(text: str) -> str:
    """The part of a text on which its mask depends."""
    return first_line(text) if len(text) > MAX_MASKED or "\n" in text else text


def without_ids(text: str) -> str:
    """A text with one id for all ids that stand alone."""
    return _ID.sub(r"\g<1>0a", text)


def without_digits(text: str) -> str:
    """A text with zeros for its digits."""
    return text.translate(_ZEROS)


_mask = functools.lru_cache(maxsize=256)(mask)
