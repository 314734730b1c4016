"""What is news, where threads meet: the rest is seen through the handler."""

import dataclasses
import threading
import time
from collections import deque

import pytest

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.state.outbox import HAND_IN
from pagerduty_logging.state.problem import (
    NEVER,
    EventOutcome,
    Last,
    Problem,
    Sighting,
    judge,
    next_window,
    reason,
)
from pagerduty_logging.state.shortcuts import MAX_FORGOTTEN
from pagerduty_logging.state.throttle import Throttle
from pagerduty_logging.state.why import Why


def test_an_event_is_settled_although_another_thread_does_not_come_out_of_an_occurrence() -> None:
    """As when a finaliser logs during it, and waits for the very thread that settles."""
    stuck: list[int] = []
    inside, settled = threading.Event(), threading.Event()

    def clock() -> float:
        if threading.get_ident() in stuck:
            inside.set()
            settled.wait(60)
        return time.monotonic()

    throttle = Throttle(300.0, 10, clock)
    settle, settle_other = throttle.settlement(), throttle.settlement()
    throttle.sight("first", Severity.ERROR, 0.0, settle)
    throttle.sight("second", Severity.ERROR, 0.0, settle_other)

    def occur() -> None:
        stuck.append(threading.get_ident())
        settle_other(EventOutcome.DELIVERED)

    thread = threading.Thread(target=occur)
    thread.start()
    assert inside.wait(60)
    assert settle(EventOutcome.DELIVERED) == 1
    assert not settled.is_set()
    settled.set()
    thread.join()
    assert throttle.sight("first", Severity.ERROR, 0.0).why is None


def _settled(throttle: Throttle, outcome: EventOutcome) -> Problem:
    """Return a problem whose event has come to an end."""
    settle = throttle.settlement()
    problem = throttle.sight("key", Severity.ERROR, 0.0, settle).problem
    settle(outcome)
    return problem


# Every answer, for what may be known of a problem


def _known(**state: object) -> Problem:
    last = Last(Severity.ERROR, lost=bool(state.pop("lost", False)))
    fields = {"key": "key", "last": last, "first_seen": 0.0, "reported": 1, "quiet_until": 300.0}
    return Problem(**{**fields, **state})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("problem", "severity", "now", "why"),
    [
        pytest.param(None, "error", 0.0, Why.FIRST, id="unknown"),
        pytest.param(_known(reported=0), "error", 0.0, Why.FIRST, id="never told"),
        pytest.param(_known(lost=True), "error", 10.0, Why.LOST, id="its event was lost"),
        pytest.param(_known(), "error", 10.0, None, id="within the window"),
        pytest.param(_known(), "warning", 10.0, None, id="less severe"),
        pytest.param(_known(), "critical", 10.0, Why.WORSE, id="more severe"),
        pytest.param(_known(under_way=1), "critical", 10.0, Why.WORSE, id="more severe, under way"),
        pytest.param(_known(), "error", 299.9, None, id="at the end of the window"),
        pytest.param(_known(), "error", 300.0, Why.AGAIN, id="after the window"),
        pytest.param(_known(under_way=1), "error", 300.0, None, id="after it, but under way"),
        pytest.param(_known(quiet_until=NEVER), "error", 0.0, Why.AGAIN, id="no window"),
        pytest.param(_known(lost=True, under_way=1), "error", 0.0, Why.LOST, id="lost, under way"),
    ],
)
def test_what_an_occurrence_is(problem: Problem | None, severity: str, now: float, why: Why | None) -> None:
    assert judge(problem, Severity(severity), now) is why


def _quiet_since(window: float, *, held_back: int = 0) -> Problem:
    """Return a problem whose window of so many seconds ends at 300, with repeats that no event reports."""
    last = Last(Severity.ERROR, at=0.0, window=window)
    return Problem("key", last, first_seen=0.0, occurrences=1 + held_back, reported=1, quiet_until=300.0)


@pytest.mark.parametrize(
    ("why", "problem", "now", "seconds"),
    [
        pytest.param(Why.FIRST, _quiet_since(0.0), 0.0, 300.0, id="the first"),
        pytest.param(Why.LOST, _quiet_since(1200.0), 10.0, 300.0, id="after a lost one"),
        pytest.param(Why.WORSE, _quiet_since(1200.0, held_back=3), 10.0, 1200.0, id="worse: as before"),
        pytest.param(Why.AGAIN, _quiet_since(300.0, held_back=3), 310.0, 600.0, id="a reminder: doubled"),
        pytest.param(Why.AGAIN, _quiet_since(2400.0, held_back=3), 310.0, 3600.0, id="up to the longest"),
        pytest.param(Why.AGAIN, _quiet_since(1200.0), 310.0, 300.0, id="nothing was held back"),
        pytest.param(Why.AGAIN, _quiet_since(1200.0, held_back=3), 1499.9, 2400.0, id="just before quiet"),
        pytest.param(Why.AGAIN, _quiet_since(1200.0, held_back=3), 1500.0, 300.0, id="after quiet"),
    ],
)
def test_the_window_that_an_event_opens(why: Why, problem: Problem, now: float, seconds: float) -> None:
    assert next_window(why, problem, now, 300.0, 3600.0) == seconds


@pytest.mark.parametrize(
    ("why", "severity", "said"),
    [
        (Why.FIRST, "error", "first"),
        (Why.WORSE, "critical", "worse: error → critical"),
        (Why.AGAIN, "error", "again: 5 minutes later, 3 held back"),
        (Why.LOST, "error", "the event before was lost"),
    ],
)
def test_what_a_page_says_of_its_reason(why: Why, severity: str, said: str) -> None:
    assert reason(why, _quiet_since(300.0, held_back=3), Severity(severity), 310.0) == said


def test_the_quick_way_to_a_new_problem_notes_what_the_general_way_does() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 7.0)
    quick = throttle.sight("key", Severity.ERROR, 1.5)
    general = throttle._note(Problem("key", Last(Severity.ERROR), 1.5), Severity.ERROR, 1.5, None, 7.0)
    assert dataclasses.asdict(quick.problem) == dataclasses.asdict(general.problem)
    assert quick.history == general.history
    assert quick.why is general.why


def test_a_window_begins_when_the_event_is_delivered_and_ends_after_the_repeat_interval() -> None:
    now = 0.0
    throttle = Throttle(300.0, 10, clock=lambda: now)

    def sight() -> Why | None:
        settle = throttle.settlement()
        sighting = throttle.sight("key", Severity.ERROR, now, settle)
        settle(EventOutcome.DELIVERED)
        return sighting.why

    assert sight() is Why.FIRST
    now = 299.0
    assert sight() is None
    now = 300.0
    assert sight() is Why.AGAIN
    now = 599.0
    assert sight() is None


def test_a_resolved_problem_is_news_and_nothing_passes_for_its_repeat_meanwhile() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 0.0)
    problem = _settled(throttle, EventOutcome.DELIVERED)
    throttle.shortcuts.know("shop", "it broke", 40, problem)
    throttle.end("key")
    assert problem.level == NEVER  # so that the hot path does not take its records
    throttle.shortcuts.know("shop", "it broke", 40, problem)
    assert problem.level == NEVER
    throttle.resolved("key")
    assert throttle.sight("key", Severity.ERROR, 0.0).why is Why.FIRST


@pytest.mark.parametrize("escalation_rate", [None, 10.0])
@pytest.mark.parametrize("in_call", [False, True])
def test_a_window_that_is_not_open_for_all_is_closed(escalation_rate: float | None, in_call: bool) -> None:
    now = 0.0
    throttle = Throttle(300.0, 10, clock=lambda: now, escalation_rate=escalation_rate)
    throttle.fresh, throttle.in_call = deque(), in_call
    problem = _settled(throttle, EventOutcome.DELIVERED)
    problem.said = "what a report needs"
    now = 250.0
    assert throttle.sight("key", Severity.ERROR, 0.0).why is None
    now = 290.0
    assert throttle.unreported.reopened("key") is problem
    assert throttle.unreported.held_back(now) == [problem], "it is reported at the end of the process"
    assert throttle.unreported.reopened("key") is None
    assert throttle.sight("key", Severity.ERROR, 0.0).why is Why.AGAIN


def test_where_no_thread_hands_in_the_hot_path_asks_every_few_seconds_and_the_window_is_as_long() -> None:
    now = 0.0
    throttle = Throttle(300.0, 10, clock=lambda: now)
    throttle.fresh, throttle.in_call = deque(), True
    problem = _settled(throttle, EventOutcome.DELIVERED)
    for _ in range(59):
        assert problem.quiet_until == now + HAND_IN
        now += HAND_IN
        assert throttle.sight("key", Severity.ERROR, 0.0).why is None
    now = 300.0
    assert throttle.sight("key", Severity.ERROR, 0.0).why is Why.AGAIN


def test_a_problem_that_was_rejected_with_its_only_event_is_forgotten() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 0.0)
    _settled(throttle, EventOutcome.REJECTED)
    assert throttle.sight("key", Severity.ERROR, 5.0).history.first_seen == 5.0


def test_a_problem_whose_event_was_lost_keeps_its_count() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 0.0)
    _settled(throttle, EventOutcome.LOST)
    sighting = throttle.sight("key", Severity.ERROR, 5.0)
    assert sighting.why is Why.LOST
    assert (sighting.history.occurrences, sighting.history.first_seen) == (2, 0.0)


# An event that was never made


def test_an_event_that_was_never_made_leaves_nothing_behind() -> None:
    now = 0.0
    throttle = Throttle(300.0, 10, clock=lambda: now)

    def sight(severity: Severity, outcome: EventOutcome) -> Sighting:
        settle = throttle.settlement()
        sighting = throttle.sight("key", severity, now, settle)
        settle(outcome)
        return sighting

    for at, severity, why in (
        (0.0, Severity.ERROR, Why.FIRST),
        (10.0, Severity.CRITICAL, Why.WORSE),
        (400.0, Severity.CRITICAL, Why.AGAIN),
    ):
        now = at
        undone = sight(severity, EventOutcome.UNDONE)
        decided_anew = sight(severity, EventOutcome.DELIVERED)
        assert undone.why is decided_anew.why is why
        assert undone.history == decided_anew.history
    assert decided_anew.problem.occurrences == decided_anew.problem.reported == 3


def test_a_problem_whose_only_event_was_never_made_is_forgotten() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 0.0)
    _settled(throttle, EventOutcome.UNDONE)
    assert not throttle.knows("key")


def test_an_event_that_was_never_made_keeps_the_window_of_another_one_under_way() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 0.0)
    first, worse = throttle.settlement(), throttle.settlement()
    throttle.sight("key", Severity.ERROR, 0.0, first)
    throttle.sight("key", Severity.CRITICAL, 0.0, worse)
    worse(EventOutcome.UNDONE)
    assert throttle.sight("key", Severity.ERROR, 0.0).why is None
    first(EventOutcome.DELIVERED)
    assert throttle.sight("key", Severity.CRITICAL, 0.0).why is Why.WORSE


@pytest.mark.parametrize("outcome", [EventOutcome.LOST, EventOutcome.REJECTED, EventOutcome.UNDONE])
def test_a_report_that_was_not_delivered_leaves_the_reminder_as_it_was(outcome: EventOutcome) -> None:
    now = 0.0
    throttle = Throttle(300.0, 10, clock=lambda: now)
    problem = _settled(throttle, EventOutcome.DELIVERED)
    problem.said = "anything"
    for _ in range(20):
        throttle.sight("key", Severity.ERROR, now)
    now = 15.0
    found = throttle.unreported.report(problem, Why.SIZE, now, now)
    assert found is not None
    found[1](outcome)
    now = 300.0
    assert throttle.sight("key", Severity.ERROR, now).history.why.startswith("again: 5 minutes later")


def test_a_storm_of_dropped_problems_leaves_no_short_cuts_but_those_of_other_problems() -> None:
    throttle = Throttle(300.0, 100_000, lambda: 0.0)
    kept = _settled(throttle, EventOutcome.DELIVERED)
    throttle.shortcuts.know("shop", "it broke", 40, kept)
    for number in range(3 * MAX_FORGOTTEN):
        settle = throttle.settlement()
        problem = throttle.sight(f"{number}", Severity.ERROR, 0.0, settle).problem
        throttle.shortcuts.know(f"shop.{number}", "it broke", 40, problem, ValueError)
        throttle.shortcuts.know_at(("shop.py", number), "token", "shop", 40, problem)
        settle(EventOutcome.REJECTED)
    assert throttle.shortcuts.known == {"shop": {"it broke": kept}}
    assert not throttle.shortcuts.known_at
