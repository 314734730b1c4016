"""Pages for tasks that were given up, as the integrations for task queues ask for them."""

import json
import logging
from collections.abc import Callable

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.tasks import ReportFilter, Tasks
from pagerduty_logging.sandbox import Sandbox


@pytest.fixture
def handler(make_handler: Callable[..., PagerDutyHandler]) -> PagerDutyHandler:
    return make_handler()


def tasks_of(handler: PagerDutyHandler, *, resolve_on_success: bool = False) -> Tasks:
    return Tasks("queue", "Task", json, handler=handler, resolve_on_success=resolve_on_success)


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_a_task_that_was_given_up_is_named_with_what_it_raised(
    sandbox: Sandbox, handler: PagerDutyHandler
) -> None:
    tasks_of(handler).failed("pay", "8b1a", raised(KeyError("card")), task_name="pay", task_queue=None)
    assert handler.flush(5)
    (alert,) = sandbox.alerts
    assert alert.summary == "Task pay[8b1a] raised KeyError: 'card'"
    assert alert.custom_details["task_name"] == "pay"
    assert "task_queue" not in alert.custom_details
    assert alert.custom_details["traceback"]


def test_task_and_type_make_the_problem(sandbox: Sandbox, handler: PagerDutyHandler) -> None:
    tasks = tasks_of(handler)
    for name, identity, error in (
        ("pay", "1", KeyError("card")),
        ("pay", "2", KeyError("cash")),
        ("pay", "3", ValueError("card")),
        ("ship", "4", KeyError("card")),
    ):
        tasks.failed(name, identity, raised(error))
    assert handler.flush(5)
    assert len(sandbox.alerts) == 3


def test_where_a_success_resolves_the_task_alone_makes_the_problem(
    sandbox: Sandbox, handler: PagerDutyHandler
) -> None:
    tasks = tasks_of(handler, resolve_on_success=True)
    tasks.failed("pay", "1", raised(KeyError("card")))
    tasks.failed("pay", "2", raised(ValueError("card")))
    tasks.succeeded("pay")
    tasks.succeeded("pay")
    assert handler.flush(5)
    actions = [event["event_action"] for event in sandbox.events]
    assert {event["dedup_key"] for event in sandbox.events} == {"queue/pay"}
    assert (actions[0], actions[-1], actions.count("resolve")) == ("trigger", "resolve", 1)
    assert [alert.state for alert in sandbox.alerts] == ["resolved"]


def test_a_success_says_nothing_where_that_was_not_asked_for(
    sandbox: Sandbox, handler: PagerDutyHandler
) -> None:
    tasks_of(handler).succeeded("pay")
    assert handler.flush(5)
    assert not sandbox.events


def test_a_printed_traceback_takes_the_place_of_the_exception(
    sandbox: Sandbox, handler: PagerDutyHandler
) -> None:
    printed = 'Traceback (most recent call last):\n  File "/srv/shop.py", line 7, in pay\nKeyError: 1'
    tasks_of(handler).failed("pay", "1", None, "raised KeyError", "1", traceback=printed)
    assert handler.flush(5)
    (alert,) = sandbox.alerts
    assert alert.summary == "Task pay[1] raised KeyError: 1"
    assert alert.custom_details["exception"] == "KeyError: 1"


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(TypeError, match="resolve_on_success"):
        Tasks("queue", "Task", json, handler=None, resolve_on_success="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="handler"):
        Tasks("queue", "Task", json, handler="yes", resolve_on_success=True)  # type: ignore[arg-type]


class Attempts(ReportFilter):
    def replaced(self, record: logging.LogRecord) -> bool:
        return record.args[0] == "attempt"  # type: ignore[index]


def test_a_line_that_is_replaced_does_not_page_and_all_others_do(
    sandbox: Sandbox, handler: PagerDutyHandler
) -> None:
    seen: list[logging.LogRecord] = []
    logger = logging.getLogger("queue.worker")
    everyone = logging.Handler()
    everyone.emit = seen.append  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.addHandler(everyone)
    Attempts().install("queue.worker")
    Attempts().install("queue.worker")
    try:
        logger.error("%s failed", "attempt")
        logger.error("%s failed", "another")
        logger.error("what looks otherwise pages as it is")
    finally:
        assert len(logger.filters) == 1
        logger.filters.clear()
        logger.handlers.clear()
    assert handler.flush(5)
    assert len(seen) == 3
    assert {alert.summary for alert in sandbox.alerts} == {
        "another failed",
        "what looks otherwise pages as it is",
    }


def test_a_success_in_staging_leaves_the_failure_in_production_open(
    sandbox: Sandbox, make_handler: Callable[..., PagerDutyHandler]
) -> None:
    production, staging = make_handler(environment="production"), make_handler(environment="staging")
    tasks_of(production, resolve_on_success=True).failed("refund", "1", raised(KeyError("card")))
    assert production.flush(5)
    tasks_of(staging, resolve_on_success=True).succeeded("refund")
    assert staging.flush(5)
    (alert,) = sandbox.alerts
    assert (alert.state, alert.dedup_key) == ("triggered", "queue@production/refund")
