"""What is news, where threads meet: the rest is seen through the handler."""

import dataclasses
import threading
import time

import pytest

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.state.throttle import NEVER, Outcome, Problem, Throttle, Verdict, judge


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
    problem = throttle.sight("first", Severity.ERROR, 0.0).problem
    other = throttle.sight("second", Severity.ERROR, 0.0).problem

    def occur() -> None:
        stuck.append(threading.get_ident())
        throttle.settle(other, Outcome.DELIVERED)

    thread = threading.Thread(target=occur)
    thread.start()
    assert inside.wait(60)
    assert throttle.settle(problem, Outcome.DELIVERED) == 1
    assert not settled.is_set()
    settled.set()
    thread.join()
    assert throttle.sight("first", Severity.ERROR, 0.0).verdict is Verdict.REPEAT


# Every verdict, for what may be known of a problem


def _known(**state: object) -> Problem:
    fields = {"key": "key", "severity": Severity.ERROR, "first_seen": 0.0, "told": 1, "quiet_until": 300.0}
    return Problem(**{**fields, **state})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("problem", "severity", "now", "verdict"),
    [
        pytest.param(None, "error", 0.0, Verdict.FIRST, id="unknown"),
        pytest.param(_known(told=0), "error", 0.0, Verdict.FIRST, id="never told"),
        pytest.param(_known(lost=True), "error", 10.0, Verdict.FIRST, id="its event was lost"),
        pytest.param(_known(), "error", 10.0, Verdict.REPEAT, id="within the window"),
        pytest.param(_known(), "warning", 10.0, Verdict.REPEAT, id="less severe"),
        pytest.param(_known(), "critical", 10.0, Verdict.ESCALATED, id="more severe"),
        pytest.param(_known(under_way=1), "critical", 10.0, Verdict.ESCALATED, id="more severe, under way"),
        pytest.param(_known(), "error", 299.9, Verdict.REPEAT, id="at the end of the window"),
        pytest.param(_known(), "error", 300.0, Verdict.REMINDER, id="after the window"),
        pytest.param(_known(under_way=1), "error", 300.0, Verdict.REPEAT, id="after it, but under way"),
        pytest.param(_known(quiet_until=NEVER), "error", 0.0, Verdict.REMINDER, id="no window"),
        pytest.param(_known(lost=True, under_way=1), "error", 0.0, Verdict.FIRST, id="lost, under way"),
    ],
)
def test_what_an_occurrence_is(problem: Problem | None, severity: str, now: float, verdict: Verdict) -> None:
    assert judge(problem, Severity(severity), now) is verdict


def test_the_quick_way_to_a_new_problem_notes_what_the_general_way_does() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 7.0)
    quick = throttle.sight("key", Severity.ERROR, 1.5)
    general = throttle._note(Problem("key", Severity.ERROR, 1.5), Severity.ERROR, 1.5, None, 7.0)
    assert dataclasses.asdict(quick.problem) == dataclasses.asdict(general.problem)
    assert quick.history == general.history
    assert quick.verdict is general.verdict


def test_a_window_begins_when_the_event_is_delivered_and_ends_after_the_repeat_interval() -> None:
    now = 0.0
    throttle = Throttle(300.0, 10, clock=lambda: now)

    def sight() -> Verdict:
        sighting = throttle.sight("key", Severity.ERROR, now)
        if sighting.verdict is not Verdict.REPEAT:
            throttle.settle(sighting.problem, Outcome.DELIVERED)
        return sighting.verdict

    assert sight() is Verdict.FIRST
    now = 299.0
    assert sight() is Verdict.REPEAT
    now = 300.0
    assert sight() is Verdict.REMINDER
    now = 599.0
    assert sight() is Verdict.REPEAT


def test_a_resolved_problem_is_news_and_nothing_passes_for_its_repeat_meanwhile() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 0.0)
    problem = throttle.sight("key", Severity.ERROR, 0.0).problem
    throttle.settle(problem, Outcome.DELIVERED)
    throttle.know("shop", "it broke", 40, problem)
    throttle.end("key")
    assert problem.level == NEVER  # so that the hot path does not take its records
    throttle.know("shop", "it broke", 40, problem)
    assert problem.level == NEVER
    throttle.resolved("key")
    assert throttle.sight("key", Severity.ERROR, 0.0).verdict is Verdict.FIRST


def test_a_problem_that_was_rejected_with_its_only_event_is_forgotten() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 0.0)
    problem = throttle.sight("key", Severity.ERROR, 0.0).problem
    throttle.settle(problem, Outcome.REJECTED)
    assert throttle.sight("key", Severity.ERROR, 5.0).history.first_seen == 5.0


def test_a_problem_whose_event_was_lost_keeps_its_count() -> None:
    throttle = Throttle(300.0, 10, clock=lambda: 0.0)
    problem = throttle.sight("key", Severity.ERROR, 0.0).problem
    throttle.settle(problem, Outcome.LOST)
    sighting = throttle.sight("key", Severity.ERROR, 5.0)
    assert sighting.verdict is Verdict.FIRST
    assert (sighting.history.occurrences, sighting.history.first_seen) == (2, 0.0)
