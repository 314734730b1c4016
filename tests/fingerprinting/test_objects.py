"""Objects that are messages are known by their text but for its digits, where digits decide nothing."""

from __future__ import annotations

import builtins
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.fingerprinting import fingerprint, token_of, with_handled
from pagerduty_logging.fingerprinting.call_sites import CallSites
from pagerduty_logging.fingerprinting.objects import MAX_PLACES, Objects, find
from pagerduty_logging.fingerprinting.problem import Identifier
from pagerduty_logging.fingerprinting.words import shown
from pagerduty_logging.state.problem import Last, Problem
from pagerduty_logging.state.throttle import Throttle

from .test_tokens import LOGGERS, NAMES, program, values

__all__ = ("program",)

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


def found(objects: Objects, record: logging.LogRecord) -> Problem | None:
    known = objects.known.get(place_of(record))
    return None if known is None else find(known, record.msg)


def learned(objects: Objects, record: logging.LogRecord) -> None:
    key, token = fingerprint(record), token_of(record)
    if token is not None:
        objects.learn(place_of(record), record.msg, token, Problem(key, Last(Severity.ERROR), 0.0))


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
    objects = Objects()
    for one in said:
        other = {name: value + 1 if type(value) is int else value for name, value in one.items()}
        learned(objects, record_of(form(one), path))
        for each in (one, other):
            record = record_of(form(each), path)
            problem = found(objects, record)
            assert problem is None or problem.key == fingerprint(record)


@pytest.mark.parametrize("form", [dict, json.dumps, str])
def test_objects_that_differ_in_their_digits_are_known(path: str, form: Any) -> None:
    objects = Objects()
    learned(objects, record_of(form({"order": 17, "status": "failed"}), path))
    assert found(objects, record_of(form({"order": 18, "status": "failed"}), path)) is not None


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
    objects, said = Objects(), {"order": 17, "status": "failed"}
    learned(objects, record_of(said, path))
    assert found(objects, record_of(said, path)) is not None
    assert found(objects, record_of(said, path, **about)) is None


def test_what_is_known_is_bounded_and_checked_once_a_second(path: str) -> None:
    objects, said = Objects(), {"order": 17, "status": "failed"}
    record = record_of(said, path)
    fingerprint(record)
    for number in range(MAX_PLACES + 10):
        learned(objects, record_of(said, path, funcName=f"f{number}"))
    assert 0 < len(objects.known) <= MAX_PLACES
    learned(objects, record)
    until = time.monotonic() + 10
    while found(objects, record) is not None and time.monotonic() < until:
        pass
    assert found(objects, record) is not None


class Counting(logging.Handler):
    """Counts what is known as a repeat, and compares its problem with what the full rules find."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = Throttle(300.0, 10_000)
        self._sites = CallSites(self._throttle, "mark", Identifier(None, str), {})
        self._problems: dict[str, Problem] = {}
        self.counted = 0

    def handle(self, record: logging.LogRecord) -> bool:
        whole = with_handled(record)
        key = fingerprint(whole)
        mine = self._problems.setdefault(key, Problem(key, Last(Severity.ERROR), 0.0, quiet_until=1e9))
        others = sum(problem.occurrences for problem in self._problems.values()) - mine.occurrences
        if self._sites.count(record, lambda: 0.0):
            self.counted += 1
            assert sum(p.occurrences for p in self._problems.values()) - mine.occurrences == others
        elif (token := token_of(whole, shown)) is not None:
            kind = type(whole.exc_info[1]) if whole.exc_info else None
            place = record.pathname, record.lineno
            self._throttle.shortcuts.know_at(place, token, record.name, record.levelno, mine, kind)
            mine.origin = key, record.name
        return True


SHOP = """
class Own(Exception):
    def __init__(self, text): self.text = text
    def __str__(self): return self.text
class Other(Own): pass
def fail(error): raise error
def fail_elsewhere(error): fail(error)
def raised(text, kind, by):
    try: by(kind(text))
    except Exception as error: return error
def handled(log, text, kind, by):
    try: by(kind(text))
    except Exception as error: log.error(error)
def as_argument(log, text, kind, by):
    try: by(kind(text))
    except Exception as error: log.error("%s", error)
def with_traceback(log, text, kind, by):
    try: by(kind(text))
    except Exception as error: log.exception(error)
def in_words(log, text, kind, by):
    try: by(kind(text))
    except Exception as error: log.exception(f"Error: {error}")
def its_words(log, text, kind, by):
    try: by(kind(text))
    except Exception as error: log.exception(str(error))
def not_raised(log, text, kind, by): log.error(kind(text))
def raised_before(log, text, kind, by): log.error(raised(text, kind, by))
def of_two(log, text, kind, by): log.error(raised(text, kind, by), exc_info=raised("17", Own, fail))
def a_group(log, text, kind, by): log.error(ExceptionGroup(text, [kind("x")] * (1 + len(text) % 3)))
def with_context(log, text, kind, by):
    try: by(kind(text))
    except Exception: log.error(Own(text))
def for_all(log, text, kind, by):
    try: by(kind(text))
    except Exception as error: log.error({"order": text, "at": {"is": [text]}})
"""
TEXTS = (
    "", " ", "order 17 is unknown", "order 18 is unknown", "order 17 was lost", "17", "order\n17",
    "order\n18\nx", "(psycopg2.Error) no server 5\n[SQL: select 1]\n(Background at: e3)",
    "(psycopg2.Error)\n(x) 1", "(a) 1)", "['order 17 is unknown']", "['order 18 is unknown']",
    "{'code': 17, 'message': 'lost'}", "(\"a\", 1)", "[01]", '{"message": "lost 1", "ok": true}',
    '{"message": "lost 1", "ok": 01}', "[true, 1]", "[true, 01]", "[1.50]", "a=1 b=2", "event=lost1 b=2",
    "id=5 name='x'", "Order(id=5, name='x')", "Order(id=5,\nname='x')", "Order(id=5,\nlost",
    "x (2 sub-exceptions)", "x (3 sub-exceptions)", "x\nTraceback (most recent call last):\n a",
    "<class 'int'>", 'File "a.py", line 3, in f', "3f2504e0-4f89-11d3-9a0c-0305e82c3301 is lost",
    "id 1a2b3c4d5e", "order " * 300 + "17", "order " * 300 + "18 x", "\\x41 lost", "1e5 lost", "é 5", "٣",
    "T5", "Template(strings=('a',))",
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("shop") / "shop.py"
    path.write_text(SHOP)
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(SHOP, str(path), "exec"), names)
    return names


def logger_of(handler: logging.Handler, name: str) -> logging.Logger:
    logger = logging.Logger(name)
    logger.addHandler(handler)
    return logger


LOGGED = [line.split("(")[0].removeprefix("def ") for line in SHOP.splitlines() if "(log, " in line]
texts = st.sampled_from(TEXTS) | st.from_regex(r"[a-z \n(\[]{0,6}[0-9]{1,2}[a-z \n)\]=]{0,6}", fullmatch=True)


@st.composite
def failures(draw: st.DrawFn) -> list[tuple[str, str, str, str, str]]:
    """Draw calls of few functions with few texts: what is alike meets what is not."""
    drawn = st.tuples(
        st.sampled_from(draw(st.lists(st.sampled_from(LOGGED), min_size=1, max_size=2))),
        st.sampled_from(["shop", "shop", "root", "uvicorn.error"]),
        st.sampled_from(draw(st.lists(texts, min_size=1, max_size=3))),
        st.sampled_from(["Own", "Other", "ValueError", "KeyError"]),
        st.sampled_from(["fail", "fail_elsewhere"]),
    )
    return draw(st.lists(drawn, min_size=2, max_size=10))


of_any_kind = st.tuples(st.sampled_from(NAMES), st.sampled_from(LOGGERS), values, values)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(failures(), st.lists(of_any_kind, max_size=3))
def test_nothing_is_counted_as_another_problem(
    shop: dict[str, Any], program: dict[str, Any], failed: list[Any], others: list[Any]
) -> None:
    handler = Counting()
    for _ in range(3):
        for name, logger, text, kind, by in failed:
            shop[name](logger_of(handler, logger), text, shop.get(kind) or getattr(builtins, kind), shop[by])
        for name, logger, a, b in others:
            program[name](logger_of(handler, logger), a, b)


@pytest.mark.parametrize("name", LOGGED)
def test_exceptions_of_other_types_and_places_are_never_counted_as_the_same(
    shop: dict[str, Any], name: str
) -> None:
    handler = Counting()
    for _ in range(3):
        for kind in (shop["Own"], shop["Other"], ValueError):
            for by in (shop["fail"], shop["fail_elsewhere"]):
                shop[name](logger_of(handler, "shop"), "order 17 is unknown", kind, by)


@pytest.mark.parametrize("name", LOGGED)
@pytest.mark.parametrize("kind", ["Own", "ValueError"])
def test_what_an_exception_says_of_a_number_is_a_repeat_at_once(
    shop: dict[str, Any], name: str, kind: str
) -> None:
    handler = Counting()
    for number in range(10, 20):
        shop[name](
            logger_of(handler, "shop"),
            f"order {number} is unknown\n{number}",
            shop.get(kind) or ValueError,
            shop["fail"],
        )
    assert handler.counted == 9


@pytest.mark.parametrize("name", ["as_argument", "not_raised"])
def test_every_text_of_every_other_is_the_problem_that_the_full_rules_find(
    shop: dict[str, Any], name: str
) -> None:
    for first in TEXTS:
        handler = Counting()
        log = logger_of(handler, "shop")
        for text in (first, first, *TEXTS):
            shop[name](log, text, shop["Own"], shop["fail"])
