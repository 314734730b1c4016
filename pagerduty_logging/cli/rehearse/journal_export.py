"""journald's export format (`journalctl -o export`): blocks of `NAME=value`, with a blank line between.

A value of several lines follows its name and its length, 64 bits, least significant byte first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

MAX_VALUE: Final = 4_000_000
"""Bytes of one value; a log with a longer one is not an export."""
_LENGTH: Final = struct.Struct("<Q")
_BEGIN: Final = b"__CURSOR="


def begins_export(block: bytes) -> bool:
    """Return whether a log begins as an export of journald does."""
    return block.startswith(_BEGIN)


def objects(blocks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the records of an export, each as `journalctl -o json` would write it."""
    said: dict[str, Any] = {}
    left = b""
    for block in blocks:
        left += block
        position = 0
        while (end := left.find(b"\n", position)) >= 0:
            name, equals, value = left[position:end].partition(b"=")
            if not name:
                if said:
                    yield said
                said = {}
                position = end + 1
                continue
            after = end + 1
            if not equals:
                if len(left) < after + 8:
                    break
                length = _LENGTH.unpack_from(left, after)[0]
                after += 8 + length + 1
                if length <= MAX_VALUE and len(left) < after:
                    break
                value = left[end + 9 : after - 1]
                after = min(after, len(left))
            said[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
            position = after
        left = left[position:]
    if said:
        yield said
