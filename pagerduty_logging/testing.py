"""The pytest plugin: the fixture `pagerduty`, a stand-in for PagerDuty that a test's pages arrive at.

pytest imports this module in every run: it imports nothing that is not there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pagerduty_logging.sandbox import Sandbox


@pytest.fixture
def pagerduty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A stand-in for PagerDuty, to which everything that this process pages goes during the test.

    `pagerduty.alert(summary="…", severity="error")` waits for an alert, `pagerduty.assert_no_pages()` makes
    sure that there is none, `pagerduty.fail_next(429, retry_after=2)` makes it misbehave; see `Sandbox`.
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
            monkeypatch.setenv(name, value)  # so that what the test itself patches is undone first
        with sandbox.redirect():
            yield sandbox
