"""Records by which hosts report failures, rewritten: each failure its own problem, each occurrence not."""

import inspect
import logging
from concurrent.futures import _base as host

import pytest

from pagerduty_logging import fingerprint
from pagerduty_logging.integrations.reports import describe, describe_error
from tests.pages import record


def reported(name: str, identity: str, error: Exception) -> logging.LogRecord:
    """Return what a host reports of a task that raises, while the host handles the exception."""
    report = record("something failed", pathname="/site-packages/host/run.py")
    try:
        raise error
    except Exception:
        describe_error(report, "Task", name, identity)
    return report


def test_a_report_names_what_failed_and_why() -> None:
    report = reported("shop.pay", "8b1a", KeyError("card"))
    assert report.getMessage() == "Task shop.pay[8b1a] raised KeyError: 'card'"
    assert report.exc_info is not None
    assert report.exc_info[0] is KeyError


def test_an_exception_without_words_is_reported_by_its_type() -> None:
    assert (
        reported("shop.pay", "8b1a", TimeoutError()).getMessage() == "Task shop.pay[8b1a] raised TimeoutError"
    )


def test_a_percent_sign_in_a_name_is_not_a_placeholder() -> None:
    report = record()
    describe(report, "Job", "100% of it", "7", "lost 5% of its time", "slow")
    assert report.getMessage() == "Job 100% of it[7] lost 5% of its time: slow"


def test_no_exception_leaves_the_record_as_it_is() -> None:
    report = record("something failed")
    describe_error(report, "Job", "count", "7")
    assert report.getMessage() == "something failed"


def test_a_name_and_a_type_make_the_problem_and_an_id_and_a_text_do_not() -> None:
    first = reported("shop.pay", "8b1a", KeyError("card"))
    assert fingerprint(reported("shop.pay", "99ff", KeyError("cash"))) == fingerprint(first)
    assert fingerprint(reported("shop.ship", "8b1a", KeyError("card"))) != fingerprint(first)
    assert fingerprint(reported("shop.pay", "8b1a", ValueError("card"))) != fingerprint(first)


@pytest.mark.parametrize("error", [KeyError("card"), RuntimeError()])
def test_the_exception_that_is_handled_goes_before_the_copy_that_a_host_logs(error: Exception) -> None:
    report = record("something failed", exc_info=(ValueError, ValueError("a copy"), None))
    try:
        raise error
    except Exception:
        describe_error(report, "Task", "shop.pay", "8b1a")
    assert report.exc_info is not None
    assert report.exc_info[1] is error


def test_two_tasks_that_a_host_reports_from_one_line_of_its_source_are_two_problems() -> None:
    source = inspect.getsource(host).splitlines()
    line = next(i for i, text in enumerate(source, 1) if "LOGGER.exception('exception calling" in text)
    keys = set()
    for name in ("shop.pay", "shop.ship"):
        record = logging.LogRecord("host", logging.ERROR, host.__file__, line, "", (), None, "run")
        describe(record, "Task", name, "8b1a", "lost its process", "signal 9")
        keys.add(fingerprint(record))
    assert len(keys) == 2
