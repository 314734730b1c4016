"""What is news, where threads meet: the rest is seen through the handler."""

import threading
import time

from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.state.problem import Outcome
from pagerduty_logging.state.throttle import Settlement, Throttle


def test_an_event_is_settled_although_another_thread_does_not_come_out_of_an_occurrence() -> None:
    """As when a finaliser logs in the midst of it, and waits for the very thread that settles."""
    stuck: list[int] = []
    inside, settled = threading.Event(), threading.Event()

    def clock() -> float:
        if threading.get_ident() in stuck:
            inside.set()
            settled.wait(60)
        return time.monotonic()

    throttle = Throttle(300.0, 10, clock)
    settle, settle_other = Settlement(throttle), Settlement(throttle)
    throttle.sight("first", Severity.ERROR, 0.0, settle)
    throttle.sight("second", Severity.ERROR, 0.0, settle_other)

    def occur() -> None:
        stuck.append(threading.get_ident())
        settle_other(Outcome.DELIVERED)

    thread = threading.Thread(target=occur)
    thread.start()
    assert inside.wait(60)
    assert settle(Outcome.DELIVERED) == 1
    assert not settled.is_set()
    settled.set()
    thread.join()
    assert throttle.sight("first", Severity.ERROR, 0.0).why is None
