"""What ended the program pages, though a library's hook stands in front of ours."""

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.reliability.programs import run

HOOKS = """
import logging, sys
from pagerduty_logging import PagerDutyHandler, install_hooks
logging.getLogger().addHandler(PagerDutyHandler())
install_hooks()
ours = sys.excepthook
def pay(): raise ValueError("no order 7")
"""
FRONT = {
    "that does not call ours": "sys.excepthook = lambda *failed: print('in colours')",
    "that calls ours": "sys.excepthook = lambda *failed: (print('in colours'), ours(*failed))",
}


@pytest.mark.parametrize("front", FRONT)
def test_an_uncaught_exception_is_one_page_behind_a_hook(sandbox: Sandbox, front: str) -> None:
    ended = run(f"{FRONT[front]}\npay()", sandbox.url, preload=HOOKS)
    assert (ended.status, ended.out) == (1, "in colours\n")
    assert [alert.summary for alert in sandbox.alerts] == ["Uncaught exception: ValueError: no order 7"]
    assert len(sandbox.events) == 1


def test_what_a_program_caught_and_noted_for_its_debugger_is_no_page(sandbox: Sandbox) -> None:
    caught = """
    def test():
        try:
            pay()
        except ValueError as error:
            sys.last_value = error  # as pytest and IPython do
    test()
    """
    ended = run(caught, sandbox.url, preload=HOOKS)
    assert ended.status == 0, ended.err
    assert not sandbox.alerts
