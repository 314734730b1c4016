"""What the one line says that wakes somebody, of what a library reports."""

import logging

import pytest

from pagerduty_logging.page.summary import MAX_LINE_CHARS, summary
from pagerduty_logging.record.exceptions import Frame, Raised
from pagerduty_logging.record.printed_traceback import find_in, parse
from pagerduty_logging.record.reporters import without_contents

LIBRARY = Frame("/venv/lib/python3.12/site-packages/server/errors.py", 7, "handle")
OWN = Frame("/srv/shop/views.py", 12, "pay")
BOOM = Raised("ValueError", "boom", (LIBRARY, OWN))

# robyn 0.88 logs this from Rust: no exception at hand, and a blank before its type.
FROM_RUST = """Error executing route function for `/pay`: \nTraceback (most recent call last):
  File "/venv/lib/python3.12/site-packages/robyn/router.py", line 370, in inner_handler
    result = wrapped_handler(*args, **kwargs)
             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/shop/views.py", line 12, in pay
    raise ValueError("boom")
 ValueError: boom"""


@pytest.mark.parametrize(
    "stamp",
    ["[29/Nov/2026:21:42:22] ", "[2026-11-29T21:42:22.123Z] ", "(2026-11-29 21:42:22,123 +0100) "],
)
def test_the_time_that_a_library_begins_its_line_with_is_left_out(stamp: str) -> None:
    assert summary(f"{stamp}HTTP ", (BOOM,), LIBRARY) == "HTTP in views.pay: ValueError: boom"
    assert summary(f"{stamp}it broke", (BOOM,), OWN) == f"{stamp}it broke: ValueError: boom"


def test_our_middlewares_line_names_the_function_that_failed() -> None:
    from pagerduty_logging.integrations import uncaught

    ours = Frame(uncaught.__file__, 0, "")
    assert (
        summary("Unhandled exception", (BOOM,), ours) == "Unhandled exception in views.pay: ValueError: boom"
    )


def test_an_exception_is_read_from_a_printed_traceback_with_an_indented_last_line() -> None:
    held = find_in(FROM_RUST)
    assert held is not None
    (found,) = parse(held.traceback)
    assert (found.kind, found.text) == ("ValueError", "boom")
    assert [frame.function for frame in found.frames] == ["inner_handler", "pay"]


def test_loguru_names_what_failed_and_not_who_called_it() -> None:
    line = "An error has been caught in function 'main', process 'Main' (5947), thread 'Main' (140):"
    main = Frame("/srv/shop/__main__.py", 3, "main")
    assert summary(line, (BOOM,), main) == "Error caught in views.pay: ValueError: boom"


def test_the_place_comes_before_what_the_exception_says() -> None:
    line = "Exception calling application: boom"
    assert summary(line, (BOOM,), LIBRARY) == "Exception calling application in views.pay: ValueError: boom"
    dashes = Raised("RuntimeError", "----\nno paper", (LIBRARY, OWN))
    assert (
        summary("Exception calling application: ----", (dashes,), LIBRARY)
        == "Exception calling application in views.pay: RuntimeError: no paper"
    )


@pytest.mark.parametrize("line", ["", "boom"])
def test_a_librarys_line_without_words_of_its_own_names_the_function_that_failed(line: str) -> None:
    assert summary(line, (BOOM,), LIBRARY) == "Error caught in views.pay: ValueError: boom"
    assert summary(line, (BOOM,), OWN) == "ValueError: boom"


def test_what_a_library_wrapped_in_its_own_exception_is_shown_of_what_nobody_caught() -> None:
    from pagerduty_logging.hooks import report

    hook = Frame(report.__file__, 0, "")
    cause = BOOM._replace(relation="caused by")
    wrapper = Raised("BytewaxRuntimeError", "error calling `mapper`", (LIBRARY,))
    assert summary("Uncaught exception", (wrapper, cause), hook) == "Uncaught exception: ValueError: boom"
    own = Raised("PaymentError", "order 7", (OWN,))
    assert summary("Uncaught exception", (own, cause), hook) == "Uncaught exception: PaymentError: order 7"


def test_what_a_worker_printed_is_shown_although_an_exceptions_text_goes_on_behind_it() -> None:
    printed = (
        f"The query has ended. Reason: {FROM_RUST.partition(': ')[2].replace(' ValueError', 'ValueError')}"
    )
    streaming = Raised(
        "StreamingQueryException", f"{printed}\n SQLSTATE: 39000\n== Plan ==\nScan[id#8]", (OWN,)
    )
    assert summary("Uncaught exception", (streaming,), OWN) == (
        "Uncaught exception: StreamingQueryException: The query has ended. Reason: ValueError: boom"
    )


def test_a_line_that_is_logged_from_rust_is_a_librarys() -> None:
    held = find_in(FROM_RUST)
    assert held is not None
    place = Frame("src/server.rs", 0, "")
    assert (
        summary(held.words, parse(held.traceback), place)
        == "Error executing route function for `/pay` in views.pay: ValueError: boom"
    )


CELL = """An error occurred while executing the following cell:
------------------
pay(7)
------------------

---------------------------------------------------------------------------
ValueError                                Traceback (most recent call last)
Cell In[2], line 1
----> 1 pay(7)

ValueError: boom"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CELL, "An error occurred while executing the following cell: ValueError: boom"),
        ("Traceback (most recent call last):\n  …\nValueError: boom", "ValueError: boom"),
        ("no answer\nsecond line", "no answer"),
    ],
)
def test_of_an_exception_that_holds_anothers_traceback_both_are_named(text: str, shown: str) -> None:
    assert summary("it broke", (Raised("RunError", text),), OWN) == f"it broke: RunError: {shown}"


def test_a_tasks_function_is_not_named_twice() -> None:
    line = "Task billing/pay[8b1a] raised ValueError"
    assert summary(line, (BOOM,), LIBRARY) == f"{line}: boom"
    assert summary("GET /pay failed", (BOOM,), LIBRARY) == "GET /pay failed in views.pay: ValueError: boom"


def test_the_placeholder_of_an_argument_has_no_quotes() -> None:
    record = logging.LogRecord("mail.log", logging.ERROR, LIBRARY.path, 7, "%r failed", (("h", 25),), None)
    assert without_contents(record).getMessage() == "tuple of 2 failed"


def test_what_loguru_puts_before_a_message_by_default_is_left_out() -> None:
    begins = "2026-11-30 03:53:07.792 | ERROR    | shop.pay:<module>:8 - "
    assert summary(f"{begins}payment of alice failed", (), OWN) == "payment of alice failed"
    assert summary(f"{begins}it broke", (BOOM,), OWN) == "it broke: ValueError: boom"
    caught = "An error has been caught in function 'main', process 'Main' (5947), thread 'Main' (140):"
    assert summary(begins + caught, (BOOM,), OWN) == summary(caught, (BOOM,), OWN)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("RuleException:\nValueError in line 8:\nboom\n  File", "RuleException: ValueError in line 8: boom"),
        ("WorkflowError:\n\n  At least one job failed.\nSee", "WorkflowError: At least one job failed."),
        ("These failed:\n- a:\n- b:\n- c:", "These failed: - a: - b:"),
        ("payment failed:", "payment failed:"),
        ("payment failed:\n", "payment failed:"),
        ("payment failed\nsecond line", "payment failed"),
        (f"failed:\n{'x' * 10_000}", f"failed: {'x' * (MAX_LINE_CHARS - 9)}…"),
    ],
)
def test_a_line_that_ends_in_a_colon_is_shown_with_the_next(words: str, shown: str) -> None:
    assert summary(words, (), OWN) == shown
    assert summary(words, (BOOM,), OWN) == f"{words.partition(chr(10))[0].rstrip(':')}: ValueError: boom"
