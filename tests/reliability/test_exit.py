"""However a process ends, what it logged before arrives, or it says that it did not."""

import signal
import subprocess

import pytest

from pagerduty_logging.sandbox import Answer, Delay, Hang, Sandbox

from .conftest import summaries
from .programs import run, says

TEN = [f"problem {n}" for n in range(10)]
LOG_TEN = """
attached()
for n in range(10):
    log.error(f"problem {n}")
"""


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('uncaught')", 1),
        ("signal.raise_signal(signal.SIGINT)", -signal.SIGINT),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); signal.raise_signal(signal.SIGTERM)", 7),
        ("logging.shutdown()", 0),
        ("log.handlers[0].close()", 0),
    ],
    ids=["return", "exit", "error", "interrupt", "terminate", "shutdown", "close"],
)
def test_everything_logged_before_the_end_arrives(pagerduty: Sandbox, ending: str, status: int) -> None:
    ended = run(LOG_TEN + ending, pagerduty.url)
    assert sorted(summaries(pagerduty)) == TEN
    assert ended.status == status
    assert "pagerduty-logging" not in ended.err


def test_an_idle_handler_does_not_delay_the_end(pagerduty: Sandbox) -> None:
    ended = run("attached(flush_timeout=30)", pagerduty.url)
    ended.well()
    assert ended.seconds < 5


def test_a_server_that_hangs_delays_the_end_by_the_budget_once(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(Hang(), 1)
    ended = run(
        """
        first, second = attached(flush_timeout=1.5), attached(flush_timeout=1.0)
        for n in range(250):
            log.error(f"problem {n}")
        threading._register_atexit(lambda: print("ending", flush=True))
        """,
        pagerduty.url,
        interfere=lambda process: says(process, "ending"),
    )
    assert ended.status == 0
    assert 1.0 < ended.seconds < 6
    assert ended.err.count("the process ends before") == 2
    assert "problem" not in ended.err


@pytest.mark.parametrize("daemon", [True, False], ids=["daemon threads", "threads"])
def test_threads_that_log_into_a_full_backlog_do_not_delay_the_end(pagerduty: Sandbox, daemon: bool) -> None:
    pagerduty.fail_share(Hang(), 1)
    ended = run(
        f"""
        made = attached(flush_timeout=1.0, max_pending=20)
        stop = threading.Event()
        def fire(number):
            n = 0
            while not stop.wait(0.002):
                n += 1
                log.error(f"problem {{number}} {{n}}")
        for number in range(4):
            threading.Thread(target=fire, args=[number], daemon={daemon}).start()
        while not made.stats.dropped.get("overflow"):
            time.sleep(0.01)
        {daemon} or stop.set()
        threading._register_atexit(lambda: print("ending", flush=True))
        """,
        pagerduty.url,
        interfere=lambda process: says(process, "ending"),
    )
    assert ended.status == 0, ended.err
    assert ended.seconds < 6
    assert "the process ends before PagerDuty took" in ended.err
    assert "Traceback" not in ended.err


def test_first_records_of_the_last_moments_arrive(pagerduty: Sandbox) -> None:
    ended = run(
        """
        attached()
        threading._register_atexit(log.error, "from the threading hook")
        def linger():
            threading.main_thread().join()
            log.error("from a lingering thread")
        threading.Thread(target=linger).start()
        """,
        pagerduty.url,
    )
    assert sorted(summaries(pagerduty)) == ["from a lingering thread", "from the threading hook"]
    ended.well()


@pytest.mark.parametrize("when", ["before", "after"], ids=["hook first", "handler first"])
def test_a_first_record_in_an_exit_callback_arrives(pagerduty: Sandbox, when: str) -> None:
    preload = "import atexit, logging\nlog = logging.getLogger('program')\n"
    callback = 'atexit.register(log.error, "from atexit")'
    attach = "from pagerduty_logging import PagerDutyHandler\nlog.addHandler(PagerDutyHandler())\n"
    program = callback + "\n" + attach if when == "before" else attach + callback
    ended = run(program, pagerduty.url, preload=preload)
    assert summaries(pagerduty) == ["from atexit"]
    ended.well()


def test_a_handler_made_in_an_exit_callback_delivers(pagerduty: Sandbox) -> None:
    program = """
    import atexit, logging
    def late():
        from pagerduty_logging import PagerDutyHandler
        logging.getLogger().addHandler(PagerDutyHandler())
        logging.getLogger().error("late")
    atexit.register(late)
    """
    ended = run(program, pagerduty.url, preload="")
    assert summaries(pagerduty) == ["late"]
    ended.well()


def test_a_record_from_a_destructor_at_teardown_does_not_hang_the_end(pagerduty: Sandbox) -> None:
    ended = run(
        """
        import builtins
        attached()
        class Last:
            def __del__(self, log=log):
                log.error("from a destructor")
        builtins.last = Last()
        """,
        pagerduty.url,
    )
    assert ended.status == 0
    assert ended.seconds < 5
    assert summaries(pagerduty) == ["from a destructor"] or "the process ends before" in ended.err


def test_a_second_interrupt_ends_the_waiting_and_spares_other_handlers(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(Hang(), 1)
    ended = run(
        """
        class Other(logging.Handler):
            def flush(self):
                print("other flushed")
            def emit(self, record):
                pass
        other = Other()
        attached(flush_timeout=30)
        log.error("problem")
        from pagerduty_logging.delivery import process
        def interrupt():
            while not process.ending.begun:
                time.sleep(0.01)
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt, daemon=True).start()
        """,
        pagerduty.url,
    )
    assert "other flushed" in ended.out
    assert "the process ends before" in ended.err
    assert "problem" not in ended.err
    assert ended.seconds < 10


def test_flush_and_close_in_any_order_neither_hang_nor_lose(pagerduty: Sandbox) -> None:
    ended = run(
        """
        made = attached()
        def abuse(n):
            for turn in range(5):
                made.close(); log.error(f"problem {n}.{turn}"); made.flush(0.0); made.close(); made.flush(5)
        threads = [threading.Thread(target=abuse, args=[n]) for n in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        made.close(); made.close()
        assert made.flush(5)
        log.error("after all")
        """,
        pagerduty.url,
    )
    ended.well()
    assert sorted(summaries(pagerduty)) == sorted(
        ["after all", *(f"problem {n}.{turn}" for n in range(4) for turn in range(5))]
    )


def test_what_fails_for_the_first_time_at_the_end_is_tried_again(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(Delay(0.5, Answer(503, body="<html>")))
    ended = run("attached()\nlog.error('problem')", pagerduty.url)
    assert summaries(pagerduty) == ["problem"]
    assert ended.status == 0


def test_a_failure_met_for_the_first_time_at_the_very_end_is_survived(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(503)
    pagerduty.fail_next(400)
    ended = run(
        """
        atexit.register(lambda: log.error("last words"))
        attached(retry=Retry(initial=0.01, maximum=0.05))
        """,
        pagerduty.url,
    )
    assert ended.status == 0
    assert "Traceback" not in ended.err
    (alert,) = pagerduty.alerts
    assert "last words" in alert.summary


def test_a_process_that_is_frozen_in_a_request_delivers_when_it_is_thawed(pagerduty: Sandbox) -> None:
    pagerduty.fail_next(Hang())

    def freeze(process: subprocess.Popen[str]) -> None:
        pagerduty.wait_until(lambda: pagerduty.requests, timeout=20)
        process.send_signal(signal.SIGSTOP)
        pagerduty.stop()  # the connection is gone when the process wakes up
        pagerduty.start()
        process.send_signal(signal.SIGCONT)

    ended = run(
        """
        made = attached(retry=Retry(initial=0.01, maximum=0.05))
        log.error("problem")
        assert made.flush(20)
        """,
        pagerduty.url,
        interfere=freeze,
    )
    assert ended.status == 0, ended.err
    assert summaries(pagerduty) == ["problem"]


LATE = """
import atexit, sys
def late():
    import logging
    from pagerduty_logging import PagerDutyHandler
    log = logging.getLogger("shop")
    log.addHandler(PagerDutyHandler(flush_timeout=TIMEOUT))
    log.error("cannot close the day")
    log.error("nor the night")
atexit.register(late)
"""


def test_what_is_imported_by_an_exit_callback_pages_within_it(pagerduty: Sandbox) -> None:
    run("", pagerduty.url, preload=LATE.replace("TIMEOUT", "30"), measured=False).well()
    assert summaries(pagerduty) == ["cannot close the day", "nor the night"]


def test_what_an_exit_callback_imported_and_could_not_send_is_reported(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(Hang(), 1)
    ended = run("", pagerduty.url, preload=LATE.replace("TIMEOUT", "1.0"), measured=False)
    assert ended.status == 0
    assert "the process ends before PagerDuty took" in ended.err
    assert ended.seconds < 6


def test_the_thread_that_sends_keeps_nothing_of_the_context_that_logged_first(
    pagerduty: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_THREAD_INHERIT_CONTEXT", "1")  # an option from Python 3.14 on
    ended = run(
        """
        import contextvars, gc, weakref
        class Request: pass
        made = attached()
        current = contextvars.ContextVar("request")
        def serve():
            request = Request()
            current.set(request)
            log.error("cannot serve")
            return weakref.ref(request)
        request = contextvars.Context().run(serve)
        assert made.flush(20)
        gc.collect()
        print(request() is None)
        """,
        pagerduty.url,
    )
    ended.well()
    assert ended.out == "True\n"


def test_what_is_lost_with_the_process_is_given_to_on_error_the_worst_first(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(503, 1)
    ended = run(
        """
        def lost(event, error): print(event.severity, event.summary, error, flush=True)
        attached(flush_timeout=2.0, on_error=lost)
        log.error("an error")
        log.critical("a disaster")
        """,
        pagerduty.url,
    )
    assert [line.split(" the process ended first")[0] for line in ended.out.splitlines()] == [
        "critical a disaster",
        "error an error",
    ]
    assert "took CRITICAL of logger" in ended.err


def test_an_event_that_was_refused_is_not_tried_again_at_the_end(pagerduty: Sandbox) -> None:
    pagerduty.fail_share(400, 1)
    ended = run(
        """
        def lost(event, error): print(event.summary, flush=True)
        attached(on_error=lost)
        log.error("an error")
        """,
        pagerduty.url,
    )
    assert ended.out.splitlines() == ["an error"]
    assert ended.err.count("not delivered") == 1


DESTROYED = """
import asyncio, atexit, gc
async def forever(): await loop.create_future()
loop = asyncio.new_event_loop()
task = loop.create_task(forever())
loop.run_until_complete(asyncio.sleep(0))
def drop():
    global task
    task = None
    gc.collect()
"""


@pytest.mark.parametrize("hooks", ["", "from pagerduty_logging import install_hooks; install_hooks()"])
@pytest.mark.parametrize(("drop", "pages"), [("drop()", 1), ("atexit.register(drop)", 0)])
def test_a_task_that_only_the_end_of_the_process_cuts_off_does_not_page(
    pagerduty: Sandbox, hooks: str, drop: str, pages: int
) -> None:
    program = f"{DESTROYED}\nlogging.getLogger().addHandler(handler())\n{hooks}\n{drop}\n"
    ended = run(program, pagerduty.url)
    assert ended.status == 0
    assert len(pagerduty.alerts) == pages, summaries(pagerduty)
