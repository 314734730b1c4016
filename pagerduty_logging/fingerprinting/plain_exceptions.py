"""The parts of an exception that decide its key, as plain data: another thread can find the key later.

The thread that logs copies names and code objects, and keeps neither the exception nor a frame. From these a
substitute is made, to which the rules of this room apply as to the exception itself.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from types import CodeType, TracebackType
from typing import Any, NamedTuple

from pagerduty_logging.record.exceptions import is_plain

MAX_FRAMES = 60


class PlainException(NamedTuple):
    """An exception with a `__str__` of Python's own, without a cause, and not a group."""

    module: str
    name: str
    """Its type's qualified name."""
    words: str
    codes: tuple[CodeType, ...]
    """The code objects of its frames, the outermost first."""
    modules: tuple[str | None, ...]
    """Their modules' names."""
    caller: CodeType | None
    """That of the outermost frame's caller when the exception was logged; None: it had none."""


def plain(error: BaseException, traceback: TracebackType | None) -> PlainException | None:
    """Return the data of an exception; None if plain data is not enough.

    Args:
        error: the exception that was logged.
        traceback: the one that the record has.
    """
    if traceback is None or traceback is not error.__traceback__ or not is_plain(error):
        return None
    kind = type(error)
    module, name = kind.__module__, kind.__qualname__
    if type(module) is not str or type(name) is not str:
        return None
    codes: list[CodeType] = []
    modules: list[str | None] = []
    here: TracebackType | None = traceback
    for _ in range(MAX_FRAMES):
        if here is None:
            caller = traceback.tb_frame.f_back
            called_by = None if caller is None else caller.f_code
            return PlainException(module, name, str(error), tuple(codes), tuple(modules), called_by)
        frame = here.tb_frame
        codes.append(frame.f_code)
        name_there = frame.f_globals.get("__name__")
        if name_there is not None and type(name_there) is not str:
            return None
        modules.append(name_there)
        here = here.tb_next
    return None


def record_with(attributes: Mapping[str, Any], error: PlainException) -> logging.LogRecord:
    """Return a record with these attributes, and a substitute for its exception."""
    traceback: _Traceback | None = None
    caller = None if error.caller is None else _Frame(error.caller, {}, None)
    for code, module in zip(reversed(error.codes), reversed(error.modules), strict=True):
        traceback = _Traceback(_Frame(code, {"__name__": module}, caller), traceback)
    kind = _kind(error.module, error.name)
    record = logging.LogRecord.__new__(logging.LogRecord)
    record.__dict__.update(attributes)
    record.exc_info = (kind, kind(error.words, traceback), traceback)  # type: ignore[assignment]
    return record


class _Frame:
    __slots__ = ("f_back", "f_code", "f_globals")

    def __init__(self, code: CodeType, names: dict[str, str | None], caller: _Frame | None) -> None:
        self.f_code = code
        self.f_globals = names
        self.f_back = caller  # only the outermost frame's is used


class _Traceback:
    __slots__ = ("tb_frame", "tb_next")
    tb_lasti = -1

    def __init__(self, frame: _Frame, inner: _Traceback | None) -> None:
        self.tb_frame = frame
        self.tb_next = inner


class _Rebuilt(Exception):
    def __init__(self, words: str, traceback: _Traceback | None) -> None:
        super().__init__(words)
        self._came_from = traceback

    @property
    def __traceback__(self) -> Any:  # type: ignore[override]
        return self._came_from


@functools.lru_cache(maxsize=256)
def _kind(module: str, name: str) -> type[_Rebuilt]:
    return type(name.rpartition(".")[2], (_Rebuilt,), {"__module__": module, "__qualname__": name})
