"""A test that freezes time pages like any other: deadlines are real seconds."""

import logging
import time
from collections.abc import Callable, Iterator

import pytest
from freezegun import freeze_time

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.events_api import clock
from pagerduty_logging.sandbox import Hang, Sandbox

MOMENTS = ["2012-01-14", "2040-01-01"]


@pytest.fixture(params=MOMENTS)
def frozen(request: pytest.FixtureRequest, shop: logging.Logger) -> Iterator[logging.Logger]:
    """A logger that pages into the sandbox, while time stands still."""
    with freeze_time(request.param):
        yield shop


def test_what_is_logged_in_frozen_time_arrives(sandbox: Sandbox, frozen: logging.Logger) -> None:
    frozen.error("the disk is full")
    assert sandbox.alert(summary="the disk is full", timeout=30).severity == "error"
    sandbox.wait_for(1, timeout=30)


def test_no_page_is_waited_for_in_real_seconds(sandbox: Sandbox, frozen: logging.Logger) -> None:
    with pytest.raises(AssertionError, match=r"after 0\.2 s"):
        sandbox.alert(summary="none", timeout=0.2)
    with pytest.raises(AssertionError, match=r"within 0\.2 s"):
        sandbox.wait_until(lambda: False, timeout=0.2)
    sandbox.assert_no_pages(timeout=0.2)


def test_a_fault_in_frozen_time_is_retried(sandbox: Sandbox, frozen: logging.Logger) -> None:
    sandbox.fail_next(503)
    frozen.error("the disk is full")
    sandbox.alert(summary="the disk is full", timeout=30)


@freeze_time("2012-01-14")
def test_a_flush_in_frozen_time_ends_though_pagerduty_hangs(
    sandbox: Sandbox, make_handler: Callable[..., PagerDutyHandler], attach: Callable[..., logging.Logger]
) -> None:
    sandbox.fail_next(Hang())
    handler = make_handler()
    attach(handler).error("the disk is full")
    assert not handler.flush(0.5)


def test_the_clocks_are_the_systems_under_any_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    before, now = time.monotonic(), time.time()
    with freeze_time("2012-01-14"):
        monkeypatch.setattr(time, "monotonic", lambda: 0.0)
        assert 0 <= clock.monotonic() - before < 60
        assert 0 <= clock.time_of_day() - now < 60
