"""Any Python object becomes bounded, strict JSON values: total, never raises an `Exception`.

PagerDuty takes JSON; programs hold anything. What JSON cannot say is said in text, what would be
endless is cut with a mark, and what breaks while it is looked at is replaced by a note that says so.
A `KeyboardInterrupt` or `SystemExit` raised by an object's own code passes through.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import re
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import TypeAlias, TypeVar

MAX_DEPTH = 8
"""Containers inside containers; what lies deeper is named, not shown."""
MAX_ITEMS = 500
"""Entries of one container; a mark tells how many more there were."""
MAX_NODES = 10_000
"""Values in one conversion, so that wide and deep together stay bounded too."""
MAX_TEXT = 100_000
"""Characters of one text; a mark tells how many were cut."""
MAX_ALL_TEXT = 600_000
"""Characters of all texts together; beyond it each is cut to MAX_KEY characters."""
MAX_KEY = 1_000
"""Characters of a key in an object."""
MAX_SECONDS = 0.5
"""Seconds after which no other value is begun: what slow code makes of itself is cut too."""
MAX_INTEGER_BITS = 1_024
"""Greater integers are described: many readers lose them, and Python refuses over 4,300 digits."""

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
_T = TypeVar("_T")

_SURROGATES = re.compile("[\ud800-\udfff]")


def jsonable(value: object) -> JSON:
    """Return `value` as plain, strict JSON values that share nothing with it."""
    return _Conversion().convert(value, depth=0)


def text(value: object, limit: int = MAX_TEXT) -> str:
    """Return `str(value)` as valid Unicode: at most `limit` characters, and a mark if it was cut."""
    return _shown(value, str, limit)


def cut(shown: str, limit: int) -> str:
    """Return `shown` whole, or its first `limit` characters and a mark that counts the rest."""
    if len(shown) <= limit:
        return shown
    return f"{shown[:limit]}… ({len(shown) - limit} more characters)"


def valid_text(shown: str) -> str:
    """Return `shown` with lone surrogates, which no UTF-8 can carry, visibly replaced."""
    return shown if shown.isascii() else _SURROGATES.sub("\ufffd", shown)


class _Conversion:
    """One walk over one value: knows which containers it is inside of, and how much it has seen."""

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._nodes = 0
        self._text_left = MAX_ALL_TEXT
        self._until = time.monotonic() + MAX_SECONDS

    def _text(self, value: object, show: Callable[[object], str]) -> str:
        shown = _shown(value, show, MAX_TEXT if self._text_left > 0 else MAX_KEY)
        self._text_left -= len(shown)
        return shown

    def convert(self, value: object, depth: int) -> JSON:
        self._nodes += 1
        if value is None or value is True or value is False:
            return value
        if type(value) is str:
            return self._text(value, str)
        if time.monotonic() > self._until:
            return "(not shown: what came before took too long)"
        try:
            return self._other(value, depth)
        except Exception as error:
            return _unshowable(value, error)

    def _other(self, value: object, depth: int) -> JSON:
        match value:
            case enum.Enum():
                return self.convert(value.value, depth)
            case int():
                return _integer(int(value))
            case float():
                return float(value) if math.isfinite(value) else str(float(value))
            case str():
                return self._text(str.__str__(value), str)
            case bytes() | bytearray():
                return cut(bytes(value[:MAX_TEXT]).decode("utf-8", "backslashreplace"), MAX_TEXT)
            case datetime.date() | datetime.time():
                return value.isoformat()
            case datetime.timedelta() | decimal.Decimal() | uuid.UUID() | pathlib.PurePath():
                return self._text(value, str)
            case Mapping():
                return self._container(value, value, depth)
            case Sequence() | Set():
                return self._container(value, value, depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.repr}
            return self._container(value, fields, depth)
        return self._text(value, repr)

    def _container(self, owner: object, entries: Collection[object], depth: int) -> JSON:
        if id(owner) in self._inside:
            return f"({type_name(owner)}: contains itself)"
        if depth >= MAX_DEPTH:
            return f"({type_name(owner)}: nested too deep to show)"
        self._inside.add(id(owner))
        try:
            if isinstance(entries, Mapping):
                return self._mapping(entries, depth + 1)
            return self._sequence(entries, depth + 1)
        finally:
            self._inside.discard(id(owner))

    def _mapping(self, entries: Mapping[object, object], depth: int) -> dict[str, JSON]:
        shown: dict[str, JSON] = {}
        for key, value in self._bounded(entries.items()):
            name = _shown(key, str if isinstance(key, str) else repr, MAX_KEY)
            while name in shown:
                name += "'"
            shown[name] = self.convert(value, depth)
        if len(entries) > len(shown):
            shown["…"] = f"{len(entries) - len(shown)} more entries"
        return shown

    def _sequence(self, entries: Collection[object], depth: int) -> list[JSON]:
        shown = [self.convert(value, depth) for value in self._bounded(entries)]
        if len(entries) > len(shown):
            shown.append(f"… ({len(entries) - len(shown)} more items)")
        return shown

    def _bounded(self, entries: Iterable[_T]) -> Iterator[_T]:
        for index, entry in enumerate(entries):
            if index >= MAX_ITEMS or self._nodes >= MAX_NODES:
                return
            yield entry


def _shown(value: object, show: Callable[[object], str], limit: int) -> str:
    try:
        shown = show(value)
        if type(shown) is not str:
            shown = str.__str__(shown)
    except Exception as error:
        return _unshowable(value, error)
    return valid_text(cut(shown, limit))


def _integer(value: int) -> JSON:
    if value.bit_length() <= MAX_INTEGER_BITS:
        return value
    return f"(an integer of {value.bit_length()} bits)"


def type_name(value: object) -> str:
    """Return the name of a value's type, which a metaclass may hide from those who just ask."""
    name: str = _NAME_OF_TYPE(type(value))
    return name


_NAME_OF_TYPE = type.__dict__["__name__"].__get__


def _unshowable(value: object, error: Exception) -> str:
    return f"({type_name(value)}: could not be shown, {type_name(error)})"
