"""What a library reports of an exception that it caught, and what it leaves out."""

import logging
import time

import pytest

from pagerduty_logging.record.printed_traceback import exception_of, parse
from pagerduty_logging.record.reporters import with_exception, without_arguments

SITE = "/venv/lib/python3.12/site-packages"
SERVER = f"{SITE}/server/protocol.py"
OWN = "/srv/shop/views.py"
CATCHING = """
def serve(application, report):
    try:
        application()
    except Exception:
        report()
"""
FAILING = """
def pay():
    raise TimeoutError("the bank does not answer")
"""


def compiled(source: str, path: str) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(compile(source, path, "exec"), names)
    return names


def reported(
    *, caught_in: str = SERVER, raised_in: str = OWN, logged_in: str = SERVER, **about: object
) -> logging.LogRecord:
    """Return the record of a failure as it is given to the rest of the way."""
    record = logging.makeLogRecord(
        {"msg": "Error handling request from %s", "args": ("::1",), "pathname": logged_in, **about}
    )
    found: list[logging.LogRecord] = []
    serve, pay = compiled(CATCHING, caught_in)["serve"], compiled(FAILING, raised_in)["pay"]
    serve(pay, lambda: found.append(with_exception(record)))  # type: ignore[operator]
    assert record.exc_info is None  # other handlers see it as it was
    return found[0]


def test_an_exception_of_the_application_that_a_library_reports_without_it_is_shown() -> None:
    record = reported()
    assert record.exc_info is not None
    assert repr(record.exc_info[1]) == "TimeoutError('the bank does not answer')"
    assert record.getMessage() == "Error handling request from ::1"


@pytest.mark.parametrize(
    "about",
    [
        {"logged_in": OWN},  # the application's own words
        {"logged_in": f"{SITE}/mailer/smtp.py"},  # which the application calls in its error handler
        {"caught_in": OWN},
        {"raised_in": f"{SITE}/server/parser.py"},  # the library's own trouble
        {"msg": "failed:\nTraceback (most recent call last):\n…", "args": ()},
        {"msg": "failed: %s", "args": ("Traceback (most recent call last):\n…",)},
    ],
)
def test_any_other_line_that_is_logged_meanwhile_says_what_it_says(about: dict[str, object]) -> None:
    record = reported(**about)  # type: ignore[arg-type]
    assert record.exc_info is None


COMPUTE = f"{SITE}/distributed/worker.py"
FRAMES = f'  File "{OWN}", line 12, in pay\n    raise ValueError("boom")\n'


def test_frames_and_an_exceptions_repr_among_the_arguments_are_the_exception() -> None:
    args = ("executing", "ValueError('boom')", FRAMES)
    about = {"msg": "Compute Failed\nState: %s\nException: %r\nTraceback: %r", "args": args}
    record = with_exception(logging.makeLogRecord({**about, "pathname": COMPUTE}))
    assert record.exc_text is not None
    (found,) = parse(record.exc_text)
    assert (found.name, found.text, [frame.function for frame in found.frames]) == (
        "ValueError",
        "boom",
        ["pay"],
    )
    own = logging.makeLogRecord({**about, "pathname": OWN})
    assert with_exception(own) is own


@pytest.mark.parametrize(
    ("representation", "shown"),
    [
        ("ValueError('boom')", ("ValueError", "boom")),
        ("TimeoutError()", ("TimeoutError", "")),
        ("OSError(2, 'no such file')", ("OSError", "(2, 'no such file')")),
        ("Odd(<object at 0x1>)", ("Odd", "<object at 0x1>")),
        ("<Odd>", ("an exception", "<Odd>")),
    ],
)
def test_an_exceptions_type_and_text_are_read_of_its_repr(
    representation: str, shown: tuple[str, str]
) -> None:
    assert exception_of(representation) == shown


def test_without_an_exception_a_record_is_left_as_it_is() -> None:
    record = logging.makeLogRecord({"msg": "no answer", "pathname": SERVER})
    assert with_exception(record) is record


# The arguments of calls in a text

PROCRASTINATE = "Job shop.pay[1](card={'x': (1, 'CUST4711')}, customer='CUST4711') ended with status: Error"
ASYNCIO = (
    "Exception in callback Shop.pay('CUST4711')\nhandle: <Handle Shop.pay('CUST4711') at /srv/shop.py:4>"
)
FUTURE = "future: <Task finished coro=<pay() done, defined at /srv/shop.py:4> exception=ValueError('boom)')>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (PROCRASTINATE, "Job shop.pay[1](…) ended with status: Error"),
        (
            ASYNCIO,
            "Exception in callback Shop.pay(…)\nhandle: <Handle Shop.pay(…) at /srv/shop.py:4>",
        ),
        (
            FUTURE,
            "future: <Task finished coro=<pay() done, defined at /srv/shop.py:4> exception=ValueError(…)>",
        ),
        ("it failed: pay(order(7), 'a", "it failed: pay(…"),
        ("it failed: pay(order=7\nthen more", "it failed: pay(…\nthen more"),
        ("2 job(s) failed (exit status 1) in pay()", "2 job(s) failed (exit status 1) in pay()"),
        ("in f(x, y)", "in f(x, y)"),
        (
            "it broke: Traceback (most recent call last):\n    pay('x')",
            "it broke: Traceback (most recent call last):\n    pay('x')",
        ),
    ],
)
def test_what_a_call_was_given_is_left_out(text: str, shown: str) -> None:
    assert without_arguments(text) == shown


@pytest.mark.parametrize("text", ["a(" * 100_000, "a('" * 100_000, "a[" * 100_000, "'\\" * 100_000])
def test_no_text_takes_long(text: str) -> None:
    before = time.process_time()
    without_arguments(text)
    assert time.process_time() - before < 5.0
