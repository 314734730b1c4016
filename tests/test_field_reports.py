"""What people who alert from logs reported elsewhere, tried here; each test says what they would say."""

import concurrent.futures
import logging

import pytest

from pagerduty_logging import PagerDutyHandler, install_hooks
from pagerduty_logging.sandbox import Sandbox


@pytest.fixture
def pager(make_handler, attach) -> PagerDutyHandler:
    handler = make_handler()
    attach(handler, "shop")
    return handler


orders = logging.getLogger("shop.orders")
web = logging.getLogger("shop.web")


def pages(pager: PagerDutyHandler, sandbox: Sandbox) -> list[str]:
    """Return the summaries of the alerts, one for each key, in order."""
    assert pager.flush()
    return list(
        {event["dedup_key"]: event["payload"]["summary"] for event in reversed(sandbox.events)}.values()
    )[::-1]


def test_one_stored_exception_is_raised_by_two_parts_of_my_program_in_one_function(pager, sandbox) -> None:
    stored = ValueError("the rates are stale")
    for logger, words in ((orders, "charging failed"), (web, "rendering failed"), (web, "rendering failed")):
        try:
            raise stored
        except ValueError:
            logger.exception(words)
    assert pages(pager, sandbox) == [
        "charging failed: ValueError: the rates are stale",
        "rendering failed: ValueError: the rates are stale",
    ]


def test_one_future_is_asked_by_two_parts_of_my_program(pager, sandbox) -> None:
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    future.set_exception(ValueError("the rates are stale"))

    def ask(logger: logging.Logger, words: str) -> None:
        try:
            future.result()
        except ValueError:
            logger.exception(words)

    ask(orders, "charging failed")
    ask(web, "rendering failed")
    assert len(pages(pager, sandbox)) == 2


def test_a_worker_logs_and_raises_and_whoever_asked_logs_again(pager, sandbox) -> None:
    def work() -> None:
        try:
            raise ValueError("the rates are stale")
        except ValueError:
            orders.exception("charging failed")
            raise

    with concurrent.futures.ThreadPoolExecutor() as pool:
        try:
            pool.submit(work).result()
        except ValueError:
            web.exception("the batch failed")
    assert pages(pager, sandbox) == ["charging failed: ValueError: the rates are stale"]


def test_i_log_raise_the_same_error_and_it_ends_my_program(pager, sandbox, monkeypatch) -> None:
    monkeypatch.setattr("sys.excepthook", lambda *_: None)
    import sys

    with install_hooks(logging.getLogger("shop")):
        try:
            try:
                raise ValueError("the rates are stale")
            except ValueError as error:
                orders.exception("charging failed")
                raise error
        except ValueError as error:
            sys.excepthook(type(error), error, error.__traceback__)
    assert pages(pager, sandbox) == ["charging failed: ValueError: the rates are stale"]
