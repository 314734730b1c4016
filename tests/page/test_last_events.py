"""What follows the first event of a problem says what that one said, with new figures."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from pagerduty_logging.events_api.events import Trigger
from pagerduty_logging.page import last_events
from tests.turned import Program

FIGURES = {"why", "occurrences", "suppressed", "suppressed_since", "first_seen", "last_seen"}


def failed() -> BaseException:
    try:
        raise TimeoutError("no answer within 3 s")
    except TimeoutError as error:
        return error


def broken(program: Program) -> None:
    program.log(
        "cannot charge",
        times=12,
        error=failed,
        order=7,
        pagerduty={"links": ["https://runbooks.example.com/payments"], "group": "payments"},
    )


def without_figures(event: dict[str, Any]) -> dict[str, Any]:
    """Return all that an event says but for how often and when."""
    payload = dict(event["payload"])
    details = {name: value for name, value in payload.pop("custom_details").items() if name not in FIGURES}
    del payload["timestamp"]
    return {**event, "payload": payload, "details": details}


def test_a_follow_up_says_what_the_first_event_said_with_the_new_count() -> None:
    program = Program()
    broken(program)
    program.turn(15.0)
    first, size = program.events
    assert without_figures(first) == without_figures(size)
    assert {"exception", "traceback", "order"} <= without_figures(size)["details"].keys()
    assert size["links"]
    details = size["payload"]["custom_details"]
    assert (details["why"], details["occurrences"]) == ("size: 11 more in 15 s", 12)
    assert "last_seen" not in details, "of the first occurrence, and so no longer true"


def test_what_is_left_at_the_end_is_said_with_all_details() -> None:
    program = Program()
    broken(program)
    program.end()
    first, end = program.events
    assert without_figures(first) == without_figures(end)
    assert end["payload"]["custom_details"]["why"] == "end of the process"


def test_only_so_many_events_are_kept_whole_and_the_others_by_their_summary(monkeypatch: Any) -> None:
    monkeypatch.setattr(last_events, "MAX_EVENTS", 1)
    program = Program()
    program.log("disk full", times=12, order=7)
    program.log("timed out", times=12, order=8)
    program.turn(15.0)
    said = {event["payload"]["summary"]: event["payload"]["custom_details"] for event in program.events[2:]}
    assert said["timed out"]["order"] == 8
    assert "order" not in said["disk full"]
    assert said["disk full"]["occurrences"] == 12


def test_an_event_that_is_too_big_to_keep_is_followed_up_all_the_same() -> None:
    program = Program()
    for _ in range(12):
        program.log("disk full", files=["x" * 900] * 400)
    program.turn(15.0)
    assert program.reasons == ["first", "size: 11 more in 15 s"]


def test_before_send_sees_follow_ups_once_each_as_they_were_before_it() -> None:
    seen: list[tuple[str, str, object, object]] = []

    def before_send(trigger: Trigger, record: logging.LogRecord) -> Trigger:
        details = trigger.custom_details or {}
        seen.append((details["why"], trigger.summary, record.getMessage(), record.__dict__.get("order")))
        return replace(trigger, summary=f"[shop] {trigger.summary}")

    program = Program(before_send=before_send)
    program.log("cannot charge", times=12, order=7)
    program.turn(15.0)
    program.log("cannot charge", order=7)
    program.end()
    assert seen == [
        ("first", "cannot charge", "cannot charge", 7),
        ("size: 11 more in 15 s", "cannot charge", "cannot charge", 7),
        ("end of the process", "cannot charge", "cannot charge", 7),
    ]
    assert {event["payload"]["summary"] for event in program.events} == {"[shop] cannot charge"}


def test_an_event_that_before_send_gave_another_key_is_followed_up_under_it() -> None:
    program = Program(before_send=lambda trigger, record: replace(trigger, dedup_key="all of the shop"))
    program.log(times=12, order=7)
    program.turn(15.0)
    first, size = program.events
    assert first["dedup_key"] == size["dedup_key"] == "all of the shop"
    assert size["payload"]["custom_details"]["order"] == 7


def test_what_follows_a_second_alert_is_said_in_the_first() -> None:
    program = Program(escalation_rate=10.0)
    program.log(times=12, order=7)
    program.log(level=logging.CRITICAL, order=8)
    program.log(times=12, order=7)
    program.turn(15.0)
    first, second, size = program.events
    assert first["dedup_key"] == size["dedup_key"] != second["dedup_key"]
    assert size["payload"]["summary"] == "problem"
    assert size["payload"]["custom_details"]["order"] == 7


def test_what_before_send_drops_is_reported_by_the_next_event() -> None:
    def before_send(trigger: Trigger, record: logging.LogRecord) -> Trigger | None:
        return None if str((trigger.custom_details or {})["why"]).startswith("size") else trigger

    program = Program(before_send=before_send)
    program.log(times=12)
    program.turn(400.0)
    program.log()
    assert program.reasons == ["first", "again: 7 minutes later, 11 held back"]
    assert program.told("problem") == 13
    assert [d.reason for d in program.decisions.recent] == [
        "first",
        "before_send, which returned None",
        "again: 7 minutes later, 11 held back",
    ]


def test_where_before_send_fails_with_a_follow_up_what_it_made_of_the_first_event_holds() -> None:
    def before_send(trigger: Trigger, record: logging.LogRecord) -> Trigger:
        assert record.exc_info is not None
        kept = {n: v for n, v in (trigger.custom_details or {}).items() if n != "customer"}
        return replace(trigger, custom_details=kept)

    program = Program(before_send=before_send)
    program.log(times=12, error=failed, customer="Ada")
    program.turn(15.0)
    first, size = (event["payload"]["custom_details"] for event in program.events)
    assert "customer" not in first
    assert "customer" not in size
    assert size["defects"] == ["before_send raised AssertionError"]
    assert size["occurrences"] == 12


def test_what_before_send_drops_is_as_if_it_had_not_been_logged() -> None:
    wanted = False

    def before_send(trigger: Trigger, record: logging.LogRecord) -> Trigger | None:
        return trigger if wanted else None

    program = Program(before_send=before_send)
    program.log(times=3)
    wanted = True
    program.log(times=3)
    program.turn(301.0)
    wanted = False
    program.log()
    wanted = True
    program.log()
    assert program.reasons == ["first", "again: 5 minutes later, 2 held back"]
    assert program.told("problem") == 4


def test_with_a_state_a_follow_up_says_both_what_the_first_event_said_and_the_figures_of_all(
    make_handler: Any, attach: Any, sandbox: Any, tmp_path: Path
) -> None:
    logger = attach(make_handler(follow_up=0.5, state=tmp_path / "state.sqlite"))
    logger.error("cannot charge", extra={"order": 7, "hosts": "the application's own"})
    sandbox.wait_for(1)
    for _ in range(11):
        logger.error("cannot charge", extra={"order": 7, "hosts": "the application's own"})
    sandbox.wait_until(lambda: len(sandbox.events) == 2)
    first, size = (event["payload"]["custom_details"] for event in sandbox.events)
    for details in (first, size):
        assert details["order"] == 7
        assert details["hosts"] == 1
        assert details["hosts (logged)"] == "the application's own"
    assert size["why"].startswith("size: 11 more")
    assert size["occurrences"] == 12
