"""What a page says of how often a problem happened, once the state has said what all processes know."""

from typing import Any

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.page import figures
from pagerduty_logging.state.problem import History
from pagerduty_logging.state.protocol import Mine

EPOCH = 1_800_000_000.0


def why(history: History, **known: Any) -> str:
    """Return why an event is sent that reports what happened within ten minutes."""
    shared = {"occurrences": 5_000, "suppressed": 4_376, "first_seen": EPOCH, "last_seen": EPOCH + 600.0}
    figures.take(history, Severity.ERROR, Mine(**{**shared, "events": 3, "told_severity": 1, **known}), None)
    return history.why


def test_a_reminder_says_how_long_after_the_last_event_it_comes_whoever_sent_that() -> None:
    started_three_seconds_ago = History(2, 1, EPOCH + 597.0, EPOCH + 597.0, "again: 3 s later, 1 held back")
    assert why(started_three_seconds_ago, told_at=EPOCH) == "again: 10 minutes later, 4,376 held back"


def test_the_size_of_a_problem_is_what_came_since_the_last_event_whoever_sent_that() -> None:
    late = History(2, 1, EPOCH + 597.0, EPOCH + 597.0, "size: 1 more in 3 s")
    assert why(late, told_at=EPOCH + 585.0, events=1) == "size: 4,376 more in 15 s"
