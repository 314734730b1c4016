"""What the handlers of one process ask at one moment costs a state little more than one of them."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.state.among import MANY, Among
from pagerduty_logging.state.protocol import (
    LEASE,
    Anothers,
    Claim,
    Count,
    Later,
    Mine,
    Outcome,
    Reply,
    Request,
    Sender,
    StateError,
    Unknown,
)
from pagerduty_logging.state.request_queue import KNOWN_FOR, STUCK
from pagerduty_logging.state.shared_exchange import SharedExchange, User

from .conftest import Member, locked

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


class Users:
    """The first of a process is in an exchange; the others come while it is at it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = 0.0
        self.exchange = SharedExchange(clock=lambda: self.now)
        self.replies: dict[str, Any] = {}
        self.users = [User(), User()]
        assert [self.exchange.alone(user) for user in self.users] == [True, False]

    def begin(self, name: str, what: Request) -> threading.Thread:
        def run() -> None:
            try:
                self.replies[name] = self.exchange.ask(self.users[0], what, self.store.do)
            except StateError as error:
                self.replies[name] = error

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def begin_first(self, name: str, what: Request) -> threading.Thread:
        thread = self.begin(name, what)
        assert self.store.begun.wait(10.0)
        return thread

    def wait_for(self, waiting: int, what: str = "claims") -> None:
        while len(getattr(self.exchange, what)._waiting) < waiting:
            time.sleep(0.001)

    def end(self, *threads: threading.Thread) -> None:
        self.store.go_on.set()
        for thread in threads:
            thread.join(10.0)

    def stop(self) -> None:
        self.store.go_on.clear()
        self.store.begun.clear()


def request(name: str, claim: str | None = "disk", severity: int = 1, **more: Any) -> Request:
    sender = Sender(name=name, process="p", host="web-1", space="space")
    asked = None if claim is None else Claim(claim, severity, 0.0)
    return Request(sender=sender, claim=asked, **more)


def hand_in(name: str) -> Request:
    return request(name, claim=None, sequence=1, counts=(Count("disk", 1, 0.0, 0.0, 1),))


def test_hand_ins_that_come_during_an_exchange_go_together_in_the_next():
    users = Users(Store())
    first = users.begin_first("a", hand_in("a"))
    others = [users.begin(str(number), hand_in(str(number))) for number in range(5)]
    users.wait_for(5, "hand_ins")
    users.end(first, *others)
    assert [len(requests) for requests in users.store.exchanges] == [1, 5]
    assert [users.replies[str(number)].handed_in for number in range(5)] == [1] * 5


def test_a_hand_in_that_fails_fails_for_all_who_were_in_it():
    users = Users(Store())
    first = users.begin_first("a", hand_in("a"))
    others = [users.begin(name, hand_in(name)) for name in ("b", "c")]
    users.wait_for(2, "hand_ins")
    users.store.answer = StateError("away")
    users.end(first, *others)
    assert [str(users.replies[name]) for name in ("b", "c")] == ["away", "away"]


def test_the_same_claim_at_one_moment_is_made_once():
    users = Users(Store())
    first = users.begin_first("a", request("a"))
    others = [users.begin(name, request(name)) for name in ("b", "c")]
    users.wait_for(2)
    users.end(first, *others)
    assert len(users.store.exchanges) == 1
    assert users.replies["a"].answer is MINE
    assert [users.replies[name].answer for name in ("b", "c")] == [Anothers(False, LEASE)] * 2
    assert not users.replies["b"].handed_in, "what it counted is still to be handed in"


def test_different_claims_at_one_moment_are_made_in_one_exchange_and_each_only_once():
    users = Users(Store())
    first = users.begin_first("a", request("a", "network"))
    others = [users.begin(f"{key} {n}", request(f"{n}", key)) for key in ("disk", "queue") for n in range(3)]
    users.wait_for(6)
    users.end(first, *others)
    assert [len(requests) for requests in users.store.exchanges] == [1, 2]
    answers = [reply.answer for reply in users.replies.values()]
    assert answers.count(MINE) == 3
    assert answers.count(Anothers(False, LEASE)) == 4


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
    users = Users(Store())
    first = users.begin_first("first", request("a"))
    second = users.begin("second", other)
    users.wait_for(1)
    users.end(first, second)
    assert len(users.store.exchanges) == 2


def test_a_claim_that_has_to_wait_for_nobody_is_always_made():
    users = Users(Store())
    users.end(users.begin("a", request("a")))
    users.end(users.begin("b", request("b")))
    assert len(users.store.exchanges) == 2


@pytest.mark.parametrize(
    ("between", "exchanges"),
    [
        (lambda users: None, 2),
        (lambda users: setattr(users, "now", KNOWN_FOR + 0.1), 3),
        (
            lambda users: users.end(
                users.begin("o", request("a", None, outcomes=(Outcome("release", "disk", 0.0),), sequence=1))
            ),
            4,
        ),
    ],
    ids=["at once", "too late", "after its outcome"],
)
def test_an_answer_holds_for_a_moment_and_until_its_outcome(between: Any, exchanges: int):
    users = Users(Store())
    users.end(users.begin("a", request("a")))
    between(users)
    users.stop()
    busy = users.begin_first("busy", request("busy", "network"))
    other = users.begin("b", request("b"))
    users.wait_for(1)
    users.end(busy, other)
    assert len(users.store.exchanges) == exchanges


def test_a_call_that_never_ends_holds_up_no_other_for_ever():
    users = Users(Store())
    queue = users.exchange.claims
    queue.connection = "the connection on which it hangs"
    stuck = users.begin_first("a", request("a"))
    assert not queue.run(queue.join(request("b", "network")), 0.01, users.store.do)
    users.now = STUCK + 1.0
    assert not queue.run(queue.join(request("c", "network")), 0.01, users.store.do)
    assert queue.connection is None
    users.store.go_on.set()
    other = queue.join(request("d", "network"))
    assert queue.run(other, 0.01, users.store.do)
    users.end(stuck)
    assert other.result().answer is MINE


def test_who_came_while_one_asked_that_got_no_answer_in_time_does_not_wait_once_more():
    users = Users(Store())
    users.store.go_on.set()
    queue = users.exchange.claims
    first = queue.join(request("a"))
    batch = queue.lead(prompt=True)
    assert batch is not None
    others = [queue.join(request(name, "network")) for name in ("b", "c")]
    users.store.answer = StateError("no answer")
    batch.ask(users.store.do)
    assert [one.ended for one in (first, *others)] == [True] * 3
    assert len(users.store.exchanges) == 1


def test_one_who_does_not_ask_after_all_leaves_it_to_the_others():
    users = Users(Store())
    users.store.go_on.set()
    queue = users.exchange.claims
    mine = queue.join(request("a"))
    batch = queue.lead()
    assert batch is not None
    other = queue.join(request("b", "network"))
    batch.leave(mine)
    assert queue.run(other, 10.0, users.store.do)
    assert [[one.sender.name for one in requests] for requests in users.store.exchanges] == [["b"]]


def test_what_had_to_wait_is_as_old_as_it_is_by_then():
    old = replace(hand_in("a"), made=time.monotonic() - 2.0, outcomes=(Outcome("resolve", "disk", 1.0),))
    now = replace(old, claim=Claim("disk", 1, 0.5)).as_of_now()
    assert now.counts[0].first == pytest.approx(2.0, abs=0.5)
    assert now.outcomes[0].age == pytest.approx(3.0, abs=0.5)
    assert now.claim is not None
    assert now.claim.age == pytest.approx(2.5, abs=0.5)


# --- while the state does not answer --------------------------------------------------------------


class House:
    """Handlers of one process, among themselves; the time is turned."""

    def __init__(self, per_minute: int = 100) -> None:
        self.now = 1_000.0
        self.among = Among(lambda: self.now)
        self.per_minute = per_minute

    def sender(self, name: str) -> Sender:
        return Sender(name=name, process="p", host="web-1", space="space", per_minute=self.per_minute)

    def claim(self, name: str, key: str = "disk", severity: int = 1, **more: Any) -> Any:
        return self.among.claim(self.sender(name), Claim(key, severity, 0.0, **more))

    def conclude(self, name: str, what: Any = "commit", **more: Any) -> None:
        outcome = Outcome(what, "disk", 0.0, severity=1, occurrences=1, window=300.0, **more)
        self.among.conclude(self.sender(name), outcome, 0.0)


def test_one_handler_sends_for_all_of_a_process_whose_state_does_not_answer():
    house = House()
    assert house.claim("a") is None
    assert house.claim("b") == Anothers(False, LEASE)
    assert house.claim("a") is None, "it asked the state once more in between"
    house.conclude("a")
    house.now += 10.0
    assert house.claim("b") == Anothers(True, 290.0, 10.0)
    assert house.claim("b", severity=0) is None, "it is worse"
    house.now += 291.0
    assert house.claim("c") is None


def test_events_of_earlier_minutes_are_forgotten_while_the_state_answers():
    house = House()
    for number in range(500):
        house.now += 1.0
        house.among.learn(house.sender("a"), Claim(str(number), 1, 0.0), MINE)
    assert sum(map(len, house.among._sent.values())) == 60


def test_the_size_of_a_problem_is_reported_by_one_of_them_too():
    house = House()
    assert house.claim("a") is None
    house.conclude("a")
    assert house.claim("b", follow_up=True) is None
    house.conclude("b", follow_up=True)
    answer = house.claim("c", follow_up=True)
    assert isinstance(answer, Anothers)
    assert answer.told


@pytest.mark.parametrize("dies", [True, False])
def test_an_event_that_one_of_them_does_not_send_is_sent_by_another(dies: bool):
    house = House()
    assert house.claim("a") is None
    if dies:
        house.now += LEASE
    else:
        house.conclude("a", "release")
    assert house.claim("b") is None


def test_a_problem_that_was_resolved_is_sent_again():
    house = House()
    assert house.claim("a") is None
    house.conclude("a")
    house.now += 10.0
    house.conclude("a", "resolve")
    house.now += 1.0
    assert house.claim("b") is None


def test_they_share_a_part_of_the_budget_and_critical_events_have_all_of_it():
    house = House(per_minute=10)
    assert [house.claim("a", f"problem {n}") for n in range(5)] == [None] * 5
    house.now += 20.0
    assert house.claim("b", "another") == Later(40.0)
    assert [house.claim("b", f"fire {n}", severity=0) for n in range(5)] == [None] * 5
    assert house.claim("b", "the sixth", severity=0) == Later(40.0)
    house.now += 40.0
    assert house.claim("b", "the sixth", severity=0) is None


@pytest.mark.parametrize(
    ("answer", "other"),
    [
        (MINE, Anothers(False, LEASE)),
        (Anothers(False, 20.0, 10.0), Anothers(False, 20.0, 10.0)),
        (Anothers(True, 200.0, 100.0), Anothers(True, 200.0, 100.0)),
        (Later(5.0), None),
    ],
)
def test_what_the_state_has_answered_one_is_known_to_the_others(answer: Any, other: Any):
    house = House()
    house.among.learn(house.sender("a"), Claim("disk", 1, 0.0), answer)
    assert house.claim("b") == other


@pytest.mark.parametrize("many", [True, False])
def test_of_many_handlers_whose_file_is_locked_one_sends(tmp_path: Path, many: bool):
    path = tmp_path / "state.sqlite"
    here, there, *_others = [Member(path) for _ in range(MANY if many else MANY - 1)]
    members = [here, there, *_others]
    for number, member in enumerate(members):
        assert isinstance(member.ask(f"problem {number}"), Mine)
    assert isinstance(there.ask("known"), Mine)
    with locked(path):
        assert here.ask() == Unknown()
        for answer in (there.ask(), here.ask("known")):
            assert isinstance(answer, Anothers if many else Unknown)
        waits = here.ask("its own")
        assert isinstance(waits, Unknown)
        assert waits.many_handlers is many, "few handlers behave as without a state"
