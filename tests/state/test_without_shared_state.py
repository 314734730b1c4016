"""What a fleet does whose processes share nothing but the routing key: see `state/README.md`."""

from collections.abc import Callable

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.sandbox import Sandbox
from tests.pages import record


def test_each_process_sends_one_event_and_all_make_one_alert(
    sandbox: Sandbox, make_handler: Callable[..., PagerDutyHandler]
) -> None:
    fleet = [make_handler() for _ in range(5)]  # a handler knows as little of another as a process does
    for occurrence in range(20):
        for handler in fleet:
            handler.handle(record("payment %s failed", occurrence))
    assert all(handler.flush() for handler in fleet)
    (alert,) = sandbox.alerts
    assert alert.triggers == len(sandbox.events) == len(fleet)
    assert [handler.stats.suppressed for handler in fleet] == [19] * len(fleet)
