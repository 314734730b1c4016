"""What the handlers of one process ask at one moment costs a state little more than one of them."""

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from pagerduty_logging.state.protocol import (
    LEASE,
    Anothers,
    Claim,
    Count,
    Mine,
    Outcome,
    Reply,
    Request,
    Sender,
    StateError,
)
from pagerduty_logging.state.together import KNOWN_FOR, STUCK, Together

MINE = Mine(occurrences=1, suppressed=0, first_seen=0.0, last_seen=0.0)


class Store:
    """Answers as told; an exchange takes until it is let go on."""

    def __init__(self, answer: Any = MINE) -> None:
        self.answer = answer
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.exchanges: list[list[Request]] = []

    def do(self, requests: list[Request]) -> list[Reply]:
        self.exchanges.append(requests)
        self.begun.set()
        assert self.go_on.wait(10.0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return [Reply(0.0, answer=self.answer, handed_in=request.sequence) for request in requests]


class User:
    """One handler's store."""


class Turn:
    """A lock that says how many wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.waiting = 0

    def acquire(self, blocking: bool = True, timeout: float = -1.0) -> bool:
        if not blocking:
            return self._lock.acquire(blocking=False)
        self.waiting += 1
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        self._lock.release()


class Crowd:
    """The first of a process is in an exchange; the others come while it is at it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = 0.0
        self.together = Together(clock=lambda: self.now)
        self.replies: dict[str, Any] = {}
        self.users = [User(), User()]
        for user in self.users:  # both are known
            store.go_on.set()
            self.together.ask(user, request("greeting", claim=None), 1.0, store.do)
        self.turn = self.together._turn = Turn()  # type: ignore[assignment]
        store.exchanges.clear()
        store.begun.clear()
        store.go_on.clear()

    def begin(self, name: str, what: Request) -> threading.Thread:
        def run() -> None:
            call = self.together.hand_in if what.counts else self.together.ask
            try:
                self.replies[name] = call(self.users[0], what, 10.0, self.store.do)
            except StateError as error:
                self.replies[name] = error

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def wait_for(self, waiting: int) -> None:
        while self.turn.waiting < waiting:
            time.sleep(0.001)

    def end(self, *threads: threading.Thread) -> None:
        self.store.go_on.set()
        for thread in threads:
            thread.join(10.0)


def request(name: str, claim: str | None = "disk", severity: int = 1, **more: Any) -> Request:
    sender = Sender(name=name, process="p", host="web-1", space="space")
    asked = None if claim is None else Claim(claim, severity, 0.0)
    return Request(sender=sender, claim=asked, **more)


def hand_in(name: str) -> Request:
    return request(name, claim=None, sequence=1, counts=(Count("disk", 1, 0.0, 0.0, 1),))


def test_hand_ins_that_come_during_an_exchange_go_together_in_the_next():
    crowd = Crowd(Store())
    first = crowd.begin("a", request("a"))
    assert crowd.store.begun.wait(10.0)
    others = [crowd.begin(str(number), hand_in(str(number))) for number in range(5)]
    crowd.wait_for(5)
    crowd.end(first, *others)
    assert [len(requests) for requests in crowd.store.exchanges] == [1, 5]
    assert [crowd.replies[str(number)].handed_in for number in range(5)] == [1] * 5


def test_a_hand_in_that_fails_fails_for_all_who_were_in_it():
    crowd = Crowd(Store())
    first = crowd.begin("a", request("a"))
    assert crowd.store.begun.wait(10.0)
    others = [crowd.begin(name, hand_in(name)) for name in ("b", "c")]
    crowd.wait_for(2)
    crowd.store.answer = StateError("away")
    crowd.end(first, *others)
    assert [str(crowd.replies[name]) for name in ("b", "c")] == ["away", "away"]


def test_the_same_claim_at_one_moment_is_made_once():
    crowd = Crowd(Store())
    first = crowd.begin("a", request("a"))
    assert crowd.store.begun.wait(10.0)
    others = [crowd.begin(name, request(name)) for name in ("b", "c")]
    crowd.wait_for(2)
    crowd.end(first, *others)
    assert len(crowd.store.exchanges) == 1
    assert crowd.replies["a"].answer is MINE
    assert [crowd.replies[name].answer for name in ("b", "c")] == [Anothers(False, LEASE)] * 2
    assert not crowd.replies["b"].handed_in, "what it counted is still to be handed in"


@pytest.mark.parametrize(
    "other",
    [
        request("a"),
        request("b", severity=0),
        request("b", claim="network"),
        request("b", outcomes=(Outcome("release", "network", 0.0),), sequence=1),
    ],
    ids=["its own", "a worse one", "another problem", "one that has to hand in an outcome"],
)
def test_a_claim_that_is_not_the_same_is_made(other: Request):
    crowd = Crowd(Store())
    first = crowd.begin("first", request("a"))
    assert crowd.store.begun.wait(10.0)
    second = crowd.begin("second", other)
    crowd.wait_for(1)
    crowd.end(first, second)
    assert len(crowd.store.exchanges) == 2


def test_a_claim_of_nobody_else_is_always_made():
    crowd = Crowd(Store())
    crowd.end(crowd.begin("a", request("a")))
    crowd.end(crowd.begin("b", request("b")))
    assert len(crowd.store.exchanges) == 2


@pytest.mark.parametrize(
    ("between", "exchanges"),
    [
        (lambda crowd: None, 2),
        (lambda crowd: setattr(crowd, "now", KNOWN_FOR + 0.1), 3),
        (
            lambda crowd: crowd.end(
                crowd.begin("o", request("a", None, outcomes=(Outcome("release", "disk", 0.0),), sequence=1))
            ),
            4,
        ),
    ],
    ids=["at once", "too late", "after its outcome"],
)
def test_an_answer_holds_for_a_moment_and_until_its_outcome(between: Any, exchanges: int):
    crowd = Crowd(Store())
    crowd.end(crowd.begin("a", request("a")))
    between(crowd)
    crowd.store.go_on.clear()
    crowd.store.begun.clear()
    busy = crowd.begin("busy", request("busy", "network"))
    assert crowd.store.begun.wait(10.0)
    other = crowd.begin("b", request("b"))
    if exchanges == 2:
        other.join(10.0)
    else:
        crowd.wait_for(1)
    crowd.end(busy, other)
    assert len(crowd.store.exchanges) == exchanges


def test_a_call_that_never_ends_holds_up_no_other_for_ever():
    crowd = Crowd(Store())
    stuck = crowd.begin("a", request("a"))
    assert crowd.store.begun.wait(10.0)
    with pytest.raises(StateError, match="no answer"):
        crowd.together.ask(crowd.users[1], request("b", "network"), 0.01, crowd.store.do)
    crowd.now = STUCK + 1.0
    other = crowd.begin("b", request("b", "network"))
    while len(crowd.store.exchanges) < 2:
        time.sleep(0.001)
    crowd.end(stuck, other)
    assert crowd.replies["b"].answer is MINE


def test_what_had_to_wait_is_as_old_as_it_is_by_then():
    old = replace(hand_in("a"), made=time.monotonic() - 2.0, outcomes=(Outcome("resolve", "disk", 1.0),))
    now = old.as_of_now()
    assert now.counts[0].first == pytest.approx(2.0, abs=0.5)
    assert now.outcomes[0].age == pytest.approx(3.0, abs=0.5)
