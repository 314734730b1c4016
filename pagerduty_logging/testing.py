"""The pytest plugin: the fixture `pagerduty`, a local stand-in for PagerDuty that gets a test's pages.

pytest imports this module in every run, so it imports nothing that is not loaded anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pagerduty_logging.sandbox import Sandbox


@pytest.fixture
def pagerduty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A local stand-in for PagerDuty, which gets everything that this process pages during the test.

    `pagerduty.alert(summary="…", severity="error")` waits for an alert, `pagerduty.assert_no_pages()` asserts
    that there is none, `pagerduty.fail_next(429, retry_after=2)` makes requests fail; see `Sandbox`.
    """
    try:
        from pagerduty_logging.sandbox import Sandbox
    except ModuleNotFoundError as error:
        if error.name not in ("flask", "werkzeug"):
            raise
        pytest.fail(
            "the fixture 'pagerduty' needs Flask: pip install 'pagerduty-logging[sandbox]'", pytrace=False
        )
    with Sandbox() as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)  # by monkeypatch, so that what the test patches is undone first
        with sandbox.redirect():
            yield sandbox
