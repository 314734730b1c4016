"""Repeats that are known by where they were logged: counted at once, and never another problem's."""

from __future__ import annotations

import json
import logging
import pickle
import queue
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from logging.handlers import QueueHandler, QueueListener, SocketHandler
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from pagerduty_logging.state.problem import MAX_KINDS, Last, Problem
from pagerduty_logging.state.throttle import Throttle


class Watched(PagerDutyHandler):
    """Counts the records that were not ended as repeats."""

    looked_at = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.looked_at += 1
        super().emit(record)


@pytest.fixture
def handler(sandbox: Sandbox) -> Iterator[Watched]:
    handler = Watched(EXAMPLE_ROUTING_KEY, base_url=sandbox.url)
    yield handler
    handler.close()


def logger_of(handler: logging.Handler, name: str = "shop") -> logging.Logger:
    logger = logging.Logger(name)
    logger.addHandler(handler)
    return logger


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def caused(i: int) -> Exception:
    try:
        raise LookupError(i) from KeyError(i)
    except LookupError as caught:
        return caught


class Late:
    """A message that is put together only where it is shown."""

    def __init__(self, order: int) -> None:
        self.order = order

    def __str__(self) -> str:
        return f"order {self.order} is late"


class OutOfStock(Exception):
    def __str__(self) -> str:
        return f"order {self.args[0]} is out of stock"


class Words(str):
    pass


TAG = "[shop]"
MANY = {f"name_{'x' * number}": number for number in range(40)}


@dataclass
class Failed:
    order: int
    reason: str = "no money"


def catch_all(log: logging.Logger, step: Callable[[int], None], i: int) -> None:
    try:
        step(i)
    except Exception as error:
        log.error(f"step failed: {error}")


def catch_all_without_words(log: logging.Logger, step: Callable[[int], None], i: int) -> None:
    try:
        step(i)
    except Exception:
        log.error({"event": "step failed", "order": i})


def sell(i: int) -> None:
    raise OutOfStock(i)


def pay(i: int) -> None:
    raise LookupError(f"no payment {i}")


def refund(i: int) -> None:
    raise LookupError(f"no refund {i}")


def in_a_group(log: logging.Logger, i: int) -> None:
    try:
        raise ExceptionGroup("many", [ValueError(i)])
    except* ValueError:
        log.error(f"order {i} failed")


def printed(log: logging.Logger, i: int) -> None:
    try:
        pay(i)
    except Exception:
        log.error(f"payment failed: {traceback.format_exc()}")


def handled(log: logging.Logger, i: int, message: str, **more: Any) -> None:
    try:
        raise LookupError(f"no payment {1_000 + i}")
    except LookupError as error:
        if "%" in message:
            log.error(message, error, **more)
        else:
            log.error(f"Error: {error!r}", **more)


FORMS: dict[str, Callable[[logging.Logger, int], None]] = {
    "an f-string": lambda log, i: log.error(f"payment {i} failed"),
    "an f-string with an exception": lambda log, i: log.error(
        f"payment {i} failed", exc_info=raised(LookupError(i))
    ),
    "a mapping": lambda log, i: log.error({"event": "payment failed", "order": i}),
    "a mapping with an exception": lambda log, i: log.error(
        {"event": "payment failed", "order": i, "exc_info": raised(LookupError(i))}
    ),
    "a mapping with a printed exception": lambda log, i: log.error(
        {"event": "payment failed", "exception": f'Traceback (most recent call last):\n  File "a", line {i}'}
    ),
    "JSON": lambda log, i: log.error(json.dumps({"event": "payment failed", "order": i})),
    "an exception": lambda log, i: log.error(raised(LookupError(f"no payment {1_000 + i}"))),
    "an exception as the argument": lambda log, i: log.error("%s", raised(LookupError(f"no {1_000 + i}"))),
    "a text as the argument": lambda log, i: log.error("payment failed: %s", f"because of {i}"),
    "the handled exception at the end": lambda log, i: handled(log, i, "payment failed: %s"),
    "the same with its traceback": lambda log, i: handled(log, i, "payment failed: %s", exc_info=True),
    "the handled exception behind a word that says nothing": lambda log, i: handled(log, i, "Error: %s"),
    "the same in an f-string": lambda log, i: handled(log, i, ""),
    "values with brackets": lambda log, i: log.error(f"payment {i} failed: {(i, '<b>', 'a=b')}"),
    "a tag as the first value": lambda log, i: log.error(f"{TAG} payment {i} failed"),
    "a very long value": lambda log, i: log.error(f"payment {i} failed: {'bank closed ' * 500}"),
    "a sentence among the arguments": lambda log, i: log.error("no payment (%s) of %d", "no money", i),
    "details of its own": lambda log, i: log.error(
        "payment %s failed", i, extra={"pagerduty": {"component": "pay", "custom_details": {"order": i}}}
    ),
    "a key of its own": lambda log, i: log.error(f"payment {i}", extra={"pagerduty": {"dedup_key": "pay"}}),
    "a severity of its own": lambda log, i: log.error(
        "payment %s failed", i, extra={"pagerduty": {"severity": "warning", "component": "pay"}}
    ),
    "an f-string with a severity": lambda log, i: log.error(
        f"payment {i} failed", extra={"pagerduty": {"severity": "critical"}}
    ),
    "a key of its own with an exception": lambda log, i: log.error(
        f"payment {i}", exc_info=raised(LookupError(i)), extra={"pagerduty": {"dedup_key": "pay"}}
    ),
    "an exception with a cause": lambda log, i: log.error(f"payment {i} failed", exc_info=caused(i)),
    "a group": lambda log, i: log.error(
        f"payment {i} failed", exc_info=raised(ExceptionGroup(f"{i}", [raised(LookupError(i)), KeyError(i)]))
    ),
    "values alone": lambda log, i: log.error("%s: %s", i, "payment failed"),
    "a tag before it": lambda log, i: log.error(f"[{i}] payment failed"),
    "a mapping of a catch-all": lambda log, i: catch_all_without_words(log, sell, i),
    "a catch-all": lambda log, i: catch_all(log, pay, i),
    "an error within a group": in_a_group,
    "a printed traceback": printed,
    "an object": lambda log, i: log.error(Late(i)),
    "an object as the argument": lambda log, i: log.error("%s", Late(i)),
    "a data class": lambda log, i: log.error(Failed(i)),
    "a kind of text": lambda log, i: log.error(Words(f"order {i} is late")),
    "bytes": lambda log, i: log.error(b"order %d is late" % i),
    "a list": lambda log, i: log.error(["order is late", i]),
    "an exception with words of its own": lambda log, i: log.error(raised(OutOfStock(i))),
    "words and an exception as values": lambda log, i: log.error("%s: %s", "late", raised(OutOfStock(i))),
    "an exception of two values": lambda log, i: log.error(raised(LookupError("late", i))),
    "an exception without words": lambda log, i: log.error(raised(LookupError())),
    "an ordered mapping": lambda log, i: log.error(OrderedDict(event="order is late", order=i)),
    "a mapping of many names": lambda log, i: log.error({**MANY, "event": "order is late", "order": i}),
    "a mapping with nested words": lambda log, i: log.error({"error": {"message": "late"}, "order": i}),
    "a mapping without words": lambda log, i: log.error({"order": i, "status": "failed"}),
    "JSON without words": lambda log, i: log.error(json.dumps({"order": i, "status": "failed"})),
    "JSON with nested words": lambda log, i: log.error(json.dumps({"error": {"message": "late", "no": i}})),
    "a fresh f-string with a component": lambda log, i: log.error(
        f"payment {i} failed", extra={"pagerduty": {"component": "pay"}}
    ),
}


@pytest.mark.parametrize("name", ["shop", "root"])
@pytest.mark.parametrize("form", FORMS)
def test_a_repeat_with_fresh_values_is_counted_on_the_thread_that_logs(
    sandbox: Sandbox, handler: Watched, form: str, name: str
) -> None:
    log = logger_of(handler, name)
    for i in range(3):
        FORMS[form](log, i)
        assert handler.flush(10.0)
    before = handler.looked_at
    for i in range(50):
        FORMS[form](log, i)
    assert handler.looked_at == before
    assert handler.stats.suppressed == 52
    assert len(sandbox.alerts) == 1


def through_a_socket(record: logging.LogRecord) -> logging.LogRecord:
    sent = SocketHandler("localhost", 1).makePickle(record)
    return logging.makeLogRecord(pickle.loads(sent[4:]))


QUEUED: dict[str, Callable[[logging.Logger, int], None]] = {
    "words": lambda log, i: log.error("payment %s failed", i),
    "words with an exception": lambda log, i: log.error(
        "payment %s failed", i, exc_info=raised(LookupError(f"no {i}"))
    ),
    "words with a stack": lambda log, i: log.error("payment %s failed", i, stack_info=True),
    "the exception": lambda log, i: log.exception(error := raised(LookupError(f"no {i}")), exc_info=error),
    "the exception by an adapter": lambda log, i: logging.LoggerAdapter(log, {"shop": "north"}).exception(
        error := raised(LookupError(f"no {i}")), exc_info=error
    ),
}


@pytest.mark.parametrize("prepare", [None, through_a_socket])
@pytest.mark.parametrize("form", QUEUED)
def test_repeats_behind_a_queue_are_counted_on_the_listeners_thread(
    sandbox: Sandbox,
    handler: Watched,
    form: str,
    prepare: Callable[[logging.LogRecord], logging.LogRecord] | None,
) -> None:
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    front = QueueHandler(waiting)  # type: ignore[arg-type]
    front.prepare = prepare or front.prepare  # type: ignore[method-assign]
    log = logger_of(front)
    listener = QueueListener(waiting, handler)  # type: ignore[arg-type]

    def send(i: int) -> None:
        QUEUED[form](log, i)
        listener.handle(listener.dequeue(True))

    for i in range(3):
        send(i)
        assert handler.flush(10.0)
    before = handler.looked_at
    for i in range(50):
        send(i)
    assert handler.looked_at == before
    assert len(sandbox.alerts) == 1


def test_an_object_that_logs_where_it_is_shown_is_a_repeat_and_so_is_what_it_logs(
    sandbox: Sandbox, handler: Watched
) -> None:
    log = logger_of(handler)

    class Talking(Late):
        def __str__(self) -> str:
            log.error(Talking(self.order))
            return super().__str__()

    class Once(Late):
        def __str__(self) -> str:
            log.error(f"price of {self.order} is not known")
            return super().__str__()

    def report(i: int) -> None:
        log.error(Once(i))

    for i in range(6):
        report(i)
        assert handler.flush(10.0)
    report(6)  # once a second its file is looked at
    before = handler.looked_at
    report(7)
    assert (handler.looked_at, len(sandbox.alerts)) == (before, 2)
    log.error(Talking(8))  # asks itself for ever
    assert handler.flush(10.0)


@pytest.mark.parametrize("ends_by", [KeyboardInterrupt, SystemExit])
def test_an_object_that_ends_the_program_where_it_is_shown_pages_first(
    sandbox: Sandbox, handler: Watched, ends_by: type[BaseException]
) -> None:
    log = logger_of(handler)

    class Fatal(Late):
        def __str__(self) -> str:
            if self.order > 3:
                raise ends_by
            return super().__str__()

    for i in range(4):
        log.error(Fatal(i))
        assert handler.flush(10.0)
    with pytest.raises(ends_by):
        log.error(Fatal(4))
    assert handler.flush(10.0)
    assert handler.looked_at + handler.repeats == 5
    assert len(sandbox.alerts) == 2


def test_records_with_other_overrides_are_no_repeats(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)

    def report(i: int, log: logging.Logger = log, level: int = logging.ERROR, **said: Any) -> None:
        log.log(level, "payment %s failed", i, extra={"pagerduty": said})
        assert handler.flush(10.0)

    for i in range(4):
        report(i, severity="warning")
    report(5, severity="error")
    report(6, severity="critical")
    for i in range(4):
        report(i, dedup_key="a")
    report(7, dedup_key="b")
    report(8, dedup_key="a", severity="critical")
    report(9, dedup_key="a", level=logging.CRITICAL)
    report(10, dedup_key="a", event_action="resolve")
    report(11, dedup_key="a")
    said = [(event["event_action"], event["dedup_key"][:4]) for event in sandbox.events]
    of_line = [("trigger", "pdl2")] * 3
    assert said == [*of_line, *(("trigger", key) for key in "aba"), ("resolve", "a"), ("trigger", "a")]


def test_a_plain_record_of_a_line_with_a_milder_severity_pages(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)
    for i in range(6):
        said = {"pagerduty": {"severity": "warning"}} if i < 5 else {}
        log.error("payment %s failed", i, extra=said)
        assert handler.flush(10.0)
    assert [event["payload"]["severity"] for event in sandbox.events] == ["warning", "error"]


def test_two_problems_of_one_line_are_two_alerts(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)
    before = 0
    for i in range(8):
        before = before if i > 5 else handler.looked_at
        for kind in ("payment", "refund", "(refund)"):
            log.error(f"payment {i} failed" if kind == "payment" else f"refund {kind} {i} failed")
            assert handler.flush(10.0)
    assert len(sandbox.alerts) == 2
    assert handler.looked_at == before


def test_what_ends_a_template_hides_no_other_problem(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)

    def say(value: object, info: object = None) -> None:
        log.error("step failed: %s", value, exc_info=info)  # type: ignore[arg-type]
        assert handler.flush(10.0)

    for i in range(4):
        say(f"no money {i}")
        say(raised(LookupError(i)), raised(LookupError(i)))
    assert len(sandbox.alerts) == 1
    others = [
        'no money\nTraceback (most recent call last):\n  File "shop.py", line 7, in pay\n    x\nKeyError: 1',
        ExceptionGroup("many", [ValueError(1)]),
    ]
    for number, other in enumerate(others, 2):
        say(other)
        assert len(sandbox.alerts) == number
    log.error("step failed: %s", "no money")  # another line with the same template
    assert handler.flush(10.0)
    assert len(sandbox.alerts) == 3


def test_a_sentence_among_the_arguments_hides_no_failure_of_other_code(
    sandbox: Sandbox, handler: Watched
) -> None:
    log = logger_of(handler)

    def attempt(step: Callable[[int], None] | None, i: int) -> None:
        try:
            step(i) if step else int("seventeen")
        except Exception as error:
            log.error("attempt failed (%s) in step %d", str(error), i)

    for step in (None, pay, refund):
        for i in range(4):
            attempt(step, i)
            assert handler.flush(10.0)
    assert len(sandbox.alerts) == 3


def test_a_text_that_is_the_template_of_other_records_hides_none(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)
    say = lambda *said: log.error(*said)  # noqa: E731
    for _ in range(4):
        say("%s")
        assert handler.flush(10.0)
    for _ in range(4):
        say("%s", "disk full")
        assert handler.flush(10.0)
    assert len(sandbox.alerts) == 2


def test_an_exception_in_a_mapping_is_marked_as_paged_and_one_of_another_type_looked_at(
    sandbox: Sandbox, handler: Watched
) -> None:
    log = logger_of(handler)
    for i in range(5):
        error = raised(LookupError(i))
        log.error({"event": "payment failed", "order": i, "exc_info": error})
        assert handler.flush(10.0)
    before = handler.looked_at
    assert vars(error)[handler._mark][0] == sandbox.alerts[0].dedup_key
    log.error({"event": "payment failed", "order": 5, "exc_info": raised(KeyError(5))})
    assert handler.looked_at == before + 1


@pytest.mark.parametrize("message", ["task failed", {"event": "task failed"}])
def test_a_librarys_line_that_handles_a_failure_is_no_repeat_of_one_that_handles_none(
    sandbox: Sandbox, handler: Watched, message: object
) -> None:
    made: dict[str, Any] = {}
    code = (
        "def say(log, message): log.error(message)\n"
        "def run(log, task, message):\n try: task()\n except Exception: say(log, message)"
    )
    exec(compile(code, "/opt/lib/site-packages/tasks/runner.py", "exec"), made)
    log = logger_of(handler, "tasks")

    def pay() -> None:
        raise LookupError("no payment")

    for _ in range(5):
        made["say"](log, message)
        assert handler.flush(10.0)
    before = handler.looked_at
    made["say"](log, message)
    assert (handler.looked_at, len(sandbox.alerts)) == (before, 1)
    made["run"](log, pay, message)
    assert handler.flush(10.0)
    assert len(sandbox.alerts) == 2


def test_a_catch_all_that_shows_the_error_hides_no_other_failure(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)
    for i in range(5):
        for step in (pay, refund):
            catch_all(log, step, i)
            assert handler.flush(10.0)
    assert len(sandbox.alerts) == 2


def test_a_wrapper_hides_no_message_behind_another(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)

    def report(text: str) -> None:
        log.error(text)

    for i in range(5):
        for text in (f"payment {i} failed", f"disk {i} is full", "out of memory"):
            report(text)
            assert handler.flush(10.0)
    assert len(sandbox.alerts) == 3


def test_a_higher_level_pages_at_once(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)
    for i in range(6):
        log.log(logging.CRITICAL if i == 4 else logging.ERROR, f"payment {i} failed")
        assert handler.flush(10.0)
    assert [event["payload"]["severity"] for event in sandbox.events] == ["error", "critical"]


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("said", [None, {"dedup_key": "mine"}, {"severity": "warning"}])
def test_what_comes_after_a_resolve_is_news(
    sandbox: Sandbox, handler: Watched, said: dict[str, str] | None, waits: bool
) -> None:
    log = logger_of(handler)
    extra = None if said is None else {"pagerduty": said}
    for i in range(4):
        log.error(f"payment {i} failed", extra=extra)
        assert handler.flush(10.0)
    handler.resolve(sandbox.alerts[0].dedup_key)
    if waits:
        assert handler.flush(10.0)
    log.error("payment 5 failed", extra=extra)
    assert handler.flush(10.0)
    assert [event["event_action"] for event in sandbox.events] == ["trigger", "resolve", "trigger"]


def test_a_key_of_the_records_own_is_not_taken_for_a_repeat(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)
    for i in range(4):
        extra = {"pagerduty": {"dedup_key": "mine"}} if i == 3 else None
        log.error(f"payment {i} failed", extra=extra)
        assert handler.flush(10.0)
    assert len(sandbox.alerts) == 2


def test_what_loguru_is_bound_to_is_not_taken_for_a_repeat(sandbox: Sandbox, handler: Watched) -> None:
    """It makes its records so: of its own text, with all that is bound in one attribute."""
    log = logger_of(handler)

    def report(message: str, **bound: Any) -> None:
        log.handle(log.makeRecord(log.name, 40, __file__, 17, message, (), None, "f", {"extra": bound}))
        assert handler.flush(10.0)

    for i in range(4):
        report("out of memory")
        report(f"payment {i} failed")
    report("out of memory", pagerduty={"dedup_key": "mine"})
    report("payment 7 failed", pagerduty={"dedup_key": "its own"})
    report("out of memory", pagerduty=False)
    assert {"mine", "its own"} < {alert.dedup_key for alert in sandbox.alerts}
    assert len(sandbox.alerts) == 4
    assert handler.stats.ignored == {"record": 1}


def test_a_milder_severity_of_the_records_own_hides_no_error(sandbox: Sandbox, handler: Watched) -> None:
    log = logger_of(handler)
    for i in range(4):
        extra = {"pagerduty": {"severity": "warning"}} if i < 3 else None
        log.error("payment failed", extra=extra)
        assert handler.flush(10.0)
    assert [event["payload"]["severity"] for event in sandbox.events] == ["warning", "error"]


def test_a_repeat_with_an_exception_of_another_type_is_looked_at(sandbox: Sandbox, handler: Watched) -> None:
    """The line catches errors of its own, and what a library brought it from elsewhere in the application."""
    log = logger_of(handler)

    def elsewhere(data: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("currency")

    def handle(text: str) -> None:
        try:
            if not text:
                raise ValueError("empty")
            json.loads(text, object_hook=elsewhere)
        except Exception:
            log.error("request could not be handled", exc_info=True)
        assert handler.flush(10.0)

    for _ in range(4):
        handle("")
    handle('{"a": 1}')
    assert len(sandbox.alerts) == 2


def test_an_exception_that_was_paged_as_another_problem_stays_that_one(
    sandbox: Sandbox, handler: Watched
) -> None:
    log = logger_of(handler)
    for i in range(4):
        log.error(f"payment {i} failed", exc_info=raised(LookupError(i)))
        assert handler.flush(10.0)
    error = raised(LookupError("seats"))
    for _ in range(3):
        log.error(f"seat {id(error)} is taken", exc_info=error)
        assert handler.flush(10.0)
        log.error(f"payment {id(error)} failed", exc_info=error)
    assert handler.flush(10.0)
    assert len(sandbox.alerts) == 2


def test_the_application_s_own_fingerprint_is_always_asked(sandbox: Sandbox) -> None:
    asked = []

    def own(record: logging.LogRecord) -> str:
        asked.append(record)
        return "even" if len(asked) % 2 else "odd"

    handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=sandbox.url, fingerprint=own)
    log = logger_of(handler)
    for i in range(6):
        log.error(f"payment {i} failed")
    assert handler.flush(10.0)
    assert len(asked) == 6
    assert len(sandbox.alerts) == 2
    handler.close()


def problem() -> Problem:
    return Problem("key", Last(Severity.ERROR), 0.0)


def test_short_cuts_are_bounded_however_they_are_known() -> None:
    throttle = Throttle(300.0, 10)
    for number in range(100):
        throttle.shortcuts.know("shop", f"message {number}", 40, problem())
        throttle.shortcuts.know_at((f"{number}.py", number), number, "shop", 40, problem())
    known = sum(map(len, throttle.shortcuts.known.values())) + sum(
        map(len, throttle.shortcuts.known_at.values())
    )
    assert known <= 10


def test_a_forked_child_knows_no_call_site() -> None:
    throttle = Throttle(300.0, 10)
    throttle.shortcuts.know_at(("shop.py", 1), "token", "shop", 40, problem())
    throttle.forget()
    assert not throttle.shortcuts.known_at


def test_a_problem_is_known_for_a_bounded_number_of_exception_types() -> None:
    throttle, known = Throttle(300.0, 10), problem()
    for number in range(100):
        throttle.shortcuts.know("shop", "failed", 40, known, type(f"Error{number}", (Exception,), {}))
    assert len(known.kinds) == MAX_KINDS
