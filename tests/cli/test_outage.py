"""The command while PagerDuty is away: it says so, and ends in time."""

import pytest

from pagerduty_logging.cli import test as test_command
from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Hang, Sandbox


@pytest.fixture(autouse=True)
def _pointed_at_the_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)


def test_each_failed_attempt_is_reported_with_its_reason(command, sandbox: Sandbox):
    sandbox.fail_next(503, times=2)
    ran = command("trigger", "the disk is full", "--dedup-key", "disk")
    assert (ran.code, ran.out) == (0, "disk\n")
    first, second = ran.err.splitlines()
    assert first.startswith("pagerduty-logging: not accepted yet: PagerDuty failed with 503: ")
    assert "; trying again in " in second
    assert EXAMPLE_ROUTING_KEY not in ran.err


@pytest.mark.parametrize("fault", [503, 429, Hang()], ids=["away", "limited", "hung"])
def test_timeout_bounds_it_all(command, sandbox: Sandbox, fault: int | Hang):
    sandbox.fail_share(fault, 1)
    since = monotonic()
    ran = command("trigger", "the disk is full", "--timeout", "2")
    assert monotonic() - since < 5
    assert ran.code == 1
    assert ran.err.splitlines()[-1].startswith("pagerduty-logging: not accepted: ")
    assert "timeout=None" not in ran.err


def test_a_wait_is_made_of_short_sleeps():
    """Python 3.14 may see Ctrl-C only between two of them."""
    now = 0.0
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    test_command.wait(3_600.0, lambda: now, sleep)
    assert now == pytest.approx(3_600.0)
    assert max(slept) <= test_command.SLICE


def test_the_page_of_the_client_is_a_web_address(command, capsys: pytest.CaptureFixture[str]):
    ran = command("trigger", "x", "--client-url", "javascript:alert(1)")
    assert ran.code == 2
    assert "--client-url" in ran.err
