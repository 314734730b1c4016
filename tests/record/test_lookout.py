"""Looking for handlers that were removed costs a quiet process nothing."""

import logging
from collections.abc import Callable

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.record.lookout import BETWEEN_GLANCES, LONGEST_GLANCE, Lookout, _Pace


def looks(pace: _Pace, seconds: float, *, begin: float = 0.0, awake: bool = False) -> list[float]:
    """Return when it is time to look, for a worker that rests until then."""
    now, end = begin, begin + seconds
    found = []
    while now < end:
        if pace.is_time(now, awake):
            found.append(now - begin)
        now = pace.next_at
        awake = False
    return found


def test_the_longer_nothing_is_logged_the_rarer_a_worker_wakes_up_to_look() -> None:
    start = monotonic()
    found = looks(_Pace(), 86_400.0, begin=start)
    assert found[1] - found[0] < 3 * BETWEEN_GLANCES
    assert found[-1] - found[-2] == LONGEST_GLANCE
    assert len(found) < 300, "a day has 43,200 times two seconds"


def test_it_looks_soon_after_something_was_logged() -> None:
    start = monotonic()
    pace = _Pace()
    looks(pace, 10_000.0, begin=start)
    again = start + 10_000.0
    assert looks(pace, 60.0, begin=again, awake=True)[0] <= BETWEEN_GLANCES


def test_it_looks_every_two_seconds_while_there_is_work() -> None:
    start = monotonic()
    pace = _Pace()
    times = [pace.is_time(start + tenth / 10, awake=True) for tenth in range(1, 201)]
    assert 8 <= sum(times) <= 10


def lookout(handler: logging.Handler, said: list[str], asked: list[Callable[[], object]]) -> Lookout:
    """Return a lookout whose second never passes by itself."""
    return Lookout(
        handler,
        list,
        say=lambda topic, line, always=False: said.append(line),
        ask=asked.append,
        is_ending=lambda: False,
    )


def pass_seconds(asked: list[Callable[[], object]], seconds: int) -> None:
    for _ in range(seconds):
        due = asked[:]
        asked.clear()
        for call in due:
            call()


def test_a_handler_that_never_paged_is_missed_when_somebody_empties_the_list_of_handlers() -> None:
    said: list[str] = []
    asked: list[Callable[[], object]] = []
    logger = logging.getLogger("lookout.shop")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    looking = lookout(handler, said, asked)
    looking.first_look()
    logging._handlerList[:] = [ref for ref in logging._handlerList if ref() is not handler]
    logger.handlers.clear()
    del handler
    pass_seconds(asked, 3)
    [line] = said
    assert "is gone: errors page nobody" in line


def test_a_handler_that_never_paged_and_gets_nothing_is_reported_within_seconds_or_at_the_end() -> None:
    said: list[str] = []
    asked: list[Callable[[], object]] = []
    logger = logging.getLogger("lookout.deaf")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    logger.disabled = True
    looking = lookout(handler, said, asked)
    looking.report_undelivered()
    assert "gets no errors of the logger 'lookout.deaf'" in said.pop()
    another = lookout(handler, said, asked)
    another.first_look()
    pass_seconds(asked, 3)
    assert len(said) == 1
    logger.handlers.clear()
