"""The shape of an exception: what of it, its causes and members decides which problem it is, and no value.

Two exceptions of one shape that one line logs are the same failure, so that the rules of `failure` are put to
the first of them only.
"""

from __future__ import annotations

import functools
import logging
import sys
from types import TracebackType
from typing import Any, Final, TypeAlias

from pagerduty_logging.record import exceptions

from . import failure

Shape: TypeAlias = tuple[object, ...]
MAX_KNOWN: Final = 2_000
MAX_FRAMES: Final = 100
MAX_LEAVES: Final = 20
MAX_DEPTH: Final = 3
"""Of groups in groups."""
_HEADER: Final = "raceback (most recent call last)"
_HAND_ON: Final = frozenset(("ename", "excinfo", "exceptions"))
"""Attributes of exceptions that stand for others."""
_PRINTED: Final = frozenset(("tb", "__getattr__", "__getattribute__"))
_GROUPS: Final = (BaseExceptionGroup, ExceptionGroup)

# Reads and writes of one entry are atomic, and what is written is the same on every thread.
_known: dict[object, tuple[str, ...]] = {}
_handed: dict[object, bool] = {}


def joined_of(record: logging.LogRecord) -> tuple[str, ...] | None:
    """Return what the exception of a record joins to its key, as `failure.reported_crash` has it; () where it
    joins nothing, for the words say what failed. None: that is not known without the application's code.

    Args:
        record: with an exception in `exc_info`, of no logger in `failure.LOGGERS`.
    """
    if failure.is_ordinary(record):
        return ()
    info: Any = record.exc_info
    if type(info) is not tuple or len(info) != 3:
        return None
    shape = shape_of(info[1])
    if shape is None or failure.reports_for_others(record):
        return None
    # What is installed, and so what is the application, may change with each module that is loaded.
    key = (record.pathname, record.funcName, shape, len(sys.modules))
    known = _known.get(key)
    if known is None:
        crash = failure.reported_crash(record, ordinary=False)
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        known = _known[key] = () if crash is None else crash.joined
    return known


def is_handed(record: logging.LogRecord, error: BaseException) -> bool | None:
    """Return what `failure.is_handed` does; None: that is not known without the application's code."""
    if failure.is_ordinary(record, error) or failure.reports_for_others(record):
        return False
    shape = shape_of(error)
    if shape is None:
        return None
    key = (record.pathname, record.funcName, shape, len(sys.modules))
    known = _handed.get(key)
    if known is None:
        if len(_handed) >= MAX_KNOWN:
            _handed.clear()
        known = _handed[key] = failure.is_handed(record, error)
    return known


def shape_of(error: Any, depth: int = 0) -> Shape | None:
    """Return the shape of an exception; None if to ask for it may run the application's code."""
    kind = type(error)
    if depth > MAX_DEPTH or type(kind) is not type or not issubclass(kind, BaseException):
        return None
    if not _HAND_ON.isdisjoint(error.__dict__):
        return None
    cause = error.__cause__
    if cause is not None and not _says_no_more(cause):
        return None
    members: list[Shape] = []
    if issubclass(kind, BaseExceptionGroup):
        held: tuple[BaseException, ...] = error.exceptions if kind in _GROUPS else ()
        if not 0 < len(held) <= MAX_LEAVES:
            return None
        for member in held:
            shape = shape_of(member, depth + 1)
            if shape is None:
                return None
            members.append(shape)
    came_from = _codes(error.__traceback__)
    return None if came_from is None else (kind, cause is None, came_from, *members)


def words_of(error: BaseException) -> str | None:
    """Return what an exception says; None if to ask for it may run the application's code."""
    return str(error) if type(error) in _GROUPS or exceptions.has_plain_words(error) else None


def _codes(traceback: TracebackType | None) -> tuple[object, ...] | None:
    """Return what is asked of the frames of a traceback; None of too many."""
    if traceback is None:
        return ()
    caller = traceback.tb_frame.f_back
    found: list[object] = [None if caller is None else caller.f_code]
    here: TracebackType | None = traceback
    for _ in range(MAX_FRAMES):
        if here is None:
            return tuple(found)
        frame = here.tb_frame
        name = frame.f_globals.get("__name__")
        if name is not None and type(name) is not str:
            return None
        found += (frame.f_code, name, here.tb_lasti)
        here = here.tb_next
    return None


def _says_no_more(cause: BaseException) -> bool:
    """Return whether a cause brings no traceback of another process, which would tell its effects apart."""
    kind: Any = type(cause)
    return (
        type(kind) is type
        and exceptions.has_plain_words(cause)
        and "tb" not in cause.__dict__
        and not _may_have_printed(kind)
        and _HEADER not in str(cause)
    )


@functools.lru_cache(maxsize=256)
def _may_have_printed(kind: type) -> bool:
    """Return whether exceptions of a type may have the attribute `tb`, in which some bring a traceback."""
    own = kind.__mro__[: -len(BaseException.__mro__)]
    return any(not _PRINTED.isdisjoint(vars(base)) for base in own)
