"""What a page needs is loaded once, and again where that failed."""

import logging
import threading
from collections.abc import Callable

import pytest

from pagerduty_logging.delivery import logging_lock, preparation
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.preparation import Preparation


def silent() -> Diagnostics:
    return Diagnostics(write=lambda line: None)


def test_it_is_loaded_once() -> None:
    loads: list[None] = []
    ready = Preparation(lambda: loads.append(None), silent())
    ready()
    ready()
    assert len(loads) == 1


def test_what_failed_is_tried_again() -> None:
    outcomes = [OSError("too many open files"), None]

    def load() -> None:
        failure = outcomes.pop(0)
        if failure is not None:
            raise failure

    ready = Preparation(load, silent())
    with pytest.raises(OSError, match="too many open files"):
        ready()
    ready()
    assert outcomes == []


def test_where_nothing_can_be_done_later_it_is_done_at_once_and_a_failure_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load() -> None:
        raise ImportError("no module named 'ssl'")

    lines: list[str] = []
    monkeypatch.setattr(preparation.later, "ask", lambda call, at_fork: False)
    Preparation(load, Diagnostics(write=lines.append)).soon()
    (line,) = lines
    assert "cannot load what a page needs, will try again with the first" in line
    assert "no module named 'ssl'" in line


def test_a_thread_that_finds_another_one_loading_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "PATIENCE", 0.05)
    lines: list[str] = []
    calls: list[Callable[[], None]] = []
    monkeypatch.setattr(preparation.later, "ask", lambda call, at_fork: calls.append(call) or True)
    began, done = threading.Event(), threading.Event()

    def load() -> None:
        began.set()
        done.wait(30)

    ready = Preparation(load, Diagnostics(write=lines.append))
    ready.soon()
    thread = threading.Thread(target=ready)
    thread.start()
    assert began.wait(30)
    calls[0]()
    done.set()
    thread.join(30)
    assert lines == []


def test_nothing_is_loaded_while_logging_is_set_up_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "PATIENCE", 0.05)
    loads: list[None] = []
    ready = Preparation(lambda: loads.append(None), silent())
    held, done = threading.Event(), threading.Event()

    def set_up() -> None:
        with logging._lock:  # type: ignore[attr-defined]
            held.set()
            done.wait(30)

    thread = threading.Thread(target=set_up)
    thread.start()
    assert held.wait(30)
    assert not logging_lock.is_free(0.01)
    with pytest.raises(TimeoutError):
        ready()
    done.set()
    thread.join(30)
    assert loads == []
    ready()
    assert loads == [None]


def test_a_signal_in_the_middle_of_loading_does_not_load_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "PATIENCE", 0.05)
    loads: list[None] = []

    def load() -> None:
        loads.append(None)
        with pytest.raises(TimeoutError):
            ready()

    ready = Preparation(load, silent())
    ready()
    assert len(loads) == 1
