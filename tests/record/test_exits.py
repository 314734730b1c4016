"""A report of an exit with success does not page; any other exit does."""

from __future__ import annotations

import asyncio
import sys

import pytest

from pagerduty_logging.record.exits import reports_clean_exit


def exit_of(status: object) -> SystemExit:
    with pytest.raises(SystemExit) as caught:
        sys.exit(status)  # type: ignore[arg-type]
    return caught.value


def is_report(
    error: BaseException, logger: str = "asyncio", path: str = asyncio.__file__, function: str = "main"
) -> bool:
    return reports_clean_exit(error, logger=logger, path=path, function=function)


@pytest.mark.parametrize("status", [None, 0, False])
def test_asyncio_reporting_an_exit_with_success_does_not_page(status: object) -> None:
    assert is_report(exit_of(status))


@pytest.mark.parametrize("status", [1, "no disk", 2.5])
def test_an_exit_with_another_status_pages(status: object) -> None:
    assert not is_report(exit_of(status))


def test_a_library_reporting_an_exit_of_the_application_pages() -> None:
    assert not is_report(exit_of(0), "server")


def test_the_application_reporting_an_exit_pages() -> None:
    assert not is_report(exit_of(0), "shop", __file__, "exit_of")


def test_another_exception_pages() -> None:
    assert not is_report(KeyboardInterrupt())
