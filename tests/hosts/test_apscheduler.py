"""APScheduler's jobs: one page for each that fails, and for each that is skipped."""

from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox

from .workers import EXAMPLES, pages, started, stop, wait_for

pytest.importorskip("apscheduler")


def test_a_job_that_fails_or_is_skipped_is_one_page(sandbox: Sandbox, tmp_path: Path) -> None:
    expected = {
        "Job count_stock[…] raised KeyError: 'pears'",
        "Job send_invoices[…] raised ConnectionResetError: the mail server closed the connection",
        "job dawdle did not run when it should have",
    }
    with started([str(EXAMPLES / "with_apscheduler.py")], tmp_path, sandbox) as process:
        wait_for(sandbox, expected, tmp_path)
        assert stop(process) == 0
    found = pages(sandbox)
    assert set(found) == expected
    assert found["Job count_stock[…] raised KeyError: 'pears'"]["job_name"] == "count_stock"
