"""What a repeat is recognised by decides its key: for every record the full rules come to the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from logging.handlers import QueueHandler
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagerduty_logging.fingerprinting import Fingerprinter, fingerprint, source, token_of
from pagerduty_logging.fingerprinting.words import shown

PROGRAM = """
import collections, functools, json, logging, sys, traceback

def f_string(log, a, b): log.error(f"payment {a} of {b} failed")
def two_templates(log, a, b): log.error(f"payment {a} failed" if b == "0" else f"refund {a} failed")
def one_of_two(log, a, b): log.error(f"payment {a}" if len(b) % 2 else f"payment {a} refused")
def two_calls(log, a, b): log.error(f"{a} is late"); log.error(f"order {b} is lost")
def wrapper(log, a, b): log.error(a)
def prefixed(log, a, b): log.error(f"{a}: {b}")
def worded(log, a, b): log.error(f"Error: {a}")
def added(log, a, b): log.error("payment " + a + " failed: " + b)
def formatted(log, a, b): log.error("payment {} failed".format(a))
def with_values(log, a, b): log.error("payment %s failed: %s", a, b)
def with_template(log, a, b): log.error(a, b)
def percent(log, a, b): log.error("payment %s failed" % a)
def only(log, a, b): log.error("%s", a)
def mapping(log, a, b): log.error({"event": "payment failed", "order": a, "reason": b})
def fresh_mapping(log, a, b): log.error({"event": a, "order": b})
def wordless(log, a, b): log.error({"a": a, "b": b})
def as_json(log, a, b): log.error(json.dumps({"event": f"payment {a}", "order": b}))
def as_logfmt(log, a, b): log.error(f"event=failed order={a} reason={b}")
def an_error(log, a, b): log.error(LookupError(a))
def raised(log, a, b):
    try:
        raise (KeyError if b == "0" else OSError if b == "1" else LookupError)(a)
    except Exception as error:
        log.error(error)
def raised_as_argument(log, a, b):
    try:
        raise (KeyError if b == "0" else LookupError)(a)
    except Exception as error:
        log.error("%s", error, exc_info=True)
def raised_with_words(log, a, b):
    try:
        int(a) if b == "0" else json.loads(a) if b == "1" else [][1]
    except Exception as error:
        log.exception(f"payment {a} failed")
    else:
        log.error(f"payment {a} failed")
def its_words(log, a, b):
    try:
        raise ValueError(a)
    except Exception as error:
        log.exception(str(error) if b == "0" else f"Failed: {error}")
def handling(log, a, b):
    try:
        int(a) if b == "0" else json.loads(a) if b == "1" else [][1]
    except Exception as error:
        log.error(f"payment {a} failed")
def handling_for(log, a, b):
    try:
        functools.reduce(lambda x, y: json.loads(a) if b == "0" else int(a), [1, 2])
    except Exception as error:
        log.error(f"payment {a} failed: {error}")
def bracketed(log, a, b): log.error(f"payment ({a}) failed: {b}")
def bracket_at_the_end(log, a, b): log.error(f"payment {a} ({b})")
def quoted(log, a, b): log.error(f'payment "{a}" of {b}" failed')
def tagged(log, a, b): log.error(f"payment <{a}'> of <class {b}>")
def early_field(log, a, b): log.error(f"payment id={a} failed: {b}")
def late_field(log, a, b):
    log.error(f"a payment of the customer could not be made at the bank, says {a}, id={b}")
def first_a_value(log, a, b): log.error(f"{a} is late: {b}")
def nothing_between(log, a, b): log.error(f"payment {a}{b} failed")
def many(log, a, b): log.error(f"payment {a} of {b} to {a} by {b} at {a} failed")
def spaces(log, a, b): log.error(f"payment  {a} {b} {a} failed ")
def chained(log, a, b):
    try:
        try:
            raise ValueError(a)
        except ValueError as error:
            raise LookupError(b) from error
    except LookupError as error:
        log.exception(error)
in_lambda = lambda log, a, b: log.error(f"in a lambda {a}")
def decorated(log, a, b):
    @functools.wraps(decorated)
    def inner(): log.error(f"decorated {a}")
    inner()
class Service:
    def method(self, log, a, b): log.error(f"method {a} of {b}")
method = Service().method
def other_method(log, a, b): log.error(f"method {a} of {b}", stack_info=True)
def tagged_wrapper(log, a, b): log.error(f"[shop] {a}")
def numbered_wrapper(log, a, b): log.error(f"[7] {a}")
def two_values(log, a, b): log.error(f"{a}: {b}")
def only_values(log, a, b): log.error("%s: %s", a, b)
def tagged_values(log, a, b): log.error("[%s] %s", a, 17)
def a_repr(log, a, b): log.error(f"Problem(code={a!r}, user={b})")
def values_with_an_error(log, a, b):
    try:
        raise (KeyError if b == "0" else LookupError)(a)
    except Exception as error:
        log.exception("%s: %s", "Error", str(error))
def effect(a, b):
    try:
        raise (KeyError if b == "0" else LookupError)(a)
    except Exception as error:
        raise (ValueError if b == "1" else OSError)(b) from error
def with_a_cause(log, a, b):
    try:
        effect(a, b)
    except Exception as error:
        log.exception(f"payment {a} failed")
def of_a_cause(log, a, b):
    try:
        effect(a, b)
    except Exception as error:
        log.error(error)
def with_a_cause_in_a_wrapper(log, a, b):
    try:
        effect(a, b)
    except Exception as error:
        log.exception(a)
def with_a_group(log, a, b):
    try:
        raise ExceptionGroup(a, [(KeyError if b == "0" else LookupError)(a), ValueError(b)])
    except Exception as error:
        log.exception(f"payment {a} failed" if b == "1" else error)
def with_members(log, a, b):
    found = []
    for given in a, b, a:
        try:
            effect(given, b) if given == b else int(given)
        except Exception as error:
            found.append(error)
    try:
        raise ExceptionGroup(a, found) if found else ValueError(a)
    except Exception as error:
        log.exception(f"payment {a} failed")
def handler_of(log):
    def handle(step, a, b):
        try:
            return step(a, b)
        except Exception as error:
            log.exception(f"step {a} failed" if b != "0" else "step failed")
    return handle
def first_step(a, b): raise ValueError(a)
def second_step(a, b): effect(a, b)
def third_step(a, b): json.loads(a)
def dispatching(log, a, b): handler_of(log)({"0": first_step, "1": second_step}.get(b, third_step), a, b)
def through_a_library(log, a, b):
    try:
        functools.reduce(lambda x, y: first_step(a, b) if b == "0" else effect(a, b), [1, 2])
    except Exception as error:
        log.exception(f"payment {a} failed: {error}" if b == "1" else "payment failed")
def an_os_error(log, a, b):
    try:
        open("/nowhere/" + a.replace("\\0", ""))
    except Exception as error:
        log.error(error)
def wrapped_error(log, a, b):
    try:
        raise (KeyError if b == "0" else LookupError)(a)
    except Exception as error:
        wrapper(log, f"{a}: {error}" if b == "1" else str(error), b)
def wrapper_with_an_error(log, a, b):
    def report(text): log.error(text, exc_info=True)
    try:
        raise (KeyError if b == "0" else LookupError)(a)
    except Exception as error:
        report(str(error) if b == "0" else f"payment {a} failed")
def bracketed_first(log, a, b): log.error(f"[{a}] payment {b}")
def listed(log, a, b): log.error(f"[payment, {a}, {b}]")
def braced_first(log, a, b): log.error(f"{{{a}}} payment {b} failed")
def a_word_with_t(log, a, b): log.error(f"The payment {a} of {b} failed")
def a_t(log, a, b): log.error(f"T{a}payment {b}")
exec("def in_exec(log, a, b): log.error(f'made {a} up')")
class Thing:
    def __init__(self, said): self.said = said
    def __str__(self): return self.said
class Own(Exception):
    def __str__(self): return "own " + self.args[0]
class Text(str): pass
def an_object(log, a, b): log.error(Thing(a))
def an_object_as_argument(log, a, b): log.error("%s", Thing(a))
def objects_as_values(log, a, b): log.error("%s: %s", Thing(a), b)
def an_object_as_repr(log, a, b): log.error("%r: %s", Thing(a), Thing(b))
def an_error_as_value(log, a, b): log.error("%s: %s", b, LookupError(a))
def an_own_error_as_value(log, a, b):
    try:
        raise Own(a)
    except Exception as error:
        log.error("%s: %s", b, error, exc_info=a == "0")
def an_own_error(log, a, b):
    try:
        raise Own(a)
    except Exception as error:
        log.error(error, exc_info=b == "0")
def an_own_error_in_words(log, a, b):
    try:
        raise Own(a)
    except Exception as error:
        log.error(f"payment failed: {error}", exc_info=b == "0")
def an_error_of_two(log, a, b):
    try:
        raise LookupError(a, b) if b != "0" else LookupError
    except Exception as error:
        log.error(error, exc_info=b == "1")
def a_printed_error(log, a, b):
    try:
        effect(a, b)
    except Exception:
        log.error(traceback.format_exc() if b == "0" else f"payment failed: {traceback.format_exc()}")
def a_printed_error_below(log, a, b):
    try:
        first_step(a, b)
    except Exception:
        log.error("payment %s failed" % b + chr(10) + traceback.format_exc(), exc_info=b == "0")
def a_stack(log, a, b): log.error(f"payment {a} failed", stack_info=True)
def a_printed_error_with_a_printed_one(log, a, b):
    try:
        json.loads(a)
    except Exception:
        log.exception(f"payment failed: {traceback.format_exc()}")
    else:
        log.error(f"payment failed: {a}")
def in_a_group(log, a, b):
    try:
        raise ExceptionGroup(a, [ValueError(b)])
    except* ValueError:
        log.error(f"payment {a} failed" if b != "0" else "payment failed")
def a_list(log, a, b): log.error(["payment", a, b])
def a_fresh_list(log, a, b): log.error([b, Thing(a)])
def a_tuple(log, a, b): log.error((a, b))
def some_bytes(log, a, b): log.error(a.encode())
def a_number(log, a, b): log.error(len(a) * 10)
def a_kind_of_text(log, a, b): log.error(Text(a))
def ordered(log, a, b): log.error(collections.OrderedDict(event=a, order=b))
def nested(log, a, b): log.error({"error": {"message": a, "code": b}, "order": a})
def with_objects(log, a, b): log.error({"event": "payment failed", "a": Thing(a), "b": [b, LookupError(a)]})
def event_is_an_object(log, a, b): log.error({"event": Thing(a), "order": b})
def with_many_names(log, a, b): log.error({**dict.fromkeys(map("n{}".format, range(60)), b), "event": a})
def nested_json(log, a, b): log.error(json.dumps({"error": {"message": a}, "order": [b]}))
def wordless_json(log, a, b): log.error(json.dumps({"status": b, "order": a, "rows": {"first": [a]}}))
def wordless_elsewhere(log, a, b):
    data = dict(zip(("status", "order", "code"), (b, a, b)))
    log.error(data)
def a_repr_of_its_own(log, a, b): log.error(Thing(f"Problem(code={a!r}, user={b})"))
def a_repr_elsewhere(log, a, b): wrapper(log, f"Problem(status={a!r}, number={b!r})", b)
"""

NAMES = tuple(
    line.split("(")[0].removeprefix("def ").removeprefix("    def ")
    for line in PROGRAM.splitlines()
    if line.startswith("def ") and "(log, a, b)" in line
)
NAMES = (*NAMES, "in_lambda", "method", "in_exec")
OF_A_LIBRARY = (
    "f_string", "mapping", "raised_with_words", "its_words", "handling", "an_object", "an_own_error_in_words",
    "with_a_cause", "with_a_group", "dispatching", "through_a_library", "a_printed_error",
)  # fmt: skip
NAMES = (*NAMES, *map("library's {}".format, OF_A_LIBRARY))
LOGGERS = (
    "shop",
    "root",
    "__main__",
    "shop.4711",
    "conn.0x7f21aa",
    "asyncio",
    "django.request",
    "uvicorn.error",
)
WORDS = (
    "0", "1", "17", "4711", "3.5", "x", "", " ", "alice", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "10.0.0.1",
    "payment 17 failed", "refund 3 failed", "disk /dev/sda1 is full", "event=x order=5", '{"event": "boom"}',
    "Template(strings=('a',))", "[1, 2]", "failed", "Error", "<class 'ValueError'>",
    "group (3 sub-exceptions)",
    "a\nb", "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: 3",
    "%s is %d", "order %s", "payment {} failed", "<*>", "user alice is gone", "2024-11-29 10:00:00", "0x1f",
    "GET /a/b/c 500", "é 5", "٣ failed", "most recent call last", "(most recent call last)",
    "3 sub-exceptions",
    "wrapped 9c3f2e1a-77b0-4c1d-8e2f-0a1b2c3d4e5f from 0f1e2d3c4b5a seconds", "1234567a", "12345e67 s",
    "]", "a]", "}", "emplate(strings=('a',))",
    "Problem(code='disk_full', user=7)",
    "Problem_of_a_name_that_is_long_enough_to_be_taken_for_no_data_at_all(code='disk_full', user=7)",
    'File "a.py"', "File ", "class 'ValueError'", "<class 'a.B'", "a=b", "(", ")", "=", "{", "x" * 1_100,
)  # fmt: skip


class Grab(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def handle(self, record: logging.LogRecord) -> bool:
        self.records.append(record)
        return True


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[..., None]]:
    path = tmp_path_factory.mktemp("program") / "shop.py"
    path.write_text(PROGRAM)
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(PROGRAM, str(path), "exec"), names)
    library = path.parent / "site-packages" / "bus" / "run.py"
    library.parent.mkdir(parents=True)
    library.write_text(PROGRAM)
    its_names: dict[str, Any] = {"__name__": "bus.run"}
    exec(compile(PROGRAM, str(library), "exec"), its_names)
    for name in OF_A_LIBRARY:
        names[f"library's {name}"] = its_names[name]
    its_names.update((step, names[step]) for step in ("first_step", "second_step", "third_step", "effect"))
    return names


def logged(function: Callable[..., None], logger: str, *values: str) -> list[logging.LogRecord]:
    log = logging.Logger(logger)
    grab = Grab()
    log.addHandler(grab)
    function(log, *values)
    return grab.records


def prepared(record: logging.LogRecord) -> logging.LogRecord | None:
    """The record as a queue's handler leaves it; None if it cannot be formatted."""
    try:
        return cast("logging.LogRecord", QueueHandler(None).prepare(record))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


values = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=20),
    st.from_regex(r"[a-z ]{0,8}[0-9]{1,6}[a-z. ]{0,8}", fullmatch=True),
)
calls = st.tuples(st.sampled_from(NAMES), st.sampled_from(LOGGERS), values, values, st.booleans())


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(calls, min_size=1, max_size=8))
def test_a_token_is_what_the_full_rules_hash(
    program: dict[str, Callable[..., None]], made: list[tuple[str, str, str, str, bool]]
) -> None:
    known = Fingerprinter()
    for name, logger, a, b, queued in made:
        for record in logged(program[name], logger, a, b):
            if queued:
                record = prepared(record)
            if record is None:
                continue
            key = known.identify(record).key  # reads the call site, as the first record of every site does
            for token in (token_of(record), token_of(record, shown)):
                assert token is None or known.key_by(token) == key


@pytest.mark.parametrize("queued", [False, True])
@pytest.mark.parametrize("words", ["Problem(code='disk_full', user=7)", "group (3 sub-exceptions)"])
def test_the_words_of_a_group_may_end_as_a_repr_or_as_another_group(
    program: dict[str, Callable[..., None]], words: str, *, queued: bool
) -> None:
    known = Fingerprinter()
    for name in ("with_a_group", "library's with_a_group"):
        (record,) = logged(program[name], "shop", words, "failed")
        record = prepared(record) or record if queued else record
        key = known.identify(record).key
        token = token_of(record)
        assert token is None or known.key_by(token) == key


@pytest.mark.parametrize(
    "name",
    ["f_string", "two_templates", "added", "formatted", "percent", "with_values", "mapping",
     "as_json", "an_error", "raised", "raised_as_argument", "raised_with_words", "in_lambda", "method",
     "wrapper", "decorated", "in_exec", "tagged_wrapper", "only_values", "tagged_values", "with_a_cause",
     "of_a_cause", "with_a_group", "dispatching", "through_a_library", "an_os_error",
     "wrapper_with_an_error", "an_object", "an_object_as_argument", "objects_as_values", "an_error_as_value",
     "an_own_error", "an_own_error_in_words", "an_error_of_two", "a_list", "some_bytes", "a_number",
     "a_kind_of_text", "ordered", "nested", "with_objects", "with_many_names", "nested_json", "wordless_json",
     "wordless_elsewhere", "a_printed_error", "a_printed_error_below", "a_stack",
     "in_a_group", "library's dispatching", "a_repr_of_its_own", "a_repr_elsewhere"],
)  # fmt: skip
def test_most_messages_have_a_token(program: dict[str, Callable[..., None]], name: str) -> None:
    for logger in ("shop", "root"):
        (record,) = logged(program[name], logger, "payment 17 is late", "0")
        fingerprint(record)
        assert token_of(record, shown) is not None


@pytest.mark.parametrize("queued", [False, True])
def test_two_templates_on_one_line_have_two_tokens(
    program: dict[str, Callable[..., None]], queued: bool
) -> None:
    found = set()
    for b in "01":
        (logged_record,) = logged(program["two_templates"], "shop", "17", b)
        record = prepared(logged_record) if queued else logged_record
        assert record is not None
        fingerprint(record)
        found.add(token_of(record))
    assert len(found) == 2
    assert None not in found


def test_a_changed_file_is_looked_at_by_the_full_rules(tmp_path: Path) -> None:
    path = tmp_path / "changing.py"
    path.write_text("def f(log, a): log.error(f'payment {a} failed')\n")
    record = logging.LogRecord("shop", 40, str(path), 1, "payment 17 failed", (), None, "f")
    fingerprint(record)
    assert token_of(record) is not None
    path.write_text("def f(log, a): log.error(f'refund of order {a} failed')\n")
    record.msg = "refund of order 17 failed"
    assert token_of(record) is None  # nothing that is known there fits
    key = fingerprint(record)
    token = token_of(record)
    assert token is not None
    assert Fingerprinter().key_by(token) == key


def test_a_line_without_a_template_is_looked_at_again_after_a_second(tmp_path: Path) -> None:
    path = tmp_path / "wrapper.py"
    path.write_text("def f(log, a): log.error(a)\n")
    record = logging.LogRecord("shop", 40, str(path), 1, "payment 17 failed", (), None, "f")
    fingerprint(record)
    assert token_of(record) is not None
    source.sites[str(path), 1].looked_at -= source.LOOK_AGAIN
    assert token_of(record) is None


def test_a_message_that_no_template_of_its_line_fits_is_looked_at_again_after_a_second(
    tmp_path: Path,
) -> None:
    path = tmp_path / "translated.py"
    path.write_text("def f(log, a): log.error('payment %s failed', a)\n")
    record = logging.LogRecord("shop", 40, str(path), 1, "Zahlung 17 fehlgeschlagen", (), None, "f")
    assert token_of(record) is None
    key = fingerprint(record)
    token = token_of(record)
    assert token is not None
    assert Fingerprinter().key_by(token) == key
    source.sites[str(path), 1].missed_at -= source.LOOK_AGAIN
    assert token_of(record) is None


class Speaking(Exception):
    asked = 0

    def __str__(self) -> str:
        Speaking.asked += 1
        return "words"


@pytest.mark.parametrize("message", [Speaking("a"), LookupError(Speaking("a")), {"event": Speaking("a")}])
def test_a_token_runs_no_code_of_the_applications(message: object) -> None:
    record = logging.LogRecord("shop", 40, __file__, 1, message, (), None, "f")
    fingerprint(record)
    asked = Speaking.asked
    assert token_of(record) is None
    assert Speaking.asked == asked


def test_options_that_ask_for_more_have_no_key_by_token() -> None:
    token = ("shop", "payment {} failed", ())
    assert Fingerprinter(exception_type=True).key_by(token) is None
    assert Fingerprinter(function_name=True).key_by(token) is None
    assert Fingerprinter(template_source="mask").key_by(token) is None
    assert Fingerprinter(environment="live").key_by(token) != Fingerprinter().key_by(token)
