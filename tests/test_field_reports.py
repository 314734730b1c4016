"""What people who alert from logs reported elsewhere, tried here; each test says what they would say."""

import concurrent.futures
import decimal
import fractions
import logging
import logging.handlers
import os
import pickle
import queue
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler, install_hooks
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox


@pytest.fixture
def pager(make_handler, attach) -> PagerDutyHandler:
    handler = make_handler()
    attach(handler, "shop")
    return handler


orders = logging.getLogger("shop.orders")
web = logging.getLogger("shop.web")


def pages(pager: PagerDutyHandler, sandbox: Sandbox) -> list[str]:
    """Return the summaries of the alerts, one for each key, in order."""
    assert pager.flush()
    return list(
        {event["dedup_key"]: event["payload"]["summary"] for event in reversed(sandbox.events)}.values()
    )[::-1]


def test_one_stored_exception_is_raised_by_two_parts_of_my_program_in_one_function(pager, sandbox) -> None:
    stored = ValueError("the rates are stale")
    for logger, words in ((orders, "charging failed"), (web, "rendering failed"), (web, "rendering failed")):
        try:
            raise stored
        except ValueError:
            logger.exception(words)
    assert pages(pager, sandbox) == [
        "charging failed: ValueError: the rates are stale",
        "rendering failed: ValueError: the rates are stale",
    ]


def test_one_stored_exception_that_the_hot_path_has_marked_is_raised_elsewhere(pager, sandbox) -> None:
    stored = ValueError("the rates are stale")
    for _ in range(5):
        try:
            raise stored
        except ValueError:
            orders.exception("charging failed")
    try:
        raise stored
    except ValueError:
        web.exception("rendering failed")
    assert len(pages(pager, sandbox)) == 2


def test_one_future_is_asked_by_two_parts_of_my_program(pager, sandbox) -> None:
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    future.set_exception(ValueError("the rates are stale"))

    def ask(logger: logging.Logger, words: str) -> None:
        try:
            future.result()
        except ValueError:
            logger.exception(words)

    ask(orders, "charging failed")
    ask(web, "rendering failed")
    assert len(pages(pager, sandbox)) == 2


def test_a_worker_logs_and_raises_and_its_caller_logs_again(pager, sandbox) -> None:
    def work() -> None:
        try:
            raise ValueError("the rates are stale")
        except ValueError:
            orders.exception("charging failed")
            raise

    with concurrent.futures.ThreadPoolExecutor() as pool:
        try:
            pool.submit(work).result()
        except ValueError:
            web.exception("the batch failed")
    assert pages(pager, sandbox) == ["charging failed: ValueError: the rates are stale"]


def test_a_library_reports_what_my_handler_raised_with_two_of_its_loggers(pager, sandbox) -> None:
    code = """
def call(handler, *loggers):
    try:
        handler()
    except ValueError as error:
        for logger, words in loggers:
            logger.exception(words or error)
"""
    library: dict[str, Any] = {}
    exec(compile(code, "/venv/lib/python3/site-packages/xmpp/stanza.py", "exec"), library)

    def on_message() -> None:
        raise ValueError("the rates are stale")

    stanza, connection = logging.getLogger("shop.xmpp.stanza"), logging.getLogger("shop.xmpp.connection")
    library["call"](on_message, (stanza, "cannot handle the stanza"), (connection, ""))
    (summary,) = pages(pager, sandbox)
    assert summary.startswith("cannot handle the stanza in ")


def test_i_log_raise_the_same_error_and_it_ends_my_program(pager, sandbox, monkeypatch) -> None:
    monkeypatch.setattr("sys.excepthook", lambda *_: None)
    with install_hooks(logging.getLogger("shop")):
        try:
            try:
                raise ValueError("the rates are stale")
            except ValueError as error:
                orders.exception("charging failed")
                raise error
        except ValueError as error:
            sys.excepthook(type(error), error, error.__traceback__)
    assert pages(pager, sandbox) == ["charging failed: ValueError: the rates are stale"]


def fail_by_key() -> None:
    {}["price"]


def fail_by_number() -> None:
    int("seven")


def texts_of_two_failures(log: Callable[[Exception], None]) -> None:
    for fail in (fail_by_key, fail_by_number):
        try:
            fail()
        except Exception as error:
            log(error)


@pytest.mark.parametrize(
    "log",
    [
        lambda error: orders.error("import failed: %s", sys.exc_info()),
        lambda error: orders.error(sys.exc_info()),
        lambda error: orders.error({"message": "import failed", "traceback": traceback.format_exc()}),
        lambda error: orders.error("".join(traceback.format_tb(error.__traceback__))),
        lambda error: orders.error("import failed %r", traceback.format_exc()),
        lambda error: orders.error("import failed: %s", ExceptionGroup("several failed", [error])),
    ],
    ids=["exc_info", "exc_info alone", "field", "format_tb", "repr", "group"],
)
def test_two_crashes_are_two_alerts_however_i_log_them(
    pager, sandbox, log: Callable[[Exception], None]
) -> None:
    texts_of_two_failures(log)
    texts_of_two_failures(log)
    assert len(pages(pager, sandbox)) == 2


def test_i_log_exc_info_as_the_message_and_the_page_shows_the_error_alone(pager, sandbox) -> None:
    texts_of_two_failures(lambda error: orders.error(sys.exc_info()))
    assert pages(pager, sandbox)[0] == "KeyError: 'price'"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (TimeoutError(), "export failed: TimeoutError"),
        (KeyError("price"), "export failed: KeyError: 'price'"),
        (ValueError("no price"), "export failed: ValueError: no price"),
        (
            ExceptionGroup("several", [KeyError("price")]),
            "export failed: several (1 sub-exception): KeyError: 'price'",
        ),
    ],
)
def test_i_log_an_error_as_the_only_argument_and_the_page_names_its_type(
    pager, sandbox, error: Exception, shown: str
) -> None:
    orders.error("export failed: %s", error)
    assert pages(pager, sandbox) == [shown]
    assert sandbox.alerts[0].event_class == type(error).__name__


def test_structlog_hands_over_words_and_arguments_and_the_page_shows_them_together(pager, sandbox) -> None:
    for number in (4711, 4712):
        orders.error({"event": "payment %s failed", "positional_args": (number,)})
    orders.error({"event": "refund %s failed", "positional_args": ()})
    assert pages(pager, sandbox) == ["payment 4711 failed", "refund %s failed"]


class Elsewhere(logging.handlers.SocketHandler):
    """Sends records to another process, which is this one."""

    def __init__(self, receiver: logging.Handler) -> None:
        super().__init__("localhost", None)
        self.receiver = receiver

    def send(self, s: bytes) -> None:
        self.receiver.handle(logging.makeLogRecord(pickle.loads(s[4:])))


class Queued(logging.handlers.QueueHandler):
    """A queue whose listener takes records at once."""

    def __init__(self, receiver: logging.Handler) -> None:
        super().__init__(queue.SimpleQueue())
        self.receiver = receiver

    def enqueue(self, record: logging.LogRecord) -> None:
        self.receiver.handle(record)


@pytest.mark.parametrize("way", [Elsewhere, Queued])
@pytest.mark.parametrize("words", ["import failed", "\N{COLLISION SYMBOL}"])
def test_another_exception_at_the_same_line_pages_behind_a_queue_or_a_socket_as_well(
    sandbox, make_handler, attach, way: Callable[[logging.Handler], logging.Handler], words: str
) -> None:
    handler = make_handler(fingerprint={"exception_type": True})
    log = attach(handler, "shop.imports")
    texts_of_two_failures(lambda error: log.exception(words))
    direct = pages(handler, sandbox)
    log.removeHandler(handler)
    attach(way(handler), "shop.imports")
    texts_of_two_failures(lambda error: log.exception(words))
    assert pages(handler, sandbox) == direct
    assert len(direct) == 2


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("client_url", "javascript:alert(1)"),
        ("links", ["javascript:alert(1)"]),
        ("links", [{"href": "file:///etc/passwd", "text": "here"}]),
        ("images", [{"src": "data:image/png;base64,AAAA"}]),
    ],
)
def test_i_mistype_an_address_and_the_handler_is_not_built(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{option} must be an address"):
        PagerDutyHandler(EXAMPLE_ROUTING_KEY, **{option: value})  # type: ignore[arg-type]


def test_a_link_may_be_an_address_that_the_record_brings(pager, sandbox) -> None:
    orders.removeHandler(pager)
    handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, links=["{runbook}", "https://wiki.example.com/{topic}"])
    assert not handler.inert
    handler.close()


RQ = """
import os, sys, types, logging
from pagerduty_logging import PagerDutyHandler
logging.getLogger().addHandler(PagerDutyHandler(os.environ["KEY"], base_url=os.environ["URL"]))
logging.error("in the worker")
worker = sys.modules["rq.worker"] = types.ModuleType("rq.worker")
worker.__dict__.update(os=os, logging=logging)
exec('''
def fork_work_horse():
    if os.fork() == 0:
        main_work_horse()
    os.wait()
def main_work_horse():
    logging.error("in the job")
    os._exit(0)
''', worker.__dict__)
worker.fork_work_horse()
"""
"""A program with the names of RQ's worker, whose work horse ends as RQ's does."""


def test_a_job_of_rq_pages_before_its_process_ends_without_any_hook(sandbox) -> None:
    environment = {**os.environ, "KEY": EXAMPLE_ROUTING_KEY, "URL": sandbox.url}
    ended = subprocess.run(
        [sys.executable, "-c", RQ], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert {event["payload"]["summary"] for event in sandbox.events} == {"in the worker", "in the job"}


UNCAUGHT = """
import logging, os, sys, threading
{}
from pagerduty_logging import PagerDutyHandler, install_hooks
logging.getLogger().addHandler(PagerDutyHandler(os.environ["KEY"], base_url=os.environ["URL"]))
install_hooks()
{}
"""


@pytest.mark.parametrize(
    "console",
    [
        "logging.basicConfig()",
        "logging.basicConfig(stream=sys.stdout)",
        "",
        "sys.excepthook = print",
        # Formatters of one's own: coloured with the traceback, and in one line without it.
        "logging.basicConfig(); logging.root.handlers[0].setFormatter("
        "type('Coloured', (logging.Formatter,), {'format': lambda self, record: "
        "'\\x1b[31m' + logging.Formatter.format(self, record) + '\\x1b[0m'})())",
        "logging.basicConfig(); logging.root.handlers[0].setFormatter("
        "type('Short', (logging.Formatter,), {'format': lambda self, record: record.getMessage()})())",
    ],
    ids=["stderr", "stdout", "none", "hook", "coloured", "short"],
)
@pytest.mark.parametrize(
    "fail", ["1 / 0", "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()"]
)
def test_an_uncaught_error_is_printed_once_on_stderr_though_my_console_handler_prints_it_too(
    sandbox, console: str, fail: str
) -> None:
    environment = {**os.environ, "KEY": EXAMPLE_ROUTING_KEY, "URL": sandbox.url}
    program = UNCAUGHT.format(console, fail)
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    hooked = console == "sys.excepthook = print" and fail == "1 / 0"
    assert ended.stderr.count("Traceback (most recent call last)") == (not hooked), ended.stderr
    if hooked:
        assert "ZeroDivisionError" in ended.stdout
    assert len(sandbox.alerts) == 1


@pytest.mark.parametrize("fail", ["loop.call_soon(lambda: 1 / 0)", "loop.create_task(fail())"])
def test_what_fails_in_an_event_loop_is_printed_once_by_my_console_handler(sandbox, fail: str) -> None:
    environment = {**os.environ, "KEY": EXAMPLE_ROUTING_KEY, "URL": sandbox.url}
    program = UNCAUGHT.format(
        "import asyncio, gc\nlogging.basicConfig()",
        "async def fail():\n    1 / 0\n"
        "async def main():\n    loop = asyncio.get_running_loop()\n"
        f"    {fail}\n    await asyncio.sleep(0.1)\n    gc.collect()\n"
        "asyncio.run(main())",
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.stderr.count("ZeroDivisionError: division by zero") == 1
    assert len(sandbox.alerts) == 1


def test_ctrl_c_is_still_printed_though_it_does_not_page(sandbox) -> None:
    environment = {**os.environ, "KEY": EXAMPLE_ROUTING_KEY, "URL": sandbox.url}
    program = UNCAUGHT.format("logging.basicConfig()", "raise KeyboardInterrupt")
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.stderr.count("KeyboardInterrupt") >= 1
    assert sandbox.alerts == ()


@pytest.mark.parametrize(
    "wrap",
    [str, str.encode, lambda line: {"message": line, "stream": "stderr"}, lambda line: f"[stderr] {line}"],
    ids=["text", "bytes", "mapping", "prefix"],
)
def test_stderr_is_a_logger_and_the_librarys_own_notice_does_not_page(pager, sandbox, wrap) -> None:
    Diagnostics(write=lambda line: orders.error(wrap(line))).say("retry", "PagerDuty is not reached")
    assert pages(pager, sandbox) == []


def page_of(pager: PagerDutyHandler, sandbox: Sandbox) -> dict[str, Any]:
    """Return what the latest event shows."""
    assert pager.flush()
    payload: dict[str, Any] = sandbox.events[-1]["payload"]
    return payload


FORMS: dict[str, Callable[[str], None]] = {
    "f-string": lambda trace: orders.error(f"cannot pay {trace}"),
    "f-string, a line of its own": lambda trace: orders.error(f"cannot pay\n{trace}"),
    "argument": lambda trace: orders.error("cannot pay: %s", trace),
    "argument, a line of its own": lambda trace: orders.error("cannot pay\n\n%s", trace),
    "joined": lambda trace: orders.error("\n".join(["cannot pay", trace])),
    "added": lambda trace: orders.error("cannot pay:\n" + trace),
    "stripped": lambda trace: orders.error(f"cannot pay: {trace.strip()}"),
    "one row": lambda trace: orders.error("cannot pay: " + trace.replace("\n", " | ")),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_i_write_the_traceback_into_my_message_and_the_page_names_the_error(pager, sandbox, form) -> None:
    texts_of_two_failures(lambda _: form(traceback.format_exc()))
    page = page_of(pager, sandbox)
    assert page["class"] == "ValueError"
    assert page["summary"] == "cannot pay: ValueError: invalid literal for int() with base 10: 'seven'"
    assert "fail_by_number" in page["custom_details"]["traceback"][0]


@pytest.mark.parametrize(
    ("name", "through_queue"),
    # What a queue has appended looks like what a line has joined: only the source tells them apart.
    [*((name, False) for name in FORMS), *((name, True) for name in FORMS if name != "joined")],
)
def test_a_client_sends_a_traceback_and_it_is_not_taken_for_mine(
    pager, sandbox, name: str, through_queue: bool
) -> None:
    sent: list[str] = []
    texts_of_two_failures(lambda _: sent.append(traceback.format_exc()))
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    between = logging.handlers.QueueHandler(records)
    if through_queue:
        orders.addHandler(between)
        orders.propagate = False
    try:
        raise LookupError("mine")
    except LookupError:
        FORMS[name](sent[0])
    orders.removeHandler(between)
    orders.propagate = True
    if through_queue:
        pager.handle(records.get())
    page = page_of(pager, sandbox)
    assert page["class"] == "ERROR"
    assert page["summary"] == "cannot pay"
    assert page["custom_details"]["exception (as logged)"].startswith("KeyError: 'price'")


def test_i_log_a_traceback_that_i_had_kept_behind_an_empty_word_and_the_page_names_it(pager, sandbox) -> None:
    kept: list[str] = []
    texts_of_two_failures(lambda _: kept.append(traceback.format_exc()))
    orders.error(f"Error:\n{kept[0]}")
    page = page_of(pager, sandbox)
    assert (page["class"], page["summary"]) == ("ERROR", "Error: KeyError: 'price' (as logged)")


def test_words_behind_the_traceback_in_my_message_are_shown(pager, sandbox) -> None:
    texts_of_two_failures(lambda _: orders.error(f"cannot pay: {traceback.format_exc()} for customer 7"))
    assert page_of(pager, sandbox)["summary"].startswith("cannot pay: … for customer 7: ValueError: invalid")


class Several(Exception):
    """A group as libraries made them before Python had any."""

    def __init__(self, exceptions: list[Exception]) -> None:
        super().__init__("several errors")
        self.exceptions = exceptions


def test_a_group_that_a_library_made_is_shown_as_its_members(pager, sandbox) -> None:
    caught: list[Exception] = []
    texts_of_two_failures(caught.append)
    try:
        raise Several(caught)
    except Several:
        orders.exception("sync failed")
    page = page_of(pager, sandbox)
    assert page["summary"] == "sync failed: KeyError: 'price' (and 1 more)"
    assert page["custom_details"]["exceptions"][0] == "1 of 2: KeyError: 'price'"


def test_cherrypys_logger_is_one_component_in_every_process(pager, sandbox) -> None:
    logging.getLogger("shop.error.140234234234").error("the engine is down")
    page = page_of(pager, sandbox)
    assert page["component"] == "shop.error"
    assert page["custom_details"]["logger"] == "shop.error.140234234234"


def test_a_fraction_is_shown_as_a_number(pager, sandbox) -> None:
    orders.error(
        "the share is wrong", extra={"share": fractions.Fraction(1, 3), "sum": decimal.Decimal("1.50")}
    )
    details = page_of(pager, sandbox)["custom_details"]
    assert (details["share"], details["sum"]) == ("1/3", "1.50")
