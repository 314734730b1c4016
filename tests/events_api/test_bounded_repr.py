"""Containers are printed as Python prints them, but never deeper or longer than anybody reads."""

from __future__ import annotations

import collections
import dataclasses
import functools
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from pagerduty_logging.events_api.safejson import printable, text
from tests.measured import within


class Items(list[Any]):
    pass


class Names(set[Any]):
    pass


class Point(NamedTuple):
    x: object


@dataclasses.dataclass
class Order:
    number: object
    note: str = dataclasses.field(default="", repr=False)


class Quiet(list[Any]):
    def __repr__(self) -> str:
        return "quiet"


class Spoken(list[Any]):
    def __str__(self) -> str:
        return "spoken"


MAKERS: list[Callable[[Any], Any]] = [
    lambda held: [held],
    lambda held: (held,),
    lambda held: frozenset([held]),
    lambda held: {"a": held},
    lambda held: collections.deque([held]),
    lambda held: collections.deque([held], maxlen=2),
    lambda held: collections.defaultdict(list, a=held),
    lambda held: Items([held]),
    lambda held: types.SimpleNamespace(a=held),
    Point,
    Order,
]
DEEP = [make for make in MAKERS if not isinstance(make(1), frozenset)]


def _deep(make: Callable[[Any], Any]) -> Any:
    return functools.reduce(lambda value, _: make(value), range(50_000), 1)


@pytest.mark.parametrize("make", DEEP)
def test_deep_nesting_is_shown_as_far_as_it_can_be_read_and_in_no_time(make: Callable[[Any], Any]) -> None:
    value = _deep(make)
    for deep in (value, [value], ValueError(value), KeyError("a", value)):
        shown = within(0.02, functools.partial(text, deep))
        assert "…" in shown
        assert len(shown) < 2_000


def test_wide_nesting_is_bounded_too() -> None:
    value: Any = [1]
    for _ in range(40):
        value = [value, value, value]
    assert len(text(value)) < 100_000


@pytest.mark.parametrize(
    "value",
    [
        *([1, "a", {"b": (1,)}, set(), {2}, ()], {}, {"a": [None]}, ("it's",), [[]], Names({1}), Names()),
        *(make(made(1)) for make in MAKERS for made in MAKERS if make is not MAKERS[2]),
        *(frozenset([1]), frozenset(), collections.Counter("aab"), Quiet([1]), Spoken([1]), Point, Order),
    ],
    ids=repr,
)
def test_containers_of_usual_size_are_shown_as_python_shows_them(value: Any) -> None:
    assert text(value) == str(value)
    assert printable(value) is value


def test_a_container_that_holds_itself_is_shown_once() -> None:
    value: Any = [1]
    value.append(value)
    assert text(value) == "[1, [...]]"
