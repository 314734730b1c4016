from __future__ import annotations

import threading

import pytest

from pagerduty_logging.events_api.side_thread import MAX_LEFT_BEHIND, SideThread


def test_work_done_in_time_gives_its_result() -> None:
    assert SideThread().do(lambda: 7, 10.0, "counting") == 7


def test_work_that_fails_raises_what_it_raised() -> None:
    def fails() -> None:
        raise LookupError("of the work's own")

    with pytest.raises(LookupError, match="of the work's own"):
        SideThread().do(fails, 10.0, "failing")


def test_only_so_much_work_is_left_behind_until_some_of_it_ends() -> None:
    side, end = SideThread(), threading.Event()
    for _ in range(MAX_LEFT_BEHIND):
        with pytest.raises(TimeoutError, match="waiting: not done in time"):
            side.do(end.wait, 0.0, "waiting")
    with pytest.raises(TimeoutError, match="16 earlier attempts hang"):
        side.do(end.wait, 10.0, "waiting")
    end.set()
    for thread in threading.enumerate():
        if thread.name == "pagerduty-side":
            thread.join(10)
    assert side.do(lambda: "free again", 10.0, "waiting") == "free again"
