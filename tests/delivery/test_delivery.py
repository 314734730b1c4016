"""A delivery whose clock, chance, client and steps are the test's."""

import time
from dataclasses import dataclass

from pagerduty_logging.delivery.body import BodyOf
from pagerduty_logging.delivery.delivery import Delivery
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.event import Kind, Named, Pending, nobody_waits
from pagerduty_logging.delivery.reports import NoReports
from pagerduty_logging.events_api.encoding import EncodedEvent
from pagerduty_logging.events_api.errors import EventsError, NetworkError
from pagerduty_logging.events_api.events import Severity, Trigger
from pagerduty_logging.events_api.retrying import Retry


@dataclass
class Logged:
    """An item of the inbox."""

    key: str
    keeps_place = False
    size = 100


class Client:
    """Stands in for the network: fails as often as asked, and keeps what it was given."""

    timeout = 10.0
    retry = Retry(initial=1.0, maximum=8.0, max_age=3600.0)

    def __init__(self) -> None:
        self.failures: list[EventsError] = []
        self.posted: list[str] = []

    def post(self, event: EncodedEvent, timeout: float) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.posted.append(str(event.dedup_key))

    def close(self) -> None:
        """Nothing is open."""


class Turned:
    """A delivery at a time that stands until it is turned."""

    def __init__(self, **options: object) -> None:
        self.now = 0.0
        self.client = Client()
        self.delivery = Delivery(
            self.client,  # type: ignore[arg-type]
            decide=self.decide,
            max_pending=10,
            max_events_per_minute=100,
            diagnostics=Diagnostics(),
            clock=lambda: self.now,
            random=lambda: 0.999,
            **options,  # type: ignore[arg-type]
        )

    def decide(self, item: Logged) -> Pending:
        return Pending(
            dedup_key=item.key,
            severity=Severity.ERROR,
            kind=Kind.NEWS,
            accepted_at=self.now,
            body=BodyOf(lambda: Trigger(item.key, dedup_key=item.key)),
            settle=nobody_waits,
            caller=Named(item.key),
        )


def test_without_a_thread_what_is_submitted_is_sent_before_the_call_returns() -> None:
    turned = Turned(background=False)
    turned.delivery.submit(Logged("disk"))
    assert turned.client.posted == ["disk"]
    assert turned.delivery.stats().delivered == 1


def test_a_step_says_how_long_to_wait_and_tries_again_when_that_time_has_come() -> None:
    turned = Turned()
    worker = turned.delivery.worker
    worker.queue.inbox.put(Logged("disk"))
    turned.client.failures = [NetworkError("no"), NetworkError("no")]
    assert worker.sending.step(10.0) == 0.0
    waits = []
    while not turned.client.posted:
        wait = worker.sending.step(10.0)
        assert wait is not None
        if wait:
            waits.append(round(wait, 3))
            turned.now += wait
    assert waits == [0.999, 1.998]
    assert worker.sending.step(10.0) is None
    assert turned.delivery.stats().retries == 2


class EndReports(NoReports):
    """Has nothing to report at the end, which is known once it has been asked."""

    ending = False  # type: ignore[assignment]

    def end(self) -> None:
        self.ending = True  # type: ignore[assignment]

    def next(self, now: float) -> None:
        self.ending = False


def test_what_is_asked_of_a_thread_that_ends_is_not_waited_for_in_vain() -> None:
    turned = Turned(reports=EndReports())
    worker = turned.delivery.worker
    worker._clock = time.monotonic

    def close() -> None:
        """Be slow to end: somebody has begun to wait."""
        while not worker._wake_ups.waiting:
            time.sleep(0.001)

    turned.client.close = close  # type: ignore[method-assign]
    worker.ensure_thread()
    thread = worker.thread
    worker.close()
    assert thread is not None
    while worker.thread is not None:
        time.sleep(0.001)
    worker.thread = thread  # as one sees it who looked before
    worker.finish()
    assert worker.flush(10.0)
