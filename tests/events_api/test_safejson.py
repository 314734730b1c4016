"""Any object becomes bounded, strict JSON."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import sys
import threading
import types
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagerduty_logging.events_api.safejson import (
    MAX_ALL_TEXT,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_KEY,
    MAX_NODES,
    MAX_TEXT,
    jsonable,
    text,
    truncated,
    valid_text,
)
from tests.measured import within


def strict(value: object) -> Any:
    """Return what a strict reader reads of the value as JSON in UTF-8."""
    shown = jsonable(value)
    wire = json.dumps(shown, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert len(wire) < 100_000_000
    return json.loads(wire)


class Colour(enum.Enum):
    RED = "red"
    TWO = (1, 2)


class Word(str, enum.Enum):  # noqa: UP042 - the older way, whose str() is not its value
    HELLO = "hello"


class Shouting(str):
    def __str__(self) -> str:
        return "!"


class LyingInt(int):
    def __int__(self) -> int:
        raise RuntimeError


class LyingFloat(float):
    def __float__(self) -> float:
        raise RuntimeError


@dataclasses.dataclass
class Point:
    x: int
    y: object = None
    password: str = dataclasses.field(default="secret", repr=False)


Pair = collections.namedtuple("Pair", "a b")

EXACT: list[tuple[object, Any]] = [
    (None, None),
    (True, True),
    (0, 0),
    (-1.5, -1.5),
    ("text", "text"),
    (float("nan"), "nan"),
    (float("-inf"), "-inf"),
    (LyingInt(7), 7),
    (LyingFloat(7.5), 7.5),
    (10**5000, "(an integer of 16610 bits)"),
    (Colour.RED, "red"),
    (Colour.TWO, [1, 2]),
    (Word.HELLO, "hello"),
    (Shouting("quiet"), "quiet"),
    (b"bytes \xff", "bytes \\xff"),
    (bytearray(b"array"), "array"),
    (memoryview(b"view"), "view"),
    (datetime.date(2026, 1, 31), "2026-01-31"),
    (datetime.datetime(2026, 1, 31, 8, tzinfo=datetime.UTC), "2026-01-31T08:00:00+00:00"),
    (datetime.time(8, 15), "08:15:00"),
    (datetime.timedelta(seconds=90), "0:01:30"),
    (decimal.Decimal("1.50"), "1.50"),
    (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (pathlib.PurePosixPath("/a/\udcff"), "/a/\ufffd"),
    ((1, [2]), [1, [2]]),
    ({1}, [1]),
    (frozenset(), []),
    (range(3), [0, 1, 2]),
    (collections.deque([1]), [1]),
    (collections.OrderedDict(a=1), {"a": 1}),
    (types.MappingProxyType({"a": 1}), {"a": 1}),
    ({}.keys(), []),
    (Pair(1, 2), {"a": 1, "b": 2}),
    (Point(1, Point(2)), {"x": 1, "y": {"x": 2, "y": None}}),
    (Point, "<class 'tests.events_api.test_safejson.Point'>"),
    ("\ud800 and \x00", "\ufffd and \ufffd"),
    (
        {1: "a", None: "b", (1, 2): "c", 2.5: "e"},
        {"1": "a", "None": "b", "(1, 2)": "c", "2.5": "e"},
    ),
    (
        {Colour.RED: 1, Word.HELLO: 2, uuid.UUID(int=7): 3, datetime.date(2026, 1, 31): 4, b"k": 5},
        {"red": 1, "hello": 2, "00000000-0000-0000-0000-000000000007": 3, "2026-01-31": 4, "b'k'": 5},
    ),
    ({1: "number", "1": "text"}, {"1": "number", "1'": "text"}),
    (Ellipsis, "Ellipsis"),
    (ValueError("why"), "ValueError('why')"),
]


@pytest.mark.parametrize(("value", "shown"), EXACT, ids=[str(n) for n in range(len(EXACT))])
def test_what_json_cannot_say_is_said_in_text(value: object, shown: Any) -> None:
    assert strict(value) == shown
    assert strict([{"deeper": value}]) == [{"deeper": shown}]


def raising(error: type[BaseException]) -> Any:
    def hostile(*args: object, **kwargs: object) -> Any:
        raise error("hostile")

    return hostile


class HostileMeta(type):
    __name__ = property(raising(RuntimeError))  # type: ignore[assignment]

    def __instancecheck__(cls, instance: object) -> bool:
        raise RuntimeError


HOSTILE = [
    type("BadRepr", (), {"__repr__": raising(RuntimeError)})(),
    type("BadStr", (str,), {"__str__": raising(RuntimeError), "__repr__": raising(RuntimeError)})("fine"),
    type("BadClass", (), {"__class__": property(raising(RuntimeError))})(),
    type("BadGet", (), {"__getattribute__": raising(RuntimeError)})(),
    type("BadIter", (list,), {"__iter__": raising(RuntimeError)})([1]),
    type("BadItems", (dict,), {"items": raising(RuntimeError)})(a=1),
    type("BadHash", (dict,), {"__len__": raising(RuntimeError)})(a=1),
    type("NoText", (), {"__repr__": lambda self: 7})(),
    type("Deep", (), {"__repr__": lambda self: repr(self)})(),
    type("BadZone", (datetime.datetime,), {"isoformat": raising(RuntimeError)})(2026, 1, 1),
    HostileMeta("Hostile", (), {"__repr__": raising(RuntimeError)})(),
    type("N" * 5000, (), {"__repr__": raising(RuntimeError)})(),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))  # pytest itself would look at the values
def test_what_breaks_while_it_is_looked_at_is_named(number: int) -> None:
    shown = strict({"good": 1, "bad": HOSTILE[number], "better": 2})
    assert (shown["good"], shown["better"]) == (1, 2)
    assert len(json.dumps(shown)) < 3000
    assert text(HOSTILE[number], 100)


def test_what_broke_is_named_with_its_error() -> None:
    assert strict(HOSTILE[0]) == "(BadRepr: could not be shown, RuntimeError)"


def test_a_mapping_that_cannot_count_keeps_its_entries() -> None:
    assert strict(HOSTILE[6]) == {"a": 1}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_program_passes_through(error: type[BaseException]) -> None:
    with pytest.raises(error):
        jsonable([type("Ends", (), {"__repr__": raising(error)})()])


def test_what_contains_itself_says_so() -> None:
    itself: list[Any] = [1]
    itself.append({"again": itself})
    assert strict(itself) == [1, {"again": "(list: contains itself)"}]
    shared = [1]
    assert strict([shared, shared]) == [[1], [1]]


def test_what_is_too_deep_is_named() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    shown = strict(deep)
    for _ in range(MAX_DEPTH):
        [shown] = shown
    assert shown == "(list: nested too deep to show)"
    while deep:  # what is nested so deep must be taken apart from the outside
        [deep] = deep


def test_containers_are_cut_with_a_mark() -> None:
    shown = strict(list(range(10**6)))
    assert len(shown) == MAX_ITEMS + 1
    assert shown[-1] == f"… ({10**6 - MAX_ITEMS} more items)"
    mapping = strict({"…": "mine"} | {n: n for n in range(MAX_ITEMS)})
    assert mapping["…"] == "mine"
    assert mapping["…'"] == "1 more entries"


def test_texts_are_cut_with_a_mark() -> None:
    assert strict("x" * (MAX_TEXT + 7)) == "x" * MAX_TEXT + "… (7 more characters)"
    assert strict(b"x" * (MAX_TEXT + 7)) == "x" * MAX_TEXT + "… (7 more bytes)"
    assert truncated("abc", 3) == "abc"
    assert text("abcd", 3) == "abc… (1 more characters)"
    [key] = strict({"k" * (MAX_KEY + 7): 1})
    assert key == "k" * MAX_KEY + "… (7 more characters)"


class Tree(Mapping[str, Any]):
    """A mapping without end."""

    def __getitem__(self, key: str) -> Any:
        return Tree()

    def __len__(self) -> int:
        return 10**9

    def __iter__(self) -> Iterator[str]:
        n = 0
        while True:
            yield str(n)
            n += 1


# Made when they are needed: every process that runs some of these tests would keep them to its end.
ENDLESS: dict[str, Callable[[], object]] = {
    "tree": Tree,
    "wide and deep": lambda: [[["x" * 100] * 1000] * 1000] * 1000,
    "large texts": lambda: {str(n): "x" * MAX_TEXT for n in range(400)},
    "large keys": lambda: [{"k" * 5_000 + str(n): n for n in range(400)} for _ in range(400)],
    "bits": lambda: [10**4000] * 1000,
    "bytes": lambda: [bytes(10**6)] * 400,
}


@pytest.mark.parametrize("made", ENDLESS.values(), ids=ENDLESS)
def test_the_whole_is_bounded_too(made: Callable[[], object]) -> None:
    value = made()
    shown = within(1.0, lambda: jsonable(value))
    texts = nodes = 0
    rest: list[Any] = [shown]
    while rest:
        nodes += 1
        match rest.pop():
            case dict() as mapping:
                texts += sum(map(len, mapping))
                rest += mapping.values()
            case list() as several:
                rest += several
            case str() as one:
                texts += len(one)
    assert nodes <= 2 * MAX_NODES
    assert texts <= MAX_ALL_TEXT + MAX_NODES * 300


def test_even_at_the_end_of_the_stack_there_is_an_answer() -> None:
    answers: list[Any] = []

    def descend() -> None:
        try:
            descend()
        except RecursionError:
            answers.append(jsonable({"a": [1, {"b": "c"}]}))
            raise

    def run() -> None:
        with pytest.raises(RecursionError):
            descend()

    thread = threading.Thread(target=run)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
    assert {"a": [1, {"b": "c"}]} in answers
    for answer in answers:
        json.dumps(answer)


anything = st.recursive(
    st.from_type(type).flatmap(st.from_type) | st.text(st.characters()) | st.floats() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner),
    max_leaves=15,
)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)
@given(anything)
def test_anything_becomes_strict_json_that_shares_nothing(value: object) -> None:
    shown = jsonable(value)
    assert json.loads(json.dumps(shown, allow_nan=False).encode()) == shown
    json.dumps(shown, ensure_ascii=False).encode()
    for mutable in (value, *(value if isinstance(value, list) else ())):
        if isinstance(mutable, (list, dict)):
            assert shown is not mutable
            assert not (isinstance(shown, list) and any(one is mutable for one in shown))


@given(st.text(st.characters()))
def test_valid_text_is_valid_and_of_the_same_length(shown: str) -> None:
    valid = valid_text(shown)
    assert len(valid) == len(shown)
    assert "\x00" not in valid
    assert valid.encode().decode() == valid
    assert valid_text(valid) == valid


class _NumPyLike:
    """A number of another library, which no `isinstance` knows."""

    def __index__(self) -> int:
        return 7

    def __repr__(self) -> str:
        return "np.int64(7)"


def test_numbers_of_other_libraries_are_numbers() -> None:
    assert jsonable({"id": _NumPyLike(), _NumPyLike(): 1}) == {"id": 7, "7": 1}


def test_a_namedtuple_keeps_the_names_of_its_fields() -> None:
    login = collections.namedtuple("login", "user password")
    assert jsonable(login("bob", "x")) == {"user": "bob", "password": "x"}
