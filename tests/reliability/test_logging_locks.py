"""Reconfiguring logging, re-entering it and filling it from everywhere: nobody waits, nothing is lost."""

import json

import pytest

from pagerduty_logging.sandbox import Delay, Hang, Sandbox
from tests.measured import in_good_time

from .conftest import summaries
from .programs import PRELUDE, run

SLOW = Delay(1.0)


@pytest.mark.parametrize(
    "reconfigure",
    [
        'logging.config.dictConfig({"version": 1})',
        "logging.basicConfig(force=True)",
        "root.removeHandler(made); made.close()",
    ],
)
def test_reconfiguring_with_an_event_in_flight_is_quick_and_loses_nothing(
    pagerduty: Sandbox, reconfigure: str
) -> None:
    pagerduty.fail_share(SLOW, 1)
    ended = run(
        f"""
        root = logging.getLogger()
        logging.lastResort = None
        root.setLevel(logging.DEBUG)
        logging.getLogger("urllib3").setLevel(logging.DEBUG)
        made = handler()
        root.addHandler(made)
        log.propagate = True
        log.error("first")
        while not sending(made):
            time.sleep(0.01)
        for _ in range(3):
            logging.getLogger("urllib3.connectionpool").manager._clear_cache()
            since = time.monotonic()
            {reconfigure}
            assert time.monotonic() - since < 0.5, time.monotonic() - since
        log.disabled = False
        made.handle(log.makeRecord(log.name, logging.ERROR, "program.py", 1, "second", (), None))
        """,
        pagerduty.url,
    )
    assert ended.status == 0, ended.err
    assert summaries(pagerduty) == ["first", "second"]


def test_shutting_logging_down_delivers_first_what_is_pending(pagerduty: Sandbox) -> None:
    """As the children of many libraries do before `os._exit`; the worker's HTTP library logs meanwhile."""
    pagerduty.fail_share(SLOW, 1)
    ended = run(
        """
        root = logging.getLogger()
        root.setLevel(logging.DEBUG)
        made = handler()
        root.addHandler(made)
        log.propagate = True
        root.addHandler(logging.StreamHandler(sys.stdout))
        log.error("first")
        log.error("second")
        logging.shutdown()
        os._exit(0)
        """,
        pagerduty.url,
    )
    ended.well()
    assert summaries(pagerduty) == ["first", "second"]


def test_shutting_logging_down_takes_no_longer_than_flush_timeout_for_all_handlers(
    pagerduty: Sandbox,
) -> None:
    def ended() -> None:
        program = run(
            """
            for _ in range(3):
                attached(flush_timeout=0.5)
            log.error("lost")
            since = time.monotonic()
            logging.shutdown()
            print(time.monotonic() - since)
            os._exit(0)
            """,
            pagerduty.url,
        )
        program.well()
        assert 0.4 < float(program.out) < 1.4

    pagerduty.fail_share(Hang(), 1)
    in_good_time(ended)


def test_shutting_logging_down_again_and_again_leaves_the_end_its_time(pagerduty: Sandbox) -> None:
    ended = run(
        """
        made = attached(flush_timeout=5)
        for number in range(50):
            log.error(f"problem {number}", extra={"pagerduty": {"dedup_key": str(number)}})
            logging.shutdown()
            assert made.stats.pending == 0
        from pagerduty_logging.delivery import process
        assert process.ending.left() == 5
        """,
        pagerduty.url,
    )
    ended.well()
    assert len(pagerduty.events) == 50


def test_while_the_lock_of_logging_itself_is_held_a_flush_waits_for_nothing(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(SLOW, 1)
    ended = run(
        """
        made = attached()
        log.error("first")
        with logging._lock:
            made.acquire()
            since = time.monotonic()
            assert not made.flush()
            assert time.monotonic() - since < 0.5
            made.release()
        """,
        pagerduty.url,
    )
    ended.well()
    assert summaries(pagerduty) == ["first"]


def test_what_absl_calls_fatal_is_sent_before_it_aborts(pagerduty: Sandbox) -> None:
    ended = run(
        """
        attached()
        log.error("before")
        log.critical("the end", extra={"_absl_log_fatal": True})
        os.abort()
        """,
        pagerduty.url,
        measured=False,
    )
    assert ended.status == -6
    assert summaries(pagerduty) == ["before", "the end"]


@pytest.mark.parametrize(("host", "background"), [("", True), ("shop", False)])
def test_under_aws_lambda_a_page_is_sent_inside_the_call(
    pagerduty: Sandbox, host: str, background: bool
) -> None:
    pagerduty.fail_share(Delay(0.2), 1)
    ended = run(
        f"""
        if {host!r}:
            os.environ["AWS_LAMBDA_FUNCTION_NAME"] = {host!r}
        attached()
        log.error("first")
        print(any(thread.name == "pagerduty-logging" for thread in threading.enumerate()))
        """,
        pagerduty.url,
    )
    ended.well()
    assert ended.out.strip() == str(background)
    assert summaries(pagerduty) == ["first"]


def test_configuring_again_and_again_leaves_nothing_behind(pagerduty: Sandbox) -> None:
    ended = run(
        """
        def configure():
            logging.config.dictConfig({
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {"pagerduty": {"class": "pagerduty_logging.PagerDutyHandler", "base_url": URL,
                                           "max_events_per_minute": 10_000}},
                "loggers": {"program": {"handlers": ["pagerduty"]}},
            })
        def open_files():
            return len(os.listdir("/proc/self/fd"))
        for n in range(5):
            configure(); log.error(f"warm {n}"); log.handlers[0].flush(5)
        files = open_files()
        for n in range(100):
            configure(); log.error(f"problem {n}")
        end = time.monotonic() + 10
        while threading.active_count() > 2 and time.monotonic() < end:
            time.sleep(0.01)
        print(threading.active_count(), open_files() - files)
        """,
        pagerduty.url,
    )
    ended.well()
    threads, files = map(int, ended.out.split())
    assert threads <= 2
    assert files <= 2
    assert len(summaries(pagerduty)) == 105


def test_threads_that_log_while_logging_is_configured_do_not_stall(pagerduty: Sandbox) -> None:
    ended = run(
        """
        attached(max_events_per_minute=10_000)
        stop = threading.Event()
        slowest = []
        def fire(n):
            worst = 0
            while not stop.is_set():
                since = time.monotonic()
                log.error("problem %s", n)
                worst = max(worst, time.monotonic() - since)
            slowest.append(worst)
        threads = [threading.Thread(target=fire, args=[n]) for n in range(4)]
        for thread in threads: thread.start()
        for _ in range(100):
            logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        stop.set()
        for thread in threads: thread.join()
        assert max(slowest) < 1, slowest
        """,
        pagerduty.url,
    )
    ended.well()
    why = [event["payload"]["custom_details"]["why"].partition(":")[0] for event in pagerduty.events]
    assert why.count("first") == 1
    assert len({event["dedup_key"] for event in pagerduty.events}) == 1
    assert set(why) <= {"first", "size", "end of the process"}, "what was held back is told, by no new page"


def test_signal_handlers_and_finalisers_may_log_in_the_middle_of_logging(pagerduty: Sandbox) -> None:
    ended = run(
        """
        made = attached(max_events_per_minute=1_000_000, max_pending=1_000_000, repeat_interval=0)
        expected = set()
        class Dying:
            def __init__(self, n): self.n = n
            def __del__(self): say(f"finaliser {self.n}")
        def say(key):
            expected.add(key)
            log.error("said", extra={"pagerduty": {"dedup_key": key}})
        count = 0
        def on_alarm(*_):
            global count
            count += 1
            say(f"signal {count}")
            signal.setitimer(signal.ITIMER_REAL, 0.004)  # no sooner, or handlers nest without end
        signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, 0.004)
        end, n, worst = time.monotonic() + 0.8, 0, 0
        while time.monotonic() < end:
            n += 1
            since = time.monotonic()
            loop = Dying(n); loop.me = loop; del loop
            say(f"main {n}")
            worst = max(worst, time.monotonic() - since)
            if made.stats.pending > 20:
                time.sleep(0.05)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        import gc; gc.collect()
        assert worst < 1, worst
        assert count > 20, count
        assert made.flush(60)
        stats = made.stats
        assert stats.accepted == stats.delivered == len(expected), (stats, len(expected))
        import json; print(json.dumps(sorted(expected)))
        """,
        pagerduty.url,
        measured=False,
    )
    ended.well()
    sent = [event["dedup_key"] for event in pagerduty.events]
    assert sorted(sent) == json.loads(ended.out)


def test_the_first_record_may_be_interrupted_anywhere_by_another(pagerduty: Sandbox) -> None:
    """As by a signal handler, before each line that it runs in these rooms."""
    ended = run(
        """
        from pagerduty_logging.delivery import delivery, process, queue, roles, schedule, worker
        from pagerduty_logging.state import throttle
        ROOMS = {room.__file__ for room in (delivery, process, queue, roles, schedule, throttle, worker)}
        def once_before_line(number, interrupt):
            lines = 0
            def trace(frame, event, _):
                nonlocal lines
                if frame.f_code.co_filename not in ROOMS:
                    return None
                if event == "line":
                    lines += 1
                    if lines == number:
                        interrupt()
                return trace
            return trace
        def say(key):
            log.error("said", extra={"pagerduty": {"dedup_key": key}})
        number = interrupted = 1
        while interrupted:
            made = attached(repeat_interval=0)
            interrupted = 0
            def interrupt():
                global interrupted
                interrupted = 1
                say(f"interrupting {number}")
            sys.settrace(once_before_line(number, interrupt))
            say(f"interrupted {number}")
            sys.settrace(None)
            assert made.flush(60)
            assert made.stats.delivered == made.stats.accepted == 1 + interrupted, (number, made.stats)
            log.removeHandler(made)
            made.close()
            number += 1
        print(number - 1)
        """,
        pagerduty.url,
        measured=False,
    )
    ended.well()
    times = int(ended.out)
    assert times > 50
    assert len(pagerduty.events) == len({e["dedup_key"] for e in pagerduty.events}) == 2 * times - 1


def test_a_flush_outlasts_a_calm_that_ended_before_it_began(pagerduty: Sandbox) -> None:
    """The worker finds itself idle, and before it says so another event and a flush have come."""
    ended = run(
        """
        import inspect
        from pagerduty_logging.delivery.worker import Worker
        lines, first = inspect.getsourcelines(Worker._run)
        says_so = next(n for n, line in enumerate(lines, first) if "self._wake_ups.wake_waiting()" in line)
        made = attached()
        def trace(frame, event, _):
            if frame.f_code is not Worker._run.__code__:
                return None
            if event == "line" and frame.f_lineno == says_so:
                threading.settrace(None); sys.settrace(None)
                while not made._delivery.worker._wake_ups.waiting:
                    time.sleep(0.001)
            return trace
        threading.settrace(trace)
        log.error("first")
        while made.stats.delivered < 1:
            time.sleep(0.001)
        log.error("second")
        assert made.flush(60), made.stats
        """,
        pagerduty.url,
        measured=False,
    )
    ended.well()
    assert summaries(pagerduty) == ["first", "second"]


def test_objects_that_log_while_they_are_read_end_in_one_page(pagerduty: Sandbox) -> None:
    ended = run(
        """
        made = attached(max_events_per_minute=10_000)
        class Endless:
            depth = 0
            def __str__(self):
                Endless.depth += 1
                log.error("nested %d deep: %%s" % Endless.depth, self)
                return "text"
        class Itself:
            def __str__(self):
                log.error("itself: %s", self)
                return "text"
        log.error("itself: %s", Itself())
        log.error("outer: %s", Endless())
        assert made.flush(10)
        print(Endless.depth)
        """,
        pagerduty.url,
    )
    ended.well()
    first = [e["payload"] for e in pagerduty.events if e["payload"]["custom_details"]["why"] == "first"]
    said = [payload["summary"] for payload in first]
    assert said.count("itself: text") == 1
    assert said.count("outer: text") == 1
    assert int(ended.out) < 20


def test_reading_a_slow_object_holds_up_no_other_thread(pagerduty: Sandbox) -> None:
    ended = run(
        """
        made = attached()
        reading = threading.Event()
        class Slow:
            def __str__(self):
                reading.set()
                time.sleep(1.5)
                return "slow"
        slow = threading.Thread(target=log.error, args=["object: %s", Slow()])
        slow.start()
        reading.wait()
        since = time.monotonic()
        log.error("quick")
        assert time.monotonic() - since < 0.5
        slow.join()
        """,
        pagerduty.url,
    )
    ended.well()
    assert summaries(pagerduty) == ["quick", "object: slow"]


def test_what_the_http_library_logs_is_not_paged(pagerduty: Sandbox) -> None:
    pagerduty.stop()
    ended = run(
        """
        logging.captureWarnings(True)
        root = logging.getLogger()
        root.setLevel(logging.DEBUG)
        made = handler(level=logging.DEBUG, flush_timeout=0.1, retry=Retry(initial=0.05, maximum=0.1))
        root.addHandler(made)
        log.propagate = True
        log.error("problem")
        while made.stats.retries < 3:
            time.sleep(0.01)
        assert made.stats.accepted == 1, made.stats
        """,
        pagerduty.url,
    )
    assert ended.status == 0, ended.err


@pytest.mark.parametrize("rounds", [5])
def test_threads_that_log_at_once_start_one_worker(pagerduty: Sandbox, rounds: int) -> None:
    ended = run(
        f"""
        for turn in range({rounds}):
            made = handler(max_events_per_minute=1000)
            log = logging.Logger("program")
            log.addHandler(made)
            barrier = threading.Barrier(16)
            def first(n):
                barrier.wait()
                log.error(f"problem {{turn}}.{{n}}")
            threads = [threading.Thread(target=first, args=[n]) for n in range(16)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert sum(t.name == "pagerduty-logging" for t in threading.enumerate()) == turn + 1
            assert made.flush(10)
            globals().setdefault("kept", []).append(log)
        """,
        pagerduty.url,
    )
    ended.well()
    assert len(summaries(pagerduty)) == 16 * rounds


def test_an_event_loop_is_not_held_up(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(Hang(), 1)
    ended = run(
        """
        import asyncio, statistics
        made = attached(flush_timeout=0, timeout=30)
        async def beat(lags):
            while True:
                since = time.monotonic()
                await asyncio.sleep(0.01)
                lags.append(time.monotonic() - since - 0.01)
        async def main():
            idle, busy = [], []
            for turn in range(20):  # in turns, so that whatever else the machine does meets both
                lags = busy if turn % 2 else idle
                heart = asyncio.create_task(beat(lags))
                for n in range(4):
                    if lags is busy:
                        log.error(f"problem {turn} {n}")
                    await asyncio.sleep(0.01)
                heart.cancel()
            print(statistics.median(idle), statistics.median(busy), max(busy))
        asyncio.run(main())
        """,
        pagerduty.url,
    )
    assert ended.status == 0, ended.err
    idle, busy, longest = map(float, ended.out.split())
    assert busy < idle + 0.02
    assert longest < 10  # a blocking send takes thirty seconds


@pytest.mark.parametrize("patched", ["first", "before the handler", "after the handler"])
def test_gevent_may_patch_at_any_time_before_the_first_record(pagerduty: Sandbox, patched: str) -> None:
    pytest.importorskip("gevent")
    patch = "import warnings; warnings.simplefilter('ignore'); from gevent import monkey; monkey.patch_all()"
    steps = [
        patch if patched == "first" else "",
        PRELUDE,
        patch if patched == "before the handler" else "",
        "made = attached()",
        patch if patched == "after the handler" else "",
        "log.error('first'); assert made.flush(5)",
        "log.error('second'); assert made.flush(5), made.stats",
        "import gevent; gevent.joinall([gevent.spawn(log.error, f'greenlet {n}') for n in range(3)])",
    ]
    ended = run("", pagerduty.url, preload="\n".join(steps))
    assert ended.status == 0, ended.err
    assert sorted(summaries(pagerduty)) == ["first", *(f"greenlet {n}" for n in range(3)), "second"]


def test_a_sub_interpreter_delivers(pagerduty: Sandbox) -> None:
    ended = run(
        """
        import importlib
        interpreters = next(
            importlib.import_module(name)
            for name in ("_xxsubinterpreters", "_interpreters")
            if importlib.util.find_spec(name)
        )
        try:
            inner = interpreters.create("legacy")
        except TypeError:
            inner = interpreters.create(isolated=False)
        interpreters.run_string(inner, "; ".join([
            "import logging",
            "from pagerduty_logging import PagerDutyHandler",
            "log = logging.getLogger('inner')",
            "log.addHandler(PagerDutyHandler())",
            "log.error('from within')",
            "log.handlers[0].flush(5)",
        ]))
        interpreters.destroy(inner)
        """,
        pagerduty.url,
        preload=PRELUDE + "import importlib.util\n",
    )
    assert ended.status == 0, ended.err
    assert summaries(pagerduty) == ["from within"]
