"""A problem that gets worse opens a second alert, where that is wanted."""

import logging

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY
from tests.turned import Program, details

WORSE = {"escalation_rate": 10.0}


def _raised(error: Exception) -> dict[str, object]:
    try:
        raise error
    except Exception as caught:
        return {"exc_info": (type(caught), caught, caught.__traceback__)}


def test_critical_opens_a_second_alert_once_and_says_so() -> None:
    program = Program(**WORSE)
    program.log(times=3)
    program.log(level=logging.CRITICAL, times=3)
    first, second = program.events
    assert first["dedup_key"] != second["dedup_key"]
    assert second["payload"]["summary"] == "Worse (error → critical): problem"
    assert second["payload"]["severity"] == "critical"
    (told,) = details([second])
    assert told["why"] == "worse: error → critical"
    assert told["first_alert"] == first["dedup_key"]
    assert told["occurrences"] == 4
    program.end()
    assert program.events[-1]["dedup_key"] == first["dedup_key"]
    assert details(program.events)[-1]["occurrences"] == 6


def test_without_escalation_the_same_alert_gets_the_event() -> None:
    program = Program()
    program.log()
    program.log(level=logging.CRITICAL)
    assert len({event["dedup_key"] for event in program.events}) == 1


def test_another_exception_opens_a_second_alert_and_a_third_one_none() -> None:
    program = Program(**WORSE)
    for error in (TimeoutError("slow"), TimeoutError("slow"), OSError("disk full"), KeyError("a")):
        program.log(**_raised(error))
    assert program.reasons == ["first", "worse: OSError instead of TimeoutError"]


def test_a_rate_of_ten_times_what_was_reported_opens_a_second_alert() -> None:
    program = Program(**WORSE)
    program.log(times=31)
    program.turn(301.0)  # 30 more in 15 s were told: 120 a minute
    for _ in range(20):
        program.log(times=100)
        program.turn(30.0)
    assert not [why for why in program.reasons if why.startswith("worse")], "200 a minute are no ten times"
    for _ in range(20):
        program.log(times=2_000)
        program.turn(30.0)
    (worse,) = [why for why in program.reasons if why.startswith("worse")]
    assert worse.endswith("times as often")


def test_an_alert_that_was_lost_is_opened_by_the_next_that_is_worse() -> None:
    program = Program(**WORSE)
    program.log(**_raised(TimeoutError()))
    program.refuse_next()
    program.log(**_raised(OSError()))
    program.log(**_raised(KeyError()))
    assert program.reasons == ["first", "worse: KeyError instead of TimeoutError"]


def test_resolve_resolves_every_alert_of_a_problem(make_handler, attach, sandbox) -> None:
    handler = make_handler(escalation="alert")
    logger = attach(handler)
    key = {"pagerduty": {"dedup_key": "db"}}
    logger.error("slow", extra=key)
    logger.critical("down", extra=key)
    handler.resolve("db")
    assert handler.flush(10)
    opened = {event["dedup_key"] for event in sandbox.events if event["event_action"] == "trigger"}
    resolved = {event["dedup_key"] for event in sandbox.events if event["event_action"] == "resolve"}
    assert len(opened) == 2
    assert opened <= resolved
    sandbox.clear()
    logger.error("slow", extra=key)
    logger.critical("down", extra=key)
    logger.error("well", extra={"pagerduty": {"dedup_key": "db", "event_action": "resolve"}})
    assert handler.flush(10)
    assert opened <= {e["dedup_key"] for e in sandbox.events if e["event_action"] == "resolve"}


def test_another_exception_is_not_hidden_by_the_quick_way(make_handler, attach, sandbox) -> None:
    handler = make_handler(escalation="alert")
    logger = attach(handler)
    for error in [TimeoutError("slow")] * 50 + [OSError("disk full")]:
        try:
            raise error
        except Exception:
            logger.exception("sync failed")
        assert handler.flush(10)
    summaries = [event["payload"]["summary"] for event in sandbox.events]
    assert summaries[-1].startswith("Worse (OSError instead of TimeoutError): sync failed")


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("escalation", "loud", ValueError),
        ("escalation_rate", 1, ValueError),
        ("escalation_rate", "10", TypeError),
        ("follow_up", -1, ValueError),
        ("max_repeat_interval", 0, ValueError),
    ],
)
def test_a_wrong_option_is_named(option: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=option):
        PagerDutyHandler(EXAMPLE_ROUTING_KEY, **{option: value})


def test_with_a_state_a_second_alert_says_how_often_its_problem_happened_here(
    make_handler, attach, sandbox, tmp_path
) -> None:
    handler = make_handler(escalation="alert", state=tmp_path / "state.sqlite")
    logger = attach(handler)
    for _ in range(5):
        logger.error("disk full")
    assert handler.flush(10)
    logger.critical("disk full")
    assert handler.flush(10)
    _, second = sandbox.events
    details = second["payload"]["custom_details"]
    assert details["first_alert"] == sandbox.events[0]["dedup_key"]
    assert (details["occurrences"], details["suppressed"]) == (6, 4)
