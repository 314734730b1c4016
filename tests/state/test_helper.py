"""How long a call is waited for."""

from pagerduty_logging.state.helper import LONGEST, SLICES, Call, waited, waited_at_once


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


def test_where_many_wait_one_late_part_begins_the_wait_anew():
    class Unsteady(Look):
        def __call__(self, seconds: float) -> bool:
            self.slowness = 1.5 if self.times == SLICES - 2 else 1.0
            return super().__call__(seconds)

    alone, of_many = Unsteady(1.0), Unsteady(1.0)
    assert not waited(alone, 0.25, lambda: alone.now)
    assert not waited(of_many, 0.25, lambda: of_many.now, by_many=True)
    assert (alone.times, of_many.times) == (SLICES, SLICES - 1 + SLICES)


def test_where_many_wait_a_wait_has_an_end_too():
    look = Look(slowness=3.0)
    assert not waited(look, 0.25, lambda: look.now, by_many=True)
    assert LONGEST < look.now < 2 * LONGEST


def test_who_concludes_nothing_waits_in_one_piece():
    parts: list[float] = []
    call = Call(lambda: None, lambda look, seconds: parts.append(seconds) or waited_at_once(look, seconds))
    assert not call.wait(0.001)
    assert parts == [0.001]


def test_a_wait_of_no_time_is_one_look():
    look = Look(slowness=1.0)
    assert not waited(look, 0.0, lambda: look.now)
    assert look.times == 1
