"""The files that a record passes on the thread that logs, from `handle` to the inbox: few, in one line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest

import pagerduty_logging
from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.delivery.diagnostics import notices
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox

PACKAGE = f"{Path(pagerduty_logging.__file__).parent}/"


class Way(NamedTuple):
    """The package's files that were entered, in their order, each as often as it was come to anew."""

    stays: list[str]

    @property
    def files(self) -> set[str]:
        return set(self.stays)

    @property
    def returns(self) -> int:
        return len(self.stays) - len(self.files)


def way_of(call: Callable[[], None]) -> Way:
    stays: list[str] = []

    def note(frame: FrameType, event: str, arg: object) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(PACKAGE) and stays[-1:] != [path.removeprefix(PACKAGE)]:
            stays.append(path.removeprefix(PACKAGE))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return Way(stays)


@pytest.fixture
def logger(sandbox: Sandbox) -> Iterator[logging.Logger]:
    handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=sandbox.url)
    logger = logging.getLogger("shop.way_of_a_record")
    logger.addHandler(handler)
    logger.error("the first of all, with which the worker begins")
    assert handler.flush(30.0)
    notices.clear()  # for which every record is searched, where there are any
    yield logger
    handler.flush(30.0)
    logger.removeHandler(handler)
    handler.close()


def raised() -> ValueError:
    try:
        raise ValueError("no such payment")
    except ValueError as error:
        return error


def test_a_first_record_passes_fourteen_files(logger: logging.Logger) -> None:
    way = way_of(lambda: logger.error("payment %s failed", 17))
    assert (way.stays[0], way.stays[-1]) == ("pager.py", "delivery/worker.py")
    assert len(way.files) <= 14, sorted(way.files)
    assert way.returns <= 7, way.stays


def test_a_first_record_with_an_exception_passes_twenty_files(logger: logging.Logger) -> None:
    error = raised()
    way = way_of(lambda: logger.error("payment %s failed", 17, exc_info=error))
    assert len(way.files) <= 20, sorted(way.files)
    assert way.returns <= 13, way.stays


def test_a_repeat_passes_one_file(logger: logging.Logger) -> None:
    (handler,) = logger.handlers
    for number in range(3):
        logger.error("payment %s failed", number)
        assert isinstance(handler, PagerDutyHandler)
        assert handler.flush(30.0)
    assert way_of(lambda: logger.error("payment %s failed", 17)).stays == ["pager.py"]


def test_a_repeat_of_an_f_string_passes_few(logger: logging.Logger) -> None:
    (handler,) = logger.handlers
    ways = []
    for number in range(4):
        ways.append(way_of(lambda number=number: logger.error(f"payment {number} failed")))  # type: ignore[misc]
        assert isinstance(handler, PagerDutyHandler)
        assert handler.flush(30.0)
    assert len(ways[-1].files) <= 4
