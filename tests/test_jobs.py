"""A job that fails or takes too long pages; its next success resolves that."""

import asyncio
import functools
import logging
import logging.handlers
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler, install_hooks, jobs, page_on_failure
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.integrations import handlers
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from tests.reliability.programs import run_file, until

EXAMPLE = Path(__file__).parent.parent / "examples" / "nightly_job.py"


@pytest.fixture
def handler(make_handler) -> PagerDutyHandler:
    return make_handler()


def actions(sandbox: Sandbox, handler: PagerDutyHandler) -> list[str]:
    """What was sent, once nothing is pending."""
    assert handler.flush()
    return [event["event_action"] for event in sandbox.events]


def bill() -> None:
    raise ValueError("no rates for today")


def test_a_job_that_fails_pages_and_its_exception_goes_on_unchanged(sandbox, handler):
    error = ValueError("no rates for today")
    with pytest.raises(ValueError, match="no rates") as caught, page_on_failure("billing 1", handler=handler):
        raise error
    assert caught.value is error
    assert actions(sandbox, handler) == ["trigger"]
    (alert,) = sandbox.alerts
    assert alert.dedup_key == "job/billing 1"
    assert alert.severity == "error"
    assert alert.summary == "Job billing 1 failed: ValueError: no rates for today"
    assert alert.component == "billing 1"
    assert "test_jobs.py" in alert.custom_details["location"]
    assert alert.custom_details["ran_for"].endswith(" s")


def test_its_next_success_resolves_in_any_process(sandbox, handler, make_handler):
    elsewhere = make_handler()
    with pytest.raises(ValueError, match="no rates"), page_on_failure("billing 2", handler=handler):
        bill()
    assert handler.flush()
    with page_on_failure("billing 2", handler=elsewhere):
        pass
    assert actions(sandbox, elsewhere) == ["trigger", "resolve"]
    assert sandbox.alerts[0].state == "resolved"


def test_it_pages_again_after_it_was_resolved(sandbox, handler):
    guard = page_on_failure("billing 3", handler=handler)
    for fails in (True, False, True):
        with pytest.raises(ValueError, match="no rates") if fails else guard, guard:
            if fails:
                bill()
    assert actions(sandbox, handler) == ["trigger", "resolve", "trigger"]


def test_a_process_that_has_resolved_does_not_do_so_at_once_again(sandbox, handler):
    for _ in range(100):
        with page_on_failure("billing 4", handler=handler):
            pass
    assert actions(sandbox, handler) == ["resolve"]


def test_nothing_is_resolved_where_that_is_not_wanted(sandbox, handler):
    with page_on_failure("billing 5", resolve_on_success=False, handler=handler):
        pass
    assert actions(sandbox, handler) == []


@pytest.mark.parametrize(
    ("ending", "sent"),
    [
        (KeyboardInterrupt(), []),
        (asyncio.CancelledError(), []),
        (GeneratorExit(), []),
        (SystemExit(), ["resolve"]),
        (SystemExit(0), ["resolve"]),
        (SystemExit(3), ["trigger"]),
        (SystemExit("no ledger"), ["trigger"]),
        (ExceptionGroup("two", [ValueError("a"), TypeError("b")]), ["trigger"]),
        (BaseExceptionGroup("both", [KeyboardInterrupt(), ValueError("a")]), ["trigger"]),
        (BaseExceptionGroup("both", [KeyboardInterrupt()]), []),
    ],
    ids=repr,
)
def test_what_is_stopped_on_purpose_has_not_failed(sandbox, handler, ending, sent):
    with pytest.raises(type(ending)), page_on_failure(f"ending {ending!r}", handler=handler):
        raise ending
    assert actions(sandbox, handler) == sent


def test_a_job_that_takes_too_long_pages_while_it_runs_and_resolves_when_it_is_done(sandbox, handler):
    with page_on_failure("slow", max_seconds=0.05, severity="critical", handler=handler):
        until(lambda: sandbox.alerts)
        (alert,) = sandbox.alerts
        assert alert.state == "triggered"
        assert alert.severity == "critical"
        assert alert.summary == "Job slow is still running after 0.05 seconds"
        assert [row for row in alert.custom_details["stack"] if "test_jobs.py" in row]
    assert actions(sandbox, handler) == ["trigger", "resolve"]


@pytest.mark.parametrize(
    ("length", "words"), [(1, "1 second"), (0.5, "0.5 seconds"), (3600.0, "3600 seconds")]
)
def test_a_length_of_time_agrees_with_its_noun(length, words):
    assert jobs.in_words(length) == words


def test_a_job_in_time_does_not_page_later(sandbox, handler):
    with page_on_failure("quick", max_seconds=3600, handler=handler):
        pass
    until(lambda: not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)])
    assert actions(sandbox, handler) == ["resolve"]


def test_an_exception_pages_once_though_hooks_see_it_too(sandbox, handler, attach, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    with install_hooks(attach(handler)):
        try:
            with page_on_failure("billing 6", handler=handler):
                bill()
        except ValueError as error:
            sys.excepthook(type(error), error, error.__traceback__)
    assert actions(sandbox, handler) == ["trigger"]


# --- decorators -------------------------------------------------------------------------------------


def test_a_decorated_function_is_what_it_was(sandbox, handler):
    @page_on_failure("sum", handler=handler)
    def add(a: int, *, b: int = 2) -> int:
        """Add."""
        return a + b

    assert (add(1), add(1, b=3), add.__name__, add.__doc__) == (3, 4, "add", "Add.")
    assert actions(sandbox, handler) == ["resolve"]


def test_a_coroutine_function_is_guarded_while_it_runs(sandbox, handler):
    @page_on_failure("rates", max_seconds=0.05, handler=handler)
    async def fetch(name: str) -> str:
        while not sandbox.alerts:
            await asyncio.sleep(0.01)
        if name == "bad":
            raise ConnectionError("bank is closed")
        return name

    assert asyncio.run(fetch("good")) == "good"
    with pytest.raises(ConnectionError):
        asyncio.run(fetch("bad"))
    assert actions(sandbox, handler) == ["trigger", "resolve", "trigger"]


def test_an_async_block_is_guarded(sandbox, handler):
    async def main() -> None:
        async with page_on_failure("rates 2", handler=handler):
            raise ConnectionError("bank is closed")

    with pytest.raises(ConnectionError):
        asyncio.run(main())
    assert actions(sandbox, handler) == ["trigger"]


@pytest.mark.parametrize("how", ["decorator", "block"])
def test_runs_at_the_same_time_do_not_mix(sandbox, handler, how):
    guard = page_on_failure(f"pair, {how}", max_seconds=60.0, handler=handler)
    both = threading.Barrier(2)

    def work(fails: bool) -> None:
        both.wait(timeout=30)
        if fails:
            raise ValueError("no rates")
        both.wait(timeout=30)

    def in_block(fails: bool) -> None:
        with guard:
            work(fails)

    job = guard(work) if how == "decorator" else in_block
    well = threading.Thread(target=job, args=(False,))
    well.start()
    with pytest.raises(ValueError, match="no rates"):
        job(True)
    assert actions(sandbox, handler) == ["trigger"]
    both.wait(timeout=30)
    well.join(timeout=30)
    assert actions(sandbox, handler) == ["trigger", "resolve"]
    assert guard._entered == {}


def test_a_block_in_a_block_of_the_same_job_is_right(sandbox, handler):
    guard = page_on_failure("nested", handler=handler)

    @guard
    def outer() -> None:
        with guard, guard:
            pass
        bill()

    with pytest.raises(ValueError, match="no rates"):
        outer()
    assert actions(sandbox, handler) == ["resolve", "trigger"]
    assert guard._entered == {}


def test_a_block_may_be_left_in_another_task_than_it_was_entered(sandbox, handler):
    guard = page_on_failure("handed over", max_seconds=60.0, handler=handler)
    asyncio.run(guard.__aenter__())
    asyncio.run(guard.__aexit__(None, None, None))
    assert actions(sandbox, handler) == ["resolve"]
    assert guard._entered == {}


def test_a_function_that_returns_a_coroutine_is_guarded_while_that_runs(sandbox, handler):
    async def fetch(*_: object) -> None:
        raise ConnectionError("bank is closed")

    class Fetch:
        async def __call__(self) -> None:
            await fetch()

    handed_on: list[Callable[[], Any]] = [lambda: fetch(), Fetch(), functools.partial(fetch, 1)]
    for number, function in enumerate(handed_on):
        job = page_on_failure(f"handed on {number}", handler=handler)(function)
        with pytest.raises(ConnectionError):
            asyncio.run(job())
    assert actions(sandbox, handler) == ["trigger"] * 3


def test_methods_of_every_kind_stay_what_they_are(sandbox, handler):
    guard = page_on_failure("methods", handler=handler)

    class Till:
        @guard
        @staticmethod
        def static() -> str:
            return "static"

        @guard
        @classmethod
        def of_class(cls) -> str:
            return cls.__name__

        @guard
        def plain(self) -> str:
            return "plain"

    assert (Till().static(), Till().of_class(), Till().plain()) == ("static", "Till", "plain")
    assert actions(sandbox, handler) == ["resolve"]


def test_generators_and_classes_are_refused_by_name():
    def rows():
        yield

    async def pages():
        yield

    class Rows:
        def __call__(self):
            yield

    for name, generator in (
        ("rows", rows),
        ("pages", pages),
        ("rows", functools.partial(rows)),
        ("Rows.__call__", Rows()),
    ):
        with pytest.raises(TypeError, match=f"{name}, which is a generator"):
            page_on_failure("rows")(generator)
    for other in (Sandbox, 3):
        with pytest.raises(TypeError, match="guards functions"):
            page_on_failure("rows")(other)


# --- how it is built --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"name": bill}, TypeError, "name"),
        ({"name": "  "}, ValueError, "name"),
        ({"name": "x" * 201}, ValueError, "name"),
        ({"name": "two\nlines"}, ValueError, "name"),
        ({"max_seconds": 0}, ValueError, "max_seconds"),
        ({"max_seconds": "60"}, TypeError, "max_seconds"),
        ({"resolve_on_success": "no"}, TypeError, "resolve_on_success"),
        ({"severity": "bad"}, ValueError, "severity"),
        ({"handler": logging.NullHandler()}, TypeError, "handler"),
    ],
    ids=[
        "no parentheses",
        "blank name",
        "long name",
        "two lines",
        "no time",
        "time as text",
        "flag as text",
        "severity",
        "handler",
    ],
)
def test_an_argument_that_is_wrong_is_named(arguments, error, word):
    with pytest.raises(error, match=word):
        page_on_failure(**{"name": "billing", **arguments})


def test_it_finds_the_handler_that_is_attached(sandbox, make_handler, attach):
    behind = make_handler()
    attach(logging.handlers.MemoryHandler(10, target=behind), name="shop.orders")
    with pytest.raises(ValueError, match="no rates"), page_on_failure("billing 7"):
        bill()
    assert actions(sandbox, behind) == ["trigger"]


def test_the_handlers_of_the_root_logger_come_first(sandbox, make_handler, attach):
    on_root, elsewhere = make_handler(), make_handler()
    attach(elsewhere)
    logging.getLogger().addHandler(on_root)
    try:
        with pytest.raises(ValueError, match="no rates"), page_on_failure("billing 8"):
            bill()
    finally:
        logging.getLogger().removeHandler(on_root)
    assert (on_root.stats.accepted, elsewhere.stats.accepted) == (1, 0)


def test_the_example_pages_with_nothing_but_a_key_and_its_next_run_resolves(sandbox, tmp_path):
    rates = tmp_path / "rates.json"
    failed = run_file(EXAMPLE, sandbox.url, str(rates))
    assert failed.status == 1
    assert failed.err.startswith("Traceback")
    assert "FileNotFoundError" in failed.err.splitlines()[-1]
    (alert,) = sandbox.alerts
    assert (alert.state, alert.dedup_key) == ("triggered", "job/nightly-billing")
    assert alert.summary.startswith("Job nightly-billing failed: FileNotFoundError")

    rates.write_text('{"EUR": 1.1}')
    ended = run_file(EXAMPLE, sandbox.url, str(rates))
    ended.well()
    assert ended.out == "billing in EUR at 1.1\n"
    (alert,) = sandbox.alerts
    assert alert.state == "resolved"


def test_an_error_that_the_job_logs_is_a_problem_of_its_own_which_a_success_leaves_open(
    sandbox, handler, attach
):
    log = attach(handler)
    with page_on_failure("billing 20", handler=handler):
        log.error("a rate is missing")
    assert actions(sandbox, handler) == ["trigger", "resolve"]
    (alert,) = sandbox.alerts
    assert (alert.summary, alert.state) == ("a rate is missing", "triggered")


@pytest.mark.parametrize(
    ("program", "summaries"),
    [
        (
            "import logging\n"
            "from pagerduty_logging import page_on_failure\n"
            "with page_on_failure('billing 21'):\n"
            "    logging.error('nobody is attached who could page this')\n",
            [],
        ),
        (
            "from pagerduty_logging import page_on_failure\n"
            "import module_that_is_missing\n"
            "with page_on_failure('billing 22'):\n"
            "    pass\n",
            [],
        ),
        (
            "import logging\n"
            "from pagerduty_logging import PagerDutyHandler, install_hooks, jobs, page_on_failure\n"
            "logging.getLogger().addHandler(PagerDutyHandler())\n"
            "install_hooks()\n"
            "import module_that_is_missing\n"
            "with page_on_failure('billing 23'):\n"
            "    pass\n",
            ["Uncaught exception: ModuleNotFoundError: No module named 'module_that_is_missing'"],
        ),
    ],
    ids=["logged, no handler attached", "import fails", "import fails, with hooks"],
)
def test_what_the_guard_does_not_see_pages_only_by_a_handler_and_hooks(sandbox, tmp_path, program, summaries):
    (tmp_path / "job.py").write_text(program)
    run_file(tmp_path / "job.py", sandbox.url)
    assert [alert.summary for alert in sandbox.alerts] == summaries


def test_with_no_key_anywhere_the_job_runs_and_one_line_says_that_nothing_pages(capsys):
    for _ in range(3):
        with pytest.raises(ValueError, match="no rates"), page_on_failure("billing 9"):
            bill()
    assert capsys.readouterr().err.count("no job pages") == 1


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PAGERDUTY_ROUTING_KEY", f"{EXAMPLE_ROUTING_KEY}\n{EXAMPLE_ROUTING_KEY}", "PAGERDUTY_ROUTING_KEY "),
        ("PAGERDUTY_STATE", f"mysql://shop:{EXAMPLE_ROUTING_KEY}@db/0", "PAGERDUTY_STATE cannot be mysql:"),
    ],
)
def test_trouble_with_paging_is_not_the_jobs_and_is_named(capsys, monkeypatch, variable, value, says):
    handlers._from_environment.cache_clear()
    monkeypatch.setattr(handlers, "_diagnostics", Diagnostics())
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", EXAMPLE_ROUTING_KEY)
    monkeypatch.setenv(variable, value)
    with page_on_failure(f"billing {variable}"):
        time.monotonic()
    error = capsys.readouterr().err
    assert f"no job pages: {says}" in error
    assert EXAMPLE_ROUTING_KEY not in error


# --- where the job runs ---------------------------------------------------------------------------


def test_a_success_in_staging_leaves_the_failure_in_production_open(sandbox, make_handler):
    production, staging = make_handler(environment="production"), make_handler(environment="staging")
    with pytest.raises(ValueError, match="no rates"), page_on_failure("bill 1", handler=production):
        bill()
    assert production.flush()
    assert page_on_failure("bill 1", handler=production).dedup_key == "job@production/bill 1"
    with page_on_failure("bill 1", handler=staging):
        pass
    assert staging.flush()
    (alert,) = sandbox.alerts
    assert (alert.state, alert.dedup_key) == ("triggered", "job@production/bill 1")
    with page_on_failure("bill 1", handler=production):
        pass
    assert actions(sandbox, production) == ["trigger", "resolve", "resolve"]
    assert sandbox.alerts[0].state == "resolved"


def test_handlers_of_two_environments_in_one_process_have_a_key_each(sandbox, make_handler):
    log = logging.getLogger()
    two = [make_handler(environment="a/b"), make_handler(environment=None)]
    for handler in two:
        log.addHandler(handler)
    try:
        with pytest.raises(ValueError, match="no rates"), page_on_failure("b"):
            bill()
        assert all(handler.flush() for handler in two)
        assert {alert.dedup_key for alert in sandbox.alerts} == {"job@a%2Fb/b", "job/b"}
        with page_on_failure("b"):
            pass
        assert all(handler.flush() for handler in two)
        assert {alert.state for alert in sandbox.alerts} == {"resolved"}
    finally:
        for handler in two:
            log.removeHandler(handler)


def test_the_environment_of_the_usual_variables_counts_too(sandbox, make_handler, monkeypatch):
    monkeypatch.setenv("APP_ENV", "production")
    handler = make_handler()
    with pytest.raises(ValueError, match="no rates"), page_on_failure("bill 2", handler=handler):
        bill()
    assert actions(sandbox, handler) == ["trigger"]
    assert sandbox.alerts[0].dedup_key == "job@production/bill 2"


@pytest.mark.parametrize(
    "options",
    [
        {"min_occurrences": (3, 60.0)},
        {"ignore_exceptions": [ValueError]},
        {"ignore_exceptions": ["builtins.Exception"]},
    ],
    ids=str,
)
def test_a_guarded_job_pages_whatever_holds_other_errors_back(sandbox, make_handler, options):
    handler = make_handler(**options)
    with pytest.raises(ValueError, match="no rates"), page_on_failure("held", handler=handler):
        bill()
    assert actions(sandbox, handler) == ["trigger"]
    assert "_pagerduty_guarded" not in str(sandbox.events)


def test_a_critical_job_pages_where_only_critical_records_do(sandbox, make_handler):
    handler = make_handler(level="CRITICAL")
    with pytest.raises(ValueError, match="no rates"):
        page_on_failure("critical", severity="critical", handler=handler)(bill)()
    assert actions(sandbox, handler) == ["trigger"]


def test_the_decorator_without_its_name_says_how_to_write_it():
    with pytest.raises(TypeError, match=r'write @page_on_failure\("name"\)'):
        page_on_failure(bill)  # type: ignore[arg-type]
