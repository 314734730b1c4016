"""Any Python object as bounded, strict JSON values; never raises an `Exception`.

PagerDuty accepts JSON; programs have any objects. What JSON does not know is shown as text, what is too
long is cut with a mark, and an object whose own code raises is replaced by a note that says so. A
`KeyboardInterrupt` or `SystemExit` from an object's own code is raised.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import numbers
import operator
import pathlib
import re
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, TypeAlias, TypeVar

from pagerduty_logging.events_api import bounded_repr, template_text
from pagerduty_logging.events_api.bounded_repr import Walk

MAX_DEPTH = 8
"""Levels of nested containers; what is deeper is named, not shown."""
MAX_ITEMS = 500
"""Entries of one container; a mark says how many more there were."""
MAX_NODES = 10_000
"""Values in one conversion, which bounds wide and deep structures too."""
MAX_TEXT = 100_000
"""Characters of one text; a mark says how many were cut."""
MAX_KEY = 1_000
"""Characters of a key in an object."""
MAX_ALL_TEXT = 2_000_000
"""Characters of all keys and texts of one conversion: four times what PagerDuty takes at most."""
MIN_TEXT = bounded_repr.MIN_TEXT
"""Characters of each further key or text beyond `MAX_ALL_TEXT`."""
MAX_SECONDS = 0.5
"""Seconds after which no further value is converted: this bounds slow `__str__` methods."""
MAX_INTEGER_BITS = 1_024
"""Larger integers are described: many JSON readers lose them, and Python refuses over 4,300 digits."""

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
PLAIN = frozenset((str, int, float, bool, type(None)))
"""Types of JSON's simple values: to print one runs none of the application's code, and takes no time."""
_T = TypeVar("_T")

# UTF-8 has no lone surrogates; many JSON readers refuse NUL, escaped or not.
_INVALID = re.compile("[\x00\ud800-\udfff]+")


def jsonable(value: object, max_nodes: int = MAX_NODES) -> JSON:
    """Return `value` as plain, strict JSON values that share nothing with it.

    Mappings, sequences, sets and dataclasses become objects and arrays; dates are ISO 8601; what else
    JSON does not know is shown by its `str` or `repr`. The bounds are this module's constants, and
    `max_nodes` for the values.
    """
    try:
        return _Conversion(max_nodes).convert(value, depth=0)
    except Exception:  # only if the stack has no room left to describe anything
        return "(could not be shown)"


def text(value: object, limit: int = MAX_TEXT) -> str:
    """Return `str(value)` as valid Unicode: at most `limit` characters, and a mark if it was cut."""
    if type(value) is str and len(value) <= limit and value.isascii() and "\x00" not in value:
        return value
    return _shown(value, str, limit)


def truncated(shown: str, limit: int) -> str:
    """Return `shown` whole, or its first `limit` characters and a mark that counts the rest."""
    if len(shown) <= limit:
        return shown
    return f"{shown[:limit]}… ({len(shown) - limit} more characters)"


def valid_text(shown: str) -> str:
    """Return `shown` with what UTF-8 or JSON's readers cannot take visibly replaced, one for one."""
    if shown.isascii() and "\x00" not in shown:
        return shown
    return _INVALID.sub(lambda run: "\ufffd" * len(run[0]), shown)


class _Conversion:
    """One walk over a value: tracks the containers around, and how much it has converted."""

    def __init__(self, max_nodes: int) -> None:
        self._inside: set[int] = set()
        self._max_nodes = max_nodes
        self._nodes = 0
        self._characters = 0
        self._until = time.monotonic() + MAX_SECONDS

    def convert(self, value: object, depth: int) -> JSON:
        self._nodes += 1
        if value is None or value is True or value is False:
            return value
        if type(value) is str:
            return self._text(value)
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
                return _integer(int.__int__(value))
            case float():
                plain = float.__float__(value)
                return plain if math.isfinite(plain) else str(plain)
            case str():
                return self._text(value, str.__str__)
            case bytes() | bytearray() | memoryview():
                shown = self._text(bytes(value[:MAX_TEXT]), _decoded)
                more = len(value) - MAX_TEXT
                return f"{shown}… ({more} more bytes)" if more > 0 else shown
            case tuple() if (names := _field_names(value)) is not None:
                return self._container(value, dict(zip(names, value, strict=False)), depth)
            case _ if template_text.is_template(value):
                return self._text(value)
            case datetime.date() | datetime.time():
                return self._text(value.isoformat())
            case datetime.timedelta() | decimal.Decimal() | uuid.UUID() | pathlib.PurePath():
                return self._text(value)
            case Mapping() | Sequence() | Set():
                return self._container(value, value, depth)
        number = _number(value)
        if number is not None:
            return number
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.repr}
            return self._container(value, fields, depth)
        return self._text(value, repr)

    def _text(self, value: object, show: Callable[[object], str] = str, limit: int = MAX_TEXT) -> str:
        if type(value) is str and len(value) <= MIN_TEXT:  # most texts: nothing cuts them
            shown = valid_text(value)
        else:
            shown = _shown(value, show, min(limit, max(MAX_ALL_TEXT - self._characters, MIN_TEXT)))
        self._characters += len(shown)
        return shown

    def _container(self, owner: object, entries: Collection[object], depth: int) -> JSON:
        if id(owner) in self._inside:
            return f"({type_name(owner)}: contains itself)"
        if depth >= MAX_DEPTH:
            return _too_deep(owner)
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
            shown[free_name(self._key(key), shown)] = self.convert(value, depth)
        more = _length(entries) - len(shown)
        if more > 0:
            shown[free_name("…", shown)] = f"{more} more entries"
        return shown

    def _key(self, key: object) -> str:
        if type(key) is str:
            return self._text(key, str, MAX_KEY)
        if isinstance(key, enum.Enum):
            key = key.value
        if isinstance(key, str):
            return self._text(key, str.__str__, MAX_KEY)
        number = _number(key)
        key = key if number is None else number
        if isinstance(key, (int, float, uuid.UUID, datetime.date, pathlib.PurePath)):
            return self._text(key, str, MAX_KEY)
        return self._text(key, repr, MAX_KEY)

    def _sequence(self, entries: Collection[object], depth: int) -> list[JSON]:
        shown = [self.convert(value, depth) for value in self._bounded(entries)]
        more = _length(entries) - len(shown)
        if more > 0:
            shown.append(f"… ({more} more items)")
        return shown

    def _bounded(self, entries: Iterable[_T]) -> Iterator[_T]:
        for index, entry in enumerate(entries):
            if index >= MAX_ITEMS or self._nodes >= self._max_nodes:
                return
            yield entry


def free_name(name: str, taken: Collection[str]) -> str:
    """Return `name`, with apostrophes until it differs from those already taken."""
    while name in taken:
        name += "'"
    return name


def printable(value: object) -> object:
    """Return `value` itself, or, where its `repr` cannot be read by people, an object whose `repr` can.

    For callers whose values are printed by other code: `repr` of deep nesting takes a second before it fails,
    that of a template string shows its parts.
    """
    if type(value) in PLAIN:
        return value
    if not bounded_repr.is_plain(value, str):
        bounded = template_text.is_template(value) or _is_long(value) or bounded_repr.is_deep(value)
        return _Printed(value, text(value)) if bounded else value
    walk = Walk(MAX_TEXT, _leaf)
    shown = walk.show(value, 0)
    return _Printed(value, shown) if walk.cut else value


class _Printed:
    """What is printed in place of a container that is too deep or too long, or of a template string."""

    def __init__(self, value: object, shown: str) -> None:
        self._value: Any = value
        self._shown = shown

    def __repr__(self) -> str:
        return self._shown

    def __getitem__(self, name: object) -> object:  # a template takes values out of a mapping by name
        return printable(self._value[name])


def _shown(value: object, show: Callable[[object], str], limit: int) -> str:
    try:
        if show is str and type(value) is str:
            shown = value
        elif show is str and isinstance(value, BaseException):
            shown = _of_exception(value, limit)
        elif template_text.is_template(value):
            shown = template_text.text_of(value, text)
        elif bounded_repr.is_plain(value, show):
            shown = Walk(limit, _leaf).show(value, 0)
        elif isinstance(value, (bytes, bytearray)):
            shown = show(value[: limit + 1])
        else:
            shown = _too_deep(value) if bounded_repr.is_deep(value) else show(value)
        if type(shown) is not str:
            shown = str.__str__(shown)
    except Exception as error:
        return _unshowable(value, error)
    return valid_text(truncated(shown, limit))


def _leaf(value: object, limit: int) -> str:
    return _shown(value, repr, max(limit, MIN_TEXT))


def _of_exception(error: BaseException, limit: int) -> str:
    """Return what `str` of an exception gives, without walking into what it holds as deep as it goes."""
    said, args = type(error).__str__, error.args
    if said not in (BaseException.__str__, KeyError.__str__):
        return _too_deep(error) if bounded_repr.is_deep(error) else str(error)
    if len(args) != 1:
        return _shown(args, str, limit) if args else ""
    return _shown(args[0], str if said is BaseException.__str__ else repr, limit)


def _is_long(value: object) -> bool:
    return isinstance(value, (bytes, bytearray)) and len(value) > MAX_TEXT


def _too_deep(value: object) -> str:
    return f"({type_name(value)}: nested too deep to show)"


def _number(value: object) -> int | float | bool | str | None:
    """Return the number that an object of another library is, such as NumPy's; else None."""
    kind = type(value)
    if kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_"):
        return bool(value)
    try:
        if isinstance(value, numbers.Integral) or hasattr(kind, "__index__"):
            return _integer(operator.index(value))  # type: ignore[arg-type, return-value]
        if isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational):
            number = float(value)
            return number if math.isfinite(number) else str(number)
        if isinstance(value, numbers.Number):  # a fraction: no float is exact
            return str(value)
    except Exception:  # an array of several numbers, or a symbol
        return None
    return None


def _field_names(value: tuple[object, ...]) -> tuple[str, ...] | None:
    """Return the names of a namedtuple's fields; None for any other tuple."""
    names = getattr(type(value), "_fields", None)
    if type(value) is tuple or type(names) is not tuple or not all(type(name) is str for name in names):
        return None
    return names


def _decoded(value: object) -> str:
    assert isinstance(value, bytes)
    return value.decode("utf-8", "backslashreplace")


def _integer(value: int) -> JSON:
    if value.bit_length() <= MAX_INTEGER_BITS:
        return value
    return f"(an integer of {value.bit_length()} bits)"


def _length(entries: Collection[object]) -> int:
    try:
        return len(entries)
    except Exception:  # a container that cannot count still has the entries that it gave
        return 0


def _unshowable(value: object, error: Exception) -> str:
    return f"({type_name(value)}: could not be shown, {type_name(error)})"


def type_name(value: object) -> str:
    # A metaclass may define `__name__` as it likes; `type`'s own descriptor runs no foreign code.
    name: str = type.__dict__["__name__"].__get__(type(value))
    return valid_text(name[:MAX_KEY])
