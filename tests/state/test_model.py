"""The protocol against a model, with the time turned: one event a window, and never none."""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pagerduty_logging.state.protocol import LEASE, Anothers, Mine, StateError, Unknown
from pagerduty_logging.state.redis import RedisStore, script
from pagerduty_logging.state.shared import SharedState
from pagerduty_logging.state.sqlite import SqliteStore

from .servers import Server

MEMBERS = st.integers(0, 2)
WINDOW = 300.0
START = 2_000_000_000.0


@dataclass
class Away:
    """A store that does not answer while it is away, or whose answer is lost after it was done."""

    store: Any
    away: bool = False
    lose_answer: bool = False
    kind: str = "test"

    def beside(self):
        return self

    def begin(self, request):
        return None

    def hand_over(self, request, guard):
        return None

    def exchange(self, request, seconds):
        if self.away:
            raise StateError("away")
        reply = self.store.exchange(request, seconds)
        if self.lose_answer:
            self.lose_answer = False
            raise StateError("the answer was lost")
        return reply

    def close(self):
        pass

    leave = close

    def abandon(self):
        pass


@dataclass
class Model:
    """What must be true of one problem, whatever the store is."""

    logged: int = 0
    events: list[tuple[float, int]] = field(default_factory=list)  # when, severity
    disturbed: bool = False  # the state was away, or a lease ran out, since the last event
    disturbed_once: bool = False
    reported: int = 0  # by events, each one its own occurrence and those that were held back

    def disturb(self) -> None:
        self.disturbed = self.disturbed_once = True


class Fleet(RuleBasedStateMachine):
    """Three processes with one problem.

    Attributes:
        stormy: the state is away at times, its answers are lost, and processes are killed.
    """

    stormy = True

    def make_stores(self):
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.now = START
        self.turned()
        self.stores = [Away(store) for store in self.make_stores()]
        self.members = [self._member(number) for number in range(3)]
        # By member: what it was answered, the severity, since when it is its own.
        self.held: dict[int, tuple[Mine, int, float]] = {}
        self.model = Model()

    def turned(self) -> None:
        """The time was turned."""

    def _member(self, number: int) -> SharedState:
        return SharedState(
            lambda: self.stores[number],
            where="test",
            space="space",
            host=f"web-{number}",
            remember=10 * 86_400.0,
            in_background=lambda: False,
            clock=lambda: self.now,
            wall=lambda: self.now,
        )

    @rule(seconds=st.sampled_from([0.5, 5.0, 29.0, 31.0, 299.0, 301.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.turned()
        if any(self.now - since >= LEASE for _, _, since in self.held.values()):
            self.model.disturb()

    @rule(member=MEMBERS, n=st.integers(1, 50))
    def repeats_are_counted(self, member: int, n: int) -> None:
        self.model.logged += n
        self.members[member].count("disk", n, first=self.now, last=self.now, severity=1)

    @rule(member=MEMBERS)
    def a_batch_is_handed_in(self, member: int) -> None:
        self.members[member].hand_in()

    @rule(
        member=MEMBERS,
        severity=st.sampled_from([1, 1, 1, 0]),
        then=st.sampled_from(["taken", "held", "lost"]),
    )
    def an_occurrence_is_claimed(self, member: int, severity: int, then: str) -> None:
        if member in self.held:
            return
        self._claim(member, severity)
        if member in self.held and then == "taken":
            self._end(member)
        elif member in self.held and then == "lost":
            del self.held[member]
            self.members[member].release("disk")

    def _claim(self, member: int, severity: int) -> None:
        self.model.logged += 1
        state = self.members[member]
        state.count("disk", 1, first=self.now, last=self.now, severity=severity)
        answer = state.claim("disk", severity, at=self.now)
        store = self.stores[member]
        if isinstance(answer, Unknown):
            assert not state.stats.answers, "unknown is said of a state that does not answer, and of no other"
            self.model.disturb()
            self._send(member, severity, 1, self.now)
        elif isinstance(answer, Mine):
            assert not store.away
            assert 1 <= answer.occurrences <= self.model.logged
            self.held[member] = (answer, severity, self.now)
        else:
            assert isinstance(answer, Anothers)
            if answer.told:
                # An event that was under way at the same time as a worse one moves the window of both.
                longest = WINDOW + LEASE
                told = [
                    at for at, worst in self.model.events if worst <= severity and self.now - at <= longest
                ]
                assert told, "who is told that it was told can rely on it"
            else:
                assert 0.0 < answer.again_in <= LEASE
                assert any(worst <= severity for _, worst, _ in self.held.values()) or self.model.disturbed

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def an_event_is_taken(self, data) -> None:
        self._end(data.draw(st.sampled_from(sorted(self.held))))

    def _end(self, member: int) -> None:
        answer, severity, since = self.held.pop(member)
        self.model.reported += 1 + answer.suppressed
        assert self.model.reported <= self.model.logged or self.model.disturbed_once, "reported twice"
        self._send(member, severity, answer.occurrences, since)
        if self._calm():
            # One that was taken after its lease had run out leaves the window of a worse one as it was.
            self.model.disturbed = self.now - since >= LEASE

    def _calm(self) -> bool:
        """Whether the state knows all, and nobody is about to send."""
        quiet = not self.held and not any(len(member._outbox) for member in self.members)
        return quiet and not any(store.away or store.lose_answer for store in self.stores)

    @precondition(lambda self: self._calm())
    @rule(member=MEMBERS)
    def the_problem_is_resolved(self, member: int) -> None:
        self.now += 2.0
        self.turned()
        self.members[member].resolve("disk", at=self.now)
        self.now += 2.0
        self.turned()
        self.model = Model()

    def _send(self, member: int, severity: int, occurrences: int, since: float) -> None:
        """Send an event that was claimed at `since`; a worse one may have overtaken it."""
        recent = [(at, worst) for at, worst in self.model.events if self.now - at < WINDOW]
        same = [at for at, worst in recent if worst <= severity]
        overtaken = any(at >= since and worst < severity for at, worst in recent)
        assert not same or overtaken or self.model.disturbed, "two events for one window"
        self.model.events.append((self.now, severity))
        self.members[member].commit("disk", severity, occurrences=occurrences, window=WINDOW)
        if not self.members[member].stats.answers:
            self.model.disturb()

    @precondition(lambda self: self.stormy)
    @rule(member=MEMBERS)
    def a_process_is_killed(self, member: int) -> None:
        """What it has not handed in is lost with it; its lease runs out."""
        outbox = self.members[member]._outbox
        lost = sum(tally.n for tally in outbox._counts.values())
        sent = outbox.sent
        if sent is not None or lost:
            return  # the model counts exactly: only those are killed that have handed in all
        if self.held.pop(member, None) is not None:
            self.model.disturb()
        self.members[member] = self._member(member)

    @precondition(lambda self: self.stormy)
    @rule(member=MEMBERS, trouble=st.sampled_from(["none", "away", "lost answer"]))
    def there_is_trouble(self, member: int, trouble: str) -> None:
        self.stores[member].away = trouble == "away"
        self.stores[member].lose_answer = trouble == "lost answer"
        if trouble != "none":
            self.model.disturb()

    @invariant()
    def nothing_is_counted_twice(self) -> None:
        if hasattr(self, "model"):
            assert self._stored() <= self.model.logged

    def _stored(self) -> int:
        known = self.stores[0].store.problems()[1]
        return sum(problem.occurrences for problem in known)

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for store in self.stores:
            store.away = store.lose_answer = False
        for member in self.members:
            for _ in range(100):
                if member.close(5.0):
                    break
                self.now += 61.0
                self.turned()
        assert self._stored() == self.model.logged, "exact after the end"
        if self.model.logged:
            self.now += max(LEASE, WINDOW) + 1.0
            self.turned()
            last = self._member(0)
            last.count("disk", 1, first=self.now, last=self.now, severity=1)
            assert isinstance(last.claim("disk", 1, at=self.now), Mine), "never none"


SETTINGS = settings(
    max_examples=80,
    stateful_step_count=30,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class SqliteFleet(Fleet):
    def make_stores(self):
        self.folder = Path(tempfile.mkdtemp())
        path = os.fspath(self.folder / "state.sqlite")
        return [SqliteStore(path, clock=lambda: self.now) for _ in range(3)]

    def teardown(self) -> None:
        super().teardown()
        for store in self.stores:
            store.store.close()
        shutil.rmtree(self.folder)


class CalmSqliteFleet(SqliteFleet):
    stormy = False


TestSqlite = SqliteFleet.TestCase
TestCalmSqlite = CalmSqliteFleet.TestCase
TestSqlite.settings = TestCalmSqlite.settings = SETTINGS

_TURNED = "{redis.call('GET', 'now'), '0'}"


class RedisFleet(Fleet):
    server: Server

    def make_stores(self):
        return [RedisStore(url=self.server.url, lua=self.lua) for _ in range(3)]

    @initialize()
    def begin(self) -> None:
        self.client = self.server.client()
        self.client.flushall()
        self.lua = script().replace("redis.call('TIME')", _TURNED)
        assert self.lua.count(_TURNED) == 1
        super().begin()

    def turned(self) -> None:
        self.client.set("now", repr(self.now))

    def teardown(self) -> None:
        super().teardown()
        for store in self.stores:
            store.store.close()
        self.client.close()


class CalmRedisFleet(RedisFleet):
    stormy = False


class TestRedis(RedisFleet.TestCase):
    settings = settings(SETTINGS, max_examples=30)

    @pytest.fixture(autouse=True)
    def _server(self, redis_server: Server) -> None:
        RedisFleet.server = redis_server


class TestCalmRedis(CalmRedisFleet.TestCase):
    settings = settings(SETTINGS, max_examples=30)

    @pytest.fixture(autouse=True)
    def _server(self, redis_server: Server) -> None:
        RedisFleet.server = redis_server


@pytest.mark.parametrize("kind", [SqliteFleet, RedisFleet])
def test_a_critical_event_that_is_reported_late_hides_no_new_one(kind: type[Fleet], redis_server: Server):
    RedisFleet.server = redis_server
    fleet = kind()
    fleet.begin()
    fleet.there_is_trouble(member=1, trouble="lost answer")
    fleet.an_occurrence_is_claimed(member=1, severity=0, then="taken")
    fleet.time_passes(seconds=WINDOW + 1.0)
    fleet.an_occurrence_is_claimed(member=0, severity=1, then="taken")
    fleet.an_occurrence_is_claimed(member=1, severity=0, then="held")
    try:
        assert 1 in fleet.held
    finally:
        fleet.teardown()
