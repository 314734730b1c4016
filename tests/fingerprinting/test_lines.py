"""What a line's pattern fits has the problem that the full rules find, whatever stands in the values."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.fingerprinting import fingerprint, source, token_of
from pagerduty_logging.fingerprinting.call_sites import CallSites
from pagerduty_logging.fingerprinting.lines import MAX_TEXTS, Line
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.fingerprinting.words import shown, words_of
from pagerduty_logging.state.problem import Last, Problem
from pagerduty_logging.state.shortcuts import MAX_LINES
from pagerduty_logging.state.throttle import Throttle

from .test_tokens import calls, logged, prepared, program

__all__ = ("program",)


def _words(record: logging.LogRecord) -> str | None:
    """Return the words by which a line is known: of messages without arguments that are no exceptions."""
    return None if record.args or isinstance(record.msg, Exception) else words_of(record.msg, shown)


class Known:
    """What a handler has learned of the lines, each problem named by its key."""

    def __init__(self) -> None:
        self._throttle = Throttle(300.0, 10_000)
        self._sites = CallSites(self._throttle, "mark", Identifier(None, str), {})

    @property
    def lines(self) -> list[Line]:
        return [line for lines in self._throttle.shortcuts.lines.values() for line in lines.values()]

    def problem_of(self, record: logging.LogRecord) -> Problem | None:
        words = record.msg if type(record.msg) is str else _words(record)
        return None if words is None else self._sites.by_line(record, words)

    def found(self, record: logging.LogRecord) -> str | None:
        problem = self.problem_of(record)
        return None if problem is None else problem.key

    def counted(self, record: logging.LogRecord) -> str | None:
        """Return the key of the problem for which a record is counted that a queue has formatted."""
        before = {line.alone: line.alone.occurrences for line in self.lines}
        if not self._sites.formatted.count(record.__dict__, lambda: 0.0):
            return None
        (problem,) = [one for one, occurrences in before.items() if one.occurrences > occurrences]
        return problem.key

    def learn(self, record: logging.LogRecord, key: str) -> Problem | None:
        words, token = _words(record), token_of(record)
        if words is None or token is None:
            return None
        problem = Problem(key, Last(Severity.ERROR), 0.0, quiet_until=1.0)
        place = record.pathname, record.lineno
        self._throttle.shortcuts.know_at(place, token, record.name, record.levelno, problem)
        self._sites.learn_line(record, words, token, problem)
        return problem


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(calls, min_size=2, max_size=12))
def test_a_line_knows_only_what_the_full_rules_come_to(
    program: dict[str, Callable[..., None]],
    made: list[tuple[str, str, str, str, bool]],
) -> None:
    known = Known()
    for name, logger, a, b, queued in [*made, *made]:
        for record in logged(program[name], logger, a, b):
            if queued:
                record = prepared(record)
            if record is None:
                continue
            found, key = known.found(record), fingerprint(record)
            assert found is None or found == key
            if record.args is None:
                counted = known.counted(record)
                assert counted is None or counted == key
            known.learn(record, key)


def record_of(path: str, message: str, **about: Any) -> logging.LogRecord:
    record = logging.LogRecord("shop", 40, path, 1, message, (), None, "f")
    record.__dict__.update(about)
    return record


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = tmp_path / "shop.py"
    path.write_text("def f(log, a): log.error(f'payment {a} failed')\n")
    return str(path)


def learned(path: str) -> Known:
    known, record = Known(), record_of(path, "payment 17 failed")
    known.learn(record, fingerprint(record))
    assert known.found(record) is not None
    return known


VALUES = [
    "18", "of alice", "", "é", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "a\nb", "<class 'int'>", "Order(id=7)",
    '{"a": [1]}', 'File "x.py"', "(2 sub-exceptions) of", "x (y=3)" * 500,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_a_line_is_known_whatever_its_values(path: str, value: str) -> None:
    record = record_of(path, f"payment {value} failed")
    assert learned(path).found(record) == fingerprint(record)


@pytest.mark.parametrize(
    "template", ["{a}: {b}x", "{a}>", "F{a}{b}", "<{a}{b}", " {a} in f", "pay {a}", "pay {a} ({b})"]
)
@pytest.mark.parametrize("learns", ["ill", "x: ((", "", "a=1"])
def test_texts_that_are_more_than_their_words_are_never_known(
    tmp_path: Path, template: str, learns: str
) -> None:
    path = tmp_path / "shop.py"
    path.write_text(f"def f(log, a, b): log.error(f{template!r})\n")
    before = record_of(str(path), template.format(a=learns, b="17"))
    known = taught(str(path), before.msg)
    for text in [
        template.format(a=a, b=b)
        for a in (
            "<class 'int'",
            "class 'int'>",
            'File "a.py", line 1',
            'ile "a.py", line 1',
            "{",
            "[1]",
            "a=1 b",
            "",
        )
        for b in ("17", ", in f", "2 sub-exceptions", "(3 sub-exceptions)", "most recent call last):", " c=2")
    ]:
        record = record_of(str(path), text)
        found = known.found(record)
        assert found is None or found == fingerprint(record), text


@pytest.mark.parametrize(
    ("message", "about"),
    [
        ("refund 17 failed", {}),
        ("payment 17 failed twice", {}),
        ("payment (2 sub-exceptions)", {}),
        ("payment 17 failed", {"name": "shop.web"}),
        ("payment 17 failed", {"lineno": 2}),
        ("payment 17 failed", {"args": (17,)}),
        ("payment 17 failed", {"exc_text": "ValueError: 17"}),
    ],
)
def test_what_may_be_another_problem_is_looked_at_closely(
    path: str, message: str, about: dict[str, Any]
) -> None:
    assert learned(path).found(record_of(path, message, **about)) is None


def test_a_line_of_another_file_is_another_line(path: str, tmp_path: Path) -> None:
    assert learned(path).found(record_of(str(tmp_path / "other.py"), "payment 17 failed")) is None


def test_a_line_whose_file_was_read_again_is_not_known_any_more(path: str) -> None:
    known = learned(path)
    Path(path).write_text("def f(log, a): log.error(f'refund of {a} failed') or log.error('x')\n")
    fingerprint(record_of(path, "refund of 3 failed"))
    assert known.found(record_of(path, "payment 17 failed")) is None


def test_lines_that_were_forgotten_to_make_room_are_not_known_any_more(path: str) -> None:
    known = learned(path)
    source.sites.update(
        {(f"{number}.py", 1): source.Site((), None, 0.0) for number in range(source.MAX_SITES)}
    )
    fingerprint(record_of(__file__, "anything"))
    assert known.found(record_of(path, "payment 17 failed")) is None


def test_lines_are_bounded() -> None:
    throttle = Throttle(300.0, 10_000)
    for number in range(3 * MAX_LINES):
        throttle.shortcuts.know_line(f"shop.{number % 7}", number, "what is known")
    assert sum(map(len, throttle.shortcuts.lines.values())) <= MAX_LINES
    throttle.forget()
    assert not throttle.shortcuts.lines


@pytest.mark.parametrize("text", ["payment " * 10_000, "payment " + " of" * 10_000, "x" * 100_000])
def test_no_text_takes_long(program: dict[str, Callable[..., None]], text: str) -> None:
    known = Known()
    (record,) = logged(program["many"], "shop", "1", "2")
    key = fingerprint(record)
    known.learn(record, key)
    assert known.found(record) == key
    before = time.process_time()
    record.msg = text
    known.found(record)
    assert time.process_time() - before < 1.0


@pytest.fixture
def wrapper(tmp_path: Path) -> str:
    path = tmp_path / "wrapper.py"
    path.write_text("def f(log, a): log.error(a)\n")
    return str(path)


def taught(path: str, *messages: str) -> Known:
    known = Known()
    for message in messages:
        record = record_of(path, message)
        known.learn(record, fingerprint(record))
    return known


def test_a_line_without_a_template_is_known_by_its_texts(wrapper: str) -> None:
    known = taught(wrapper, "payment 17 failed", "disk 3 is full")
    for message in ("payment 99 failed", "disk 4 is full"):
        record = record_of(wrapper, message)
        assert known.found(record) == fingerprint(record)
    for message in ("payment 100 failed", "payment x failed", "disk 4 is gone"):
        assert known.found(record_of(wrapper, message)) is None


@pytest.mark.parametrize(
    "about",
    [
        {"funcName": "g"},
        {"exc_text": "ValueError: 17"},
        {"exc_info": (ValueError, ValueError("payment 18 failed"), None)},
    ],
)
def test_texts_are_known_of_one_function_and_not_where_an_exception_says_the_same(
    wrapper: str, about: dict[str, Any]
) -> None:
    assert (
        taught(wrapper, "payment 17 failed").found(record_of(wrapper, "payment 18 failed", **about)) is None
    )


def test_one_record_a_second_has_the_file_of_its_line_looked_at(wrapper: str) -> None:
    known, record = taught(wrapper, "payment 17 failed"), record_of(wrapper, "payment 18 failed")
    (texts,) = [line.texts for line in known.lines if line.texts is not None]
    texts._fresh_until = time.monotonic() - 1.0
    assert known.found(record) is None
    assert known.found(record) is not None


def test_a_problem_that_is_over_is_not_known_by_its_line_for_ever(path: str) -> None:
    known, record = Known(), record_of(path, "payment 17 failed")
    key = fingerprint(record)
    first = known.learn(record, key)
    known.learn(record, key)
    assert known.problem_of(record) is not first  # another one with its key
    assert first is not None
    second = known.problem_of(record)
    assert second is not None
    second.over = True
    third = known.learn(record, "another key")
    assert known.problem_of(record) is third


def test_the_texts_of_a_line_are_bounded(wrapper: str) -> None:
    known = taught(wrapper, *(f"payment {'x' * number} failed" for number in range(3 * MAX_TEXTS)))
    (texts,) = [line.texts for line in known.lines if line.texts is not None]
    assert len(texts._problems) <= MAX_TEXTS
