"""Records that hold nothing but plain data: a copy of one can be read on any thread, at any time."""

from __future__ import annotations

import logging
from sys import getsizeof

MAX_BYTES = 50_000
"""Memory that the texts of a copy may take; what is greater is read, and cut, at once."""

_PLAIN = frozenset((str, int, float, bool, type(None)))
_PLAIN_OR_TUPLE = _PLAIN | {tuple}
_NAMES = frozenset(vars(logging.makeLogRecord({})))


def copy_of(record: logging.LogRecord) -> tuple[logging.LogRecord, int] | None:
    """Return a copy without the exception, and the bytes of memory that it takes, about.

    None: to read the record may run the program's code, or the copy would be too big.
    """
    if type(record) is not logging.LogRecord:
        return None
    attributes = record.__dict__
    args = record.args
    if not _PLAIN_OR_TUPLE.issuperset(map(type, attributes.values())) or type(args) is not tuple:
        return None
    size = 1_000 + getsizeof(record.msg)
    if args:
        if not _PLAIN.issuperset(map(type, args)):
            return None
        size += sum(map(getsizeof, args))
    for text in (record.exc_text, record.stack_info):
        if text is not None:
            size += getsizeof(text)
    if len(attributes) != len(_NAMES):
        for name in attributes.keys() - _NAMES:
            value = attributes[name]
            if type(name) is not str or type(value) not in _PLAIN:
                return None
            size += 100 + getsizeof(value)
    if size > MAX_BYTES:
        return None
    copy = logging.LogRecord.__new__(logging.LogRecord)
    copy.__dict__ = attributes.copy()
    copy.exc_info = None
    return copy, size
