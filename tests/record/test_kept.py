"""What is kept of a record while its event waits makes the same page as the record itself."""

import logging
import sys
from collections.abc import Callable

import pytest

from pagerduty_logging.page.alert import Fields, compose
from pagerduty_logging.record import overrides
from pagerduty_logging.record.kept import kept
from pagerduty_logging.record.occurrence import NOTHING_AROUND, Occurrence, capture, salvage
from pagerduty_logging.state.problem import History
from tests.pages import record


def _raised() -> logging.LogRecord:
    try:
        raise ValueError("no such payment") from KeyError("pay")
    except ValueError:
        return record("payment %s failed", 4711, exc_info=sys.exc_info())


RECORDS: dict[str, Callable[[], logging.LogRecord]] = {
    "a template": lambda: record("payment %s failed", 4711),
    "a mapping as its argument": lambda: record("payment %(id)s failed", {"id": 4711}),
    "extra": lambda: record(order=4711, customer=None, tags="a b"),
    "an exception with a cause": _raised,
    "a traceback that came as text": lambda: record(
        exc_text="Traceback (most recent call last):\nValueError: 1"
    ),
    "a stack": lambda: record(stack_info='Stack (most recent call last):\n  File "a.py", line 1, in f'),
    "a task": lambda: record(taskName="Task-7"),
    "a structured message": lambda: record({"event": "payment failed", "order": 4711}),
    "an object as its argument": lambda: record("payment of %s failed", object),
    "arguments that do not fit": lambda: record("payment %d failed", "no number"),
    "a page of its own": lambda: record(pagerduty={"component": "pay", "custom_details": {"order": 4711}}),
    "a guarded job": lambda: record(**{overrides.GUARDED: True}),
    "no logger, no file, no line": lambda: record(name="", pathname="", lineno=0, levelname=""),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_kept_makes_the_same_page(name: str) -> None:
    occurrence = capture(RECORDS[name]())
    again = kept(occurrence).occurrence()
    page = _page(occurrence)
    assert _page(again) == page
    assert _page(kept(again).occurrence()) == page


def _page(occurrence: Occurrence) -> object:
    return compose(occurrence, "key", History(3, 1, 1_769_847_300.25), Fields())


def test_a_record_that_could_not_be_read_makes_the_same_page() -> None:
    occurrence = salvage(record("payment %s failed", 4711), error=RecursionError())
    assert _page(kept(occurrence).occurrence()) == _page(occurrence)


@pytest.mark.parametrize("name", RECORDS)
def test_the_names_of_its_line_are_kept_when_the_rest_is_released(name: str) -> None:
    occurrence = capture(RECORDS[name]())
    before = kept(occurrence)
    after = before.without_data()
    assert (before.label, before.logger) == (occurrence.label, occurrence.logger)
    assert (after.label, after.logger) == (occurrence.label, occurrence.logger)
    assert after.args == ()
    assert after.more is None or after.more.around is NOTHING_AROUND


def test_a_page_that_is_made_twice_names_its_defects_once() -> None:
    one = kept(capture(record("payment %d failed", "no number", order=4711)))
    assert _page(one.occurrence()) == _page(one.occurrence())


def test_of_most_records_one_tuple_is_kept() -> None:
    assert kept(capture(record("payment %s failed", 4711))).more is None
