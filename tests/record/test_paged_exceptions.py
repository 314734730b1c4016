"""Whether an exception that is logged now is the failure that was paged for the same object before."""

import asyncio
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pagerduty_logging.record.paged_exceptions import MARK_SECONDS, Mark, mark, mark_of, relation
from pagerduty_logging.sandbox import Sandbox
from tests.pages import paging

NAME = "__mark__"
Log = Callable[[BaseException], None]


def note(error: BaseException) -> None:
    """Do what logging the error does."""
    mark(error, NAME, ("key", "shop", 0.0, id(error.__traceback__)))


def now(error: BaseException, at: float = 1.0) -> str:
    """Return what logging the error again would find."""
    found = mark_of(error, NAME)
    assert found is not None
    return relation(found, error.__traceback__, at)


def caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def bare_raise() -> None:
    try:
        raise ValueError
    except ValueError as error:
        note(error)
        raise


def raised_by_name() -> None:
    try:
        raise ValueError
    except ValueError as error:
        note(error)
        raise error


def through_a_future() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(bare_raise).result()


def through_a_task() -> None:
    async def work() -> None:
        bare_raise()

    async def main() -> None:
        await asyncio.create_task(work())

    asyncio.run(main())


def through_a_generator() -> None:
    def lines() -> object:
        bare_raise()
        yield

    list(lines())  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "work", [bare_raise, raised_by_name, through_a_future, through_a_task, through_a_generator]
)
def test_a_failure_that_goes_on_to_its_callers_is_the_same_one(work: Callable[[], object]) -> None:
    assert now(caught(work)) == "passed on"


def test_a_failure_that_is_logged_again_where_it_was_caught_is_the_same_one() -> None:
    error = caught(lambda: 1 / 0)
    note(error)
    assert now(error) == "same"


def test_a_stored_exception_that_is_raised_again_is_another_failure() -> None:
    stored = ValueError("the bank is closed")

    def raise_stored() -> None:
        raise stored

    note(caught(raise_stored))
    assert now(caught(raise_stored)) == "another"


def test_an_exception_that_was_logged_before_it_was_raised_is_another_failure_then() -> None:
    stored = ValueError("the bank is closed")
    note(stored)
    assert now(stored) == "same"

    def raise_stored() -> None:
        raise stored

    assert now(caught(raise_stored)) == "another"


def test_a_failure_from_long_ago_is_another_one() -> None:
    error = caught(bare_raise)
    assert now(error, MARK_SECONDS) == "passed on"
    assert now(error, MARK_SECONDS + 0.1) == "another"


def test_a_marked_exception_can_be_pickled() -> None:
    error = caught(bare_raise)
    assert mark_of(pickle.loads(pickle.dumps(error)), NAME) == mark_of(error, NAME)


def test_a_type_that_takes_no_attributes_is_left_alone() -> None:
    class Locked(Exception):
        @property
        def __dict__(self) -> dict[str, object]:  # type: ignore[override]
            raise RuntimeError("locked")

    error = Locked()
    mark(error, NAME, ("key", "shop", 0.0, 0))
    assert mark_of(error, NAME) is None


def test_what_the_hot_path_notes_of_a_repeat_is_what_the_general_way_notes(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        for _ in range(3):  # the first two are decided, the last is known
            error = caught(bare_raise)
            pager.logger.error("order %d failed", 7, exc_info=error)
            assert pager.handler.flush(10)
        (event,) = pager.events
        found = mark_of(error, pager.handler._mark)
        assert found == Mark(event["dedup_key"], pager.logger.name)
        assert relation(found, error.__traceback__, 0.0) == "passed on"
