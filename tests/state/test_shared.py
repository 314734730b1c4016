"""What the members of a fleet are answered, the same from SQLite and from Redis."""

import gc
import os
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.state.breaker import PATIENCE
from pagerduty_logging.state.options import find_place
from pagerduty_logging.state.outbox import HAND_IN, IN_STEP, SPREAD, next_hand_in
from pagerduty_logging.state.protocol import (
    LEASE,
    Anothers,
    Later,
    Mine,
    Outcome,
    Reply,
    Silence,
    Silenced,
    StateError,
    Unknown,
)
from pagerduty_logging.state.shared import SharedState
from tests.measured import in_good_time

from .conftest import Member
from .servers import until


def test_a_problem_is_reported_by_one_of_two(member):
    here, there = member("web-1"), member("web-2")
    assert isinstance(here.ask(), Mine)
    held = there.ask()
    assert isinstance(held, Anothers)
    assert not held.told
    assert 0.0 < held.again_in <= LEASE
    here.state.commit("disk", 1, occurrences=1, window=300.0)
    answer = there.ask()
    assert isinstance(answer, Anothers)
    assert answer.told
    assert 290.0 < answer.again_in <= 300.0


def test_what_is_lost_by_one_is_sent_by_the_other(member):
    here, there = member(), member()
    here.ask()
    here.state.release("disk")
    assert isinstance(there.ask(), Mine)


def test_a_second_claim_within_the_same_lease_has_the_same_answer(member):
    here = member()
    assert isinstance(here.ask(), Mine)
    assert isinstance(here.ask(n=0), Mine)


def test_the_release_of_another_lease_changes_nothing(member):
    here, there = member(), member()
    here.ask()
    there.state.release("disk")
    assert not there.ask().told


@pytest.mark.parametrize("told", [False, True])
def test_a_higher_severity_is_sent_at_once(member, told: bool):
    here, there = member(), member()
    here.ask(severity=1)
    if told:
        here.state.commit("disk", 1, occurrences=1, window=300.0)
    assert isinstance(there.ask(severity=0), Mine)
    assert isinstance(here.ask(severity=0), Anothers)
    there.state.commit("disk", 0, occurrences=3, window=300.0)
    assert here.ask(severity=0).told
    assert here.ask(severity=1).told


def test_after_a_window_a_lower_severity_was_reported_and_a_higher_one_is_sent_at_once(member):
    here, there = member(), member()
    here.tell(severity=0, window=0.02)
    time.sleep(0.03)
    here.tell(severity=1)
    assert isinstance(there.ask(severity=0), Mine)


def test_after_the_window_one_reminds_and_reports_what_was_held_back(member):
    here, there = member("web-1"), member("web-2")
    here.tell(window=1.0)
    there.see(n=41)
    until(there.state.hand_in)
    time.sleep(1.01)
    answer = there.ask()
    assert isinstance(answer, Mine)
    assert (answer.occurrences, answer.suppressed, answer.events) == (43, 41, 1)
    assert (answer.hosts, answer.host_names, answer.processes) == (2, ("web-1", "web-2"), 1)
    assert (answer.window, answer.told_severity, answer.quiet) == (1.0, 1, False)
    assert isinstance(here.ask(), Anothers)


def test_a_window_in_which_nothing_happened_was_quiet(member):
    here = member()
    here.tell(window=0.02)
    time.sleep(0.03)
    assert here.ask().quiet


def test_first_seen_comes_of_the_oldest_occurrence_of_all(member):
    here, there = member(), member()
    now = time.time()
    there.state.count("disk", 2, first=now - 100.0, last=now - 50.0, severity=1)
    until(there.state.hand_in)
    answer = here.ask()
    assert answer.first_seen == pytest.approx(now - 100.0, abs=1.0)
    assert answer.last_seen == pytest.approx(now, abs=1.0)
    assert (answer.occurrences, answer.suppressed) == (3, 2)


def test_one_follow_up_a_window_reports_the_size(member):
    here, there = member(), member()
    here.tell()
    assert here.ask(n=0, follow_up=True).told, "there is nothing to tell"
    there.see(n=1_998)
    until(there.state.hand_in)
    size = here.ask(n=0, follow_up=True)
    assert isinstance(size, Mine)
    assert (size.occurrences, size.suppressed) == (1_999, 1_998)
    here.state.commit("disk", 1, occurrences=1_999, window=0.0, follow_up=True)
    there.see(n=5)
    assert there.ask(n=0, follow_up=True).told
    assert there.ask().again_in > 290.0, "the window stays"


def test_an_event_of_which_the_state_learns_late_has_its_size_reported_no_second_time(member):
    here, there = member(), member()
    here.tell()
    sent = time.time()
    there.see(n=20)
    until(there.state.hand_in)
    assert isinstance(here.ask(n=0, follow_up=True), Mine)
    here.state.commit("disk", 1, occurrences=21, window=0.0, follow_up=True)
    there.state._outbox.conclude(Outcome("commit", "disk", sent, 1, 20, 300.0))  # it was sent without a state
    there.see(n=20)
    until(there.state.hand_in)
    assert there.ask(n=0, follow_up=True).told


def test_what_a_report_of_its_size_has_said_is_no_reminder_once_the_window_is_over(member):
    here, there = member(), member()
    here.tell(window=0.02)
    now = time.time()
    there.see(n=9)
    until(there.state.hand_in)
    assert isinstance(here.ask(n=0, follow_up=True), Mine)
    here.state.commit("disk", 1, occurrences=10, window=0.0, follow_up=True)
    time.sleep(0.03)
    assert there.state.claim("disk", 1, at=now) == Anothers(True, 0.0, pytest.approx(0.0, abs=5.0))
    assert isinstance(there.state.claim("disk", 0, at=now), Mine), "a higher severity was not told"
    there.state.release("disk")
    answer = there.ask()
    assert isinstance(answer, Mine), "this one happened since"
    assert (answer.occurrences, answer.suppressed) == (11, 0)


@pytest.mark.parametrize("taken", [True, False])
def test_what_an_event_under_way_reports_is_not_reported_by_a_worse_one_too(member, taken: bool):
    here, there, third = member(), member(), member()
    assert here.ask(n=5).suppressed == 4
    worse = there.ask(severity=0, n=3)
    assert (worse.occurrences, worse.suppressed) == (8, 2)
    there.state.commit("disk", 0, occurrences=8, window=0.0)
    if taken:
        here.state.commit("disk", 1, occurrences=5, window=0.0)
    else:
        here.state.release("disk")
    answer = third.ask(severity=0)
    assert (answer.occurrences, answer.suppressed) == (9, 0 if taken else 5)


def test_resolved_by_one_it_pages_again_for_all(member):
    here, there = member(), member()
    here.tell()
    there.see(n=9)
    until(there.state.hand_in)
    assert there.state.take_standings()["disk"].told
    here.state.resolve("disk", at=time.time())
    there.see()
    until(there.state.hand_in)
    assert there.state.take_standings()["disk"].news
    answer = there.ask(n=0)
    assert isinstance(answer, Mine)
    assert (answer.occurrences, answer.events) == (1, 0), "another problem under the same key"


def test_what_happened_before_the_resolve_does_not_open_the_problem_again(member):
    here, there = member(), member()
    here.tell()
    seen = time.time() - 2.0
    there.state.count("disk", 7, first=seen, last=seen, severity=1)
    here.state.resolve("disk", at=time.time())
    until(there.state.hand_in)
    assert there.state.claim("disk", 1, at=seen) == Anothers(True, 0.0)
    assert here.state._asker.store.problems()[1] == []


def _note_end(one: Member, seen: float) -> None:
    """Let a process say, as it ends, that it knows a problem, and that nothing has happened since."""
    one.state.count("disk", 0, first=seen, last=seen, severity=1)
    one.state.end()
    until(one.state.hand_in)


def test_a_process_that_ends_does_not_open_again_what_another_has_resolved(member):
    here, there = member(), member()
    here.tell()
    seen = time.time()
    there.state.resolve("disk", at=seen + 0.1)
    _note_end(here, seen)
    assert here.state._asker.store.problems()[1] == []


def test_a_process_that_ends_lists_nothing_in_a_state_that_was_emptied(member):
    here = member()
    _note_end(here, time.time())
    assert here.state._asker.store.problems()[1] == []


def test_an_event_that_was_sent_while_the_state_was_emptied_is_counted(member):
    here = member()
    here.see(n=0)
    here.state.commit("disk", 1, occurrences=3, window=300.0)
    _, (known,) = here.state._asker.store.problems()
    assert (known.occurrences, known.suppressed, known.events) == (3, 0, 1)
    assert known.summary == "disk"


def test_a_resolve_that_arrives_late_does_not_end_what_was_reported_since(member):
    here, there = member(), member()
    asked = time.time()
    there.tell()
    here.state.resolve("disk", at=asked - 10.0)
    assert here.ask().told


def test_processes_that_end_and_come_again_are_one_problem(member):
    for _ in range(20):
        life = member()
        life.state._sender = _of_another_process(life.state._sender)
        answer = life.ask()
        if isinstance(answer, Mine):
            life.state.commit("disk", 1, occurrences=answer.occurrences, window=0.0)
        life.state.close(1.0)
    assert answer.processes == 20
    assert answer.occurrences == 20
    assert answer.hosts == 1


def _of_another_process(sender):
    from dataclasses import replace

    return replace(sender, process=os.urandom(6).hex())


def _processes(member: Callable[..., Member], number: int) -> list[Member]:
    """Return members of processes of their own."""
    members = [member() for _ in range(number)]
    for one in members:
        one.state._sender = _of_another_process(one.state._sender)
    return members


def _end(one: Member, n: int = 0) -> Any:
    """Let a process end after it has met the problem so often; return the answer to its report."""
    one.see(n=n)
    one.state.end()
    until(one.state.hand_in)
    one.state.take_standings()
    return one.ask(n=0, follow_up=True)


def _report(one: Member, answer: Any) -> None:
    assert isinstance(answer, Mine)
    one.state.commit("disk", 1, occurrences=answer.occurrences, window=0.0, follow_up=True)


def test_of_processes_that_end_one_by_one_the_first_and_the_last_report_what_is_left(member):
    first, second, last = _processes(member, 3)
    first.tell()
    for one in (second, last):
        one.see(n=100)
        until(one.state.hand_in)
    _report(first, _end(first, 20))
    assert _end(second, 50).told, "another one goes on"
    answer = _end(last, 10)
    assert (answer.occurrences, answer.suppressed) == (281, 60)


def test_a_process_of_which_only_the_main_thread_has_ended_goes_on(member):
    first, last = _processes(member, 2)
    first.tell()
    last.see(n=100)
    until(last.state.hand_in)
    _report(first, _end(first, 20))
    last.state.end()
    last.state._outbox.ends_until = time.monotonic()  # half a minute later
    last.see(n=50)
    assert last.ask(n=0, follow_up=True).told


def test_a_crash_loop_reports_its_size_once_ten_have_not_been_reported(member):
    untold = []
    for number, life in enumerate(_processes(member, 12)):
        life.tell() if not number else life.ask()
        life.state.count("disk", 0, first=time.time(), last=time.time(), severity=1)
        life.state.end()
        until(life.state.hand_in)
        untold.append(life.state.take_standings()["disk"].untold)
        life.state.close(1.0)
    assert untold == list(range(12))


def test_the_last_process_to_end_leaves_it_where_little_is_left(member):
    first, last = _processes(member, 2)
    first.tell()
    last.see(n=100)
    until(last.state.hand_in)
    _report(first, _end(first, 20))
    assert _end(last, 6).told, "one in twenty at most"


def test_a_program_that_ends_again_and_again_reports_its_size_twice_in_a_minute_at_most(member):
    reports = 0
    for number, life in enumerate(_processes(member, 10)):
        life.tell() if not number else life.see()
        answer = _end(life, 3)
        if isinstance(answer, Mine):
            reports += 1
            _report(life, answer)
        life.state.close(1.0)
    assert reports == 2


def test_the_last_process_to_end_is_told_what_is_left_although_it_counted_little_itself(member):
    first, second, last = _processes(member, 3)
    first.tell()
    for one in (second, last):
        one.see()
        until(one.state.hand_in)
    _report(first, _end(first, 20))
    assert _end(second, 30).told
    last.state.count("disk", 0, first=time.time(), last=time.time(), severity=1)
    last.state.end()
    until(last.state.hand_in)
    assert last.state.take_standings()["disk"].untold == 30


def test_the_answer_says_when_the_last_event_was_sent_whoever_sent_it(member):
    here, there = member(), member()
    assert here.ask().told_at is None
    now = time.time()
    here.state.commit("disk", 1, occurrences=1, window=0.0)
    assert there.ask().told_at == pytest.approx(now, abs=5.0)


def test_the_budget_is_one_for_all_with_a_share_for_critical_events(member):
    handlers = [member(per_minute=10), member(per_minute=10)]
    answers = [handlers[i % 2].ask(f"problem {i}") for i in range(10)]
    assert [type(one) for one in answers] == [Mine] * 8 + [Later] * 2
    assert 0.0 < answers[-1].again_in <= 60.0
    assert handlers[0].state.spend(1) == pytest.approx(60.0, abs=2.0)
    assert isinstance(handlers[1].ask("worse", severity=0), Mine)
    assert handlers[1].state.spend(0) == 0.0
    assert isinstance(handlers[0].ask("worst", severity=0), Later)


def test_an_event_that_was_not_taken_costs_nothing_of_the_budget(member):
    here, there = member(per_minute=10), member(per_minute=10)
    for attempt in range(20):
        assert isinstance(here.ask(f"problem {attempt % 3}"), Mine)
        here.state.release(f"problem {attempt % 3}")
    assert isinstance(here.ask("worst", severity=0), Mine)
    here.state.release("worst")
    answers = [there.ask(f"problem {i}") for i in range(9)]
    assert [type(one) for one in answers] == [Mine] * 8 + [Later]


def test_a_resolve_that_was_not_taken_costs_nothing_of_the_budget(member):
    here = member(per_minute=10)
    for _ in range(20):
        assert here.state.spend(1) == 0.0
        here.state.give_back()
    assert [type(here.ask(f"problem {i}")) for i in range(9)] == [Mine] * 8 + [Later]


def test_each_event_that_was_not_taken_gives_back_one_share_once(member):
    here, there = member(per_minute=10), member(per_minute=10)
    for problem in range(5):
        here.tell(f"told {problem}")
    here.ask("disk")
    there.ask("disk", severity=0)  # passes it by
    for one in (here, there, here):
        one.state.release("disk")
    assert [type(there.ask(f"problem {i}")) for i in range(4)] == [Mine] * 3 + [Later]


def test_a_refused_claim_delays_no_other(member):
    here, there = member(per_minute=1), member(per_minute=10)
    here.tell("other")
    assert isinstance(here.ask("disk"), Later)
    assert isinstance(there.ask("disk"), Mine)


def test_routing_keys_share_nothing(member):
    here, there = member(per_minute=1), member(per_minute=1, routing_key="S" * 32)
    assert isinstance(here.ask(), Mine)
    assert isinstance(there.ask(), Mine)


def test_a_problem_of_the_first_hour_is_new_in_its_release(member):
    old, new = member(release="1.4.1"), member(release="1.4.2")
    assert old.ask("old").new_in_release == pytest.approx(0.0, abs=1.0)
    old.state.commit("old", 1, occurrences=1, window=0.0)
    answer = new.ask("new")
    assert (answer.first_release, answer.new_in_release) == ("1.4.2", pytest.approx(0.0, abs=1.0))
    answer = new.ask("old")
    assert (answer.first_release, answer.new_in_release) == ("1.4.1", None)


def test_a_release_that_runs_for_long_has_no_new_problems(member):
    first, second = member(release="1.4.2"), member(release="1.4.2")
    first.state._started -= 7_200.0  # it began two hours ago, and had nothing to say
    until(first.state.hand_in)
    answer = second.ask()
    assert (answer.first_release, answer.new_in_release) == ("1.4.2", None)


def test_a_release_that_still_runs_is_known_however_long_ago_it_started(member):
    old = member(release="1.4.1", remember=60.0)
    old.state._started -= 600.0
    until(old.state.hand_in)
    member(release="1.4.2", remember=60.0).ask("network")
    answer = member(release="1.4.1", remember=60.0).ask("disk")  # rolled back
    assert answer.new_in_release == pytest.approx(600.0, abs=30.0)


def test_a_change_event_is_sent_once_for_a_release(member):
    here, there = member(release="1.4.2"), member(release="1.4.2")
    now = time.time()
    assert isinstance(here.state.claim("release 1.4.2", 3, at=now, change=True), Mine)
    here.state.commit("release 1.4.2", 3, occurrences=1, window=604_800.0, change=True)
    assert there.state.claim("release 1.4.2", 3, at=now, change=True).told
    assert isinstance(there.state.claim("release 1.4.3", 3, at=now, change=True), Mine)
    assert here.state._asker.store.problems()[1] == [], "changes are no problems"


def silence(**what) -> Silence:
    wanted = {"by": "all", "what": "", "reason": "deploy", "who": "anna", **what}
    return Silence(id="", since=0.0, until=0.0, **wanted)


@pytest.mark.parametrize(
    ("what", "keeps_back"),
    [
        ({"by": "all"}, True),
        ({"by": "key", "what": "disk"}, True),
        ({"by": "key", "what": "dis"}, False),
        ({"by": "logger", "what": "shop.*"}, True),
        ({"by": "logger", "what": "shop"}, True),
        ({"by": "logger", "what": "shop.carts"}, False),
    ],
)
def test_a_silence_holds_for_all(member, what, keeps_back: bool):
    here, there = member(), member()
    assert isinstance(here.ask("before"), Mine)
    stored = there.state._asker.make_store().silence(silence(**what), 60.0)
    answer = here.ask("disk", logger="shop.cart")
    assert isinstance(answer, Silenced if keeps_back else Mine)
    if keeps_back:
        assert (answer.silence.id, answer.silence.who) == (stored.id, "anna")
        assert answer.left == pytest.approx(60.0, abs=2.0)
        assert isinstance(here.ask("disk", severity=0, logger="shop.cart"), Mine), "critical passes"


def test_a_silence_for_critical_ones_too(member):
    here = member()
    here.state._asker.make_store().silence(silence(critical=True), 60.0)
    assert isinstance(here.ask(severity=0), Silenced)


def test_a_silence_ends_by_itself_and_by_hand(member):
    here = member()
    store = here.state._asker.make_store()
    until(here.state.hand_in)

    def silenced() -> None:
        store.silence(silence(), 0.3)
        assert isinstance(here.ask(), Silenced)

    in_good_time(silenced)
    time.sleep(0.31)
    assert isinstance(here.ask(), Mine)
    stored = store.silence(silence(), 60.0)
    assert [one.id for one in store.silences()[1]] == [stored.id]
    assert isinstance(here.ask("network"), Silenced)
    assert store.unsilence(stored.id)
    assert not store.unsilence(stored.id)
    here.state._answered_at -= 6.0
    assert isinstance(here.ask("network"), Mine)
    assert store.silences()[1] == []


def test_a_silence_counts_what_it_keeps_back(member):
    here = member()
    store = here.state._asker.make_store()
    stored = store.silence(silence(), 60.0)
    assert isinstance(here.ask(n=3), Silenced)
    here.see(n=2, silenced=2)
    store.unsilence(stored.id)
    here.state._answered_at -= 6.0
    answer = here.ask()
    assert isinstance(answer, Mine)
    assert (answer.occurrences, answer.silenced) == (6, 5)


def test_a_silence_that_still_holds_after_a_pause_counts_what_it_keeps_back(member):
    here = member()
    store = here.state._asker.make_store()
    stored = store.silence(silence(), 60.0)
    assert isinstance(here.ask(n=3), Silenced)
    here.state._answered_at -= 6.0
    assert isinstance(here.ask(n=2), Silenced)
    store.unsilence(stored.id)
    here.state._answered_at -= 6.0
    answer = here.ask()
    assert (answer.occurrences, answer.silenced) == (6, 5)


def test_a_known_silence_holds_while_the_state_is_away(member):
    here = member()
    here.state._asker.make_store().silence(silence(), 60.0)
    until(here.state.hand_in)

    def exchange(request, seconds):
        raise StateError("gone")

    here.state._asker.store.exchange = exchange
    here.state._asker.store.begin = lambda request: None  # one of another test may still be connected
    assert isinstance(here.ask(), Silenced)
    here.state._answered_at -= 6.0
    assert isinstance(here.ask(), Silenced)
    assert not here.state.stats.answers


def test_the_list_shows_open_problems(member):
    here, there = member("web-1", release="7"), member("web-2")
    here.tell("disk", severity=0)
    there.see("network", n=3)
    until(there.state.hand_in)
    now, known = here.state._asker.store.problems()
    by_key = {problem.key: problem for problem in known}
    assert sorted(by_key) == ["disk", "network"]
    disk, network = by_key["disk"], by_key["network"]
    assert (disk.severity, disk.occurrences, disk.suppressed, disk.events) == (0, 1, 0, 1)
    assert (disk.summary, disk.host_names, disk.first_release) == ("disk", ("web-1",), "7")
    assert disk.window_left == pytest.approx(300.0, abs=2.0)
    assert (network.occurrences, network.suppressed, network.events) == (3, 3, 0)
    assert (network.told_severity, network.told_at) == (None, None)
    assert network.last_seen == pytest.approx(now, abs=2.0)


def test_everything_is_forgotten_after_its_time(member):
    here = member(remember=0.05)
    here.tell(window=0.0)
    store = here.state._asker.store
    from pagerduty_logging.state import sqlite

    if store.kind == "SQLite":
        store._clock = lambda: time.time() + LEASE + 1.0
        store._exchanges = sqlite.SWEEP
        here.see("other")
        until(here.state.hand_in)
        assert [p.key for p in store.problems()[1]] == ["other"]
        rows = store._connection.execute("SELECT key FROM problems").fetchall()
        assert rows == [("other",)]
    else:
        client = store._client()
        names = [name for name in client.keys("*") if b"silences" not in name]
        assert names
        assert all(client.pttl(name) > 0 for name in names)


def test_nothing_names_the_routing_key(member, option: str, tmp_path: Path):
    here = member()
    here.tell()
    here.state.close(1.0)
    if option.startswith("redis"):
        client = member().state._asker.make_store()._client()
        stored = b"".join(
            client.keys("*") + [str(client.hgetall(k)).encode() for k in client.keys("*problem*")]
        )
    else:
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"web-1" in stored
    assert b"RRRR" not in stored


def test_two_handlers_of_a_process_are_one_process(member):
    here, there = member(), member()
    here.see()
    until(here.state.hand_in)
    assert there.ask().processes == 1


@pytest.mark.parametrize("background", [True, False])
def test_the_guard_is_entered_on_the_thread_that_calls(member, background: bool):
    entered = []

    @contextmanager
    def guard():
        entered.append(threading.current_thread().name)
        yield

    here = member(guard=guard, background=background)
    assert isinstance(here.ask(), Mine)
    own = threading.current_thread().name
    assert entered == [own, "pagerduty-state" if background else own]


def test_without_threads_it_works_the_same(member):
    here, there = member(background=False), member()
    assert isinstance(here.tell(), Mine)
    assert there.ask().told


def test_a_client_dropped_without_close_ends_its_thread(option: str):
    others = threading.enumerate()

    def is_over() -> bool:
        gc.collect()  # each time: the thread may still be in the call, and hold it
        return all(thread.name != "pagerduty-state" or thread in others for thread in threading.enumerate())

    Member(option).ask()
    until(is_over)


def test_nothing_is_due_where_nothing_is_new(member):
    here = member()
    assert here.state.due() is None
    here.see()
    assert here.state.due() <= 5.0
    until(here.state.hand_in)
    assert here.state.due() is None


def test_a_thousand_problems_are_handed_in_by_parts(member):
    here = member()
    for number in range(1_000):
        here.see(f"problem {number}")
    assert here.state.close(5.0)
    assert len(here.state._asker.make_store().problems()[1]) == 1_000


def test_many_hosts_are_counted_and_the_first_few_are_named(member):
    for number in range(12):
        one = member(f"web-{number}")
        one.see()
        until(one.state.hand_in)
    answer = member("web-0").ask()
    assert (answer.hosts, answer.host_names, answer.more) == (12, ("web-0", "web-1", "web-2"), False)


@pytest.mark.parametrize(("late", "after"), [(0.0, 5.0), (0.3, 5.0), (2.4, 5.0), (2.6, 10.0), (7.4, 10.0)])
def test_a_hand_in_that_was_late_leaves_the_process_in_step(late: float, after: float):
    assert next_hand_in(100.0, 100.0 + late) == 100.0 + after


def test_after_a_long_pause_a_hand_in_sets_the_step():
    assert next_hand_in(float("-inf"), 100.0) == 100.0 + HAND_IN
    assert next_hand_in(100.0, 101.0 + IN_STEP) == 101.0 + IN_STEP + HAND_IN


def test_processes_that_met_a_problem_hand_in_at_one_moment_every_few_seconds(option: str):
    """Each counts from when the problem was told first; not from its own claim."""
    now = [1_000.0]
    here, there = Member(option), Member(option)
    for one in (here, there):
        one.state._clock = lambda: now[0]
    here.tell()
    there.ask()
    moments = []
    for one in (here, there):
        one.see()
        moments.append(one.state.pause())
    assert all(0.0 < moment <= HAND_IN + SPREAD for moment in moments)
    assert abs(moments[0] - moments[1]) < 1.0
    now[0] += moments[0] + 1.0
    until(there.state.hand_in)
    there.see()
    assert HAND_IN - 1.0 - SPREAD <= there.state.pause() <= HAND_IN


def test_a_critical_event_that_is_not_taken_leaves_the_lease_that_it_passed_by(member):
    one, other, third = member(), member(), member()
    assert isinstance(one.ask(), Mine)
    assert isinstance(other.ask(severity=0), Mine)
    other.state.release("disk")
    assert other.ask() == Anothers(False, pytest.approx(LEASE, abs=5.0), pytest.approx(0.0, abs=5.0))
    one.state.commit("disk", 1, occurrences=1, window=300.0)
    assert third.ask().told


def test_a_lease_that_was_given_back_meanwhile_is_not_given_again(member):
    one, other, third = member(), member(), member()
    assert isinstance(one.ask(), Mine)
    assert isinstance(other.ask(severity=0), Mine)
    one.state.release("disk")
    other.state.release("disk")
    assert isinstance(third.ask(), Mine)


def test_the_last_event_of_a_problem_may_be_a_follow_up(member: Callable[..., Member], option: str):
    here, place = member(), find_place(option)
    here.tell()
    until(here.state.hand_in)
    assert place is not None
    store = place.make_store()
    (first,) = store.problems()[1]
    here.see(n=9)
    assert isinstance(here.ask(n=0, follow_up=True), Mine)
    here.state.commit("disk", 1, occurrences=10, window=0.0, follow_up=True)
    until(here.state.hand_in)
    (after,) = store.problems()[1]
    store.close()
    assert first.told_at is not None
    assert after.told_at is not None
    assert after.told_at > first.told_at
    assert 0.0 < after.window_left < first.window_left, "the window is that of the first event"


class Hanging:
    """A store whose exchanges do not end before they are told to."""

    kind = "test"

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def exchange(self, request, seconds):
        self.go_on.wait(30.0)
        raise StateError("at last")

    def begin(self, request):
        return None

    def hand_over(self, request, guard):
        return None

    def beside(self):
        return self

    def close(self):
        """Nothing is open."""

    leave = close


@pytest.mark.usefixtures("hurried")
def test_a_hand_in_without_an_answer_leaves_time_for_claims():
    store = Hanging()
    state = SharedState(lambda: store, where="test", space="space", host="web-1")
    state.count("disk", 1, first=0.0, last=0.0, severity=1)
    assert not state.hand_in()
    assert state.stats.answers, "the answer may still come"
    assert state._asker.breaker.patience(time.monotonic()) > PATIENCE / 2
    store.go_on.set()


class Unreliable(Hanging):
    """A store that answers late, or not at all for so many times."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        self.failures = 0
        self.handed_in: list[tuple[int, int]] = []

    def exchange(self, request, seconds):
        time.sleep(self.seconds)
        if request.counts:
            self.handed_in.append((request.sequence, sum(count.n for count in request.counts)))
        if self.failures:
            self.failures -= 1
            raise StateError("no")
        return Reply(now=time.time(), handed_in=request.sequence)


def counted(store: Hanging) -> SharedState:
    state = SharedState(lambda: store, where="test", space="space", host="web-1")
    state.count("disk", 1, first=0.0, last=0.0, severity=1)
    return state


@pytest.mark.usefixtures("hurried")
def test_at_the_end_a_state_that_answered_a_moment_ago_is_tried_again_and_again_with_one_number():
    store = Unreliable()
    state = counted(store)
    assert state.hand_in()
    state.count("disk", 7, first=0.0, last=0.0, severity=1)
    store.failures = 4
    assert state.close(20.0)
    assert store.handed_in == [(1, 1)] + [(2, 7)] * 5


@pytest.mark.usefixtures("hurried")
def test_the_end_is_not_held_up_for_long_by_a_state_that_never_answered():
    store = Unreliable()
    store.failures = 1_000
    began = time.monotonic()
    assert not counted(store).close(20.0)
    assert time.monotonic() - began < 5.0
    assert len(store.handed_in) == 8


@pytest.mark.usefixtures("hurried")
def test_at_the_end_a_state_that_answers_too_late_for_claims_is_handed_the_counts():
    def claimed() -> tuple[Unreliable, SharedState]:
        store = Unreliable(0.6)
        state = counted(store)
        assert state.claim("disk", 1, at=time.time()) == Unknown()
        return store, state

    store, state = in_good_time(claimed)
    assert not state.stats.answers
    state._answered_at = state._clock()  # as if it had been in time until then
    assert state.close(20.0)
    assert store.handed_in[-1] == (1, 1)


@pytest.mark.usefixtures("hurried")
def test_a_state_that_always_answers_a_little_late_leaves_time_for_claims():
    store = Unreliable(0.1)
    state = counted(store)
    for _ in range(5):
        until(state.hand_in)
        state.count("disk", 1, first=0.0, last=0.0, severity=1)
    assert state._asker.breaker.patience(time.monotonic()) > 0.1
    assert state.stats.answers


def broken_store(error: Exception | None, asked: threading.Event):
    class Broken:
        among = None

        def exchange(self, request, seconds):
            asked.set()
            if error is not None:
                raise error
            return Reply(now=0.0, handed_in=True)

        def begin(self, request):
            return None

        def hand_over(self, request, guard):
            return None

        def beside(self):
            return self

        def close(self):
            pass

        leave = close

    return Broken()


@pytest.mark.parametrize(
    ("why", "is_said"),
    [
        ("Redis refuses the user name", True),
        ("no answer within 0.25 s", False),
        ("/x is locked by another program", False),
        ("Redis does not answer in time: does it speak TLS there?", False),
    ],
)
def test_a_state_that_cannot_be_used_is_reported_when_the_program_starts_and_only_once(
    why: str, is_said: bool
):
    said: list[str] = []
    asked = threading.Event()
    state = SharedState(
        lambda: broken_store(StateError(why), asked),
        where="the state",
        space="",
        host="",
        say=lambda topic, text: said.append(text),
    )
    state.prepare(greet=True)
    assert asked.wait(20.0)
    state._asker._helper.start(lambda: None).wait(20.0)  # comes behind it
    stop = "" if why.endswith("?") else "."
    text = f"the state does not answer: {why}{stop} Pages go out as without state"
    assert said == [text] * is_said
    assert state.stats.answers is not is_said
    assert state.claim("disk", 1, at=0.0) == Unknown()
    assert said == [text]
    state._asker.breaker.until = 0.0
    state._asker.make_store = lambda: broken_store(None, asked)
    state._asker.store = None
    until(state.hand_in)
    assert said == [text, "the state answers again"]
    state.close(1.0)


def test_a_greeting_has_as_long_as_a_claim_that_may_go_with_it(hurried: None):
    waited: list[float] = []
    asked = threading.Event()
    store = broken_store(None, asked)

    def exchange(request, seconds):
        waited.append(seconds)
        return type(store).exchange(store, request, seconds)

    store.exchange = exchange
    state = SharedState(lambda: store, where="", space="", host="", say=lambda topic, text: None)
    state.prepare(greet=True)
    assert asked.wait(20.0)
    until(lambda: state.claim("disk", 1, at=0.0) and len(waited) > 1)
    greeting, claim = waited[:2]
    assert greeting >= claim > 0.0
    state.close(1.0)
