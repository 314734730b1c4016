"""Outages, refusals and storms over real HTTP: nothing is lost silently, and the counts add up."""

import textwrap

import pytest

from pagerduty_logging.sandbox import Answer, Endless, Garbage, Redirect, Reset, Sandbox
from tests.turned import reported

from .conftest import summaries
from .programs import run

BALANCE = """
def balance(stats):
    rest = stats.delivered + stats.pending + stats.dead_lettered + sum(stats.dropped.values())
    assert stats.accepted == rest, stats
def watch(made):
    def look():
        while True:
            balance(made.stats)
            time.sleep(0.01)
    threading.Thread(target=look, daemon=True).start()
"""
QUICK = "retry=Retry(initial=0.05, maximum=0.1)"


@pytest.mark.parametrize(
    "fault",
    [
        Answer(500),
        Answer(502, body="<html>", content_type="text/html"),
        Answer(200, body="<html>Welcome to the Hotel", content_type="text/html"),
        Answer(403),
        Answer(404),
        Redirect(302, "/elsewhere"),
        Reset(),
        Reset(after_accepting=True),
        Garbage(),
        Answer(429, retry_after=1),
        Answer(429, retry_after="soon"),
        Answer(429, retry_after=-5),
        Endless(),
    ],
    ids=str,
)
def test_the_same_event_is_sent_again_after_any_failure(pagerduty: Sandbox, fault: object) -> None:
    pagerduty.fail_next(fault, times=2)  # type: ignore[arg-type]
    run(
        f"made = attached({QUICK}, timeout=1)\nlog.error('problem')\nassert made.flush(20)",
        pagerduty.url,
    )
    accepted = summaries(pagerduty)
    assert accepted[-1] == "problem"
    assert len({event["dedup_key"] for event in pagerduty.events}) == 1
    bodies = {request.body for request in pagerduty.requests}
    assert len(bodies) == 1
    assert {request.path for request in pagerduty.requests} == {"/v2/enqueue"}


def test_a_refused_event_is_sent_in_its_bare_form_then_reported_and_delays_no_other(
    pagerduty: Sandbox,
) -> None:
    pagerduty.fail_next(400, times=2)
    pagerduty.fail_next(Answer(202, body="garbage"))
    ended = run(
        BALANCE
        + f"""
told = []
made = attached({QUICK}, on_error=lambda event, error: told.append((event.summary, type(error).__name__)))
watch(made)
log.error("refused twice")
for n in range(20):
    log.error(f"fine {{n}}")
assert made.flush(20)
stats = made.stats
assert (stats.dead_lettered, stats.delivered) == (1, 20), stats
assert told == [("refused twice", "BadRequest")], told
log.error("refused twice")
assert made.flush(20) and made.stats.delivered == 21
""",
        pagerduty.url,
    )
    assert ended.status == 0, ended.err
    assert ended.err.count("\n") == 1
    assert "not delivered: ERROR of logger 'program'" in ended.err
    assert "refused twice" not in ended.err


def test_a_refused_event_pages_in_its_barest_form(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(400)
    run(
        "attached()\nlog.critical('problem', extra={'pagerduty': {'custom_details': {'a': 1}}})",
        pagerduty.url,
    ).well()
    (event,) = pagerduty.events
    assert event["payload"]["summary"].startswith("problem")
    assert event["payload"]["severity"] == "critical"
    assert list(event["payload"]["custom_details"]) == ["reduced", "why"]


def test_a_storm_keeps_the_budget_pages_the_critical_and_reports_the_rest(pagerduty: Sandbox) -> None:
    ended = run(
        BALANCE
        + """
made = attached(max_pending=500, flush_timeout=8)
watch(made)
since = time.monotonic()
for n in range(3000):
    log.log(logging.CRITICAL if n % 300 == 299 else logging.ERROR, f"problem {n}")
burst = time.monotonic() - since
while made.stats.delivered < 80:
    time.sleep(0.01)
time.sleep(0.3)
stats = made.stats
assert stats.delivered <= 100, stats
balance(stats)
assert made.flush(0.5) is False
stats = made.stats
balance(stats)
print(burst, stats.dropped["overflow"], stats.delivered)
os._exit(0)
""",
        pagerduty.url,
    )
    assert ended.status == 0, ended.err
    said = summaries(pagerduty)
    critical = {f"problem {n}" for n in range(299, 3000, 300)}
    assert critical <= set(said)
    assert len(said) <= 100


def test_one_event_reports_what_a_storm_dropped(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(503, 1)
    ended = run(
        BALANCE
        + f"""
made = attached(max_pending=50, max_events_per_minute=1000, {QUICK})
watch(made)
while True:
    for n in range(500):
        log.error(f"problem {{n}}")
    for n in range(5):
        log.critical(f"critical {{n}}")
    break
while "overflow" not in made.stats.dropped:
    time.sleep(0.01)
print("said", made.stats.dropped["overflow"], flush=True)
sys.stdin.readline()
assert made.flush(20), made.stats
balance(made.stats)
""",
        pagerduty.url,
        interfere=lambda process: (
            pagerduty.wait_until(lambda: len(pagerduty.requests) > 2),
            process.stdout and print(process.stdout.readline(), end=""),
            pagerduty.clear(),
            process.stdin and (process.stdin.write("go\n"), process.stdin.flush()),
        ),
    )
    assert ended.status == 0, ended.err
    told = [event for event in pagerduty.events if event["payload"].get("class") == "overflow"]
    assert len(told) == 1
    details = told[0]["payload"]["custom_details"]
    assert details["left_out_problems"] == details["left_out_records"] == 505 - 50
    assert details["most_frequent"][0].startswith("455 x ERROR of logger 'program'")
    assert {f"critical {n}" for n in range(5)} <= set(summaries(pagerduty))


def test_memory_is_bounded_by_bytes_while_the_server_is_down(pagerduty: Sandbox) -> None:
    pagerduty.stop()
    ended = run(
        """
        import resource
        made = attached(flush_timeout=0, max_pending=100_000)
        log.error("warm")
        def used():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * resource.getpagesize() / 1e6
        before = used()
        big = "x" * 60_000
        for n in range(4_000):
            log.error(f"problem {n} {big}")
        grown = used() - before
        assert grown < 60, grown
        print(made.stats.dropped["overflow"])
        """,
        pagerduty.url,
    )
    assert ended.status == 0, ended.err
    assert int(ended.out) > 2_000


def test_repeats_are_held_back_only_behind_an_event_that_lives(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(400, times=2)
    run(
        """
        made = attached(repeat_interval=0.5)
        def say(level=logging.ERROR):
            log.log(level, "problem")
            assert made.flush(10)
        say()                  # lost
        say()                  # so this one pages
        say(); say(); say()    # held back
        say(logging.CRITICAL)  # passes
        assert made.stats.suppressed == 3
        time.sleep(0.6)
        assert made.stats.accepted == 3, made.stats  # nothing is sent without a new record
        say()                  # tells what was held back
        """,
        pagerduty.url,
    )
    first, critical, reminder = pagerduty.events
    assert first["dedup_key"] == critical["dedup_key"] == reminder["dedup_key"]
    assert [e["payload"]["severity"] for e in pagerduty.events] == ["error", "critical", "error"]
    assert critical["payload"]["custom_details"]["suppressed"] == 3
    assert "suppressed_since" in critical["payload"]["custom_details"]
    assert "suppressed" not in reminder["payload"]["custom_details"]


def test_a_wall_clock_that_jumps_changes_nothing(pagerduty: Sandbox) -> None:
    run(
        """
        made = attached(repeat_interval=300)
        real = time.time
        for jump in (0, 86_400, -86_400):
            time.time = lambda jump=jump: real() + jump
            log.error("problem")
            since = time.monotonic()
            log.error(f"after a jump of {jump}")
            assert made.flush(5)
            assert time.monotonic() - since < 1
        """,
        pagerduty.url,
    ).well()
    assert len(summaries(pagerduty)) == 5
    (end,) = [e for e in pagerduty.events if e["payload"]["custom_details"]["why"] == "end of the process"]
    assert end["payload"]["custom_details"]["suppressed"] == 2


def test_handlers_do_not_share_their_troubles(pagerduty: Sandbox) -> None:
    with Sandbox() as broken:
        broken.fail_share(503, 1)
        run(
            f"""
            good, bad = attached(), attached(base_url={broken.url!r}, routing_key="b" * 32, flush_timeout=0)
            log.error("problem")
            assert good.flush(5)
            while not bad.stats.retries:
                time.sleep(0.01)
            os._exit(0)
            """,
            pagerduty.url,
        )
        assert summaries(pagerduty) == ["problem"]
        assert {r.body.count(b"b" * 32) for r in broken.requests} == {1}


def test_sending_inside_the_call_takes_its_time_limit_and_no_thread(pagerduty: Sandbox) -> None:
    run(
        """
        made = attached(background=False)
        threads = [threading.Thread(target=log.error, args=[f"problem {n}"]) for n in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert made.stats.delivered == 8, made.stats
        log.error("main")
        assert made.stats.delivered == 9
        assert made.flush(1)
        assert not [t for t in threading.enumerate() if t.name == "pagerduty-logging"]
        """,
        pagerduty.url,
    ).well()


def test_sending_inside_the_call_keeps_what_could_not_be_sent_in_time(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(Answer(503), times=1)
    pagerduty.fail_share(Answer(503), 1)
    run(
        """
        import gc
        made = attached(background=False, timeout=0.5)
        since = time.monotonic()
        log.error("problem")
        assert time.monotonic() - since < 1.5
        log.removeHandler(made)
        made = None
        gc.collect()
        print("dropped", flush=True)
        sys.stdin.readline()
        """,
        pagerduty.url,
        interfere=lambda process: (
            process.stdout and process.stdout.readline(),
            pagerduty.clear(),
            process.stdin and (process.stdin.write("go\n"), process.stdin.flush()),
        ),
    )
    assert summaries(pagerduty) == ["problem"]


def test_sixteen_threads_at_full_speed_leave_no_record_uncounted(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(503, 0.2)
    ended = run(
        BALANCE
        + f"""
made = attached(max_pending=100_000, max_events_per_minute=100_000, {QUICK})
def fire(number):
    for n in range(500):
        log.error(f"problem {{n % 20}}")
        if n % 100 == 0:
            log.error(f"problem {{number}} {{n}}")
threads = [threading.Thread(target=fire, args=[number]) for number in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert made.flush(60), made.stats
stats = made.stats
balance(stats)
assert stats.delivered == 20 + 16 * 5, stats
assert stats.suppressed + stats.accepted == 16 * 505, stats
""",
        pagerduty.url,
    )
    assert ended.status == 0, ended.err
    events = pagerduty.events
    first = [e for e in events if e["payload"]["custom_details"]["why"] == "first"]
    assert len(first) == len(set(summaries(pagerduty))) == 20 + 16 * 5
    assert len(events) == len(first) + 20, "the rest is told at the end of the process"
    assert sum(map(reported, events)) == 16 * 505


def test_words_of_a_client_do_not_push_out_another_loggers_error() -> None:
    """At PagerDuty's limit: the client sends 3,300 different words, and the database fails in between."""
    with Sandbox(rate_limit=120) as pagerduty:
        ended = run(
            textwrap.dedent(BALANCE)
            + textwrap.dedent("""
            import itertools
            made = attached(fingerprint=None)
            database = logging.getLogger("database")
            database.addHandler(made)
            watch(made)
            words = itertools.product("bcdfghklm", "aeiou", "mnprst", "aeiou", "ksz")
            for n, letters in enumerate(itertools.islice(words, 3_300)):
                log.error("".join(letters))
                if n == 2_500:
                    database.error("the database is down")
                    print("down", flush=True)
                    sys.stdin.readline()
            assert made.flush(20), made.stats
            balance(made.stats)
            assert not made.stats.dropped, made.stats
            assert made.stats.accepted + made.stats.suppressed == 3_301, made.stats
            """),
            pagerduty.url,
            interfere=lambda process: (
                process.stdout and process.stdout.readline(),
                # Before the flood is over, and before PagerDuty takes the next 120.
                pagerduty.wait_until(lambda: "the database is down" in summaries(pagerduty), timeout=10.0),
                process.stdin and (process.stdin.write("go\n"), process.stdin.flush()),
            ),
        )
        assert ended.status == 0, ended.err
        assert len({event["dedup_key"] for event in pagerduty.events}) == 50 + 1 + 1
        assert [said for said in summaries(pagerduty) if "more different messages of this line" in said]
        assert not [request for request in pagerduty.requests if request.status == 429]
