"""Mappings without words are known by their text but for its digits, and only where digits decide nothing."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.fingerprinting import fingerprint, token_of
from pagerduty_logging.fingerprinting.mappings import MAX_PLACES, Mappings
from pagerduty_logging.state.problem import Last, Problem

LINES = [
    "def f(log, said): log.error(said)\n",
    "def f(log, a, b): log.error({'order': a, 'status': b})\n",
    "def f(log, a, b): log.error(json.dumps({'order': a, 'status': b}))\n",
]
VALUES = st.one_of(
    st.integers(-20, 10**18),
    st.floats(allow_nan=True),
    st.booleans(),
    st.none(),
    st.sampled_from(
        ["failed", "payment was declined", "disk full", "É", "\\", "'", '"', "a=b", "{x}", "E42", "7"]
    ),
    st.text("01ae é_=:'\"\\(){}[],.", max_size=8),
)
SAID = st.dictionaries(st.sampled_from(["order", "status", "type", "a1", "a2", "reason", "x_0", "é"]), VALUES)


def record_of(said: object, path: str, **about: Any) -> logging.LogRecord:
    record = logging.LogRecord("shop", 40, path, 1, said, None, None, "f")
    record.__dict__.update(about)
    return record


def place_of(record: logging.LogRecord) -> Any:
    return record.name, record.pathname, record.lineno, record.funcName


def found(mappings: Mappings, record: logging.LogRecord) -> Problem | None:
    return mappings.find(place_of(record), record.msg)


def learned(mappings: Mappings, record: logging.LogRecord) -> None:
    key, token = fingerprint(record), token_of(record)
    if token is not None:
        mappings.learn(place_of(record), record.msg, token, Problem(key, Last(Severity.ERROR), 0.0))


@pytest.fixture(params=LINES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / "shop.py"
    path.write_text(request.param)
    return str(path)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(SAID, min_size=1, max_size=4), form=st.sampled_from([dict, json.dumps, str]))
def test_what_is_known_is_what_the_full_rules_come_to(
    path: str, said: list[dict[str, Any]], form: Any
) -> None:
    mappings = Mappings()
    for one in said:
        other = {name: value + 1 if type(value) is int else value for name, value in one.items()}
        learned(mappings, record_of(form(one), path))
        for each in (one, other):
            record = record_of(form(each), path)
            problem = mappings.find(place_of(record), record.msg)
            assert problem is None or problem.key == fingerprint(record)


@pytest.mark.parametrize("form", [dict, json.dumps, str])
def test_mappings_that_differ_in_their_digits_are_known(path: str, form: Any) -> None:
    mappings = Mappings()
    learned(mappings, record_of(form({"order": 17, "status": "failed"}), path))
    assert found(mappings, record_of(form({"order": 18, "status": "failed"}), path)) is not None


@pytest.mark.parametrize(
    "about",
    [
        {"msg": {"order": 17, "status": "payment was declined"}},
        {"msg": {"order": 17, "status": "failed", "exc_info": True}},
        {"funcName": "g"},
        {"name": "shop.web"},
        {"lineno": 2},
    ],
)
def test_what_may_be_another_problem_is_not_known(path: str, about: dict[str, Any]) -> None:
    mappings, said = Mappings(), {"order": 17, "status": "failed"}
    learned(mappings, record_of(said, path))
    assert found(mappings, record_of(said, path)) is not None
    assert found(mappings, record_of(said, path, **about)) is None


def test_what_is_known_is_bounded_and_checked_once_a_second(path: str) -> None:
    mappings, said = Mappings(), {"order": 17, "status": "failed"}
    record = record_of(said, path)
    fingerprint(record)
    for number in range(MAX_PLACES + 10):
        learned(mappings, record_of(said, path, funcName=f"f{number}"))
    assert 0 < len(mappings.known) <= MAX_PLACES
    learned(mappings, record)
    until = time.monotonic() + 10
    while mappings.find(place_of(record), record.msg) is not None and time.monotonic() < until:
        pass
    assert mappings.find(place_of(record), record.msg) is not None
