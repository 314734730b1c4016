"""Uncaught exceptions page, the hooks that were there are called too, and all can be put back."""

import asyncio
import contextlib
import gc
import io
import logging
import logging.config
import logging.handlers
import multiprocessing
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging import install_hooks
from pagerduty_logging.hooks import pending_exit
from tests.reliability.programs import run, run_file

EXAMPLE = Path(__file__).parents[2] / "examples" / "uncaught_exceptions.py"


def die_in_a_thread(name: str, error: BaseException) -> None:
    def run() -> None:
        raise error

    thread = threading.Thread(target=run, name=name)
    thread.start()
    thread.join()


@pytest.fixture
def printed() -> Iterator[list[str]]:
    """What reached the hooks that were there before ours."""
    seen: list[str] = []
    before = threading.excepthook, sys.excepthook, sys.unraisablehook
    threading.excepthook = lambda args: seen.append(args.thread.name)
    sys.excepthook = lambda kind, error, traceback: seen.append(str(error))
    sys.unraisablehook = lambda unraisable: seen.append(str(unraisable.exc_value))
    yield seen
    threading.excepthook, sys.excepthook, sys.unraisablehook = before


@pytest.fixture
def root(make_handler) -> Iterator[logging.Logger]:
    """The root logger, whose errors page into the sandbox."""
    logger = logging.getLogger()
    handler = make_handler()
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def flush(logger: logging.Logger) -> bool:
    return all(handler.flush() for handler in logger.handlers if hasattr(handler, "stats"))


def test_a_thread_that_dies_pages_as_critical_and_the_previous_hook_is_called(sandbox, shop, printed):
    with install_hooks(shop):
        die_in_a_thread("nightly", ValueError("no rates for today"))
    flush(shop)

    (alert,) = sandbox.alerts
    assert alert.severity == "critical"
    assert alert.summary == "Uncaught exception in thread nightly: ValueError: no rates for today"
    assert printed == ["nightly"]


def test_each_exception_is_a_problem_of_its_own(sandbox, shop, printed):
    with install_hooks(shop):
        for error in (ValueError("a"), ValueError("b"), OSError("c"), ExceptionGroup("d", [TypeError("e")])):
            die_in_a_thread("nightly", error)
    flush(shop)
    assert sorted(alert.summary.split(": ")[1] for alert in sandbox.alerts) == [
        "OSError",
        "TypeError",
        "ValueError",
    ]


def test_leaving_on_purpose_is_no_failure(sandbox, shop, printed):
    with install_hooks(shop, exit_status=True):
        die_in_a_thread("nightly", SystemExit(1))
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
        sys.excepthook(BaseExceptionGroup, BaseExceptionGroup("both", [KeyboardInterrupt()]), None)
        with pytest.raises(SystemExit) as caught:
            sys.exit(3)
    assert caught.value.code == 3
    assert repr(caught.value) == "SystemExit(3)"
    assert flush(shop)
    assert sandbox.requests == ()


CONSOLE_SCRIPT = """
import logging, os, sys
os.environ.pop("PYTEST_CURRENT_TEST", None)

def main():
    from pagerduty_logging import PagerDutyHandler, install_hooks
    logging.getLogger().addHandler(PagerDutyHandler())
    install_hooks(exit_status=True)
    return "3"

if __name__ == "__main__":
    sys.exit(int(main()))
"""


def test_a_status_that_the_function_returns_which_installs_the_hooks_pages(sandbox, tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(CONSOLE_SCRIPT)
    ended = run_file(program, sandbox.url)
    if sys.version_info < (3, 12):
        assert f"does not see the sys.exit(...) of {program}:12: install the hooks before" in ended.err
    else:
        assert (ended.status, ended.err) == (3, "")
        (event,) = sandbox.events
        assert event["payload"]["summary"] == "program.py exits with status 3"
        assert event["payload"]["custom_details"]["location"] == "program.py:12 in <module>"


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("sys.exit(here())", True),
        ("sys.exit(int(here() or 0))", True),
        ("sys.exit(here(1, two=[2]))", True),
        ("sys.exit(0) if here() else sys.exit(1)", False),
        ("here(), sys.exit", False),
        ("str([here(), sys.exit])", False),
        ("parser.exit(here(), sys)", False),
    ],
)
def test_a_call_of_sys_exit_that_waits_for_what_runs_now_is_found(text: str, waits: bool):
    class Parser:
        def exit(self, *_: object) -> None:
            return

    def here(*_: object, **__: object) -> int:
        found.append(pending_exit._waits(sys._getframe(1)))
        return 0

    found: list[bool] = []
    names = {"here": here, "sys": sys, "parser": Parser()}
    with contextlib.suppress(SystemExit):
        exec(compile(text, "program.py", "exec"), names)
    assert found == [waits]


def test_leaving_a_thread_prints_as_little_as_ever(sandbox, shop, monkeypatch, capsys):
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    with install_hooks(shop, exit_status=True):
        thread = threading.Thread(target=lambda: sys.exit("this thread is done"))
        thread.start()
        thread.join()
    assert capsys.readouterr().err == ""
    assert flush(shop)
    assert sandbox.requests == ()


def test_an_exception_in_a_finaliser_pages_and_brings_nothing_back_to_life(sandbox, shop, printed):
    class Till:
        def __del__(self) -> None:
            raise ValueError("the till is open")

    till = Till()
    gone = weakref.ref(till)
    with install_hooks(shop):
        del till
        gc.collect()
    assert gone() is None
    flush(shop)
    (alert,) = sandbox.alerts
    assert alert.summary.endswith("Till.__del__: ValueError: the till is open")
    assert printed == ["the till is open"]


def test_an_exception_without_an_object_pages_too(sandbox, shop, printed):
    with install_hooks(shop):
        sys.excepthook(ValueError, None, None)
    flush(shop)
    assert [alert.summary for alert in sandbox.alerts] == ["Uncaught exception: ValueError"]


def test_hooks_that_are_installed_twice_log_once(sandbox, shop, printed):
    with install_hooks(shop), install_hooks(shop, exit_status=True):
        die_in_a_thread("nightly", ValueError("no rates for today"))
    flush(shop)
    (alert,) = sandbox.alerts
    assert alert.custom_details["occurrences"] == 1
    assert printed == ["nightly"]


def test_hooks_that_are_installed_again_and_again_do_not_pile_up(sandbox, shop, printed):
    installed = [install_hooks(shop) for _ in range(2_000)]
    die_in_a_thread("nightly", ValueError("no rates for today"))
    for hooks in installed[:-1]:
        hooks.uninstall()
    die_in_a_thread("hourly", TypeError("no rates for this hour"))
    installed[-1].uninstall()
    die_in_a_thread("late", OSError("no rates any more"))
    assert flush(shop)
    assert len(sandbox.events) == 2
    assert printed == ["nightly", "hourly", "late"]


def test_hooks_installed_again_stand_in_front_of_those_that_came_between(sandbox, shop, printed):
    with install_hooks(shop):
        between = threading.excepthook
        threading.excepthook = lambda args: printed.append("not chained")
        with install_hooks(shop):
            die_in_a_thread("nightly", ValueError("no rates for today"))
        threading.excepthook = between
    assert flush(shop)
    assert len(sandbox.events) == 1
    assert printed == ["not chained"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_uninstalling_in_any_order_puts_back_what_was_there(shop, order):
    def hooks() -> tuple[Callable, ...]:
        loop = asyncio.BaseEventLoop.call_exception_handler
        return sys.excepthook, threading.excepthook, sys.unraisablehook, sys.exit, loop

    before = hooks()
    others = logging.Logger("other"), logging.Logger("another")
    installed = [install_hooks(logger, exit_status=True) for logger in (shop, *others)]
    assert not set(before) & set(hooks())
    for number in order:
        installed[number].uninstall()
        installed[number].uninstall()
    assert hooks() == before


def test_a_later_hook_stays_when_ours_are_uninstalled(sandbox, shop, printed):
    hooks = install_hooks(shop)
    ours = threading.excepthook
    threading.excepthook = lambda args: ours(args)
    hooks.uninstall()
    die_in_a_thread("nightly", ValueError("no rates for today"))
    assert printed == ["nightly"]
    assert flush(shop)
    assert sandbox.requests == ()


def test_a_logger_that_fails_hides_no_traceback(printed, capsys):
    class Broken(logging.Logger):
        def critical(self, *_: object, **__: object) -> None:
            raise RuntimeError("the logger is broken")

    with install_hooks(Broken("broken")):
        die_in_a_thread("nightly", ValueError("no rates for today"))
        sys.excepthook(ValueError, ValueError("bank is closed"), None)
    assert printed == ["nightly", "bank is closed"]
    assert "an uncaught exception could not be logged: RuntimeError" in capsys.readouterr().err


class Raising(logging.Handler):
    """A handler that lets its own failure out."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("the disk is full")


@pytest.mark.parametrize("number", range(3), ids=["first", "in the middle", "last"])
def test_an_uncaught_exception_pages_once_if_any_handler_raises(sandbox, make_handler, printed, number):
    logger, pagers = logging.Logger("till"), [make_handler(), make_handler()]
    logger.handlers[:] = pagers
    logger.handlers.insert(number, Raising())
    with install_hooks(logger):
        sys.excepthook(ValueError, ValueError("bank is closed"), None)
    assert flush(logger)
    assert len(sandbox.events) == 2
    assert len({event["dedup_key"] for event in sandbox.events}) == 1
    assert [pager.stats.accepted for pager in pagers] == [1, 1]
    assert printed == ["bank is closed"]


def test_a_handler_that_raises_in_front_of_a_parents_costs_no_page(sandbox, shop, printed):
    child = shop.getChild("orders")
    child.addHandler(Raising())
    with install_hooks(child):
        die_in_a_thread("nightly", ValueError("no rates for today"))
    child.handlers.clear()
    assert flush(shop)
    (alert,) = sandbox.alerts
    assert alert.summary == "Uncaught exception in thread nightly: ValueError: no rates for today"


def test_where_a_handler_raises_the_key_is_the_usual_one(sandbox, shop, printed):
    with install_hooks(shop):
        sys.excepthook(ValueError, ValueError("bank is closed"), None)
        assert flush(shop)
        shop.handlers.insert(0, Raising())
        sys.excepthook(ValueError, ValueError("bank is closed"), None)
        shop.handlers.pop(0)
    assert flush(shop)
    assert len(sandbox.events) == 1


def test_a_child_pages_the_same_problems_however_it_was_started_also_where_warnings_are_errors(
    sandbox, tmp_path: Path
):
    program = tmp_path / "child.py"
    program.write_text(
        """
import logging, multiprocessing
from pagerduty_logging import PagerDutyHandler, install_hooks

class OutOfStock(Exception):
    pass

logging.basicConfig(handlers=[logging.StreamHandler(), PagerDutyHandler()])
install_hooks()
log = logging.getLogger(__name__)

def reconcile():
    try:
        raise OutOfStock("pears")
    except OutOfStock:
        log.exception("cannot ship")
    raise OutOfStock("apples")

if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        child = multiprocessing.get_context(method).Process(target=reconcile, name="reconcile")
        child.start()
        child.join()
"""
    )
    ended = run_file(program, sandbox.url)
    assert ended.err.count("OutOfStock: apples") == 6, ended.err  # logged, and printed by multiprocessing
    pages = [(event["payload"]["summary"], event["dedup_key"]) for event in sandbox.events]
    assert len(pages) == 6
    assert sorted(summary for summary, _ in set(pages)) == [
        "Uncaught exception in process reconcile: OutOfStock: apples",
        "cannot ship: OutOfStock: pears",
    ]


def test_hooks_that_the_function_of_a_process_installs_see_what_ends_it(sandbox, tmp_path: Path):
    program = tmp_path / "child.py"
    program.write_text(
        """
import logging.handlers, multiprocessing, sys

def set_up(records):
    from pagerduty_logging import install_hooks
    logging.getLogger().addHandler(logging.handlers.QueueHandler(records))
    install_hooks(exit_status=True)

def fail(records):
    set_up(records)
    raise KeyError("pears")

def leave(records):
    set_up(records)
    sys.exit(3)

def well(records):
    set_up(records)
    try:
        raise KeyError("apples")
    except KeyError:
        sys.exit(0)

if __name__ == "__main__":
    from pagerduty_logging import PagerDutyHandler
    records = multiprocessing.Queue()
    listener = logging.handlers.QueueListener(records, PagerDutyHandler())
    listener.start()
    for function in (fail, leave, well):
        child = multiprocessing.Process(target=function, args=(records,), name=function.__name__)
        child.start()
        child.join()
        print(child.exitcode)
    listener.stop()
"""
    )
    ended = run_file(program, sandbox.url)
    assert ended.out.split() == ["1", "3", "0"], ended.err
    # From Python 3.13 on nothing of a process looks at a SystemExit but what ends it.
    assert sorted(alert.summary for alert in sandbox.alerts) == [
        "Uncaught exception in process fail: KeyError: 'pears'",
        *(["leave exits with status 3"] if sys.version_info < (3, 13) else []),
    ]
    assert len(sandbox.events) == len(sandbox.alerts)


def test_a_hook_that_another_library_installed_is_called(shop, monkeypatch):
    traceback = pytest.importorskip("rich.traceback")
    screen = io.StringIO()
    console = pytest.importorskip("rich.console").Console(file=screen)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    traceback.install(console=console)
    with install_hooks(shop):
        sys.excepthook(ValueError, ValueError("bank is closed"), None)
    assert "bank is closed" in screen.getvalue()


@pytest.mark.parametrize("option", ["sys", "threading", "unraisable", "asyncio", "exit_status"])
def test_an_option_that_is_no_flag_is_named(option):
    with pytest.raises(TypeError, match=option):
        install_hooks(**{option: "no"})


def test_an_invalid_logger_is_named():
    with pytest.raises(TypeError, match="logger must be"):
        install_hooks("shop")


# --- asyncio ----------------------------------------------------------------------------------------


@pytest.fixture(params=["asyncio", "uvloop"])
def loops(request) -> Callable[[], asyncio.AbstractEventLoop]:
    """Makes event loops, of each kind."""
    return pytest.importorskip(request.param).new_event_loop


async def fail() -> None:
    raise ConnectionError("bank is closed")


def complain() -> None:
    raise ValueError("the ledger is gone")


def test_a_failure_that_no_code_awaits_pages_once_and_asyncio_logs_what_it_always_logs(
    sandbox, root, caplog, loops
):
    with install_hooks(), asyncio.Runner(loop_factory=loops) as runner:

        async def main() -> None:
            asyncio.ensure_future(fail())  # noqa: RUF006
            asyncio.get_running_loop().call_soon(complain)
            for error in (KeyError("stale"), OSError("stale")):  # which nobody raises
                asyncio.get_running_loop().create_future().set_exception(error)
            await asyncio.sleep(0.01)
            gc.collect()

        runner.run(main())
    assert flush(root)
    pages = sorted((alert.severity, alert.summary.rpartition(" ")[2]) for alert in sandbox.alerts)
    assert pages == [
        ("critical", "'stale'"),
        ("critical", "closed"),
        ("critical", "gone"),
        ("critical", "stale"),
    ]
    assert len(sandbox.events) == 4
    assert len([record for record in caplog.records if record.name == "asyncio"]) == 4
    assert "0x" not in "".join(alert.summary for alert in sandbox.alerts)


@pytest.mark.parametrize("hooks", [install_hooks, contextlib.nullcontext], ids=["hooks", "asyncio alone"])
def test_what_a_tasks_callback_raises_again_and_its_awaiter_logs_is_one_page(sandbox, root, loops, hooks):
    def raise_again(task: asyncio.Task[None]) -> None:
        error = task.exception()
        assert error is not None
        raise error

    async def main() -> None:
        task = asyncio.create_task(fail())
        task.add_done_callback(raise_again)  # as aio-pika's consumers
        try:
            await task
        except ConnectionError:
            logging.getLogger("consumer").exception("Consumer failed")

    with hooks(), asyncio.Runner(loop_factory=loops) as runner:
        runner.run(main())
    assert flush(root)
    (event,) = sandbox.events
    assert event["payload"]["summary"].startswith("Exception in callback")


def test_the_loops_own_exception_handler_is_called_too(sandbox, root, loops):
    seen = []
    with install_hooks(), asyncio.Runner(loop_factory=loops) as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(lambda _, context: seen.append(context["message"]))
        loop.call_exception_handler({"message": "a", "exception": ConnectionError("bank is closed")})
        loop.call_exception_handler({"message": "an unclosed session"})
    assert seen == ["a", "an unclosed session"]
    assert flush(root)
    assert [alert.summary for alert in sandbox.alerts] == ["a: ConnectionError: bank is closed"]


def test_a_running_loop_is_hooked(sandbox, shop, loops):
    async def main() -> None:
        with install_hooks(shop):
            asyncio.get_running_loop().call_soon(complain)
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loops) as runner:
        runner.run(main())
    assert flush(shop)
    assert len(sandbox.alerts) == 1


class OtherLoop(asyncio.AbstractEventLoop):
    """As rloop's: no loop of asyncio's, with what it does with exceptions defined anew."""

    logger = "asyncio"

    def call_exception_handler(self, context: Mapping[str, Any]) -> None:
        error = context["exception"]
        logging.getLogger(self.logger).error(
            "%s\nhandle: <Handle at 0x7f>", context["message"], exc_info=(type(error), error, None)
        )


class LoopOfQasync(OtherLoop):
    logger = "qasync._QEventLoop"

    def call_exception_handler(self, context: Mapping[str, Any]) -> None:
        super().call_exception_handler(context)


class LoopOfQt(asyncio.AbstractEventLoop):
    """As that of PySide6's QtAsyncio, which is told failures that somebody awaits, and catches."""

    def call_exception_handler(self, context: Mapping[str, Any]) -> None:
        pass

    call_exception_handler.__module__ = "PySide6.QtAsyncio.events"


@pytest.mark.parametrize(("loop", "pages"), [(OtherLoop, 1), (LoopOfQasync, 1), (LoopOfQt, 0)])
def test_a_loop_of_another_library_pages_what_nobody_awaits(sandbox, root, loop, pages):
    with install_hooks():
        loop().call_exception_handler({"message": "failed at 0x7f", "exception": ValueError("boom")})
    assert flush(root)
    told = [(event["payload"]["severity"], event["payload"]["summary"]) for event in sandbox.events]
    assert told == [("critical", "failed: ValueError: boom")] * pages


def test_what_a_callback_was_given_is_not_shown(sandbox, root):
    def pay(customer: str) -> None:
        raise ValueError("boom")

    async def main() -> None:
        asyncio.get_running_loop().call_soon(pay, "CUST" + "4711")
        await asyncio.sleep(0)

    with install_hooks():
        asyncio.run(main())
    assert flush(root)
    shown = "pay()" if sys.version_info >= (3, 13) else "pay(…)"  # asyncio itself leaves it out by then
    assert f"{shown} at" in sandbox.alerts[0].summary
    assert "CUST4711" not in str(sandbox.events)


def test_a_task_that_is_destroyed_while_it_waits_pages_once(sandbox, root):
    async def poll() -> None:
        await asyncio.Future()

    async def main() -> None:
        asyncio.ensure_future(poll())  # noqa: RUF006
        await asyncio.sleep(0)
        gc.collect()  # nothing holds it, nor what it waits for

    with install_hooks():
        asyncio.run(main())
    assert flush(root)
    (event,) = sandbox.events
    summary = event["payload"]["summary"]
    assert summary.startswith("Task was destroyed but it is pending: ")
    assert summary.endswith("poll")


def test_a_failure_that_no_code_awaits_pages_once_from_behind_a_queue(sandbox, make_handler, monkeypatch):
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = make_handler()
    through = logging.handlers.QueueHandler(records)
    logging.getLogger().addHandler(through)
    listener = logging.handlers.QueueListener(records, handler)
    listener.start()
    with install_hooks():
        loop = asyncio.new_event_loop()
        loop.call_exception_handler({"message": "a", "exception": ConnectionError("bank is closed")})
        loop.close()
    listener.stop()
    logging.getLogger().removeHandler(through)
    assert handler.flush()
    assert len(sandbox.events) == 1


# --- whole programs -----------------------------------------------------------------------------------

DYING = """
import pagerduty_logging
logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"hooks": {"()": "pagerduty_logging.install_hooks", "exit_status": True}},
    "handlers": {"pagerduty": {"class": "pagerduty_logging.PagerDutyHandler"}},
    "root": {"handlers": ["pagerduty"]},
})
"""


def test_a_task_that_failed_and_is_still_held_pages_once_at_the_end(sandbox):
    ended = run(
        """
        import asyncio
        class Shop:
            async def poll(self): raise ConnectionError("bank is closed")
            async def settle(self): raise ConnectionError("bank is closed")
            async def work(self): await asyncio.sleep(3600)
            async def main(self):
                self.tasks = [asyncio.create_task(work()) for work in (self.poll, self.settle, self.work)]
                await asyncio.wait(self.tasks[:2])
                self.tasks[1].exception()  # somebody has asked
        shop = Shop()
        asyncio.run(shop.main())
        """,
        sandbox.url,
        preload="import logging.config\n" + DYING,
    )
    ended.well()
    assert [event["payload"]["summary"] for event in sandbox.events] == [
        "Task exception was never retrieved: ConnectionError: bank is closed"
    ]
    assert "poll" in str(sandbox.events)


def test_a_program_that_leaves_with_a_message_pages_with_it(sandbox):
    ended = run("sys.exit('no ledger')", sandbox.url, preload="import logging.config, sys\n" + DYING)
    assert (ended.status, ended.err) == (1, "no ledger\n")
    (event,) = sandbox.events
    assert event["payload"]["summary"] == "-c exits: no ledger"


def test_a_job_that_leaves_with_a_status_pages_once(sandbox):
    ended = run(
        """
        with pagerduty_logging.page_on_failure("billing"):
            sys.exit(3)
        """,
        sandbox.url,
        preload="import logging.config, sys\n" + DYING,
    )
    assert ended.status == 3
    (event,) = sandbox.events
    assert event["payload"]["summary"] == "Job billing failed: SystemExit: 3"


def test_a_program_that_leaves_over_an_error_pages_once_and_what_is_taken_apart_then_is_left_alone(sandbox):
    ended = run(
        """
        class Till:
            def __del__(self):
                raise ValueError("the till is open")
        till = Till()
        try:
            1 / 0
        except ZeroDivisionError:
            logging.exception("cannot divide")
            sys.exit(3)
        """,
        sandbox.url,
        preload="import logging, logging.config, sys\n" + DYING,
    )
    assert ended.status == 3
    assert ended.err.count("ValueError: the till is open") == 1
    assert "pagerduty-logging" not in ended.err
    (event,) = sandbox.events
    assert event["payload"]["summary"] == "cannot divide: ZeroDivisionError: division by zero"


def test_the_example_pages_for_each_of_its_failures(sandbox):
    ended = run_file(EXAMPLE, sandbox.url)
    assert ended.status == 1
    assert ended.err.rstrip().endswith("SystemError: the ledger is out of balance")
    assert ended.err.count("ValueError: the till is open") == 1
    assert sorted(event["payload"]["summary"] for event in sandbox.events) == [
        "Task exception was never retrieved: TimeoutError: no rates",
        "Uncaught exception in Till.__del__: ValueError: the till is open",
        "Uncaught exception in thread reconcile: ConnectionError: the bank is closed",
        "Uncaught exception: SystemError: the ledger is out of balance",
    ]


@pytest.mark.parametrize(
    ("ending", "summaries"),
    [
        (ValueError("no rates"), ["Uncaught exception in process nightly: ValueError: no rates"]),
        (SystemExit(3), ["nightly exits with status 3"]),
        (SystemExit(0), []),
        (KeyboardInterrupt(), []),
    ],
    ids=repr,
)
def test_what_ends_a_child_process_pages_unless_that_was_wanted(sandbox, shop, ending, summaries):
    def fail() -> None:
        raise ending

    with install_hooks(shop, exit_status=True), pytest.raises(type(ending)):
        multiprocessing.Process(target=fail, name="nightly").run()  # as the child does
    assert flush(shop)
    assert [alert.summary for alert in sandbox.alerts] == summaries


def test_child_processes_page_however_they_are_started(sandbox, tmp_path: Path):
    program = tmp_path / "children.py"
    program.write_text(
        f"""
import logging, logging.config, multiprocessing, sys
{DYING}

def fail(name):
    raise ValueError(f"no rates for {{name}}")

if __name__ == "__main__":
    fork, spawn = map(multiprocessing.get_context, ("fork", "spawn"))
    children = [
        fork.Process(target=sys.exit, args=("leaving",), name="fork"),
        spawn.Process(target=fail, args=("today",), name="spawn"),
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
        print(child.exitcode)
"""
    )
    ended = run_file(program, sandbox.url)
    assert ended.out.split() == ["1", "1"], ended.err
    assert ended.err.count("ValueError: no rates for today") == 1
    assert sorted(event["payload"]["summary"] for event in sandbox.events) == [
        "Uncaught exception in process spawn: ValueError: no rates for today",
        "fork exits: leaving",
    ]


@pytest.mark.parametrize("keep", ["handler", logging.NullHandler(), [logging.NullHandler()]])
def test_only_handlers_that_page_are_kept(keep: object) -> None:
    with pytest.raises(TypeError, match="keep must be a list of PagerDutyHandlers"):
        install_hooks(keep=keep)  # type: ignore[arg-type]


class SendsFromAThread(logging.Handler):
    """A handler that sends each record from a thread, as Honeybadger's does; the network is away."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[threading.Thread] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.threads) < 20:
            self.threads.append(threading.Thread(target=self.send, name=f"sender-{len(self.threads)}"))
            self.threads[-1].start()

    def send(self) -> None:
        raise OSError("the network is away")


def test_a_handler_whose_threads_die_is_not_called_for_each_of_its_own_threads(sandbox, shop, printed):
    sender = SendsFromAThread()
    shop.addHandler(sender)
    try:
        with install_hooks(shop):
            shop.error("payment failed")
            for thread in sender.threads:
                thread.join()
    finally:
        shop.removeHandler(sender)
    flush(shop)
    assert sorted(printed) == [thread.name for thread in sender.threads]
    assert len(printed) == 3  # for the error, for the thread that died of it, and for that one's
    assert sorted(alert.summary for alert in sandbox.alerts) == [
        "Uncaught exception in thread sender-0: OSError: the network is away",
        "payment failed",
    ]


class LeavesABrokenObject(logging.Handler):
    """A handler that makes and drops an object for each record, which raises when it is deleted."""

    called = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.called += 1
        Broken()


class Broken:
    def __del__(self) -> None:
        raise OSError("cannot close")


def test_a_handler_whose_objects_raise_when_deleted_is_not_called_without_end(sandbox, shop, printed):
    handler = LeavesABrokenObject()
    shop.addHandler(handler)
    try:
        with install_hooks(shop):
            shop.error("payment failed")
    finally:
        shop.removeHandler(handler)
    flush(shop)
    assert handler.called == 2  # for the error, and for the object that it left
    assert printed == ["cannot close", "cannot close"]
    assert sorted(alert.summary for alert in sandbox.alerts) == [
        "Uncaught exception in Broken.__del__: OSError: cannot close",
        "payment failed",
    ]
