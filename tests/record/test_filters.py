"""What does not page: known noise, and an exception that was paged already."""

import asyncio
import contextlib
import copy
import gc
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler, install_hooks
from pagerduty_logging.sandbox import Sandbox
from tests.pages import ROUTING_KEY, Pager, paging


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


class PaymentError(Exception):
    pass


class CardError(PaymentError):
    pass


def _log_from(pager: Pager, name: str, message: str, **more: Any) -> None:
    logger = logging.Logger(name)
    logger.addHandler(pager.handler)
    logger.error(message, **more)


# Ignored


@pytest.mark.parametrize(
    ("ignored", "logger"),
    [
        ("noisy", "noisy"),
        ("noisy", "noisy.child"),
        ("noisy", "noisy.child.grandchild"),
        ("django.security", "django.security.DisallowedHost"),
        ("vendor.*", "vendor.retries"),
        ("vendor.*", "vendor.pool.retries"),
        ("*.retries", "vendor.retries"),
        ("vendor?", "vendor2"),
        ("[nv]*", "noisy.child"),
        ("a+b", "a+b.c"),
    ],
)
def test_an_ignored_logger_does_not_page(sandbox: Sandbox, ignored: str, logger: str) -> None:
    with paging(sandbox, ignore_loggers=["another", ignored, "one.more"]) as pager:
        _log_from(pager, logger, "ignored")
        _log_from(pager, "shop", "not ignored")
        assert pager.summary == "not ignored"


@pytest.mark.parametrize(
    ("ignored", "logger"),
    [
        ("noisy", "noisy2"),
        ("noisy", "quiet.noisy"),
        ("noisy", "Noisy"),
        ("noisy.child", "noisy"),
        ("vendor.*", "vendor"),
        ("vendor?", "vendor"),
        ("a.b", "a-b"),
    ],
)
def test_another_logger_pages(sandbox: Sandbox, ignored: str, logger: str) -> None:
    with paging(sandbox, ignore_loggers=[ignored]) as pager:
        _log_from(pager, logger, "not ignored")
        assert pager.summary == "not ignored"


@pytest.mark.parametrize("ignored", [PaymentError, f"{__name__}.PaymentError", f"{__name__}.CardError"])
def test_ignored_exceptions_do_not_page_and_neither_do_their_subclasses(
    sandbox: Sandbox, ignored: Any
) -> None:
    with paging(sandbox, ignore_exceptions=[ignored]) as pager:
        pager.logger.error("it broke", exc_info=CardError("no"))
        pager.logger.error("it broke otherwise", exc_info=ValueError("no"))
        assert pager.summary.startswith("it broke otherwise")


def test_exceptions_of_python_are_named_without_a_module(sandbox: Sandbox) -> None:
    with paging(sandbox, ignore_exceptions=["ConnectionError"]) as pager:
        pager.logger.error("it broke", exc_info=ConnectionResetError("no"))
        pager.logger.error("it broke without an exception")
        assert pager.summary == "it broke without an exception"


def test_ordinary_filters_work_too(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        pager.handler.addFilter(lambda record: "health" not in record.getMessage())
        pager.logger.error("health check failed")
        pager.logger.error("it broke")
        assert pager.summary == "it broke"


def test_a_filter_that_keeps_a_librarys_records_from_all_root_handlers_is_not_for_pages(
    sandbox: Sandbox,
) -> None:
    suppress = type("SuppressFilter", (logging.Filter,), {"filter": lambda self, record: False})
    suppress.__module__ = "aws_lambda_powertools.logging.filters"
    with paging(sandbox) as pager:
        pager.handler.addFilter(suppress())
        pager.logger.error("it broke")
        assert pager.summary == "it broke"


def test_a_filter_may_page_with_another_record_than_other_handlers_see(sandbox: Sandbox) -> None:
    def anonymous(given: logging.LogRecord) -> logging.LogRecord:
        other = copy.copy(given)
        other.msg, other.customer = "a customer cannot pay", "somebody"
        return other

    seen: list[logging.LogRecord] = []
    with paging(sandbox) as pager:
        pager.handler.addFilter(anonymous)
        after = logging.Handler()
        after.emit = seen.append
        pager.logger.addHandler(after)
        pager.logger.error("Alice cannot pay")
        assert (pager.summary, pager.details["customer"]) == ("a customer cannot pay", "somebody")
    assert [record.msg for record in seen] == ["Alice cannot pay"]


def test_a_record_can_ask_not_to_page(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        pager.logger.error("quiet", extra={"pagerduty": False})
        pager.logger.error("loud")
        assert pager.summary == "loud"


SERVER = "/venv/lib/python3.11/site-packages/server/"
_serve: dict[str, Any] = {"logging": logging, "sys": sys}
exec(
    compile(
        "def report(logger):\n"
        "    logger.error('Error handling request', exc_info=True)\n"
        "def told_to_stop():\n"
        "    sys.exit(0)\n",
        SERVER + "base.py",
        "exec",
    ),
    _serve,
)
exec(
    compile(
        "def serve(view, logger):\n"
        "    try:\n"
        "        view()\n"
        "    except BaseException:\n"
        "        report(logger)\n"
        "def serve_and_tell(view, logger):\n"
        "    try:\n"
        "        view()\n"
        "    except BaseException:\n"
        "        logger.error('Error handling request', exc_info=True)\n",
        SERVER + "sync.py",
        "exec",
    ),
    _serve,
)


def test_a_server_that_reports_its_own_good_end_does_not_page(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        _serve["serve"](_serve["told_to_stop"], pager.logger)
        assert pager.events == []


@pytest.mark.parametrize(
    ("serve", "view"),
    [
        ("serve", lambda: sys.exit(0)),  # the application's: nobody got an answer
        ("serve", lambda: exec(compile("raise SystemExit(1)", SERVER + "base.py", "exec"))),
        ("serve", lambda: exec(compile("raise SystemExit('no')", SERVER + "base.py", "exec"))),
        ("serve", lambda: exec(compile("raise OSError", SERVER + "base.py", "exec"))),
        ("serve_and_tell", _serve["told_to_stop"]),
    ],
    ids=["the application's", "a status", "a message", "another exception", "who caught it means it"],
)
def test_other_exits_that_are_reported_page(sandbox: Sandbox, serve: str, view: Callable[[], object]) -> None:
    with paging(sandbox) as pager:
        _serve[serve](view, pager.logger)
        assert pager.summary.startswith("Error handling request")


def test_an_exit_that_the_program_itself_reports_pages(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        try:
            sys.exit()
        except SystemExit:
            pager.logger.exception("nobody should leave here")
        assert pager.summary == "nobody should leave here: SystemExit"


def test_a_task_of_asyncio_that_ends_the_program_well_does_not_page(sandbox: Sandbox) -> None:
    async def leave(status: int) -> None:
        sys.exit(status)

    async def work(status: int) -> None:
        task = asyncio.get_running_loop().create_task(leave(status))
        await asyncio.sleep(60)
        del task

    with paging(sandbox) as pager:
        log = logging.getLogger("asyncio")
        log.addHandler(pager.handler)
        try:
            for status in (0, 3):
                with pytest.raises(SystemExit):
                    asyncio.run(work(status))
                gc.collect()  # asyncio reports a task when it is forgotten
        finally:
            log.removeHandler(pager.handler)
        assert pager.summary == "Task exception was never retrieved in test_filters.leave: SystemExit: 3"


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("ignore_loggers", "django.*"),
        ("ignore_loggers", [1]),
        ("ignore_exceptions", ValueError),
        ("ignore_exceptions", "ValueError"),
        ("ignore_exceptions", [int]),
        ("ignore_exceptions", ["not a dotted name!"]),
        ("ignore_exceptions", [""]),
        ("redact", [""]),
        ("redact", ["!"]),
        ("min_occurrences", 5),
        ("min_occurrences", "55"),
        ("min_occurrences", (5,)),
        ("min_occurrences", (0, 60.0)),
        ("min_occurrences", (5, 0.0)),
        ("release", 1),
        ("environment", 1),
    ],
)
def test_a_wrong_option_is_refused_by_name(option: str, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=option):
        PagerDutyHandler(ROUTING_KEY, **{option: wrong})


# One exception, one page


def _failing() -> PaymentError:
    try:
        raise CardError("declined")
    except CardError as error:
        return error


def _charge_and_report(pager: Pager, order: int, path: str) -> None:
    """Fail, log that, and let the exception go on to a framework that logs it too."""

    def charge() -> None:
        try:
            raise CardError("declined")
        except CardError:
            pager.logger.exception("cannot charge order %d", order)
            raise

    try:
        charge()
    except CardError as error:
        _log_from(pager, "django.request", f"Internal Server Error: {path}", exc_info=error)


def test_a_stored_exception_that_is_raised_again_is_another_failure(sandbox: Sandbox) -> None:
    stored = CardError("declined")

    def charge() -> None:
        try:
            raise stored
        except CardError:
            pager.logger.exception("cannot charge")

    def refund() -> None:
        try:
            raise stored
        except CardError:
            _log_from(pager, "refunds", "cannot refund", exc_info=stored)

    with paging(sandbox) as pager:
        charge()
        refund()
        assert len({event["dedup_key"] for event in pager.events}) == 2


def test_a_stored_exception_that_another_logger_logs_in_other_words_is_another_problem(
    sandbox: Sandbox,
) -> None:
    with paging(sandbox) as pager:
        stored = _failing()
        pager.logger.error("cannot charge", exc_info=stored)
        _log_from(pager, "refunds", "cannot refund", exc_info=stored)
        assert len({event["dedup_key"] for event in pager.events}) == 2


def test_a_critical_record_passes_although_its_exception_was_paged_as_an_error(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        stored = _failing()
        pager.logger.error("cannot charge", exc_info=stored)
        pager.logger.critical("giving up", exc_info=stored)
        assert [event["payload"]["severity"] for event in pager.events] == ["error", "critical"]


def test_an_exception_that_two_loggers_report_pages_once(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        _charge_and_report(pager, 7, "/pay")
        assert pager.summary == "cannot charge order 7: CardError: declined"
        assert pager.handler.stats.suppressed == 1


def test_so_it_does_when_the_first_logger_s_problem_is_known(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        for number in range(3):
            _charge_and_report(pager, number, f"/pay/{number}/x")
        assert len(pager.events) == 1
        assert pager.handler.stats.suppressed == 5


def test_another_exception_is_another_problem(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        pager.logger.error("cannot charge", exc_info=_failing())
        _log_from(pager, "django.request", "Internal Server Error", exc_info=_failing())
        assert len(pager.events) == 2


def test_an_error_that_wraps_a_paged_one_is_news(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        try:
            try:
                raise CardError("declined")
            except CardError as error:
                pager.logger.exception("cannot charge")
                raise PaymentError("charged twice") from error
        except PaymentError:
            pager.logger.exception("cannot finish")
        assert len(pager.events) == 2


def test_an_exception_that_ends_the_program_is_not_sent_again(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        error = _failing()
        pager.logger.error("cannot charge", exc_info=error)
        with install_hooks(pager.logger), contextlib.redirect_stderr(None):
            sys.excepthook(type(error), error, error.__traceback__)
        assert len(pager.events) == 1


def test_it_is_sent_when_nobody_would_have_been_woken_by_the_first(sandbox: Sandbox) -> None:
    with paging(sandbox, level="WARNING") as pager:
        error = _failing()
        pager.logger.warning("will try again", exc_info=error)
        pager.logger.critical("giving up", exc_info=error)
        first, second = pager.events
        assert first["dedup_key"] == second["dedup_key"]
        assert second["payload"]["severity"] == "critical"


def test_a_record_s_own_key_is_stronger(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        error = _failing()
        pager.logger.error("cannot charge", exc_info=error)
        pager.logger.error("audit", exc_info=error, extra={"pagerduty": {"dedup_key": "audit"}})
        assert [event["dedup_key"] for event in pager.events][1] == "audit"


def test_two_handlers_page_each(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        other = PagerDutyHandler("b" * 32, base_url=sandbox.url, fingerprint=lambda record: "other")
        pager.logger.addHandler(other)
        pager.logger.error("cannot charge", exc_info=_failing())
        assert other.flush(5.0)
        assert {event["routing_key"] for event in pager.events} == {ROUTING_KEY, "b" * 32}
        assert {event["dedup_key"] for event in pager.events} > {"other"}
        other.close()


def test_a_marked_exception_is_pickled_where_this_library_is_unknown(sandbox: Sandbox) -> None:
    with paging(sandbox) as pager:
        error = ValueError("declined")
        pager.logger.error("cannot charge", exc_info=error)
        program = "import pickle, sys; print(repr(pickle.loads(sys.stdin.buffer.read())))"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program],
            input=pickle.dumps(error),
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode().strip() == "ValueError('declined')"
        assert pager.summary == "cannot charge: ValueError: declined"
        assert json.dumps(vars(error))


def test_an_exception_that_takes_no_mark_pages_all_the_same(sandbox: Sandbox) -> None:
    class Closed(Exception):
        @property
        def __dict__(self) -> Any:
            raise RuntimeError("closed")

    with paging(sandbox) as pager:
        pager.logger.error("cannot charge", exc_info=Closed("no"))
        assert pager.summary == "cannot charge: Closed: no"
        assert "defects" not in pager.details


def test_before_send_may_drop_an_event_and_its_next_occurrence_is_news(sandbox: Sandbox) -> None:
    answers: list[Any] = [None]
    with paging(
        sandbox, before_send=lambda trigger, _: answers.pop() if answers else trigger, repeat_interval=300.0
    ) as pager:
        pager.logger.error("it broke")
        assert pager.events == []
        pager.logger.error("it broke")
        assert pager.summary == "it broke"
