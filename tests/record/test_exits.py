"""A report of an exit with success does not page; any other exit does."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest

from pagerduty_logging.record.exits import reports_clean_exit


def exit_of(status: object) -> SystemExit:
    with pytest.raises(SystemExit) as caught:
        sys.exit(status)  # type: ignore[arg-type]
    return caught.value


def record(logger: str, path: str = __file__, function: str = "main") -> logging.LogRecord:
    return logging.LogRecord(logger, logging.ERROR, path, 1, "stopped", (), None, function)


@pytest.mark.parametrize("status", [None, 0, False])
def test_asyncio_reporting_an_exit_with_success_does_not_page(status: object) -> None:
    assert reports_clean_exit(record("asyncio", asyncio.__file__), exit_of(status))


@pytest.mark.parametrize("status", [1, "no disk", 2.5])
def test_an_exit_with_another_status_pages(status: object) -> None:
    assert not reports_clean_exit(record("asyncio", asyncio.__file__), exit_of(status))


def test_a_library_reporting_an_exit_of_the_application_pages() -> None:
    assert not reports_clean_exit(record("server", asyncio.__file__), exit_of(0))


def test_the_application_reporting_an_exit_pages() -> None:
    assert not reports_clean_exit(record("shop", function="exit_of"), exit_of(0))


def test_another_exception_pages() -> None:
    assert not reports_clean_exit(record("asyncio", asyncio.__file__), KeyboardInterrupt())
