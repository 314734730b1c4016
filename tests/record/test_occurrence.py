"""What is taken from records as people make them."""

import enum
import logging
import logging.handlers
import queue
from collections.abc import Iterator

import pytest

from pagerduty_logging.record.occurrence import Occurrence, capture, salvage
from pagerduty_logging.sandbox import Sandbox
from tests.pages import Pager, paging, record


class Level(enum.IntEnum):
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


@pytest.fixture
def pager(sandbox: Sandbox) -> Iterator[Pager]:
    with paging(sandbox) as made:
        yield made


@pytest.mark.parametrize(
    "missing",
    ["created", "pathname", "lineno", "funcName", "filename", "levelname", "levelno", "args", "threadName"],
)
def test_a_record_made_by_hand_pages_without_any_attribute(pager: Pager, missing: str) -> None:
    made = record("disk %s is full", "sda")
    del made.__dict__[missing]
    pager.handler.handle(made)
    assert pager.summary.startswith("disk ")
    assert "reduced" not in pager.details
    assert pager.payload["severity"] == "error"


def test_a_record_with_nothing_but_a_message_pages(pager: Pager) -> None:
    made = logging.LogRecord.__new__(logging.LogRecord)
    made.__dict__ = {"msg": "disk is full", "name": "backup"}
    pager.handler.handle(made)
    assert (pager.summary, pager.payload["component"]) == ("disk is full", "backup")


def test_a_record_without_anything_pages(pager: Pager) -> None:
    made = logging.LogRecord.__new__(logging.LogRecord)
    made.__dict__ = {}
    pager.handler.handle(made)
    assert pager.payload["component"] == "root"


@pytest.mark.parametrize("level", Level)
def test_an_enum_s_member_is_a_level(sandbox: Sandbox, level: Level) -> None:
    with paging(sandbox, level="WARNING") as pager:
        pager.logger.log(level, "disk is full")
        assert pager.payload["severity"] == level.name.lower()


def test_the_level_holds_behind_a_queue_that_does_not_look_at_it(sandbox: Sandbox) -> None:
    with paging(sandbox, level="ERROR") as pager:
        waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        listener = logging.handlers.QueueListener(waiting, pager.handler)  # respect_handler_level=False
        logger = logging.Logger("shop")
        logger.addHandler(logging.handlers.QueueHandler(waiting))  # type: ignore[arg-type]
        listener.start()
        for _ in range(3):
            logger.error("disk is full")
            logger.info("disk is full")
            logger.info("all is well")
        listener.stop()
        (event,) = pager.events
        assert event["payload"]["summary"] == "disk is full"
        assert pager.handler.stats.suppressed == 2


def test_the_level_holds_behind_a_buffer(sandbox: Sandbox) -> None:
    with paging(sandbox, level="ERROR") as pager:
        buffer = logging.handlers.MemoryHandler(10, target=pager.handler)
        logger = logging.Logger("shop", logging.DEBUG)
        logger.addHandler(buffer)
        logger.info("all is well")
        logger.error("disk is full")
        buffer.close()
        assert pager.summary == "disk is full"


def _plain(occurrence: Occurrence) -> dict[str, object]:
    occurrence.read()
    names = (
        "contents", "severity", "level_name", "logger", "created", "origin", "process", "thread",
        "exc_text", "stack_text", "chain", "label",
    )  # fmt: skip
    return {name: getattr(occurrence, name) for name in names}


def test_a_copied_record_says_what_one_says_that_is_read_at_once() -> None:
    class OfAnApplication(logging.LogRecord):
        """Not known to be harmless, so that it is read at once."""

    made = record("disk %s is full", "sda", order="A-17", stack_info="Stack (most recent call last):")
    other = OfAnApplication("", 40, "", 1, "", (), None)
    other.__dict__.update(made.__dict__)
    copied, read = capture(made), capture(other)
    assert copied.contents is None
    assert read.contents is not None
    assert read.contents.message == copied.read().message == "disk sda is full"
    assert _plain(copied) == _plain(read)


def test_salvaging_runs_none_of_the_applications_code() -> None:
    class Loud:
        def __str__(self) -> str:
            raise AssertionError("ran")

    occurrence = salvage(record(Loud()), error=ValueError("no"))
    assert occurrence.read().message == "(Loud)"
    assert occurrence.defects == ["the record could not be read: ValueError"]
