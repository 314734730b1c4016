"""The `repr` of Python's own containers, bounded: CPython's takes seconds for a deep one before it fails.

From 3.14 on the depth at which it fails follows the size of the stack, and is reached later.
"""

from __future__ import annotations

import builtins
import collections
import dataclasses
import functools
import gc
import itertools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from pagerduty_logging.events_api.template_text import is_template

MAX_DEPTH = 20
"""Containers inside containers; what lies deeper is left out."""
MAX_NODES = 5_000
"""Values of one text."""
MIN_TEXT = 100
"""Characters left to each value, however many are shown already."""

_MAPPINGS: tuple[Any, ...] = (
    dict, collections.Counter, collections.OrderedDict, collections.defaultdict,
    getattr(builtins, "frozendict", dict),
)  # fmt: skip
_KINDS: dict[object, type] = {
    kind.__repr__: kind
    for kind in (list, tuple, set, frozenset, collections.deque, types.SimpleNamespace, *_MAPPINGS)
}
"""Python's own containers, by the `repr` that they share with most of their subclasses."""
_OF_NAMEDTUPLE = collections.namedtuple("_OF_NAMEDTUPLE", ()).__repr__.__code__


def is_plain(value: object, show: Callable[[object], str]) -> bool:
    """Return whether `show(value)` is Python's own `repr` of a container, and so walks into all it holds."""
    if show is repr:
        return _kind(value) is not None
    return show is str and type(value).__str__ is object.__str__ and _kind(value) is not None


def _kind(value: object) -> Any:
    """Return which of Python's own containers `value` is printed as; a record has the fields of an object."""
    show = type(value).__repr__
    kind = _KINDS.get(show)
    if kind is None and type(show) is types.FunctionType:
        code = getattr(show, "__wrapped__", show).__code__
        if code is _OF_NAMEDTUPLE:
            return types.SimpleNamespace
        if code.co_filename == "<string>" and code.co_name == "__repr__" and dataclasses.is_dataclass(value):
            return types.SimpleNamespace
    return kind


def _fields(value: Any) -> dict[str, object]:
    """Return what an object that is printed by its fields holds, by name."""
    if isinstance(value, tuple):
        return dict(zip(value._fields, value, strict=True))  # type: ignore[attr-defined]
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.repr}
    return dict(vars(value))


def is_deep(value: object) -> bool:
    """Return whether what `value` holds is nested deeper than anybody prints: its `repr` may take seconds.

    Looks at few entries of each container, and of other objects at what they hold themselves.
    """
    waiting = [(value, 0)]
    for _ in range(_MAX_LOOKED_AT):
        if not waiting:
            return False
        holder, depth = waiting.pop()
        if depth > _DEEP:
            return True
        for held in itertools.islice(_held_by(holder), _MAX_ENTRIES):
            if type(held) in _LEAVES:
                continue
            if isinstance(held, _HOLDERS) or (type(held) is dict and not depth):
                waiting.append((held, depth + 1))
    return False


_DEEP = 200
_MAX_LOOKED_AT = 1_000
_MAX_ENTRIES = 20
_LEAVES = frozenset((
    str, int, float, bool, bytes, type(None), type, types.CodeType, types.FrameType, types.FunctionType,
    types.TracebackType,
))  # fmt: skip
_HOLDERS: tuple[Any, ...] = (
    list, tuple, dict, set, frozenset, slice, functools.partial, types.MappingProxyType,
    BaseException, types.SimpleNamespace,
    collections.deque, collections.ChainMap, collections.UserDict, collections.UserList,
    *(type(view({})) for view in (dict.keys, dict.values, dict.items)),
)  # fmt: skip


def _held_by(holder: Any) -> Iterable[object]:
    if type(holder) in (list, tuple, set, frozenset, collections.deque):
        return cast("Iterable[object]", holder)
    if type(holder) is dict:
        return cast("Iterable[object]", holder.values())
    return gc.get_referents(holder)


class Walk:
    """A `repr` of Python's own containers that is bounded in depth, length and time."""

    def __init__(self, limit: int, leaf: Callable[[object, int], str]) -> None:
        """Show about `limit` characters at most; `leaf` shows what is no container."""
        self._left = limit
        self._of_leaf = leaf
        self._nodes = 0
        self._inside: set[int] = set()
        self.cut = False
        """Whether something was left out, or is shown otherwise: a template string as its text."""

    def show(self, value: object, depth: int) -> str:
        self._nodes += 1
        kind = _kind(value)
        if kind is None:
            shown = self._leaf(value)
            self._left -= len(shown)
            return shown
        if kind is not types.SimpleNamespace and not kind.__len__(value):
            return repr(value)
        if id(value) in self._inside:
            return self._around(kind, value, "...")
        if depth >= MAX_DEPTH:
            self.cut = True
            return self._around(kind, value, "…")
        self._inside.add(id(value))
        try:
            return self._around(kind, value, ", ".join(self._items(kind, value, depth + 1)))
        finally:
            self._inside.discard(id(value))

    def _around(self, kind: Any, value: Any, shown: str) -> str:
        name = type(value).__name__
        if kind is tuple:
            return f"({shown},)" if len(value) == 1 else f"({shown})"
        if kind is list:
            return f"[{shown}]"
        if kind is types.SimpleNamespace:
            return f"{'namespace' if type(value) is kind else type(value).__qualname__}({shown})"
        if kind is collections.deque:
            return (
                f"{name}([{shown}])" if value.maxlen is None else f"{name}([{shown}], maxlen={value.maxlen})"
            )
        if kind is collections.defaultdict:
            return f"{name}({self._leaf(value.default_factory)}, {{{shown}}})"
        return f"{{{shown}}}" if kind is dict or type(value) is set else f"{name}({{{shown}}})"

    def _items(self, kind: Any, value: Any, depth: int) -> Iterator[str]:
        pairs = kind in _MAPPINGS
        if kind is types.SimpleNamespace:
            entries: Iterable[Any] = _fields(value).items()
        else:
            entries = kind.items(value) if pairs else kind.__iter__(value)
        for entry in entries:
            if self._nodes >= MAX_NODES or self._left <= 0:
                self.cut = True
                yield "…"
                return
            if kind is types.SimpleNamespace:
                yield f"{entry[0]}={self.show(entry[1], depth)}"
            elif pairs:
                yield f"{self.show(entry[0], depth)}: {self.show(entry[1], depth)}"
            else:
                yield self.show(entry, depth)
            self._left -= 2

    def _leaf(self, value: object) -> str:
        limit = max(self._left, MIN_TEXT)
        if isinstance(value, (str, bytes, bytearray)) and len(value) > limit:
            self.cut = True
            return self._of_leaf(value[:limit], limit) + "…"
        self.cut = self.cut or is_template(value) or is_deep(value)
        return self._of_leaf(value, limit)
