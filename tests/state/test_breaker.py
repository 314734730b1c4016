"""When a state that failed is asked again."""

from hypothesis import given
from hypothesis import strategies as st

from pagerduty_logging.state.breaker import LEAST_PATIENCE, MINUTE, PATIENCE, Breaker


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
    assert not breaker.closed
    breaker.answered()
    assert breaker.closed
    assert breaker.patience(0.0) == PATIENCE - 0.1
    breaker.failed(1.0, 0.0)
    assert breaker.until == 2.0


@given(st.lists(st.tuples(st.floats(0.0, 90.0), st.booleans(), st.floats(0.0, 1.0)), min_size=1, max_size=40))
def test_failing_calls_hold_the_worker_a_quarter_of_a_second_in_any_minute(steps):
    breaker, now = Breaker(), 0.0
    held: list[tuple[float, float]] = []
    for wait, answers, share in steps:
        now += wait
        patience = breaker.patience(now)
        if not patience:
            continue
        assert patience >= LEAST_PATIENCE
        if answers:
            breaker.answered()
            continue
        now += patience * share
        held.append((now, patience * share))
        breaker.failed(now, patience * share)
        assert sum(s for at, s in held if now - at < MINUTE) <= PATIENCE + 1e-9
