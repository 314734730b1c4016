"""A line that speaks of an exception which it was handed, without `exc_info`."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pagerduty_logging.fingerprinting import Fingerprinter, fingerprint
from pagerduty_logging.fingerprinting.failure import with_handled
from pagerduty_logging.sandbox import Sandbox
from tests.pages import paging


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(with_handled(record))


kept = Kept()
log = logging.Logger("shop.pool")
log.addHandler(kept)


def divide() -> float:
    return 1 / 0


def look_up() -> str:
    return {}["price"]


def results(*steps: Any) -> list[BaseException]:
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(step) for step in steps]
    return [error for future in futures if (error := future.exception()) is not None]


def keys() -> list[str]:
    found = [fingerprint(record) for record in kept.records]
    kept.records.clear()
    return found


def test_each_error_from_a_pool_is_its_own_problem():
    for error in results(divide, look_up, divide):
        log.error("a task failed: %s", error)
    one, other, again = keys()
    assert one == again != other


def test_the_text_of_an_error_is_enough_while_it_is_handled():
    for step in (divide, look_up):
        with ThreadPoolExecutor() as pool:
            try:
                pool.submit(step).result()
            except Exception as error:
                log.error(f"a task failed: {error}")
                log.error("a task failed: %s", str(error))
    assert len(set(keys())) == 4


def test_another_error_that_is_handled_meanwhile_is_none_of_the_message():
    with ThreadPoolExecutor() as pool:
        try:
            pool.submit(look_up).result()
        except Exception:
            log.error("the shop is closed")
    assert kept.records[0].exc_info is None
    kept.records.clear()


def test_groups_of_a_line_of_words_are_their_members():
    for step in (divide, look_up):
        errors = results(step)
        try:
            raise ExceptionGroup("unhandled errors in a TaskGroup", errors)  # type: ignore[type-var]
        except ExceptionGroup as error:
            log.error(f"the import failed: {error}")
    assert len(set(keys())) == 2


def test_the_application_still_gets_its_record_as_it_was():
    [error] = results(divide)
    record = log.makeRecord(log.name, 40, __file__, 1, "failed: %s", (error,), None, "a_function")
    assert with_handled(record).exc_info is not None
    assert record.exc_info is None


def test_a_line_with_an_error_among_its_arguments_is_known_by_more_than_its_words():
    try:
        divide()
    except ZeroDivisionError as error:
        log.error("payment failed: %s", error)
    assert not Fingerprinter().identify(kept.records.pop()).by_message


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


def test_the_page_shows_where_the_error_came_from(sandbox):
    with paging(sandbox) as pager:
        for error in results(divide, look_up, divide):
            pager.logger.error("a task failed: %s", error)
        summaries = sorted(event["payload"]["summary"] for event in pager.events)
        assert summaries == [
            "a task failed: KeyError: 'price'",
            "a task failed: ZeroDivisionError: division by zero",
        ]
        assert "divide" in str(pager.events)
        assert pager.handler.stats.suppressed == 1
