"""A record's message prints no container deeper or longer than anybody reads."""

from __future__ import annotations

import functools
import logging
from typing import Any

import pytest

from pagerduty_logging.events_api.safejson import text
from pagerduty_logging.record import contents
from tests.measured import within


def deep(made: Any) -> Any:
    return functools.reduce(lambda value, _: made(value), range(50_000), 1)


@pytest.mark.parametrize("wrap", [lambda held: [held], lambda held: {"a": held}], ids=["list", "dict"])
@pytest.mark.parametrize(
    "record",
    [
        lambda value: ("%s", (value,)),
        lambda value: ("lost %r", (value,)),
        lambda value: ("lost %s of %s", (value, value)),
        lambda value: ("lost %(what)s", {"what": value}),
        lambda value: ("lost %s", {"what": value}),
        lambda value: (value, ()),
    ],
)
def test_a_message_prints_no_container_deeper_than_it_can_be_read(wrap: Any, record: Any) -> None:
    value = deep(wrap)
    msg, args = record(value)
    made = logging.makeLogRecord({"msg": msg, "args": args})
    message = within(0.02, lambda: contents.own_message(made))
    assert text(value)[:15] in message
    assert "…" in message
    assert made.msg is msg
    assert made.args is args


class Order:
    """Has a `repr` of its own, which prints a container."""

    def __init__(self, lines: Any) -> None:
        self.lines = lines

    def __repr__(self) -> str:
        return f"Order({self.lines!r})"


def nested() -> Any:
    return deep(lambda held: [held])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Order(nested()), "(Order: nested too deep to show)"),
        (lambda: ValueError(nested()), "[[["),
        (lambda: [Order(nested()), 7], "[(Order: nested too deep to show), 7]"),
        (lambda: functools.partial(print, nested()), "(partial: nested too deep to show)"),
        (lambda: deep(lambda held: {"a": held}.values()), "(dict_values: nested too deep to show)"),
        (lambda: b"x" * 10_000_000, "b'xxx"),
    ],
    ids=["object", "exception", "in a list", "partial", "view", "bytes"],
)
def test_no_repr_is_called_on_what_is_nested_too_deep_or_too_long(made: Any, said: str) -> None:
    value = made()
    for msg, args in ((value, ()), ("%s", (value,)), ("%s of %r", (value, "us")), ("%(it)s", {"it": value})):
        made = logging.makeLogRecord({"msg": msg, "args": args})
        assert said in within(0.02, functools.partial(contents.own_message, made))
        assert said in within(0.02, functools.partial(text, value))


def test_an_object_that_holds_usual_data_shows_itself() -> None:
    lines = functools.reduce(lambda held, _: {"a": [held, range(9)]}, range(20), [1])
    for value in (Order(lines), ValueError(lines), functools.partial(print, lines)):
        assert contents.own_message(logging.makeLogRecord({"msg": "%s", "args": (value,)})) == str(value)


@pytest.mark.parametrize(
    "made",
    [lambda: dict.fromkeys(range(1_000_000)), lambda: ["x" * 90_000] * 400],
    ids=["wide", "long"],
)
def test_a_message_prints_no_container_longer_than_it_can_be_read(made: Any) -> None:
    value = made()
    for msg, args in ((value, ()), ("lost %s", (value,)), ("lost %s of %s", (value, "us"))):
        made = logging.makeLogRecord({"msg": msg, "args": args})
        message = within(0.05, functools.partial(contents.own_message, made))
        assert len(message) < 200_000


@pytest.mark.parametrize(
    ("msg", "args", "message"),
    [
        ("lost %s", ([1, "a"],), "lost [1, 'a']"),
        ("lost %(a)05d", {"a": 7}, "lost 00007"),
        ("lost %s", {"a": [1]}, "lost {'a': [1]}"),
        ([1, {"a": 2}], (), "[1, {'a': 2}]"),
    ],
)
def test_a_message_of_usual_size_is_what_logging_makes_of_it(msg: Any, args: Any, message: str) -> None:
    assert contents.own_message(logging.makeLogRecord({"msg": msg, "args": args})) == message


def test_a_record_says_what_its_class_says_though_an_agent_has_put_another_method_on_it() -> None:
    made = logging.makeLogRecord({"msg": "order %s failed", "args": (7,)})
    said = made.getMessage
    made.getMessage = lambda: f"{said()} NR-LINKING|GUID|web01|027bea9e4e81991009e8d81344a7e1b5|"  # type: ignore[method-assign]
    assert contents.own_message(made) == "order 7 failed"
    assert contents.fields_of(made, {}, {}) == {}
