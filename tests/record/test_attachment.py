"""Whether any logger has a handler still, and what happened to one that was removed."""

import logging
import logging.config
import logging.handlers
import queue
from collections.abc import Iterator

import pytest

from pagerduty_logging.record.attachment import attachment_of, put_back


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("attachment.shop")
    yield made
    made.handlers.clear()
    made.setLevel(logging.NOTSET)
    made.disabled = False


def test_a_handler_that_is_attached_stands_well(logger: logging.Logger) -> None:
    handler = logging.NullHandler()
    logger.addHandler(handler)
    assert attachment_of(handler) == (("attachment.shop",), "")


def test_a_handler_behind_a_queue_stands_well(logger: logging.Logger) -> None:
    handler = logging.NullHandler()
    through = logging.handlers.QueueHandler(queue.SimpleQueue())
    through.listener = logging.handlers.QueueListener(through.queue, handler)  # as dictConfig does
    logger.addHandler(through)
    assert attachment_of(handler).at == ("attachment.shop",)


def test_a_handler_that_was_removed_is_named_with_what_took_its_place(logger: logging.Logger) -> None:
    handler = logging.NullHandler()
    logger.addHandler(handler)
    logger.handlers.clear()
    root = logging.getLogger()
    others = root.handlers[:]
    root.handlers[:] = [logging.StreamHandler()]
    try:
        assert attachment_of(handler) == (
            (),
            "is attached to no logger; the root logger has logging.StreamHandler",
        )
    finally:
        root.handlers[:] = others


def test_a_handler_that_a_configuration_threw_out_is_distinguished_from_one_that_was_removed(
    logger: logging.Logger,
) -> None:
    handler = logging.NullHandler()
    logger.addHandler(handler)
    handler.close()  # dictConfig does so with every handler
    logger.removeHandler(handler)
    assert attachment_of(handler).trouble.startswith(
        "is attached to no logger, and was closed, as by dictConfig"
    )


@pytest.mark.parametrize(
    ("attribute", "value", "obstacle"),
    [("disabled", True, "it is disabled"), ("level", logging.CRITICAL, "its level is CRITICAL")],
)
def test_a_logger_that_lets_no_error_through_is_named(
    logger: logging.Logger, attribute: str, value: object, obstacle: str
) -> None:
    handler = logging.NullHandler()
    logger.addHandler(handler)
    setattr(logger, attribute, value)
    assert attachment_of(handler).trouble == f"gets no errors of the logger 'attachment.shop': {obstacle}"


def test_one_logger_whose_errors_arrive_is_enough(logger: logging.Logger) -> None:
    handler = logging.NullHandler()
    other = logging.getLogger("attachment.other")
    other.addHandler(handler)
    logger.addHandler(handler)
    logger.disabled = True
    assert attachment_of(handler) == (("attachment.other", "attachment.shop"), "")
    other.handlers.clear()


def test_a_handler_is_put_back_where_it_was_and_nowhere_twice(logger: logging.Logger) -> None:
    handler = logging.NullHandler()
    assert put_back(handler, ["attachment.shop"]) == ("attachment.shop",)
    assert put_back(handler, ["attachment.shop"]) == ()
    assert logger.handlers == [handler]


def test_the_root_logger_is_known_by_its_name() -> None:
    handler = logging.NullHandler()
    root = logging.getLogger()
    assert put_back(handler, ["root"]) == ("root",)
    try:
        assert attachment_of(handler).at == ("root",)
    finally:
        root.removeHandler(handler)


def test_a_stand_in_for_a_handler_that_has_no_attributes_is_passed_over(logger: logging.Logger) -> None:
    class Bare:
        __slots__ = ()
        level = logging.CRITICAL + 1

    handler = logging.NullHandler()
    logger.handlers.append(Bare())  # type: ignore[arg-type]
    logger.addHandler(handler)
    assert attachment_of(handler).at == (logger.name,)
