"""A child of a process that pages is a process that pages, with nothing of its parent's to send again."""

import functools
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Hang, Sandbox

from . import programs
from .conftest import summaries
from .programs import PRELUDE, run_file

run = functools.partial(programs.run, measured=False)

AS_MAIN = """
if __name__ == "__main__":
    import multiprocessing, concurrent.futures
    {}
"""
WORKING = PRELUDE + "attached(max_events_per_minute=1000)\ndef work(n):\n    log.error(f'problem {n}')\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["process", "executor", "pool"])
def test_children_of_multiprocessing_deliver(
    pagerduty: Sandbox, tmp_path: Path, method: str, kind: str
) -> None:
    # Started by a file, because spawned children import it.
    main = tmp_path / "program.py"
    start = {
        "process": "children = [context.Process(target=work, args=[n]) for n in range(3)]; "
        "[c.start() for c in children]; [c.join() for c in children]",
        "executor": "executor = concurrent.futures.ProcessPoolExecutor(2, mp_context=context); "
        "list(executor.map(work, range(3))); executor.shutdown()",
        "pool": "pool = context.Pool(2); pool.map(work, range(3)); pool.close(); pool.join()",
    }[kind]
    body = f"context = multiprocessing.get_context({method!r}); log.error('parent'); {start}"
    main.write_text(WORKING + AS_MAIN.format(body))
    ended = run_file(main, pagerduty.url)
    ended.well()
    assert sorted(summaries(pagerduty)) == ["parent", "problem 0", "problem 1", "problem 2"]


def test_a_child_starts_empty_and_the_parent_keeps_its_own(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(503, retry_after=2)
    ended = run(
        """
        made = attached()
        for n in range(3):
            log.error(f"parent {n}")
        while not made.stats.retries:
            time.sleep(0.01)
        if os.fork() == 0:
            assert made.stats.accepted == 0
            log.error("child")
            sys.exit()
        status = os.wait()[1]
        assert made.stats.pending == 3
        sys.exit(status)
        """,
        pagerduty.url,
    )
    assert ended.status == 0, ended.err
    assert sorted(summaries(pagerduty)) == ["child", "parent 0", "parent 1", "parent 2"]


def test_children_forked_under_fire_end_and_deliver(pagerduty: Sandbox) -> None:
    ended = run(
        """
        attached(max_events_per_minute=100_000, repeat_interval=0)
        stop = threading.Event()
        def fire(name):
            count = 0
            while not stop.is_set():
                count += 1
                log.error("fire %s", name, extra={"pagerduty": {"dedup_key": f"{name}{count % 50}"}})
        for name in range(4):
            threading.Thread(target=fire, args=[name], daemon=True).start()
        slowest = 0
        for number in range(8):
            since = time.monotonic()
            child = os.fork()
            if child == 0:
                log.error(f"child {number}")
                sys.exit()
            assert os.waitpid(child, 0)[1] == 0
            slowest = max(slowest, time.monotonic() - since)
        stop.set()
        assert slowest < 30, slowest
        os._exit(0)
        """,
        pagerduty.url,
    )
    ended.well()
    children = {s for s in summaries(pagerduty) if s.startswith("child")}
    assert children == {f"child {number}" for number in range(8)}


def test_a_fork_right_after_the_first_record_does_no_harm(pagerduty: Sandbox) -> None:
    ended = run(
        """
        attached()
        log.error("parent")
        if os.fork() == 0:
            log.error("child")
            if os.fork() == 0:
                log.error("grandchild")
                sys.exit()
            os.wait()
            sys.exit()
        os.wait()
        log.error("parent again")
        """,
        pagerduty.url,
    )
    ended.well()
    assert sorted(summaries(pagerduty)) == ["child", "grandchild", "parent", "parent again"]


GEVENT = "import warnings; warnings.simplefilter('ignore'); from gevent import monkey; monkey.patch_all()\n"


@pytest.mark.parametrize("state", [False, True], ids=["no state", "state"])
def test_greenlets_of_gevent_that_live_on_in_a_child_send_nothing(
    pagerduty: Sandbox, tmp_path: Path, state: bool
) -> None:
    pytest.importorskip("gevent")
    ended = run(
        f"""
        attached(state={str(tmp_path / "state.sqlite") if state else None!r})
        for number in range(3):
            log.error(f"parent {{number}}")
            time.sleep(0.0)
            if os.fork() == 0:
                log.error(f"child {{number}}")
                sys.exit()
            os.wait()
        """,
        pagerduty.url,
        preload=GEVENT + PRELUDE,
        measured=False,
    )
    ended.well()
    assert sorted(summaries(pagerduty)) == [
        f"{who} {number}" for who in ("child", "parent") for number in range(3)
    ]


def test_a_server_that_hangs_delays_no_fork(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(Hang(), 1)
    ended = run(
        """
        attached(flush_timeout=0)
        log.error("problem")
        from pagerduty_logging.events_api.forking import FORK_WAIT
        time.sleep(0.3)
        since = time.monotonic()
        for _ in range(5):
            if os.fork() == 0:
                os._exit(0)
            os.wait()
        delay = time.monotonic() - since
        assert delay < FORK_WAIT, delay
        """,
        pagerduty.url,
    )
    assert ended.status == 0, ended.err


def test_a_fork_that_no_hook_announces_is_noticed(pagerduty: Sandbox) -> None:
    ended = run(
        """
        import ctypes
        made = attached()
        log.error("parent")
        assert made.flush(5)
        fork = ctypes.PyDLL(None).fork  # as uWSGI does: Python's own hooks are not called
        if fork() == 0:
            threads = [threading.Thread(target=log.error, args=[f"child {n}"]) for n in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert made.flush(5)
            os._exit(0)
        assert os.wait()[1] == 0
        """,
        pagerduty.url,
    )
    ended.well()
    assert sorted(summaries(pagerduty)) == ["child 0", "child 1", "child 2", "child 3", "parent"]


def test_handlers_that_are_gone_cost_a_fork_nothing(pagerduty: Sandbox) -> None:
    ended = run(
        """
        import gc, subprocess
        from pagerduty_logging.delivery import process
        for _ in range(300):
            handler().close()
        until = time.monotonic() + 20
        while process._living and time.monotonic() < until:  # each was to be looked after in a second
            time.sleep(0.1)
            gc.collect()
        assert len(process._living) == 0
        attached()
        log.error("problem")
        print(subprocess.run(["true"], preexec_fn=lambda: print(threading.active_count())).returncode)
        """,
        pagerduty.url,
    )
    ended.well()
    assert ended.out.split() == ["1", "0"]
    assert summaries(pagerduty) == ["problem"]


def test_a_daemon_that_closes_all_descriptors_still_delivers(pagerduty: Sandbox, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    ended = run(
        f"""
        attached()
        log.error("before")
        log.handlers[0].flush(5)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(3, 256)
                others = [open({str(other)!r}, "a") for _ in range(20)]
                log.error("from the daemon")
                log.handlers[0].flush(5)
                for file in others:
                    file.write("x")
                    file.close()
                sys.exit()
            os.wait()
            os._exit(0)
        os.wait()
        """,
        pagerduty.url,
        spool=tmp_path / "spool",
    )
    ended.well()
    assert summaries(pagerduty) == ["before", "from the daemon"]
    assert other.read_text() == "x" * 20
