"""Which loggers' errors reach a handler that pages, and what stands between."""

import logging
import logging.handlers
import queue
from collections.abc import Iterator

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations import reach


@pytest.fixture
def pager() -> Iterator[PagerDutyHandler]:
    handler = PagerDutyHandler(enabled=False)
    handler.set_name("pager")
    yield handler
    handler.close()


@pytest.fixture
def parent(pager: PagerDutyHandler) -> Iterator[logging.Logger]:
    """A logger that has the handler; its family's settings are restored at the end."""
    logger = logging.getLogger("reach")
    logger.addHandler(pager)
    yield logger
    for each in (logger, child()):
        each.handlers.clear()
        each.setLevel(logging.NOTSET)
        each.propagate, each.disabled = True, False


def child() -> logging.Logger:
    return logging.getLogger("reach.child")


def test_errors_reach_the_handler_of_a_logger_and_of_those_above_it(
    parent: logging.Logger, pager: PagerDutyHandler
):
    assert reach.reach_of(parent) == reach.reach_of(child()) == ((pager,), "")
    assert reach.attached() == {pager: ["reach"]}


def test_a_logger_far_from_every_handler_has_no_obstacle_either(parent: logging.Logger):
    assert reach.reach_of(logging.getLogger("elsewhere")) == ((), "")


def test_a_logger_that_passes_nothing_on_is_an_obstacle(parent: logging.Logger):
    child().propagate = False
    assert reach.reach_of(child()) == ((), "propagate is off at 'reach.child'")
    assert reach.reach_of(logging.getLogger("reach.child.deeper")) == (
        (),
        "propagate is off at 'reach.child'",
    )


def test_a_disabled_logger_is_an_obstacle(parent: logging.Logger):
    child().disabled = True
    assert reach.reach_of(child()) == ((), "it is disabled")


def test_a_level_above_error_is_an_obstacle(parent: logging.Logger, pager: PagerDutyHandler):
    pager.setLevel(logging.CRITICAL)
    assert reach.reach_of(child()) == ((), "the handler's level is CRITICAL")
    assert reach.reach_of(child(), logging.CRITICAL) == ((pager,), "")
    parent.setLevel(logging.CRITICAL)
    assert reach.reach_of(child()) == ((), "its level is CRITICAL")


def test_handlers_behind_buffers_and_queues_are_found(pager: PagerDutyHandler):
    buffer = logging.handlers.MemoryHandler(10, target=pager)
    through_queue = logging.handlers.QueueHandler(queue.SimpleQueue())
    through_queue.listener = logging.handlers.QueueListener(through_queue.queue, buffer)  # as dictConfig does
    logger = logging.Logger("behind")
    for handler in (logging.NullHandler(), logging.handlers.MemoryHandler(10), through_queue):
        logger.addHandler(handler)
    assert reach.pagers_at(logger) == [pager]
    buffer.close()
