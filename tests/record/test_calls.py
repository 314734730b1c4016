"""Which words of a library's line are the arguments of a call."""

import time

import pytest

from pagerduty_logging.record.calls import without_arguments

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
