"""With a spool, what was logged outlives the process: the next process sends it."""

import json
import os
import signal
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.spool import MAX_BYTES, MAX_FILES, Spool
from pagerduty_logging.events_api.routing_key import RoutingKey
from pagerduty_logging.sandbox import Hang, Sandbox

from .conftest import summaries
from .programs import PRELUDE, run, says, started, until

SEND = "made = attached(); assert made.flush(20), made.stats"
SEND_QUICKLY = "made = attached(max_events_per_minute=100_000); assert made.flush(30), made.stats"


def events(spool: Path) -> list[Path]:
    return sorted(spool.glob("*.event"))


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.mark.parametrize(
    "end",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "os._exit(0)",
        "os.abort()",
        "os.execv('/bin/true', ['true'])",
        "pool = __import__('multiprocessing').get_context('fork').Pool(1)\n"
        "with pool: pool.apply(log.error, ['from the pool'])",
    ],
    ids=["kill", "terminate", "_exit", "abort", "exec", "pool"],
)
def test_what_a_violent_end_left_is_sent_by_the_next_process(
    pagerduty: Sandbox, spool: Path, end: str
) -> None:
    pagerduty.stop()
    run(f"attached(flush_timeout=0)\nlog.error('problem')\n{end}", pagerduty.url, spool=spool)
    pagerduty.start()
    run(SEND, pagerduty.url, spool=spool).well()
    expected = {"problem", "from the pool"} if "pool" in end else {"problem"}
    assert set(summaries(pagerduty)) == expected
    assert events(spool) == []


KILLED_SOON = """
import random
def kill(seconds):
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)
def be_killed(earliest, latest):
    threading.Thread(target=kill, args=[random.uniform(earliest, latest)], daemon=True).start()
"""


def test_every_call_that_returned_before_a_kill_arrives(pagerduty: Sandbox, spool: Path) -> None:
    said: list[str] = []
    for turn in range(4):
        ended = run(
            f"""
            attached(max_events_per_minute=100_000)
            be_killed(0.0, 0.2)
            for n in range(100_000):
                log.error("n", extra={{"pagerduty": {{"dedup_key": f"{turn}-{{n}}"}}}})
                os.write(1, f"{turn}-{{n}}\\n".encode())
            """,
            pagerduty.url,
            spool=spool,
            preload=PRELUDE + KILLED_SOON,
        )
        assert ended.status == -signal.SIGKILL
        said += ended.out.split("\n")[:-1]
    while events(spool):
        run(SEND_QUICKLY, pagerduty.url, spool=spool).well()
    assert set(said) <= {event["dedup_key"] for event in pagerduty.events}


def test_what_is_left_at_the_end_stays_in_the_spool_and_is_said(pagerduty: Sandbox, spool: Path) -> None:
    pagerduty.fail_next(Hang())
    ended = run("attached(flush_timeout=0.5)\nlog.error('problem')", pagerduty.url, spool=spool)
    assert "1 event, kept in the spool" in ended.err
    assert "problem" not in ended.err
    run(SEND, pagerduty.url, spool=spool).well()
    assert summaries(pagerduty) == ["problem"]


SIBLING = "attached(); print('here', flush=True); time.sleep(60)"


def test_a_sibling_takes_over_soon(pagerduty: Sandbox, spool: Path) -> None:
    """A living process that waits with the others' events in view takes them over when their owner dies."""
    pagerduty.fail_share(503, 1)
    with started(
        "attached()\nlog.error('problem')\nprint('said', flush=True)\ntime.sleep(60)",
        pagerduty.url,
        spool=spool,
    ) as first:
        says(first, "said")
        with started(
            "attached()\nprint('here', flush=True)\ntime.sleep(60)", pagerduty.url, spool=spool
        ) as other:
            says(other, "here")
            first.kill()
            first.wait()
            pagerduty.clear()
            pagerduty.wait_for(1, timeout=60)
            until(lambda: not events(spool))


def test_a_resolve_stays_behind_its_trigger_across_a_restart(pagerduty: Sandbox, spool: Path) -> None:
    pagerduty.stop()
    run(
        """
        made = attached(flush_timeout=0)
        for action in ("trigger", "resolve", "trigger"):
            log.error("problem", extra={"pagerduty": {"dedup_key": "key", "event_action": action}})
        os._exit(0)
        """,
        pagerduty.url,
        spool=spool,
    )
    pagerduty.start()
    program = """
    made = attached()
    log.error("problem", extra={"pagerduty": {"dedup_key": "key", "event_action": "resolve"}})
    """
    run(program, pagerduty.url, spool=spool).well()
    actions = [event["event_action"] for event in pagerduty.events]
    assert actions == ["trigger", "resolve", "trigger", "resolve"]


def test_a_killed_child_leaves_what_it_logged_and_the_parent_its_own(pagerduty: Sandbox, spool: Path) -> None:
    pagerduty.fail_share(503, 1)
    run(
        """
        attached(flush_timeout=0)
        log.error("parent")
        if os.fork() == 0:
            log.error("child")
            os.kill(os.getpid(), signal.SIGKILL)
        os.wait()
        os._exit(0)
        """,
        pagerduty.url,
        spool=spool,
    )
    assert len(events(spool)) == 2
    pagerduty.clear()
    run(SEND, pagerduty.url, spool=spool).well()
    assert sorted(summaries(pagerduty)) == ["child", "parent"]


def test_nobody_else_can_read_it_and_no_key_is_in_it(pagerduty: Sandbox, spool: Path) -> None:
    run("os.umask(0)\nattached()\nlog.error('x')\nos._exit(0)", "http://127.0.0.1:9", spool=spool)
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in spool.iterdir()} == {0o600}
    assert len(events(spool)) == 1
    for file in spool.iterdir():
        assert "r" * 32 not in file.name
        assert "r" * 32 not in file.read_text()


LEAVE_FIVE = "attached(flush_timeout=0)\nfor n in range(5): log.error(f'problem {n}')\nos._exit(0)"


def test_broken_events_are_set_aside_and_the_others_sent(pagerduty: Sandbox, spool: Path) -> None:
    run(LEAVE_FIVE, "http://127.0.0.1:9", spool=spool)
    torn, flipped, empty, folder, good = events(spool)
    torn.write_bytes(torn.read_bytes()[:100])
    flipped.write_bytes(flipped.read_bytes().replace(b"problem", b"Problem"))
    empty.write_bytes(b"")
    folder.unlink()
    folder.mkdir()
    (spool / "unrelated.pickle").write_bytes(b"cos\nsystem\n(S'touch /tmp/x'\ntR.")
    outside = spool.parent / "outside.txt"
    outside.write_text("mine")
    link = spool / folder.name.replace("-0000000", "-1000000", 1)
    link.symlink_to(outside)
    ended = run(SEND, pagerduty.url, spool=spool)
    assert ended.status == 0, ended.err
    assert "broken" in ended.err
    assert summaries(pagerduty) == ["problem 4"]
    assert events(spool) == []
    assert len(list(spool.glob("*.event.broken"))) == 5
    assert outside.read_text() == "mine"
    assert good.name not in os.listdir(spool)


def test_events_of_a_later_version_or_for_another_key_stay(pagerduty: Sandbox, spool: Path) -> None:
    run(LEAVE_FIVE, "http://127.0.0.1:9", spool=spool)
    later, *_ = events(spool)
    later.write_text(json.dumps({**json.loads(later.read_text()), "version": 2}))
    ended = run("made = attached(routing_key='s' * 32); assert made.flush(5)", pagerduty.url, spool=spool)
    assert ended.status == 0
    assert "are left there" in ended.err
    assert len(events(spool)) == 5
    ended = run(SEND, pagerduty.url, spool=spool)
    assert summaries(pagerduty) == [f"problem {n}" for n in range(1, 5)]
    assert events(spool) == [later]


@pytest.mark.parametrize("trouble", ["no directory", "full", "too big"])
def test_a_disk_that_fails_costs_nothing_but_a_notice(pagerduty: Sandbox, spool: Path, trouble: str) -> None:
    program = """
    import resource, shutil
    made = attached(spool=os.environ["SPOOL"])
    for n in range(3):
        log.error(f"problem {n}")
    assert made.flush(10)
    """
    if trouble == "no directory":
        spool.write_text("a file is in the way")
    elif trouble == "full":
        spool = Path("/dev/full/spool")
    else:
        program = program.replace("made =", "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); made =")
    ended = run(program, pagerduty.url, spool=spool)
    assert ended.status == 0, ended.err
    assert "kept in memory only" in ended.err
    assert summaries(pagerduty) == ["problem 0", "problem 1", "problem 2"]


def test_a_deleted_directory_comes_back(pagerduty: Sandbox, spool: Path) -> None:
    pagerduty.fail_share(503, 1)
    with started(
        """
        import shutil
        attached(flush_timeout=0)
        log.error("before")
        shutil.rmtree(os.environ["SPOOL"])
        log.error("after")
        print("said", flush=True)
        time.sleep(60)
        """,
        pagerduty.url,
        spool=spool,
    ) as process:
        says(process, "said")
        assert len(events(spool)) == 1
        pagerduty.clear()
        pagerduty.wait_for(2, timeout=20)
        process.kill()


def test_an_old_event_says_how_late_it_comes(pagerduty: Sandbox, spool: Path) -> None:
    run("attached(flush_timeout=0)\nlog.error('problem')\nos._exit(0)", "http://127.0.0.1:9", spool=spool)
    (file,) = events(spool)
    entry = json.loads(file.read_text())
    file.write_text(json.dumps({**entry, "accepted": entry["accepted"] - 3_600}))
    run(SEND, pagerduty.url, spool=spool).well()
    (event,) = pagerduty.events
    assert event["payload"]["custom_details"]["delayed"].startswith("60 minutes")
    assert event["payload"]["timestamp"] == json.loads(entry["event"])["payload"]["timestamp"]


@pytest.mark.parametrize("days", [2, 3_650])
def test_an_old_event_is_tried_once_in_this_life_for_clocks_go_wrong(
    pagerduty: Sandbox, spool: Path, days: int
) -> None:
    run("attached(flush_timeout=0)\nlog.error('problem')\nos._exit(0)", "http://127.0.0.1:9", spool=spool)
    (file,) = events(spool)
    entry = json.loads(file.read_text())
    file.write_text(json.dumps({**entry, "accepted": entry["accepted"] - days * 86_400}))
    run(SEND, pagerduty.url, spool=spool).well()
    assert summaries(pagerduty) == ["problem"]


def test_an_event_beyond_its_age_is_given_up_and_reported(pagerduty: Sandbox, spool: Path) -> None:
    run("attached(flush_timeout=0)\nlog.error('problem')\nos._exit(0)", "http://127.0.0.1:9", spool=spool)
    (file,) = events(spool)
    entry = json.loads(file.read_text())
    file.write_text(json.dumps({**entry, "accepted": entry["accepted"] - 2 * 86_400}))
    pagerduty.fail_next(503)
    ended = run(
        """
        told = []
        made = attached(on_error=lambda event, error: told.append(event.summary))
        made.flush(5)
        assert told == ["problem"], told
        assert made.stats.dropped == {"expired": 1}
        """,
        pagerduty.url,
        spool=spool,
    )
    assert ended.status == 0, ended.err
    assert "older than retry.max_age" in ended.err
    assert not pagerduty.events
    assert not events(spool)


def test_processes_that_share_a_spool_and_are_killed_lose_nothing(pagerduty: Sandbox, spool: Path) -> None:
    pagerduty.fail_share(503, 0.2)
    program = """
    made = attached(max_events_per_minute=100_000, retry=Retry(initial=0.05, maximum=0.2))
    for n in range(20):
        key = f"{os.getpid()}-{n}"
        log.error("n", extra={"pagerduty": {"dedup_key": key}})
        os.write(1, (key + "\\n").encode())
        time.sleep(0.01)
    made.flush(20)
    """
    said: set[str] = set()
    for _ in range(2):
        with ExitStack() as running:
            processes = [
                running.enter_context(
                    started(first + program, pagerduty.url, spool=spool, preload=PRELUDE + KILLED_SOON)
                )
                for first in ("    be_killed(0.1, 0.5)\n", "")
            ]
            for process in processes:
                out, _ = process.communicate(timeout=40)
                said.update(out.split("\n")[:-1])
    pagerduty.fail_share(503, 0)
    while events(spool):
        run(SEND_QUICKLY, pagerduty.url, spool=spool)
    assert said <= {event["dedup_key"] for event in pagerduty.events}


@pytest.mark.parametrize(("files", "bytes_each"), [(10_100, 100), (120, 900_000)], ids=["number", "bytes"])
def test_a_directory_beyond_its_bounds_keeps_the_most_severe_and_that_is_reported(
    spool: Path, files: int, bytes_each: int
) -> None:
    spool.mkdir(mode=0o700)
    for n in range(files):
        rank = 0 if n % 10 == 0 else 1
        with (spool / f"{n:020d}-{rank}-{n:08x}-{'a' * 16}.event").open("wb") as file:
            file.truncate(bytes_each)
    said: list[str] = []
    shared = Spool(spool, RoutingKey("r" * 32), Diagnostics(said.append))
    assert list(shared.adopt(room=0)) == []
    left = events(spool)
    lost = files - len(left)
    assert lost == max(files - MAX_FILES, files - MAX_BYTES // bytes_each)
    assert sum("-0-" in event.name for event in left) == files // 10
    assert said == [f"pagerduty-logging: the spool is full: {lost} events are lost, the least severe\n"]
