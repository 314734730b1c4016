"""What only repeats an error that was logged already, and what looks like it but does not."""

import logging
import traceback

from pagerduty_logging.record.echoes import MAX_SECONDS, REPORTED, Echoes, is_echo
from tests.pages import record


class HTTPError(Exception):
    """What a program raises for Tornado to answer with."""


HTTPError.__module__ = "tornado.web"


def access() -> logging.LogRecord:
    return record("%d %s %.2fms", 500, "GET /a (127.0.0.1)", 2.5, name="tornado.access")


def while_handling(error: BaseException, asked: logging.LogRecord) -> bool:
    """Return whether a record that is logged while an exception is handled is an echo."""
    try:
        raise error
    except BaseException:
        return is_echo(asked)


def test_tornados_access_line_repeats_the_exception_that_is_being_handled() -> None:
    assert while_handling(ValueError("boom"), access())


def test_an_answer_that_a_tornado_program_gave_itself_pages() -> None:
    assert not is_echo(access())


def test_an_answer_that_was_asked_for_by_tornados_http_error_pages() -> None:
    assert not while_handling(HTTPError(503), access())
    assert not while_handling(type("Subclass", (HTTPError,), {})(503), access())


def test_uvicorns_last_line_repeats_the_error_just_before_it() -> None:
    echoes = Echoes()
    failure = record("Traceback (most recent call last):\n…", name="uvicorn.error", created=100.0)
    end = record("Application startup failed. Exiting.", name="uvicorn.error", created=100.1)
    assert not echoes.matches(failure)
    assert echoes.matches(end)
    assert echoes.matches(end)  # asked once more


def test_uvicorns_last_line_alone_pages() -> None:
    end = record("Application startup failed. Exiting.", name="uvicorn.error", created=100.0)
    assert not Echoes().matches(end)
    assert not is_echo(end, last_of_uvicorn=100.0 - MAX_SECONDS - 1)
    assert not is_echo(end, last_of_uvicorn=101.0)


def test_the_text_of_an_exception_that_the_middleware_has_paged_for_does_not_page_again() -> None:
    error = ConnectionRefusedError("no database")
    for reported in (False, True):
        try:
            raise error
        except OSError:
            if reported:
                error.__dict__[REPORTED] = "asgi"
            assert is_echo(record(traceback.format_exc(), name="uvicorn.error")) is reported


class Event:
    """What Twisted gives to logging as a message."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


Event.__module__ = "twisted.logger._stdlib"


def test_twisteds_heading_of_the_failure_that_follows_does_not_page() -> None:
    assert is_echo(record(Event("Unhandled error in Deferred:"), name="twisted"))
    assert not is_echo(record(Event("Unhandled error in the reactor"), name="twisted"))
    assert not is_echo(record("Unhandled error in Deferred:", name="shop"))


def test_a_line_of_the_application_that_is_logged_meanwhile_pages() -> None:
    error = ConnectionRefusedError("no database")
    error.__dict__[REPORTED] = "asgi"
    assert not while_handling(error, record("cannot start"))
    assert not while_handling(error, record("cannot start", exc_info=(type(error), error, None)))
