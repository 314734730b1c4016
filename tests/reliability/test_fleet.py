"""Many processes, one state, real servers: one problem is one event, and every occurrence counts."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.sandbox import Delay, Sandbox
from pagerduty_logging.state.options import find_place
from pagerduty_logging.state.outbox import HAND_IN
from pagerduty_logging.state.store import KnownProblem
from tests.measured import in_good_time
from tests.state.servers import Server, running

from .programs import PATIENT, PRELUDE, run, says, started, until

WELL = PRELUDE + PATIENT


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(one_server: Server) -> Server:
    one_server.client().flushall()
    return one_server


@pytest.fixture(params=["sqlite", "redis"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The option `state`, for each kind of store."""
    if request.param == "sqlite":
        return os.fspath(tmp_path / "state.sqlite")
    return str(request.getfixturevalue("server").url)


def known(state: str) -> dict[str, KnownProblem]:
    """Return the open problems, by what their pages say."""
    place = find_place(state)
    assert place is not None
    store = place.make_store(True)
    try:
        return {problem.summary: problem for problem in store.problems()[1]}
    finally:
        store.close()


def details(event: Any) -> dict[str, Any]:
    found: dict[str, Any] = event["payload"]["custom_details"]
    return found


def triggers(sandbox: Sandbox) -> list[Any]:
    """Return the triggers but for those that only report the size of a problem."""
    found = [event for event in sandbox.events if event["event_action"] == "trigger"]
    return [event for event in found if not details(event)["why"].startswith(("size", "end"))]


def summaries(sandbox: Sandbox) -> Counter[str]:
    """Return how often each problem was paged."""
    return Counter(event["payload"]["summary"] for event in triggers(sandbox))


# --- restarts ------------------------------------------------------------------------------------


def test_a_crash_loop_is_one_alert_that_says_how_many_starts(pagerduty: Sandbox, state: str) -> None:
    starts = 13
    for start in range(starts):
        level = "critical" if start == starts - 1 else "error"
        program = f"""
        attached(state={state!r}, fingerprint=None, follow_up=0.01)
        log.{level}("cannot read the settings", extra={{"pagerduty": {{"dedup_key": "settings"}}}})
        raise SystemExit(1)
        """
        ended = run(program, pagerduty.url, preload=WELL, measured=False)
        assert (ended.status, ended.err) == (1, "")
    first, size, last = pagerduty.events
    assert details(first)["occurrences"] == 1
    assert details(size)["occurrences"] == 11, "none of the processes has seen ten, and yet there are"
    assert details(size)["starts"].startswith("11 starts in ")
    assert (details(last)["occurrences"], details(last)["processes"]) == (starts, starts)
    assert details(last)["why"] == "worse: error → critical", "which this process has not seen itself"
    assert details(last)["starts"].startswith(f"{starts} starts in ")
    assert details(last)["first_seen"] == details(first)["first_seen"]
    assert len(pagerduty.alerts) == 1


def test_what_a_dead_process_left_in_its_spool_has_the_figures_of_all(
    pagerduty: Sandbox, state: str, tmp_path: Path
) -> None:
    options = f"state={state!r}, repeat_interval=0.1, follow_up=0.0"
    run(
        f"""
        made = attached({options})
        for _ in range(30):
            log.error("disk full")
        """,
        pagerduty.url,
        preload=WELL,
    ).well()
    killed = """
    attached(spool=os.environ["SPOOL"])
    log.error("disk full")
    os.kill(os.getpid(), signal.SIGKILL)
    """
    with Sandbox() as unreached:
        unreached.fail_next(Delay(60.0))
        run(killed, unreached.url, spool=tmp_path, measured=False)
    run(f'attached({options}, spool=os.environ["SPOOL"])', pagerduty.url, spool=tmp_path, preload=WELL).well()
    found = details(pagerduty.events[-1])
    assert found["occurrences"] == 30, "what the dead one had counted alone is lost with it"
    assert (found["why"].partition(":")[0], found["processes"]) == ("again", 1)


def test_a_restart_knows_what_was_paged_and_what_was_resolved(pagerduty: Sandbox, state: str) -> None:
    program = f"""
    made = attached(state={state!r})
    log.error("disk full")
    """
    run(program, pagerduty.url, preload=WELL).well()
    run(program, pagerduty.url, preload=WELL).well()
    assert summaries(pagerduty) == {"disk full": 1}
    run(f"handler(state={state!r}).resolve('disk full')", pagerduty.url, preload=WELL).well()
    run(program, pagerduty.url, preload=WELL).well()
    assert [event["event_action"] for event in pagerduty.events] == ["trigger", "resolve", "trigger"]
    assert details(pagerduty.events[-1])["occurrences"] == 1


def test_a_release_is_stored_and_shown_without_what_is_secret_in_it(pagerduty: Sandbox, state: str) -> None:
    program = f"""
    attached(state={state!r}, release="postgres://shop:hunter2@db/7\\x1b[31m of " + "r" * 32)
    log.error("the queue is full")
    """
    ended = run(program, pagerduty.url, preload=WELL, measured=False)
    assert (ended.status, ended.err) == (0, "")
    (event,) = pagerduty.events
    shown = "postgres://shop:[redacted]@db/7 of [redacted]"
    assert details(event)["release"] == shown
    assert details(event)["first_release"] == shown
    assert details(event)["new_in_release"].startswith(f"{shown}, ")
    assert known(state)["the queue is full"].first_release == shown
    if os.path.exists(state):
        assert b"hunter2" not in Path(state).read_bytes()


def test_a_logger_is_stored_without_what_is_secret_in_its_name(pagerduty: Sandbox, state: str) -> None:
    program = f"""
    attached(state={state!r})
    log.getChild("token=hunter2hunter2").error("the queue is full")
    """
    ended = run(program, pagerduty.url, preload=WELL, measured=False)
    assert (ended.status, ended.err) == (0, "")
    assert known(state)["the queue is full"].logger == details(pagerduty.events[0])["logger"]
    assert "hunter2" not in known(state)["the queue is full"].logger


def test_what_was_counted_by_a_flush_outlives_an_end_without_hooks(pagerduty: Sandbox, state: str) -> None:
    program = f"""
    made = attached(state={state!r})
    for _ in range(50):
        log.error("disk full")
    assert made.flush(20.0)
    log.error("disk full")
    assert made.flush(20.0)
    os._exit(0)
    """
    assert run(program, pagerduty.url, preload=WELL, measured=False).status == 0
    assert known(state)["disk full"].occurrences == 51


# --- workers -------------------------------------------------------------------------------------

WORKERS = """
handlers = [handler(state={state!r}, max_events_per_minute=100) for _ in range({handlers})]
loggers = [logging.Logger("shop") for _ in handlers]
for one, made in zip(loggers, handlers):
    one.addHandler(made)
print("ready", flush=True)
until = time.monotonic() + {seconds}
logged = 0
while time.monotonic() < until:
    for one in loggers:
        for fault in ("database gone", "queue full", "disk full"):
            one.error(fault)
            logged += 1
    time.sleep(0.05)
if {critical}:
    loggers[0].critical("on fire")
    print("fire", time.monotonic(), flush=True)
print("logged", logged, flush=True)
"""


def test_workers_that_all_have_the_same_faults_send_one_event_each_and_a_new_one_gets_through(
    state: str,
) -> None:
    processes, handlers = 4, 5
    with Sandbox(rate_limit=20) as pagerduty, ExitStack() as stack:
        begun = [
            stack.enter_context(
                started(
                    WORKERS.format(state=state, handlers=handlers, seconds=3.0, critical=number == 0),
                    pagerduty.url,
                    preload=WELL,
                    measured=False,
                )
            )
            for number in range(processes)
        ]
        written = [process.communicate(timeout=60.0) for process in begun]
        assert [err for _, err in written] == [""] * processes
        logged = sum(int(out.split("logged ")[1]) for out, _ in written)
        lit = float(written[0][0].split("fire ")[1].split()[0])
        assert summaries(pagerduty) == {"database gone": 1, "queue full": 1, "disk full": 1, "on fire": 1}
        assert [request.status for request in pagerduty.requests if request.status != 202] == []
        fire = next(request for request in pagerduty.requests if "on fire" in str(request.body))
        assert fire.arrived - lit < 1.5
        sizes = Counter(event["payload"]["summary"] for event in pagerduty.events)
        assert max(sizes.values()) <= 3  # its first event, its size as processes end, the rest at last
    found = known(state)
    assert sum(found[fault].occurrences for fault in ("database gone", "queue full", "disk full")) == logged
    assert found["disk full"].processes == processes


ON_DEMAND = """
made = attached(state={state!r}, flush_timeout=20.0)
for line in sys.stdin:
    for _ in range(int(line)):
        log.error("disk full")
    assert made.flush(20.0)
    print("counted", flush=True)
"""


def log_in(process: Any, times: int) -> None:
    """Let a process meet the problem so often, and hand in."""
    process.stdin.write(f"{times}\n")
    process.stdin.flush()
    says(process, "counted")


def test_the_last_of_many_processes_to_end_reports_what_no_event_has(pagerduty: Sandbox, state: str) -> None:
    with ExitStack() as stack:
        program, begun = ON_DEMAND.format(state=state), {"preload": WELL, "measured": False}
        first, second, last = (
            stack.enter_context(started(program, pagerduty.url, **begun)) for _ in range(3)
        )
        for process in (first, second, last):
            log_in(process, 1)
        for process, times in ((first, 20), (second, 30), (last, 0)):
            log_in(process, times)
            assert process.communicate(timeout=60.0) == ("", "")
    told = [details(event)["occurrences"] for event in pagerduty.events]
    assert told == [1, 23, 53]
    assert known(state)["disk full"].occurrences == 53


def test_two_handlers_of_one_process_share_one_budget(pagerduty: Sandbox, state: str) -> None:
    ended = run(
        f"""
        made = [handler(state={state!r}, max_events_per_minute=10, flush_timeout=0.0) for _ in range(2)]
        loggers = [logging.Logger("shop") for _ in made]
        for one, its in zip(loggers, made):
            one.addHandler(its)
        for number in range(10):
            for one in loggers:
                one.error("problem %s of %s" % (number, loggers.index(one)))
        for its in made:
            its.flush(1.0)
        loggers[1].critical("on fire")
        made[1].flush(2.0)
        """,
        pagerduty.url,
        preload=WELL,
    )
    assert ended.status == 0, ended.err
    found = triggers(pagerduty)
    assert len(found) == 9  # one in five is kept for critical ones
    assert found[-1]["payload"]["summary"] == "on fire"


def test_a_fleet_that_was_refused_pages_soon_after_and_not_when_its_minute_is_over(
    pagerduty: Sandbox, state: str
) -> None:
    pagerduty.fail_next(429, 8)  # as many as events that are not critical may be sent in a minute
    with ExitStack() as stack:
        begun = [
            stack.enter_context(
                started(
                    f"""
                    made = attached(state={state!r}, max_events_per_minute=10, retry=Retry(0.1, 1.0))
                    log.error({fault!r})
                    sys.stdin.readline()
                    """,
                    pagerduty.url,
                    preload=WELL,
                    measured=False,
                )
            )
            for fault in ("disk full", "queue full")
        ]
        until(lambda: summaries(pagerduty) == {"disk full": 1, "queue full": 1}, 40.0)
        assert [process.poll() for process in begun] == [None, None]
    refused = [request.arrived for request in pagerduty.requests if request.status == 429]
    assert len(refused) == 8
    assert pagerduty.requests[-1].arrived - refused[0] < 45.0


def test_forked_workers_are_processes_of_their_own(pagerduty: Sandbox, state: str) -> None:
    run(
        f"""
        made = attached(state={state!r})
        log.error("disk full")
        assert made.flush(5.0)
        children = []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                for _ in range(100):
                    log.error("disk full")
                assert made.flush(5.0)
                assert made.stats.delivered == 0, made.stats
                assert made.stats.told_elsewhere == 1, made.stats
                sys.exit(0)
            children.append(child)
        for _ in range(50):
            log.error("disk full")
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        """,
        pagerduty.url,
        preload=WELL,
        measured=False,
    ).well()
    assert summaries(pagerduty) == {"disk full": 1}
    assert (known(state)["disk full"].occurrences, known(state)["disk full"].processes) == (451, 5)


def test_a_call_that_sends_itself_goes_on_soon_after_another_process_has_sent(
    pagerduty: Sandbox, state: str
) -> None:
    pagerduty.fail_next(Delay(3.0))
    sending = f"attached(state={state!r}); log.error('disk full')"
    inside = f"""
    attached(state={state!r}, background=False)
    since = time.monotonic()
    log.error("disk full")
    print(time.monotonic() - since)
    """
    with started(sending, pagerduty.url, preload=WELL, measured=False) as process:
        until(lambda: any(problem.leased for problem in known(state).values()))
        ended = run(inside, pagerduty.url, preload=WELL, measured=False)
        assert process.wait(timeout=60.0) == 0
    assert float(ended.out) < HAND_IN - 0.5
    assert summaries(pagerduty) == {"disk full": 1}


# --- resolve -------------------------------------------------------------------------------------


@pytest.mark.parametrize("background", [True, False])
def test_a_resolve_in_one_process_lets_another_page_within_a_batch_interval(
    pagerduty: Sandbox, state: str, background: bool
) -> None:
    program = f"""
    made = attached(state={state!r}, background={background})
    print("ready", flush=True)
    while True:
        log.error("disk full")
        time.sleep(0.05)
    """
    with started(program, pagerduty.url, measured=False) as process:
        says(process, "ready")
        until(lambda: summaries(pagerduty)["disk full"] == 1 and "disk full" in known(state))
        until(lambda: known(state)["disk full"].occurrences > 1)
        run(f"handler(state={state!r}).resolve('disk full')", pagerduty.url, preload=WELL).well()
        until(lambda: summaries(pagerduty)["disk full"] == 2)
        resolved, opened = [request.arrived for request in pagerduty.requests if request.status == 202][-2:]
        assert opened - resolved < HAND_IN + 2.0  # and a busy machine


@pytest.mark.parametrize("end", ["raise SystemExit", "made.flush(20.0); os._exit(0)"])
@pytest.mark.parametrize("background", [True, False])
def test_what_happens_after_a_resolve_elsewhere_is_paged_at_the_end_of_the_process_at_the_latest(
    pagerduty: Sandbox, state: str, background: bool, end: str
) -> None:
    program = f"""
    made = attached(state={state!r}, background={background})
    log.error("disk full")
    assert made.flush(20.0)
    print("ready", flush=True)
    sys.stdin.readline()
    log.error("disk full")
    {end}
    """
    with started(program, pagerduty.url, preload=WELL, measured=False) as process:
        says(process, "ready")
        run(f"handler(state={state!r}).resolve('disk full')", pagerduty.url, preload=WELL).well()
        _, err = process.communicate("\n", timeout=60.0)
        assert (process.returncode, err) == (0, "")
    assert summaries(pagerduty) == {"disk full": 2}
    assert (known(state)["disk full"].occurrences, known(state)["disk full"].events) == (1, 1)


# --- a state that fails --------------------------------------------------------------------------

PAGING = """
made = attached(state={state!r}, flush_timeout=1.0)
log.error("warm up")
assert made.flush(10.0)
print("ready", flush=True)
sys.stdin.readline()
since = time.monotonic()
log.error("disk full")
assert made.flush(10.0)
took = time.monotonic() - since
for _ in range(100):
    log.error("disk full")
stats = made.stats
print(took, stats.delivered, stats.state.answers, flush=True)
sys.stdin.readline()
"""


def go_on(process: Any) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def hang(server: Server) -> None:
    server.signal(signal.SIGSTOP)


def die(server: Server) -> None:
    server.stop()


def fill(server: Server) -> None:
    server.client().config_set("maxmemory", "1")
    server.client().config_set("maxmemory-policy", "noeviction")


def make_read_only(server: Server) -> None:
    server.client().replicaof("127.0.0.1", 1)


def refuse_scripts(server: Server) -> None:
    server.client().execute_command("ACL", "SETUSER", "default", "-@scripting")


@pytest.mark.parametrize("fail", [hang, die, fill, make_read_only, refuse_scripts])
def test_pages_go_out_as_without_state_while_it_fails(
    pagerduty: Sandbox, tmp_path: Path, fail: Callable[[Server], None]
) -> None:
    with running(tmp_path) as server:
        with started(PAGING.format(state=server.url), pagerduty.url, measured=False) as process:
            says(process, "ready")
            fail(server)
            go_on(process)
            assert process.stdout is not None
            took, delivered, answers = process.stdout.readline().split()
            go_on(process)
            _, err = process.communicate(timeout=30.0)
        assert process.returncode == 0
    assert (delivered, answers) == ("2", "False")
    assert float(took) < 1.5  # 0.25 s, and a machine that has others to serve
    assert len(err.splitlines()) == 1, err
    assert "does not answer" in err
    assert summaries(pagerduty) == {"warm up": 1, "disk full": 1}


def test_a_state_that_was_emptied_has_each_problem_paged_once_more(
    pagerduty: Sandbox, server: Server
) -> None:
    program = f"""
    made = attached(state={server.url!r})
    print("ready", flush=True)
    while True:
        log.error("disk full")
        time.sleep(0.05)
    """
    with started(program, pagerduty.url, measured=False) as process:
        says(process, "ready")
        until(lambda: "disk full" in (found := known(server.url)) and found["disk full"].events == 1)
        server.client().flushall()
        until(lambda: summaries(pagerduty)["disk full"] == 2)


def test_what_was_counted_while_the_state_hung_is_handed_in_when_it_is_back(
    pagerduty: Sandbox, server: Server
) -> None:
    program = f"""
    made = attached(state={server.url!r})
    log.error("disk full")
    assert made.flush(5.0)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(100):
        log.error("disk full")
    while made.stats.state.answers:
        time.sleep(0.05)
    print("away", flush=True)
    while not made.stats.state.answers:
        time.sleep(0.05)
    """
    with started(program, pagerduty.url, measured=False) as process:
        says(process, "ready")
        server.signal(signal.SIGSTOP)
        try:
            go_on(process)
            says(process, "away")
        finally:
            server.signal(signal.SIGCONT)
        _, err = process.communicate(timeout=60.0)
        assert process.returncode == 0, err
    assert [line.partition(": ")[2].partition("127")[0] for line in err.splitlines()] == [
        "the state in Redis at ",
        "the state in Redis at ",
    ]
    assert known(server.url)["disk full"].occurrences == 101


def test_a_caller_is_never_held_up_by_a_state_that_hangs(pagerduty: Sandbox, server: Server) -> None:
    def logged() -> None:
        ended = run(
            f"""
            made = attached(state={server.url!r}, flush_timeout=1.0)
            slowest = 0.0
            for number in range(300):
                since = time.monotonic()
                log.error("problem %s", number, extra={{"pagerduty": {{"dedup_key": str(number)}}}})
                slowest = max(slowest, time.monotonic() - since)
            print(slowest)
            """,
            pagerduty.url,
            measured=False,
        )
        assert ended.status == 0
        assert float(ended.out) < 0.2

    server.signal(signal.SIGSTOP)
    try:
        in_good_time(logged)
    finally:
        server.signal(signal.SIGCONT)


# --- a sender that dies --------------------------------------------------------------------------


LEASE = 4.0
SHORT_LEASE = f"""
from pagerduty_logging.state import decide, redis
whole = redis.script()
short = whole.replace("MAX_NAMES, FIRST_HOSTS = 30,", "MAX_NAMES, FIRST_HOSTS = {LEASE:g},")
assert short != whole
redis.script = lambda: short
decide.LEASE = {LEASE}
"""


def test_a_sender_that_is_killed_before_the_answer_costs_its_lease_and_no_page(state: str) -> None:
    """A lease runs out in real time, once, for all that cannot be turned here; a shorter one."""
    program = f"""
    made = attached(state={state!r})
    print("ready", flush=True)
    log.error("disk full")
    sys.stdin.readline()
    """
    with Sandbox() as pagerduty, ExitStack() as stack:
        pagerduty.fail_next(Delay(60.0))
        begun = {"preload": PRELUDE + SHORT_LEASE, "measured": False}
        first = stack.enter_context(started(program, pagerduty.url, **begun))
        until(lambda: pagerduty.requests)
        os.kill(first.pid, signal.SIGKILL)
        second = stack.enter_context(started(program, pagerduty.url, **begun))
        says(second, "ready")
        until(lambda: summaries(pagerduty)["disk full"] == 1, LEASE + 15.0)
        killed, paged = [request.arrived for request in pagerduty.requests]
        assert LEASE / 2 < paged - killed < LEASE + 10.0
