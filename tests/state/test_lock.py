"""A lock that is met again on the thread that holds it."""

import threading

import pytest

from pagerduty_logging.state.lock import ReentrantLock


def test_within_other_work_on_the_same_thread_no_work_is_done() -> None:
    lock = ReentrantLock()
    done: list[str] = []

    def work() -> str:
        done.append("begun")
        inner = lock.run(lambda: "worked", or_else=lambda: "was at work")
        done.append(inner)
        return "outer"

    assert lock.run(work, or_else=lambda: "was at work") == "outer"
    assert done == ["begun", "was at work"]


def test_it_is_given_back_after_work_that_fails() -> None:
    lock = ReentrantLock()

    def fail() -> str:
        raise ValueError("broken")

    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            lock.run(fail, or_else=lambda: "was at work")
    assert lock.run(lambda: "worked", or_else=lambda: "was at work") == "worked"


def test_another_thread_waits_no_longer_than_it_says() -> None:
    lock = ReentrantLock()
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        inside.set()
        leave.wait(60)

    thread = threading.Thread(target=lock.run, args=[stay], kwargs={"or_else": lambda: None})
    thread.start()
    assert inside.wait(60)
    try:
        assert lock.run(lambda: "worked", or_else=lambda: "gave up", timeout=0.01) == "gave up"
    finally:
        leave.set()
        thread.join()


def test_what_reenters_does_not_wait_for_a_thread_that_waits() -> None:
    """As a finaliser that logs on the thread that is at work, while another thread waits for the lock."""
    lock = ReentrantLock()
    others: list[threading.Thread] = []

    def work() -> str:
        other = threading.Thread(target=lock.run, args=[lambda: None], kwargs={"or_else": lambda: None})
        others.append(other)
        other.start()
        return lock.run(lambda: "worked", or_else=lambda: "was at work")

    assert lock.run(work, or_else=lambda: "") == "was at work"
    others[0].join(60)
    assert not others[0].is_alive()
