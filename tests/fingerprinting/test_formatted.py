"""What a queue has formatted is counted by its line, and nothing else is; see also `test_lines`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.fingerprinting import fingerprint

from .test_lines import Known, record_of

FAILED = 'Traceback (most recent call last):\n  File "/app/pay.py", line 3, in pay\n    {}()\nLookupError: {}'


class Text(str):
    __slots__ = ()


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = tmp_path / "shop.py"
    path.write_text("def f(log, a): log.error(f'payment {a} failed', exc_info=True)\n")
    return str(path)


def formatted(path: str, message: str, **about: Any) -> logging.LogRecord:
    return record_of(path, message, **{"args": None, **about})


@pytest.fixture
def known(path: str) -> Known:
    known = Known()
    for message in ("payment 17 failed", f"payment 17 failed\n{FAILED.format('ask', 17)}"):
        record = formatted(path, message)
        known.learn(record, fingerprint(record))
        assert known.counted(record) == fingerprint(record)
    return known


@pytest.mark.parametrize("value", ["18", "of alice", "", "é", "a\nb"])
@pytest.mark.parametrize(
    "after", ["", "\n" + FAILED.format("ask", 18), "\n" + FAILED.format("ask", "no: such")]
)
def test_it_is_counted_whatever_its_values(known: Known, path: str, value: str, after: str) -> None:
    assert known.counted(formatted(path, f"payment {value} failed{after}")) is not None


@pytest.mark.parametrize(
    ("message", "about"),
    [
        ("refund 17 failed", {}),
        ("payment 17 failed twice", {}),
        ("payment <class 'int'> failed", {}),
        (f"payment 17 failed\n{FAILED.format('tell', 17)}", {}),
        (f"payment 17 failed\n{FAILED.format('ask', 17)}\nand more", {}),
        (f"refund 17 failed\n{FAILED.format('ask', 17)}", {}),
        (f"payment 17 failed\n{FAILED.format('ask', 17)}", {"funcName": "g"}),
        (f"payment 17 failed {FAILED.format('ask', 17)}", {}),
        (Text("payment 17 failed"), {}),
        (b"payment 17 failed", {}),
        ({"event": "payment 17 failed"}, {}),
        ("payment 17 failed", {"name": "shop.web"}),
        ("payment 17 failed", {"lineno": 2}),
        ("payment 17 failed", {"pathname": "/elsewhere/shop.py"}),
        ("payment 17 failed", {"levelno": 50}),
        ("payment 17 failed", {"exc_text": "ValueError: 17"}),
        ("payment 17 failed", {"exc_info": (ValueError, ValueError(17), None)}),
        ("payment 17 failed", {"pagerduty": {"component": "pay"}}),
        ("payment 17 failed", {"extra": {"pagerduty": {"component": "pay"}}}),
    ],
)
def test_what_may_be_another_problem_is_not(
    known: Known, path: str, message: Any, about: dict[str, Any]
) -> None:
    assert known.counted(formatted(path, message, **about)) is None


def test_what_is_logged_while_an_exception_is_handled_is_not(known: Known, path: str) -> None:
    try:
        raise LookupError("17")
    except LookupError:
        assert known.counted(formatted(path, "payment 17 failed")) is None


def test_what_comes_after_the_quiet_window_is_not(known: Known, path: str) -> None:
    record = formatted(path, "payment 18 failed")
    assert known.counted(record) is not None
    for line in known.lines:
        line.alone.quiet_until = 0.0
    assert known.counted(record) is None


def test_a_line_that_was_read_again_is_not(known: Known, path: str) -> None:
    for line in known.lines:
        line.site.over = True
    assert known.counted(formatted(path, "payment 18 failed")) is None
