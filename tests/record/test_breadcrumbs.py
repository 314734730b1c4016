"""The lines before the error: those of this request or task, and no others."""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pagerduty_logging import BreadcrumbHandler
from pagerduty_logging.record.breadcrumbs import crumbs_before
from pagerduty_logging.sandbox import Sandbox
from tests.pages import paging, record


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    BreadcrumbHandler.forget()
    yield
    BreadcrumbHandler.forget()


def _logger(**options: Any) -> logging.Logger:
    logger = logging.Logger("app.steps", logging.DEBUG)
    logger.addHandler(BreadcrumbHandler(**options))
    return logger


def _remembered() -> list[str]:
    return [crumb.message for crumb in crumbs_before(0.0, __name__)]


def test_a_page_shows_the_lines_before_it_the_oldest_first(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        pager.logger.addHandler(BreadcrumbHandler())
        pager.logger.info("cart %d opened", 7)
        pager.logger.debug("not worth remembering")
        pager.logger.warning("stock is low\nvery low")
        pager.logger.error("it broke")
        first, second = pager.details["breadcrumbs"]
        assert first.endswith(" INFO app.orders: cart 7 opened")
        assert second.endswith(" WARNING app.orders: stock is low")


@pytest.mark.parametrize("breadcrumbs_first", [True, False])
def test_the_paging_line_itself_is_not_among_them(sandbox: Sandbox, breadcrumbs_first: bool) -> None:
    with paging(sandbox) as pager:
        if breadcrumbs_first:
            pager.logger.handlers.insert(0, BreadcrumbHandler())
        else:
            pager.logger.addHandler(BreadcrumbHandler())
        pager.logger.error("it broke")
        assert "breadcrumbs" not in pager.details


def test_only_the_latest_are_remembered() -> None:
    logger = _logger(capacity=3)
    for number in range(10):
        logger.info("line %d", number)
    assert _remembered() == ["line 7", "line 8", "line 9"]


def test_a_capacity_of_one_is_one() -> None:
    logger = _logger(capacity=1)
    logger.info("a")
    logger.info("b")
    assert _remembered() == ["b"]


def test_tasks_see_what_came_before_them_and_not_each_other() -> None:
    logger = _logger()
    seen: dict[str, list[str]] = {}

    async def serve(name: str, others: asyncio.Barrier) -> None:
        logger.info("%s begins", name)
        await others.wait()
        logger.info("%s ends", name)
        seen[name] = _remembered()

    async def main() -> None:
        logger.info("start")
        others = asyncio.Barrier(2)
        await asyncio.gather(serve("one", others), serve("two", others))
        seen["main"] = _remembered()

    asyncio.run(main())
    assert seen == {
        "one": ["start", "one begins", "one ends"],
        "two": ["start", "two begins", "two ends"],
        "main": ["start"],
    }


def test_threads_do_not_see_each_other() -> None:
    logger = _logger()
    logger.info("main")
    seen: list[list[str]] = []

    def serve() -> None:
        logger.info("thread")
        seen.append(_remembered())

    # A separate context: the interpreter decides what a thread inherits.
    thread = threading.Thread(target=contextvars.Context().run, args=(serve,))
    thread.start()
    thread.join()
    assert seen == [["thread"]]
    assert _remembered() == ["main"]


def test_a_thread_that_serves_requests_forgets_between_them() -> None:
    logger = _logger()
    logger.info("of the last request")
    BreadcrumbHandler.forget()
    logger.info("of this one")
    assert _remembered() == ["of this one"]


def test_a_line_that_passes_two_handlers_is_remembered_once() -> None:
    logger = _logger()
    logger.addHandler(BreadcrumbHandler())
    logger.info("once")
    assert _remembered() == ["once"]


def test_filters_and_formatters_count() -> None:
    logger = _logger()
    (handler,) = logger.handlers
    handler.setFormatter(logging.Formatter("<%(message)s>"))
    handler.addFilter(lambda line: "health" not in line.getMessage())
    logger.info("health check")
    logger.info("order")
    assert _remembered() == ["<order>"]


def test_a_filter_may_replace_the_line() -> None:
    if not _filters_may_replace():
        pytest.skip("filters return records from Python 3.12 on")
    logger = _logger()
    logger.handlers[0].addFilter(lambda line: record("another"))
    logger.info("one")
    assert _remembered() == ["another"]


def _filters_may_replace() -> bool:
    filterer = logging.Filterer()
    filterer.addFilter(lambda line: record("another"))
    return isinstance(filterer.filter(record()), logging.LogRecord)


def test_a_line_that_cannot_be_shown_is_named_and_does_no_harm() -> None:
    logger = _logger()
    logger.info("%d of them", "many")
    assert _remembered() == ["(a line that cannot be shown: TypeError)"]


def test_lines_are_cut_and_hold_no_objects() -> None:
    logger = _logger()
    logger.info("x" * 10_000)
    (line,) = _remembered()
    assert len(line) < 600


def test_structured_events_are_remembered_by_their_words() -> None:
    logger = _logger()
    logger.info({"event": "cart opened", "cart": 7})
    assert _remembered() == ["cart opened"]


def test_wrong_options_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="capacity"):
        BreadcrumbHandler(capacity=0)
    with pytest.raises(ValueError, match="level"):
        BreadcrumbHandler(level="LOUD")
