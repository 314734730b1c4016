"""Arguments that say nothing which joins the key: with them the template decides it alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from pagerduty_logging.fingerprinting import explain, fingerprint, with_handled
from pagerduty_logging.fingerprinting.problem import decides_alone

TRACEBACK = 'no\nTraceback (most recent call last):\n  File "/shop.py", line 7, in pay\n    x\nKeyError: 1'


def record_of(*args: object, info: Any = None) -> logging.LogRecord:
    path = run.__code__.co_filename
    return logging.LogRecord("shop", logging.ERROR, path, 1, "payment failed: %s", args, info, "run")


def run(step: Callable[[], object], record: Callable[[Exception], logging.LogRecord]) -> logging.LogRecord:
    """Make a record where an exception is handled."""
    try:
        step()
    except Exception as error:
        made = record(error)
        made.__dict__["values"] = decides_alone(made)
        return with_handled(made)
    raise AssertionError


def refuse(text: object = "") -> None:
    raise LookupError("no payment")


def by_a_library() -> None:
    json.loads("[1]", parse_int=refuse)


class Claiming:
    """Claims to be an exception, as some mocks do."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return ExceptionGroup


ALONE = [
    17, "no money", "", None, 1.5, LookupError("never raised"), object(), LookupError, UUID(int=7), b"x",
    [1, 2], (), [], ("a", ValueError(1), None),
]  # fmt: skip
MORE = [
    TRACEBACK,
    ExceptionGroup("many", [ValueError(1)]),
    [ValueError(1)],
    Claiming(),
    (ValueError, ValueError(1), None),
    {"error": ValueError(1)},
]


@pytest.mark.parametrize("value", ALONE, ids=repr)
def test_values_leave_the_key_as_it_is(value: object) -> None:
    record = record_of(value)
    assert decides_alone(record)
    assert fingerprint(record) == fingerprint(record_of(18))


@pytest.mark.parametrize("value", MORE, ids=type)
def test_what_may_say_more_is_no_value(value: object) -> None:
    assert not decides_alone(record_of(value))


def test_an_exception_that_was_left_as_text_may_say_more() -> None:
    record = record_of(17)
    record.exc_text = TRACEBACK
    assert not decides_alone(record)


@pytest.mark.parametrize(
    "record",
    [
        lambda error: record_of(error),
        lambda error: record_of(str(error)),
        lambda error: record_of(error, info=(type(error), error, error.__traceback__)),
        lambda error: record_of(str(error), info=(type(error), error, error.__traceback__)),
    ],
)
def test_an_exception_that_came_from_other_code_is_no_value(
    record: Callable[[Exception], logging.LogRecord],
) -> None:
    elsewhere = run(by_a_library, record)
    assert not elsewhere.__dict__["values"]
    assert fingerprint(elsewhere) != fingerprint(record_of(17))


@pytest.mark.parametrize("path", ["/opt/lib/site-packages/tasks/runner.py", __file__])
def test_a_traceback_that_a_socket_left_counts_however_the_key_is_asked_for(path: str) -> None:
    frames = "".join(
        f'  File "{name}", line 7, in run\n    x\n' for name in (path, "/lib/site-packages/a.py")
    )
    keys = set()
    for function in ("pay", "refund"):
        record = logging.LogRecord("tasks", logging.ERROR, path, 7, "task %s failed", (17,), None, "run")
        record.exc_text = (
            "Traceback (most recent call last):\n"
            f'{frames}  File "/app/shop.py", line 3, in {function}\n    y\nValueError: no money'
        )
        keys.add(fingerprint(record))
        assert explain(record).key == fingerprint(record)
    assert len(keys) == 2
