"""What waits, and what became of the rest: with a clock that the test turns."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pagerduty_logging.delivery.body import BodyOf
from pagerduty_logging.delivery.event import Kind, Named, Pending
from pagerduty_logging.delivery.inbox import HANGS, MAX_BEHIND, MAX_DEFERRED, MAX_DEFERRED_BYTES, Inbox
from pagerduty_logging.delivery.queue import MAX_ENTERING, Queue
from pagerduty_logging.delivery.schedule import Backlog, Budget
from pagerduty_logging.events_api.errors import BadRequest, NetworkError
from pagerduty_logging.events_api.events import Severity, Trigger
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.state.throttle import EventOutcome


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Logged:
    """An item of the inbox."""

    key: str
    keeps_place: bool = False
    size: int = 100


def queue(clock: Clock, max_pending: int = 10, per_minute: int = 100) -> Queue:
    backlog = Backlog(Retry(initial=1.0, max_age=3600.0), random=lambda: 0.5)
    return Queue(backlog, Budget(per_minute), max_pending, clock)


def pending(
    key: str, clock: Clock, severity: str = "error", outcomes: list[EventOutcome] | None = None
) -> Pending:
    def settle(outcome: EventOutcome) -> int:
        if outcomes is not None:
            outcomes.append(outcome)
        return 1

    return Pending(
        dedup_key=key,
        severity=Severity(severity),
        kind=Kind.NEWS,
        accepted_at=clock(),
        body=BodyOf(lambda: Trigger(key)),
        settle=settle,
        caller=Named(f"label of {key}"),
    )


def decider(clock: Clock) -> Callable[[Logged], Pending | None]:
    return lambda item: None if item.key == "repeat" else pending(item.key, clock)


def test_items_are_decided_in_the_order_in_which_they_came() -> None:
    clock = Clock()
    waiting = queue(clock)
    for key in ("disk", "repeat", "bank"):
        assert waiting.inbox.offer(Logged(key))
        clock.now += 1
    assert (waiting.stats().accepted, waiting.stats().pending) == (3, 3)
    waiting.decide(decider(clock))
    assert [event.dedup_key for event in waiting.waiting()] == ["disk", "bank"]
    assert (waiting.stats().accepted, waiting.stats().pending) == (2, 2)


def test_what_there_is_no_room_for_is_reported_while_the_rest_is_decided() -> None:
    clock = Clock()
    waiting = queue(clock, max_pending=1)
    for number in range(4 * MAX_ENTERING):
        assert waiting.inbox.offer(Logged(f"{number}"))
    seen: list[int] = []

    def report() -> None:
        seen.append(len(waiting.lost))
        waiting.lost.clear()

    waiting.decide(decider(clock), report)
    assert len(seen) == 4
    assert max(seen) <= MAX_ENTERING


def test_an_item_whose_decision_is_interrupted_is_decided_again() -> None:
    clock = Clock()
    waiting = queue(clock)
    waiting.inbox.put(Logged("disk"))

    def interrupted(item: Logged) -> Pending:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        waiting.decide(interrupted)
    assert len(waiting.inbox) == 1
    waiting.decide(decider(clock))
    assert [event.dedup_key for event in waiting.waiting()] == ["disk"]


def test_the_inbox_is_bounded_in_number_and_in_memory() -> None:
    inbox = Inbox(Clock())
    assert all(inbox.offer(Logged("disk")) for _ in range(MAX_DEFERRED))
    assert not inbox.offer(Logged("disk"))
    inbox = Inbox(Clock())
    assert inbox.offer(Logged("disk", size=MAX_DEFERRED_BYTES))
    assert not inbox.offer(Logged("disk", size=1))
    inbox.remove_first()
    assert inbox.offer(Logged("disk", size=1))


def test_nothing_overtakes_a_resolve_that_waits() -> None:
    inbox = Inbox(Clock())
    for _ in range(MAX_DEFERRED):
        inbox.offer(Logged("disk"))
    assert not inbox.offer(Logged("disk"))
    assert inbox.offer(Logged("resolve", keeps_place=True))
    assert inbox.offer(Logged("disk"))
    inbox.remove_first()
    assert inbox.offer(Logged("disk"))


def test_while_a_decision_hangs_what_is_logged_waits_in_spite_of_the_bound() -> None:
    clock = Clock()
    inbox = Inbox(clock)
    while inbox.offer(Logged("disk")):
        pass
    inbox.begin_first()
    clock.now += HANGS / 2
    assert not inbox.offer(Logged("disk"))
    clock.now += HANGS
    assert inbox.offer(Logged("disk"))
    while inbox.offer(Logged("disk")):
        pass
    assert len(inbox) == MAX_BEHIND
    inbox.end()
    for _ in range(MAX_BEHIND - MAX_DEFERRED):
        inbox.remove_first()
    assert not inbox.offer(Logged("disk"))


def test_where_there_is_no_room_the_least_severe_is_dropped_and_reported_once_it_is_calm() -> None:
    clock, outcomes = Clock(), []
    waiting = queue(clock, max_pending=2)
    for key, severity in (("disk", "error"), ("bank", "critical"), ("mail", "warning")):
        waiting.enter(pending(key, clock, severity, outcomes))
    assert sorted(event.dedup_key for event in waiting.waiting()) == ["bank", "disk"]
    assert outcomes == [EventOutcome.REJECTED]
    stats = waiting.stats()
    assert (stats.accepted, stats.pending, stats.dropped) == (3, 2, {"overflow": 1})
    clock.now = 60.0
    heads = []
    while (head := waiting.next()[0]) is not None:
        heads.append(head)
        head.body.packed()
        waiting.conclude(head, None)
        waiting.sending = None
    assert [head.kind for head in heads].count(Kind.SUMMARY) == 1
    stats = waiting.stats()
    assert stats.accepted == stats.delivered + sum(stats.dropped.values())


def test_an_event_is_refused_once_whole_and_once_bare_before_it_is_given_up() -> None:
    clock, outcomes = Clock(), []
    waiting = queue(clock)
    waiting.enter(pending("disk", clock, outcomes=outcomes))
    for bare in (False, True):
        head, _ = waiting.next()
        assert head is not None
        assert head.body.bare is bare
        waiting.conclude(head, BadRequest("no", status=400))
        waiting.sending = None
    assert waiting.next() == (None, None)
    assert outcomes == [EventOutcome.REFUSED]
    assert waiting.stats().dead_lettered == 1
    assert len(waiting.lost) == 1


def test_an_event_that_failed_waits_its_pause_unless_it_is_to_be_tried_now() -> None:
    clock = Clock()
    waiting = queue(clock)
    waiting.enter(pending("disk", clock))
    head, _ = waiting.next()
    assert head is not None
    waiting.conclude(head, NetworkError("no"))
    waiting.sending = None
    again, wait = waiting.next()
    assert again is None
    assert wait == 0.5
    waiting.retry_now()
    assert waiting.next()[0] is head


def test_no_event_but_a_critical_one_is_worth_waking_for_while_the_budget_is_spent() -> None:
    clock = Clock()
    waiting = queue(clock, per_minute=5)
    for number in range(5):
        waiting.enter(pending(f"disk {number}", clock))
    while (head := waiting.next()[0]) is not None:
        waiting.conclude(head, None)
        waiting.sending = None
    assert waiting.blocked_until == 60.0
    waiting.enter(pending("bank", clock, "critical"))
    head, _ = waiting.next()
    assert head is not None
    assert head.dedup_key == "bank"


def test_another_lines_problem_is_kept_however_many_words_one_line_logs() -> None:
    clock = Clock()
    waiting = queue(clock, max_pending=10)
    for n in range(3_300):
        clock.now += 0.001
        event = pending(f"word {n}", clock)
        event.caller = Named("ERROR of logger 'web' (web.py:10)")
        waiting.enter(event)
        if n == 1_000:
            waiting.enter(pending("the database is down", clock))
    kept = [event.dedup_key for event in waiting.waiting()]
    assert len(kept) == 10
    assert "the database is down" in kept
    assert waiting.stats().dropped == {"overflow": 3_301 - 10}
    first, _ = waiting.next()
    assert first is not None
    waiting.conclude(first, None)
    waiting.sending = None
    second, _ = waiting.next()
    assert second is not None
    assert "the database is down" in (first.dedup_key, second.dedup_key)
