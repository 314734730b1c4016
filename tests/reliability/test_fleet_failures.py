"""A state in a file on a bad day, and hosts of other kinds: real processes, and each page arrives."""

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.sandbox import Sandbox
from pagerduty_logging.state.protocol import StateError
from tests.ports import free_port
from tests.state.servers import Server, running

from .programs import PATIENT, PRELUDE, run, says, started, until
from .test_fleet import details, go_on, known, summaries

# --- a file on a bad day -------------------------------------------------------------------------

PAGING = """
made = attached(state={state!r}, flush_timeout=1.0)
if {before!r}:
    log.error("before")
    assert made.flush(20.0)
    assert made.stats.state.answers, made.stats.state
    log.error("before")
print("ready", flush=True)
sys.stdin.readline()
log.error("disk full")
assert made.flush(20.0)
for _ in range(100):
    log.error("disk full")
stats = made.stats
print(stats.delivered, stats.state.answers, stats.state.why, flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked(file: Path, pid: int) -> Iterator[None]:
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.close()


@contextmanager
def without_room(file: Path, pid: int) -> Iterator[None]:
    """Let the program write no file that is longer than a few bytes: a full disk, without a disk."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    yield


@contextmanager
def replaced_by_rubbish(file: Path, pid: int) -> Iterator[None]:
    for part in file.parent.glob(f"{file.name}-*"):
        part.unlink()
    rubbish = file.with_name("rubbish")
    rubbish.write_bytes(b"nothing of ours " * 1_000)
    rubbish.replace(file)
    yield


@contextmanager
def replaced_by_a_directory(file: Path, pid: int) -> Iterator[None]:
    for part in [file, *file.parent.glob(f"{file.name}-*")]:
        part.unlink()
    file.mkdir()
    yield


@contextmanager
def replaced_by_a_newer_one(file: Path, pid: int) -> Iterator[None]:
    newer = file.with_name("newer.sqlite")
    known(os.fspath(newer))
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for part in [file, *file.parent.glob(f"{file.name}-*")]:
        part.unlink(missing_ok=True)
    newer.replace(file)
    yield


@pytest.mark.parametrize("before", [True, False], ids=["in the middle", "from the beginning"])
@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (locked, "is locked by another program"),
        (without_room, "is there room on the disk?"),
        (replaced_by_rubbish, "no SQLite database, or a broken one: move it away"),
        (replaced_by_a_directory, "is a directory: name a file in it"),
        (replaced_by_a_newer_one, "written by a newer pagerduty-logging: update this program"),
    ],
)
def test_pages_go_out_as_without_state_while_its_file_is_in_trouble(
    pagerduty: Sandbox, tmp_path: Path, trouble: Callable[..., Any], why: str, before: bool
) -> None:
    if trouble is replaced_by_a_directory and not before:
        pytest.skip("tried where the option is read: tests/state/test_sqlite.py")
    file = tmp_path / "state" / "pages.sqlite"
    file.parent.mkdir()
    known(os.fspath(file))
    with started(
        PAGING.format(state=os.fspath(file), before=before), pagerduty.url, measured=False
    ) as process:
        says(process, "ready")
        with trouble(file, process.pid):
            go_on(process)
            assert process.stdout is not None
            delivered, answers, said = process.stdout.readline().split(maxsplit=2)
            go_on(process)
            _, err = process.communicate(timeout=60.0)
    assert (process.returncode, answers) == (0, "False"), err
    assert why in said
    assert int(delivered) == 1 + before
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert "does not answer" in lines[0]
    assert why in lines[0]
    assert summaries(pagerduty)["disk full"] == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a few hundred kilobytes."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_keeps_no_page_and_what_was_counted_is_handed_in_when_there_is_room(
    pagerduty: Sandbox, small_disk: Path
) -> None:
    state = os.fspath(small_disk / "pages.sqlite")
    program = f"""
    made = attached(state={state!r})
    log.error("disk full")
    assert made.flush(20.0)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(50):
        log.error("disk full")
    log.error("network gone")
    assert made.flush(20.0)
    while made.stats.state.answers:
        time.sleep(0.05)
    print("away", flush=True)
    while not made.stats.state.answers:
        time.sleep(0.05)
    print(made.stats.delivered, flush=True)
    """
    with started(program, pagerduty.url, measured=False) as process:
        says(process, "ready")
        big = small_disk / "big"
        with suppress(OSError), big.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
        go_on(process)
        says(process, "away")
        big.unlink()
        out, err = process.communicate(timeout=90.0)
    assert (process.returncode, out) == (0, "2\n"), err
    assert "the disk is full" in err
    assert summaries(pagerduty) == {"disk full": 1, "network gone": 1}
    assert {problem.occurrences for problem in known(state).values()} == {51, 1}


def test_a_file_system_that_becomes_read_only_keeps_no_page(pagerduty: Sandbox, small_disk: Path) -> None:
    state = os.fspath(small_disk / "pages.sqlite")
    with started(PAGING.format(state=state, before=True), pagerduty.url, measured=False) as process:
        says(process, "ready")
        subprocess.run(
            ["umount", "-l", str(small_disk)], check=True
        )  # what is open stays so: a file that is gone
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(small_disk)], check=True)
        go_on(process)
        out, err = process.communicate(timeout=60.0)
    assert process.returncode == 0, err
    assert "read-only" in out.lower()
    assert len(err.splitlines()) == 1, err
    assert summaries(pagerduty) == {"before": 1, "disk full": 1}


# --- hosts of other kinds ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return os.fspath(tmp_path / "state.sqlite")
    server: Server = request.getfixturevalue("one_server")
    server.client().flushall()
    return server.url


TWO_HANDLERS = """
made = [handler(state={state!r}, **{options!r}) for _ in range(2)]
loggers = [logging.Logger("shop") for _ in made]
for one, its in zip(loggers, made):
    one.addHandler(its)
for _ in range(3):
    for one in loggers:
        one.error("disk full")
loggers[1].critical("on fire")
for its in made:
    assert its.flush(20.0)
assert [its.stats.state.answers for its in made] == [True, True], made[0].stats
assert sum(its.stats.delivered for its in made) == 2, [its.stats for its in made]
assert sum(its.stats.told_elsewhere for its in made) == 1, [its.stats for its in made]
"""
GEVENT = "import warnings; warnings.simplefilter('ignore'); from gevent import monkey; monkey.patch_all()\n"


@pytest.mark.parametrize(
    ("before", "options"),
    [("", {"background": False}), (GEVENT, {}), (GEVENT, {"background": False})],
    ids=["without background", "gevent", "gevent without background"],
)
def test_handlers_know_of_each_other_in_every_kind_of_host(
    pagerduty: Sandbox, state: str, before: str, options: dict[str, Any]
) -> None:
    if before:
        pytest.importorskip("gevent")
    program = TWO_HANDLERS.format(state=state, options=options)
    run(program, pagerduty.url, preload=before + PRELUDE + PATIENT, measured=False).well()
    assert summaries(pagerduty) == {"disk full": 1, "on fire": 1}
    assert known(state)["disk full"].occurrences == 6


WEB = """
import logging, os
from pagerduty_logging import PagerDutyHandler
made = PagerDutyHandler("r" * 32, base_url=os.environ["PAGERDUTY_EVENTS_URL"], state=os.environ["STATE"])
logging.getLogger("web").addHandler(made)
logging.getLogger("web").error("while loading")
def application(environ, start_response):
    logging.getLogger("web").error("the database is gone")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
"""


def counted(state: str) -> int:
    with suppress(StateError):  # a busy machine
        return sum(problem.occurrences for problem in known(state).values())
    return 0


@pytest.mark.parametrize("options", ["", "--enable-threads"], ids=["without threads", "with threads"])
def test_the_workers_of_uwsgi_page_once(pagerduty: Sandbox, state: str, tmp_path: Path, options: str) -> None:
    from .test_hosts import get, server, uwsgi

    (tmp_path / "web.py").write_text(WEB)
    port = free_port()
    with server(uwsgi(port, options), tmp_path, pagerduty, STATE=state):
        for _ in range(12):
            get(port, "")
        if options:
            until(lambda: counted(state) >= 12)
    assert summaries(pagerduty) == {"while loading": 1, "the database is gone": 1}
    assert 1 <= details(pagerduty.events[1])["occurrences"] <= 12  # those who counted before it claimed


def test_a_fork_in_the_middle_of_a_call_to_a_file_goes_on(pagerduty: Sandbox, state: str) -> None:
    run(
        f"""
        made = attached(state={state!r}, repeat_interval=0.0, max_events_per_minute=100_000)
        end = time.monotonic() + 2.0
        def busy():
            while time.monotonic() < end:
                log.error("disk full")
                time.sleep(0.001)
        threading.Thread(target=busy, daemon=True).start()
        for number in range(20):
            child = os.fork()
            if child == 0:
                log.error("in a child")
                sys.exit(0 if made.flush(20.0) else 1)
            assert os.waitpid(child, 0)[1] == 0
        """,
        pagerduty.url,
        preload=PRELUDE + PATIENT,
        measured=False,
    ).well()
    assert known(state)["in a child"].occurrences == 20
