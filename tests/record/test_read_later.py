"""Records that wait unread, because the worker is busy with an exchange."""

import gc
import logging
import weakref
from collections.abc import Callable, Iterator

import pytest

from pagerduty_logging import PagerDutyHandler, Retry
from pagerduty_logging.sandbox import Hang, Sandbox

Busy = tuple[logging.Logger, PagerDutyHandler]


class Declined(Exception):
    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    def __str__(self) -> str:
        return self.words


class Resource:
    """What a function has in its hands when it fails."""


@pytest.fixture
def busy(sandbox: Sandbox, make_handler: Callable[..., PagerDutyHandler]) -> Iterator[Busy]:
    """A logger and its handler, whose worker waits for an answer that does not come at once."""
    sandbox.fail_next(Hang())
    handler = make_handler(timeout=0.5, retry=Retry(initial=0.01, maximum=0.05))
    logger = logging.Logger("shop")  # nobody else hears, and keeps, what it logs
    logger.addHandler(handler)
    logger.error("the first of %s", "all")
    sandbox.wait_until(lambda: sandbox.requests, timeout=60.0)
    yield logger, handler
    handler.flush(60.0)


def fail(logger: logging.Logger, message: str, error: Exception, resource: object = None) -> None:
    try:
        raise error
    except Exception:
        logger.exception(message, 4711)


def test_a_page_says_what_the_exception_said_when_it_was_logged(busy: Busy, sandbox: Sandbox) -> None:
    logger, handler = busy
    error = Declined("card declined")
    fail(logger, "payment %s failed", error)
    error.words = "something else"
    handler.flush(60.0)
    summaries = [alert.summary for alert in sandbox.alerts]
    assert any("card declined" in summary for summary in summaries)
    assert not any("something else" in summary for summary in summaries)


def test_what_waits_keeps_neither_frame_nor_exception_nor_object_of_the_program_alive(busy: Busy) -> None:
    logger, _ = busy
    error, resource = Declined("card declined"), Resource()
    ends = [weakref.ref(error), weakref.ref(resource)]
    fail(logger, "payment %s failed", error, resource)
    logger.error("order %s failed", "A-17", extra={"resource": resource})
    del error, resource
    gc.collect()
    assert [end() for end in ends] == [None, None]


def test_an_exception_that_is_logged_again_elsewhere_is_the_problem_that_waits(
    busy: Busy, sandbox: Sandbox
) -> None:
    logger, handler = busy
    try:
        try:
            raise Declined("card declined")
        except Declined:
            logger.exception("payment %s failed", 4711)
            raise
    except Declined:
        logging.Logger.exception(logger, "request %s failed", 4711)
    handler.flush(60.0)
    assert handler.stats.suppressed == 1
    assert len(sandbox.alerts) == 2


def test_counts_are_exact_while_records_wait(busy: Busy) -> None:
    logger, handler = busy
    for number in range(5):
        logger.error("order %s failed", number)
        logger.error("refund %s failed", number)
        logger.error(f"shipment {number} failed")
    stats = handler.stats
    assert stats.accepted == stats.pending + stats.delivered
    assert stats.accepted + stats.suppressed == 16
    handler.flush(60.0)
    stats = handler.stats
    assert (stats.accepted, stats.delivered, stats.suppressed) == (4, 4, 12)


def test_the_order_of_what_waits_is_kept(busy: Busy, sandbox: Sandbox) -> None:
    logger, handler = busy
    logger.error("order %s failed", 1, extra={"pagerduty": {"dedup_key": "order"}})
    logger.error("disk %s is full", "sda")
    logger.critical("disk %s is full", "sda")
    handler.resolve("order")
    logger.error("order %s failed", 2, extra={"pagerduty": {"dedup_key": "order"}})
    handler.flush(60.0)
    assert handler.stats.suppressed == 0
    told = [(e["event_action"], e.get("payload", {}).get("severity")) for e in sandbox.events]
    assert told.count(("resolve", None)) == 1
    assert told.count(("trigger", "critical")) == 1
    keys = [event["dedup_key"] for event in sandbox.events]
    assert keys.count("order") == 3
    disk = next(alert for alert in sandbox.alerts if "disk" in alert.summary)
    assert disk.custom_details["occurrences"] == 2


def test_a_line_with_different_words_each_time_is_one_problem_however_its_records_are_read(
    busy: Busy, sandbox: Sandbox
) -> None:
    logger, handler = busy
    for number in range(1_000):
        logger.error(f"shipment {number} failed")
    handler.flush(60.0)
    for number in range(1_000):
        logger.error(f"shipment {number} failed again")
    handler.flush(60.0)
    assert handler.stats.suppressed == 1_998
    assert len(sandbox.alerts) == 3
