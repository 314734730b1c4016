"""The shape of an exception: what of it, its causes and members decides which problem it is, and no value.

Two exceptions of one shape that one line logs are the same failure: the rules of `failure` are asked for the
first of them only.
"""

from __future__ import annotations

import functools
from types import CodeType, TracebackType
from typing import Any, Final, TypeAlias

from pagerduty_logging.record import exceptions, printed_traceback

from . import causes

Shape: TypeAlias = tuple[object, ...]
MAX_FRAMES: Final = 100
MAX_LEAVES: Final = 20
MAX_DEPTH: Final = 3
"""Of groups in groups."""
_HAND_ON: Final = frozenset(("ename", "excinfo", "exceptions"))
"""Attributes of exceptions that stand for others."""
_PRINTED: Final = frozenset(("tb", "__getattr__", "__getattribute__"))
_GROUPS: Final = (BaseExceptionGroup, ExceptionGroup)
MAX_CODES: Final = 4_096
# Codes stand in shapes by their addresses: to hash one takes as long as all the rest. They are kept, so that
# no other object gets such an address; when there are too many, all shapes so far are shapes no more.
_codes_kept: dict[int, CodeType] = {}
_generation = 0
MAX_SHAPES: Final = 1_000
# Reads and writes of one entry are atomic, and what is written is the same on every thread.
_joined: dict[Shape, tuple[str, ...]] = {}


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
    generation = _generation
    came_from = _codes(error.__traceback__)
    return None if came_from is None else (generation, kind, cause is None, came_from, *members)


def joined_of_raised(exception: BaseException) -> tuple[str, ...] | None:
    """Return what `causes.raised` joins; None if an exception has a cause or members, and no shape."""
    shape = shape_of(exception)
    if shape is None:
        is_more = exception.__cause__ is not None or exceptions.is_group(exception)
        return None if is_more else causes.raised(exception).joined
    known = _joined.get(shape)
    if known is None:
        if len(_joined) >= MAX_SHAPES:
            _joined.clear()
        known = _joined[shape] = causes.raised(exception).joined
    return known


def words_of(error: BaseException) -> str | None:
    """Return what an exception says; None if to ask for it may run the application's code."""
    return str(error) if type(error) in _GROUPS or exceptions.has_plain_words(error) else None


def _codes(traceback: TracebackType | None) -> tuple[object, ...] | None:
    """Return what is asked of the frames of a traceback; None of too many."""
    if traceback is None:
        return ()
    caller = traceback.tb_frame.f_back
    found: list[object] = [None if caller is None else _kept(caller.f_code)]
    here: TracebackType | None = traceback
    for _ in range(MAX_FRAMES):
        if here is None:
            return tuple(found)
        frame = here.tb_frame
        name = frame.f_globals.get("__name__")
        if name is not None and type(name) is not str:
            return None
        found += (_kept(frame.f_code), name, here.tb_lasti)
        here = here.tb_next
    return None


def _kept(code: CodeType) -> int:
    global _generation
    address = id(code)
    if address not in _codes_kept:
        if len(_codes_kept) >= MAX_CODES:
            _generation += 1
            _codes_kept.clear()
        _codes_kept[address] = code
    return address


def _says_no_more(cause: BaseException) -> bool:
    """Return whether a cause brings no traceback of another process, which would tell its effects apart."""
    kind: Any = type(cause)
    return (
        type(kind) is type
        and exceptions.has_plain_words(cause)
        and "tb" not in cause.__dict__
        and not _may_have_printed(kind)
        and printed_traceback.MARK not in str(cause)
    )


@functools.lru_cache(maxsize=256)
def _may_have_printed(kind: type) -> bool:
    """Return whether exceptions of a type may have the attribute `tb`, in which some bring a traceback."""
    own = kind.__mro__[: -len(BaseException.__mro__)]
    return any(not _PRINTED.isdisjoint(vars(base)) for base in own)
