from collections.abc import Iterator

import pytest

from pagerduty_logging.sandbox import Sandbox


@pytest.fixture
def pagerduty() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def summaries(sandbox: Sandbox) -> list[str]:
    """Return what the accepted triggers say, in order of arrival."""
    return [event["payload"]["summary"] for event in sandbox.events]
