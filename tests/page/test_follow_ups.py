"""Which follow-ups are due, for what another process has paged."""

from collections.abc import Callable
from typing import Any

import pytest

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.page.follow_ups import FollowUps
from pagerduty_logging.state.problem import EventOutcome, Problem
from pagerduty_logging.state.throttle import Throttle
from pagerduty_logging.state.why import Why


@pytest.fixture
def asked() -> list[tuple[str, int, Why]]:
    return []


@pytest.fixture
def told_elsewhere(asked: list[tuple[str, int, Why]]) -> Callable[..., FollowUps]:
    """Makes the follow-ups of a process that has met a problem which another one paged."""

    def make(follow_up: float, said: object = "what the event says") -> FollowUps:
        def note(problem: Problem, why: Why, now: float) -> Any:
            assert throttle.sight("disk", Severity.ERROR, 0.0, now=0.0).why is None, "it was told"
            problem.reported = problem.occurrences
            found = throttle.unreported.report(problem, why, 0.0, now)
            if found is not None:
                asked.append((problem.key, found[0].suppressed, why))

        throttle = Throttle(300.0, 100, clock=lambda: 0.0, follow_up=follow_up)
        settle = throttle.settlement()
        problem = throttle.sight("disk", Severity.ERROR, 0.0, settle, 0.0).problem
        problem.said = said
        settle(EventOutcome.NOT_NEEDED)
        return FollowUps(throttle, note)

    return make


@pytest.mark.parametrize(
    ("follow_up", "elapsed", "due"),
    [(15.0, 30.0, True), (15.0, 29.0, False), (0.0, 1_000.0, False)],
)
def test_the_size_is_reported_when_the_sender_of_the_first_event_no_longer_does(
    told_elsewhere: Callable[..., FollowUps],
    asked: list[tuple[str, int, Why]],
    follow_up: float,
    elapsed: float,
    due: bool,
) -> None:
    follow_ups = told_elsewhere(follow_up)
    follow_ups.size("disk", elapsed)
    follow_ups.next(0.0)
    assert asked == ([("disk", 1, Why.SIZE)] if due else [])


def test_the_size_of_a_problem_without_an_event_to_repeat_is_not_reported(
    told_elsewhere: Callable[..., FollowUps], asked: list[tuple[str, int, Why]]
) -> None:
    follow_ups = told_elsewhere(15.0, said=None)
    follow_ups.size("disk", 100.0)
    follow_ups.size("another", 100.0)
    follow_ups.next(0.0)
    assert asked == []
