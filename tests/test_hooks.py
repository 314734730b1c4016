"""Uncaught exceptions page, the hooks that were there are called too, and all can be put back."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from pagerduty_logging import install_hooks
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox


def die_in_a_thread(name: str, error: BaseException) -> None:
    def run() -> None:
        raise error

    thread = threading.Thread(target=run, name=name)
    thread.start()
    thread.join()


@pytest.fixture
def printed() -> Iterator[list[str]]:
    """The threads whose exceptions reached the hook that was there before ours."""
    seen: list[str] = []
    before = threading.excepthook
    threading.excepthook = lambda args: seen.append(args.thread.name)
    yield seen
    threading.excepthook = before


def test_a_thread_that_dies_pages_as_critical_and_the_previous_hook_is_called(sandbox, shop, printed):
    with install_hooks(shop):
        die_in_a_thread("nightly", ValueError("no rates for today"))
    flush(shop)

    (alert,) = sandbox.alerts
    assert alert.severity == "critical"
    assert alert.summary == "Uncaught exception in thread nightly: ValueError: no rates for today"
    assert printed == ["nightly"]


def test_leaving_on_purpose_is_no_failure(sandbox, shop, printed):
    with install_hooks(shop):
        die_in_a_thread("nightly", SystemExit(1))
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert flush(shop)
    assert sandbox.requests == ()


def test_uninstalling_puts_back_what_was_there(shop):
    before = sys.excepthook, threading.excepthook
    hooks = install_hooks(shop)
    assert (sys.excepthook, threading.excepthook) != before
    hooks.uninstall()
    hooks.uninstall()
    assert (sys.excepthook, threading.excepthook) == before


def test_uninstalling_leaves_a_later_hook_alone(shop, printed):
    hooks = install_hooks(shop, sys=False)
    with install_hooks(shop, sys=False) as later:
        hooks.uninstall()
        assert later
        die_in_a_thread("nightly", ValueError("no rates"))
    assert flush(shop)


def test_a_program_that_dies_pages_prints_its_traceback_and_keeps_its_exit_status():
    program = f"""
import logging, sys
from pagerduty_logging import PagerDutyHandler, install_hooks
logging.getLogger().addHandler(PagerDutyHandler({EXAMPLE_ROUTING_KEY!r}, base_url=sys.argv[1]))
install_hooks()
def charge(): raise ConnectionError("bank is closed")
charge()
"""
    with Sandbox() as sandbox:
        run = subprocess.run(
            [sys.executable, "-c", program, sandbox.url],
            timeout=60,
            capture_output=True,
            text=True,
            check=False,
        )
        (alert,) = sandbox.alerts
    assert run.returncode == 1
    assert run.stderr.count("ConnectionError: bank is closed") == 1
    assert alert.summary == "Uncaught exception: ConnectionError: bank is closed"


def flush(logger) -> bool:
    return all(handler.flush() for handler in logger.handlers if hasattr(handler, "stats"))
