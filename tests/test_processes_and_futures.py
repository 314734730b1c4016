"""The recipes for processes and futures in `examples/`, run as a user would."""

from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.reliability.programs import run_file

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_a_process_logs_is_one_page(sandbox: Sandbox, method: str) -> None:
    ended = run_file(EXAMPLES / "with_multiprocessing.py", sandbox.url, method)
    assert ended.status == 0, ended.err
    assert {alert.summary for alert in sandbox.alerts} == {
        "no address for order 13",
        "Uncaught exception in process reconcile: KeyError: 'pears'",
    }


def test_what_a_future_raised_is_one_page_for_each_exception(sandbox: Sandbox) -> None:
    ended = run_file(EXAMPLES / "with_concurrent_futures.py", sandbox.url)
    assert ended.status == 0, ended.err
    assert {alert.summary for alert in sandbox.alerts} == {
        "ConnectionResetError: the bank closed the connection",
        "KeyError: 13",
    }
