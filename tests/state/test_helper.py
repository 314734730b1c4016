"""How long a call is waited for."""

from pagerduty_logging.state.helper import LONGEST, SLICES, waited


class Look:
    """Looks for an answer that never comes; each look takes so many times as long as it should."""

    def __init__(self, slowness: float) -> None:
        self.slowness = slowness
        self.now = 0.0
        self.times = 0

    def __call__(self, seconds: float) -> bool:
        self.times += 1
        self.now += seconds * self.slowness
        return False


def test_a_wait_ends_after_its_time():
    look = Look(slowness=1.0)
    assert not waited(look, 0.25, lambda: look.now)
    assert look.times == SLICES


def test_time_in_which_nothing_gets_cpu_does_not_count_for_a_while():
    look = Look(slowness=3.0)
    assert not waited(look, 0.25, lambda: look.now)
    assert LONGEST < look.now < 2 * LONGEST


def test_a_wait_of_no_time_is_one_look():
    look = Look(slowness=1.0)
    assert not waited(look, 0.0, lambda: look.now)
    assert look.times == 1
