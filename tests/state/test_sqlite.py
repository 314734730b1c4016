"""Bad days of a SQLite file, and many processes at once."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.state import sqlite, sqlite_file
from pagerduty_logging.state.breaker import NO_ANSWER
from pagerduty_logging.state.protocol import (
    Claim,
    Count,
    Later,
    Mine,
    Outcome,
    Request,
    Sender,
    Silence,
    StateError,
    Unknown,
)
from pagerduty_logging.state.sqlite import SqliteStore
from pagerduty_logging.state.sqlite_draft import LastWritten
from pagerduty_logging.state.sqlite_exchange import Exchange
from tests.measured import in_good_time

from .conftest import Member, locked
from .servers import until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def why(option: Path | str) -> str:
    """Ask a state that cannot answer; return what it says."""

    def asked() -> str:
        here = Member(option)
        here.state._asker.make_store()  # what is imported does not count
        began = time.monotonic()
        assert here.ask() == Unknown()
        assert time.monotonic() - began < 0.5
        assert len(here.said) == 1
        assert NO_ANSWER not in here.said[0]
        return here.said[0]

    return in_good_time(asked)


def recover(member: Member) -> None:
    member.state._asker.breaker.until = 0.0
    member.state._asker.breaker._held.clear()


@pytest.mark.parametrize("mask", [0o000, 0o027, 0o777])
def test_the_file_is_for_its_owner_alone(path: Path, mask: int):
    umask = os.umask(mask)
    try:
        here = Member(path)
        here.tell()
        files = sorted(path.parent.iterdir())
        assert len(files) == 3, "with its write-ahead log"
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
        assert here.state.close(1.0)
        assert list(path.parent.iterdir()) == [path]
    finally:
        os.umask(umask)


def test_a_file_that_was_made_in_advance_is_for_its_owner_alone_too(path: Path, tmp_path: Path):
    path.touch(0o666)
    path.chmod(0o666)
    link = tmp_path / "link.sqlite"
    link.symlink_to(tmp_path / "far.sqlite")
    umask = os.umask(0)
    try:
        kept = [Member(path), Member(link)]  # one that is collected closes its file, and deletes its log
        for one in kept:
            one.tell()
    finally:
        os.umask(umask)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.rglob("*.sqlite*")}
    assert len(modes) == 7
    assert set(modes.values()) == {0o600}


def test_handlers_of_one_process_that_are_closed_have_closed_their_file(path: Path):
    for number in range(10):
        here, there = Member(path), Member(path)
        here.tell(f"disk {number}")
        there.tell(f"network {number}")
        assert here.state.close(1.0)
        assert there.state.close(1.0)
        assert list(path.parent.iterdir()) == [path]


def test_a_file_that_another_process_fills_while_it_is_looked_at_is_ours(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    others: list[sqlite3.Connection] = []

    class Interrupted(sqlite_file._Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if "sqlite_master" in statement and sqlite_file._Connection is Interrupted:
                monkeypatch.undo()
                with suppress(sqlite3.OperationalError):  # it waits for its turn
                    others.append(sqlite_file.opened(str(path), 0.1))
            return super().execute(statement, *values)

    monkeypatch.setattr(sqlite_file, "_Connection", Interrupted)
    connection = sqlite_file.opened(str(path), 1.0)
    assert connection.execute("SELECT count(*) FROM problems").fetchone() == (0,)
    for one in (connection, *others):
        one.close()


def test_a_directory(tmp_path: Path):
    assert f"{tmp_path} is a directory: name a file in it" in why(tmp_path)
    named = f"{tmp_path}/new/"
    assert f"{named} is a directory: name a file in it" in why(named)
    assert list(tmp_path.iterdir()) == []


def test_what_is_done_meanwhile_takes_turns_with_the_thread_that_asks(path: Path):
    done: list[bool] = []
    assert isinstance(Member(path).ask(meanwhile=done.append), Mine)
    assert done == [False]


def test_a_directory_that_does_not_exist(tmp_path: Path):
    assert "its directory does not exist" in why(tmp_path / "no" / "state.sqlite")


def test_a_file_that_is_no_database_is_left_as_it_is(path: Path):
    path.write_text("dear diary\n" * 100)
    assert "is no SQLite database, or a broken one" in why(path)
    assert path.read_text() == "dear diary\n" * 100


def test_the_database_of_another_program_is_left_as_it_is(path: Path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE carts (id)")
    connection.close()
    before = path.read_bytes()
    assert "the database of another program" in why(path)
    assert path.read_bytes() == before


def test_a_newer_format_is_left_as_it_is(path: Path):
    Member(path).tell()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    bare = path.with_name("bare.sqlite")
    connection = sqlite3.connect(bare)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "the database of another program" in why(bare), "nobody knows what it is"
    assert "written by a newer pagerduty-logging: update this program" in why(path)


def test_a_file_that_is_locked_for_long(path: Path):
    here = Member(path)
    here.tell("network")
    with locked(path, "EXCLUSIVE"):
        assert "is locked by another program" in why(path)
        assert here.ask("network").told, "to read what was told needs no lock"
    assert isinstance(here.ask(), Mine)


def test_a_broken_file(path: Path):
    here = Member(path)
    here.tell()
    here.state.close(1.0)
    content = bytearray(path.read_bytes())
    content[100:20_000] = os.urandom(min(len(content), 20_000) - 100)
    path.write_bytes(content)
    assert "is no SQLite database, or a broken one: move it away" in why(path)


@pytest.mark.parametrize("damage", ["DROP TABLE problems", "UPDATE problems SET record = '[1, 2'"])
def test_a_file_that_lost_what_the_state_needs(path: Path, damage: str):
    here = Member(path)
    here.tell()
    here.state.close(1.0)
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()
    assert "is no SQLite database, or a broken one: move it away" in why(path)


def test_a_path_that_is_no_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    assert "a device, a pipe or a socket: name a file" in why(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory(path: Path):
    path.parent.chmod(0o500)
    try:
        assert "Permission denied" in why(path)
    finally:
        path.parent.chmod(0o700)


def test_a_full_disk(path: Path):
    here = Member(path)
    here.tell()
    pages = here.state._asker.store._connection.execute("PRAGMA page_count").fetchone()[0]
    here.state._asker.store._connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(200):
        answer = here.ask(f"a problem with a long name {'x' * 200} {number}")
        if answer == Unknown():
            break
    assert "the disk is full" in here.said[0]


def test_a_file_that_is_deleted_is_made_again(path: Path):
    here, there = Member(path), Member(path)
    here.tell()
    for file in path.parent.iterdir():
        file.unlink()
    assert isinstance(there.ask(), Mine)
    assert not here.ask().told, "both use the new one"


def test_a_clock_that_was_set_back_ends_windows_and_leases(path: Path):
    now = [2_000_000_000.0]
    here, there = Member(path), Member(path)
    for one in (here, there):
        one.state._asker.make_store = lambda: SqliteStore(os.fspath(path), clock=lambda: now[0])
    here.tell("told")
    here.ask("leased")
    now[0] -= 3_600.0
    assert isinstance(there.ask("told"), Mine)
    assert isinstance(there.ask("leased"), Mine)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_with_the_file_open_harms_neither_side(path: Path):
    here = Member(path)
    here.tell()
    here.see("network", n=3)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            here.see("child", n=2)
            status = 0 if isinstance(here.ask("network"), Mine) and here.state.close(2.0) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert here.state.hand_in()
    known = {p.key: p.occurrences for p in SqliteStore(os.fspath(path)).problems()[1]}
    assert known == {"disk": 1, "network": 4, "child": 2}
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_what_a_child_counts_after_the_parent_has_closed_the_file_is_kept(path: Path):
    here = Member(path)
    here.tell()
    opened, is_opened = os.pipe()
    closed, is_closed = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            here.ask("child")
            os.write(is_opened, b"x")
            os.read(closed, 1)
            here.see("child")
            status = 0 if here.state.close(5.0) else 2
        finally:
            os._exit(status)
    os.read(opened, 1)
    assert here.state.close(5.0)
    os.write(is_closed, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    known = {p.key: p.occurrences for p in SqliteStore(os.fspath(path)).problems()[1]}
    assert known == {"disk": 1, "child": 2}


def test_a_file_that_was_in_use_at_a_fork_is_left_alone_by_the_child(path: Path):
    store = SqliteStore(os.fspath(path))
    request = Request(sender=Sender(name="a", process="a", host="web-1", space="s"))
    store.exchange(request, 1.0)
    store.abandon()  # as a child does; here, nothing was forked
    with pytest.raises(StateError, match="was in use when this process was forked"):
        store.exchange(request, 1.0)
    sqlite._inherited.pop(os.fspath(path))[0].close()


WRITER = """
import sys, threading, time
from pagerduty_logging.state.options import open_state
path, records = sys.argv[1], int(sys.argv[2])
def write(number):
    state = open_state(path, routing_key="R" * 32, host="web-1")
    done = 0
    while done < records:
        now = time.time()
        for key in ("disk", "network", "memory"):
            state.count(key, 1, first=now, last=now, severity=1)
            done += 1
            if done == records:
                break
        if done % 120 == 0:
            state.hand_in()
    end = time.monotonic() + 20
    while not state.close(5.0) and time.monotonic() < end:
        state._asker.breaker.until = 0.0
        state._asker.breaker._held.clear()
threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]
[t.start() for t in threads]
[t.join() for t in threads]
"""


def test_eight_processes_with_two_writers_each_count_exactly(path: Path):
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, os.fspath(path), "3125"]) for _ in range(8)]
    assert [process.wait(60) for process in processes] == [0] * 8
    known = SqliteStore(os.fspath(path)).problems()[1]
    assert sum(problem.occurrences for problem in known) == 50_000
    assert {problem.processes for problem in known} == {8}


def test_many_threads_open_a_new_file_at_once(path: Path):
    answers = []

    def ask() -> None:
        answers.append(Member(path).ask())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(answer, Mine) for answer in answers) == 1


def test_a_copy_of_the_file_is_a_state_too(path: Path, tmp_path: Path):
    here = Member(path)
    here.tell()
    here.state.close(1.0)
    copy = tmp_path / "copy.sqlite"
    shutil.copy(path, copy)
    assert Member(copy).ask().told


def test_a_copy_in_which_readers_would_wait_for_writers_is_given_their_mode_again(path: Path, tmp_path: Path):
    here = Member(path)
    here.tell()
    here.state.close(1.0)
    copy = tmp_path / "copy.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (os.fspath(copy),))
    assert Member(copy).ask().told
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_another_has_told_is_known_while_a_third_one_writes(path: Path):
    here, there = Member(path), Member(path)
    here.tell()
    there.see("network")
    there.state.hand_in()
    with locked(path):
        answer = there.ask(n=7)
    assert (answer.told, there.state.stats.answers) == (True, True)
    assert there.state.due() is not None, "what was counted is still to be handed in"
    there.state.close(1.0)
    known = {p.key: p.occurrences for p in SqliteStore(os.fspath(path)).problems()[1]}
    assert known == {"disk": 8, "network": 1}


def test_a_hand_in_that_has_to_wait_is_no_failure(path: Path):
    here = Member(path)
    here.tell()
    with locked(path):
        here.see(n=41)
        assert not here.state.hand_in(), "not yet"
        assert (here.state.stats.answers, here.said) == (True, [])
    until(lambda: here.state.hand_in())
    assert SqliteStore(os.fspath(path)).problems()[1][0].occurrences == 42


def test_a_hand_in_that_waits_too_long_is_one(path: Path):
    now = [0.0]
    here = Member(path)
    here.tell()
    here.state._asker._clock = lambda: now[0]
    with locked(path):
        here.see(n=41)
        assert not here.state.hand_in()
        now[0] += 10.0
        assert not here.state.hand_in()
    assert not here.state.stats.answers
    assert len(here.said) == 1


def test_a_claim_does_not_wait_for_a_hand_in_that_waits(path: Path):
    here, there = Member(path), Member(path)
    there.tell()
    here.tell("network")
    with locked(path):
        here.see("network", n=10)
        assert not here.state.hand_in(), "not yet"
        here.see(n=3)
        assert here.state.claim("disk", 1, at=time.time()).told, "it is read, beside the hand-in"
        assert here.state.stats.answers
    until(lambda: here.state.hand_in() and here.state.due() is None)
    known = {p.key: p.occurrences for p in SqliteStore(os.fspath(path)).problems()[1]}
    assert known == {"disk": 4, "network": 11}


def test_what_is_counted_beside_a_hand_in_that_was_late_is_in_the_next_event(path: Path):
    here = Member(path)
    here.tell("network")
    with locked(path):
        here.see(n=10)
        assert not here.state.hand_in(), "not yet"
    assert here.ask(n=3).occurrences == 13


def test_what_is_told_while_the_time_is_looked_up_is_known(path: Path):
    """A process that gets no CPU at that moment would take what it reads then for a clock set back."""
    link = path.with_name("link")  # another name: handlers of one process take turns at a name
    link.symlink_to(path)
    here, there = Member(path), Member(link)
    there.tell("network")
    looks: list[object] = []

    def clock() -> float:
        now = time.time()
        if not looks:
            looks.append(None)
            looks[0] = there.tell()
        return now

    here.state._asker.make_store = lambda: SqliteStore(os.fspath(path), clock)
    assert here.ask().told
    assert isinstance(looks[0], Mine)


def counting(name: str, n: int) -> Request:
    sender = Sender(name=name, process=name, host="web-1", space="space")
    return Request(sender=sender, sequence=1, counts=(Count("disk", n, 0.0, 0.0, 1),))


def test_no_lock_is_held_while_it_is_decided_and_what_was_read_too_early_is_not_written(path: Path):
    slow, quick = SqliteStore(str(path)), SqliteStore(str(path))
    begun = Exchange(slow._open(1.0), [counting("slow", 1)], time.time, LastWritten())
    assert begun.applied(counting("slow", 1)).handed_in == 1
    assert quick.exchange(counting("quick", 10), 0.25).handed_in == 1
    assert not begun.write()
    assert [problem.occurrences for problem in quick.problems()[1]] == [10]
    assert slow.exchange(counting("slow", 1), 0.25).handed_in == 1
    (problem,) = quick.problems()[1]
    assert (problem.occurrences, problem.processes) == (11, 2)


def test_problems_are_shown_while_another_process_writes(path: Path):
    store = SqliteStore(str(path))
    store.exchange(counting("one", 3), 0.25)
    with locked(path):
        assert [problem.occurrences for problem in store.problems()[1]] == [3]


def claiming(name: str, sequence: int, key: str = "disk", *, n: int = 1, per_minute: int = 100) -> Request:
    sender = Sender(name=name, process=name, host=f"host of {name}", space="space", per_minute=per_minute)
    counts = (Count(key, n, 0.0, 0.0, 1),)
    return Request(sender=sender, sequence=sequence, counts=counts, claim=Claim(key, 1, 0.0))


@pytest.fixture
def here_and_there(path: Path) -> tuple[SqliteStore, SqliteStore]:
    """Two connections to one file that know nothing of each other, as those of two processes."""
    link = path.with_name("link")
    link.symlink_to(path)
    here, there = SqliteStore(str(path)), SqliteStore(str(link))
    for number, store in enumerate((here, there)):
        sender = claiming(("here", "there")[number], 0).sender
        store.exchange(Request(sender=sender), 0.25)
    return here, there


def test_an_exchange_reads_nothing_where_its_connection_wrote_last(here_and_there):
    here, _ = here_and_there
    here.exchange(claiming("here", 1, "network"), 0.25)
    statements: list[str] = []
    here._connection.set_trace_callback(statements.append)
    assert isinstance(here.exchange(claiming("here", 2), 0.25).answer, Mine)
    commit = Outcome("commit", "disk", 0.0, 1, 1, 300.0)
    done = Request(sender=claiming("here", 3).sender, sequence=3, outcomes=(commit,))
    assert here.exchange(done, 0.25).handed_in == 3
    assert {statement.split()[0] for statement in statements} == {"INSERT"}


def test_what_others_wrote_meanwhile_is_read_before_anything_is_written(here_and_there):
    here, there = here_and_there
    assert isinstance(here.exchange(claiming("here", 1), 0.25).answer, Mine)
    assert here.exchange(Request(sender=claiming("here", 2).sender, sequence=2), 0.25).handed_in == 2
    assert not there.exchange(claiming("there", 1, n=10), 0.25).answer.told
    answer = here.exchange(claiming("here", 3, n=100), 0.25).answer
    assert (answer.occurrences, answer.processes) == (111, 2)
    assert answer.host_names == ("host of here", "host of there")


def test_a_problem_that_others_have_told_is_no_new_one(here_and_there):
    here, there = here_and_there
    there.exchange(claiming("there", 1), 0.25)
    commit = Outcome("commit", "disk", 0.0, 1, 1, 300.0)
    there.exchange(Request(sender=claiming("there", 2).sender, sequence=2, outcomes=(commit,)), 0.25)
    assert here.exchange(claiming("here", 1), 0.25).answer.told


def test_the_budget_that_others_have_spent_is_not_spent_again(here_and_there):
    here, there = here_and_there
    assert isinstance(here.exchange(claiming("here", 1, "disk", per_minute=2), 0.25).answer, Mine)
    assert isinstance(there.exchange(claiming("there", 1, "network", per_minute=2), 0.25).answer, Mine)
    answer = here.exchange(claiming("here", 2, "memory", per_minute=2), 0.25).answer
    assert isinstance(answer, Later)
    assert 59.0 < answer.again_in <= 60.0


def test_a_silence_of_another_process_is_learned_with_the_next_claim(here_and_there):
    here, there = here_and_there
    here.exchange(claiming("here", 1), 0.25)
    silence = Silence(id="", by="all", what="", since=0.0, until=0.0, reason="maintenance", who="me")
    there.silence(silence, 60.0)
    reply = here.exchange(claiming("here", 2, "network"), 0.25)
    assert reply.answer is None
    assert [one.reason for one in reply.silences[1]] == ["maintenance"]


def test_a_problem_that_begins_anew_was_seen_by_nobody_else_so_far(here_and_there):
    here, there = here_and_there
    here.exchange(claiming("here", 1), 0.25)
    there.exchange(claiming("there", 1), 0.25)
    over = Outcome("resolve", "disk", -2.0)
    here.exchange(Request(sender=claiming("here", 2).sender, sequence=2, outcomes=(over,)), 0.25)
    later = Request(sender=claiming("there", 2).sender, sequence=2, counts=(Count("disk", 1, -5.0, -5.0, 1),))
    there.exchange(later, 0.25)
    (problem,) = here.problems()[1]
    assert (problem.occurrences, problem.host_names, problem.processes) == (1, ("host of there",), 1)


@pytest.mark.parametrize(
    "key", ["disk\0 1", "disk\ud800 1", "disk\n1", "Плохо 🔥", """a 'key' of "C:\\new\""""]
)
def test_any_key_is_found_again(here_and_there, key: str):
    here, there = here_and_there
    assert isinstance(here.exchange(claiming("here", 1, key), 0.25).answer, Mine)
    assert there.exchange(claiming("there", 1, key), 0.25).handed_in == 1
    assert here.exchange(claiming("here", 2, key), 0.25).answer.occurrences == 3
    (problem,) = there.problems()[1]
    assert (problem.occurrences, problem.hosts) == (3, 2)
