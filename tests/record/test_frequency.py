"""Rare blips do not page: what holds them back, and for how long."""

from pagerduty_logging.record.frequency import Frequency, Held
from pagerduty_logging.sandbox import Sandbox
from tests.pages import paging


class Clock:
    """Hands that tests turn."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_problem_is_held_back_until_it_happens_often_enough() -> None:
    clock = Clock()
    frequency = Frequency(3, 60.0, 100, clock)
    assert frequency.note("k", 1.0) is None
    clock.now += 20
    assert frequency.note("k", 2.0) is None
    clock.now += 20
    assert frequency.note("k", 3.0) == Held(2, 1.0)
    assert frequency.note("other", 3.0) is None


def test_old_occurrences_do_not_count() -> None:
    clock = Clock()
    frequency = Frequency(2, 60.0, 100, clock)
    assert frequency.note("k", 1.0) is None
    clock.now += 61
    assert frequency.note("k", 2.0) is None
    clock.now += 60
    assert frequency.note("k", 3.0) == Held(2, 1.0)


def test_the_problems_watched_are_bounded() -> None:
    frequency = Frequency(2, 60.0, 2, Clock())
    for key in ("a", "b", "c"):
        frequency.note(key, 1.0)
    assert frequency.note("a", 1.0) is None
    assert frequency.note("c", 1.0) is not None


def test_a_page_comes_with_the_count_of_what_was_held_back(sandbox: Sandbox) -> None:
    with paging(sandbox, min_occurrences=(3, 60.0)) as pager:
        pager.logger.error("timeout of %s", "a")
        pager.logger.error("timeout of %s", "b")
        assert pager.events == []
        pager.logger.error("timeout of %s", "c")
        pager.logger.error("timeout of %s", "d")
        assert pager.summary == "timeout of c"
        assert pager.details["occurrences"] == 3
        assert pager.handler.stats.suppressed == 3


def test_critical_pages_at_once(sandbox: Sandbox) -> None:
    with paging(sandbox, min_occurrences=(3, 60.0)) as pager:
        pager.logger.critical("the disk is gone")
        assert pager.payload["severity"] == "critical"


def test_a_record_may_page_while_another_is_noted(sandbox: Sandbox) -> None:
    """As a signal handler or a finaliser does, on the thread that runs it."""
    frequency = Frequency(5, 60.0, 10, Clock())
    nested: list[Held | None] = []

    class Key(str):
        def __hash__(self) -> int:
            if not nested:
                nested.append(frequency.note("inner", 1.0))
            return 7

    assert frequency.note(Key("outer"), 1.0) is None
    assert nested == [Held(0, 1.0)]
