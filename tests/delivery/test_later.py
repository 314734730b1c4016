"""What is to be done a second later is done once, on a thread of its own that ends, and at a fork before."""

import os
import threading

import pytest

from pagerduty_logging.delivery import later as module
from pagerduty_logging.delivery.later import LaterCalls


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> LaterCalls:
    """One whose second is short."""
    monkeypatch.setattr(module, "A_WHILE", 0.01)
    return LaterCalls()


def test_functions_are_called_on_another_thread_which_ends(soon: LaterCalls) -> None:
    called = threading.Event()
    threads: list[threading.Thread] = []

    def call() -> None:
        threads.append(threading.current_thread())
        called.set()

    assert soon.ask(call)
    assert called.wait(30)
    threads[0].join(30)
    assert threads != [threading.current_thread()]
    assert not threads[0].is_alive()


def test_a_call_may_ask_for_another(soon: LaterCalls) -> None:
    called = threading.Event()
    assert soon.ask(lambda: soon.ask(called.set))
    assert called.wait(30)


def test_before_a_fork_what_must_not_wait_is_called_and_no_thread_is_left() -> None:
    later = LaterCalls()
    called: list[str] = []
    before = threading.active_count()
    assert later.ask(lambda: called.append("at the fork"), at_fork=True)
    assert later.ask(lambda: called.append("a second later"))
    assert threading.active_count() == before + 1
    later.before_fork()
    assert called == ["at the fork"]
    assert threading.active_count() == before
    later.after_fork_in_parent()
    assert threading.active_count() == before + 1, "the rest is called as ever"
    later.before_fork()
    later.after_fork_in_child()
    later.after_fork_in_parent()
    assert threading.active_count() == before, "a child has nothing to call"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_fork_of_the_thread_itself_does_not_wait_for_it(soon: LaterCalls) -> None:
    called = threading.Event()

    def call() -> None:
        soon.before_fork()
        called.set()

    assert soon.ask(call)
    assert called.wait(30)
