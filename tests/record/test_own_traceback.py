"""Whether a traceback in a message is of the exception that is being handled as it is logged."""

import traceback

import pytest

from pagerduty_logging.record.exceptions import Raised
from pagerduty_logging.record.own_traceback import following, is_printed_in, is_same


def test_the_traceback_of_the_exception_that_is_being_handled_is_known_wherever_it_stands() -> None:
    try:
        raise KeyError("price")
    except KeyError as error:
        text = traceback.format_exc()
        messages = ((text, ()), ("cannot pay %s", (text,)), ({"message": "x", "trace": text}, ()))
        found = [is_printed_in(message, args, error) for message, args in (*messages, ("cannot pay", ()))]
    assert found == [True, True, True, False]


@pytest.mark.parametrize("error", [KeyError("other"), ValueError("'price'"), KeyError()])
def test_the_traceback_of_another_exception_is_not_its_own(error: Exception) -> None:
    try:
        raise KeyError("price")
    except KeyError:
        text = traceback.format_exc()
    try:
        raise error
    except Exception as handled:
        found = is_printed_in(text, (), handled)
    assert not found


def test_what_follows_a_traceback_is_known() -> None:
    error = Raised("shop.Late", "two\nrows")
    assert is_same(Raised("Late", "two\nrows\nat noon |"), error)
    assert following(Raised("Late", "two\nrows\nat noon |"), error) == "at noon"
    assert following(Raised("Late", "two"), error) == ""


def test_the_statement_that_loguru_prints_for_an_assertion_is_not_another_exception() -> None:
    assert is_same(Raised("AssertionError", "assert total == 0"), Raised("AssertionError", ""))
    assert not is_same(Raised("AssertionError", "no words"), Raised("AssertionError", ""))
    assert is_same(Raised("AssertionError", ""), Raised("AssertionError", ""))
