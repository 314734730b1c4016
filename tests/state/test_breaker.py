"""When a state that failed is asked again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagerduty_logging.state.breaker import (
    LEAST_PATIENCE,
    MINUTE,
    PATIENCE,
    PATIENCE_AT_THE_END,
    QUICK,
    Breaker,
    LastTries,
)

pytestmark = pytest.mark.usefixtures("hurried")


def test_the_pause_doubles_up_to_a_minute():
    breaker, now = Breaker(), 0.0
    pauses = []
    for _ in range(9):
        breaker.failed(now, 0.0)
        assert breaker.patience(now) == 0.0
        pauses.append(breaker.until - now)
        now = breaker.until
        assert breaker.patience(now) > 0.0
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_an_answer_closes_it():
    breaker = Breaker()
    breaker.failed(0.0, 0.1)
    assert breaker.open
    breaker.answered()
    assert not breaker.open
    assert breaker.patience(0.0) == PATIENCE - 0.1


def test_a_state_that_is_back_is_asked_though_it_held_the_worker():
    breaker = Breaker()
    breaker.failed(0.0, PATIENCE)
    assert breaker.patience(2.0) == 0.0
    breaker.answered()
    assert breaker.patience(2.0) == QUICK


def test_a_flush_may_wait_as_long_once_more_and_makes_no_pause_longer():
    breaker = Breaker()
    breaker.failed(0.0, PATIENCE)
    with breaker.lifted():
        assert breaker.patience(0.5) == PATIENCE
        breaker.failed(0.5, PATIENCE)
    assert breaker.until == 1.0
    with breaker.lifted():
        assert breaker.patience(0.9) == 0.0, "no further one within the minute"
    breaker.failed(1.0, 0.0)
    assert breaker.until == 3.0


def test_a_state_that_comes_and_goes_is_asked_ever_more_seldom():
    breaker, now, pauses = Breaker(), 0.0, []
    for _ in range(5):
        breaker.failed(now, 0.0)
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker.answered()
    assert pauses == [1, 2, 4, 8, 16]
    breaker.failed(now + 120.0, 0.0)
    assert breaker.until == now + 121.0, "it had been well for a while"


@given(st.lists(st.tuples(st.floats(0.0, 90.0), st.floats(0.0, 1.0)), min_size=1, max_size=40))
def test_failing_calls_hold_the_worker_a_quarter_of_a_second_in_any_minute(steps):
    breaker, now = Breaker(), 0.0
    held: list[tuple[float, float]] = []
    for wait, share in steps:
        now += wait
        patience = breaker.patience(now)
        if not patience:
            continue
        assert patience >= LEAST_PATIENCE
        now += patience * share
        held.append((now, patience * share))
        breaker.failed(now, patience * share)
        assert sum(s for at, s in held if now - at < MINUTE) <= PATIENCE + 1e-9


@given(st.floats(0.0, 30.0))
def test_the_end_of_a_process_tries_ever_more_seldom_until_its_time_is_over(seconds: float):
    now, pauses = [100.0], []

    def sleep(pause: float) -> None:
        pauses.append(pause)
        now[0] += pause

    tries = LastTries(seconds, lambda: now[0], sleep)
    while wait := tries.wait():
        assert 0.0 < wait <= seconds + 1e-9
        tries.rest()
        assert len(pauses) < 100
    assert 100.0 + seconds - 0.02 < now[0] <= 100.0 + seconds + 1e-9
    assert all(0.025 <= pause <= 0.8 for pause in pauses[:-1])


def test_a_state_that_is_away_is_tried_eight_times_at_the_end_or_for_four_seconds():
    now = [100.0]
    tries = LastTries(30.0, lambda: now[0], lambda pause: None, away=True)
    for _ in range(8):
        assert tries.wait() == 2.0
        tries.rest()
    assert tries.wait() == 0.0
    hanging = LastTries(30.0, lambda: now[0], away=True)
    now[0] += 3.0
    assert hanging.wait() == 1.0
    now[0] += 1.0
    assert hanging.wait() == 0.0


def test_a_process_that_ends_waits_longer_for_one_answer_for_others_end_too_and_want_the_cpu():
    breaker = Breaker(ends_until=30.0)
    assert breaker.patience(0.0) == PATIENCE_AT_THE_END
    breaker.failed(1.0, 1.0)
    assert breaker.patience(1.5) == 0.0
    assert breaker.patience(3.0) < PATIENCE
    assert Breaker(ends_until=30.0).patience(31.0) == PATIENCE
