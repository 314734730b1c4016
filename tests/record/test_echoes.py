"""What only repeats an error that was logged already, and what looks like it but does not."""

import logging
import traceback

import pytest

from pagerduty_logging.record.echoes import (
    MAX_SECONDS,
    MAX_SECONDS_BETWEEN,
    REPORTED,
    Echoes,
    PrintedLines,
    is_echo,
)
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


@pytest.mark.parametrize("server", ["jupyter_server", "jupyterhub"])
def test_what_jupyters_servers_log_of_an_answer_repeats_the_exception_that_is_being_handled(server) -> None:
    def of(text: str) -> logging.LogRecord:
        place = f"/venv/lib/python3.13/site-packages/{server}/log.py"
        return record(text, name="ServerApp", pathname=place, funcName="log_request")

    headers, line = of('{\n  "Host": "127.0.0.1"\n}'), of("500 GET /pay (7f@127.0.0.1) 78.59ms")
    assert while_handling(ValueError("boom"), headers)
    assert while_handling(ValueError("boom"), line)
    assert while_handling(HTTPError(503), headers)
    assert not while_handling(HTTPError(503), line)
    assert not while_handling(ValueError("boom"), record("500 GET /pay", name="ServerApp"))


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


# --- a traceback that is logged line by line ------------------------------------------------------


class Refused(Exception):
    """What the tests raise."""


def logged(error: BaseException, first: str = "", *, known: PrintedLines, at: float = 100.0) -> list[str]:
    """Return which lines page, if ERROR's traceback is logged line by line, behind a FIRST line."""
    try:
        try:
            raise OSError("reset by peer")
        except OSError as cause:
            raise error from cause
    except BaseException:
        texts = [first] if first else []
        records = [record(text, created=100.0) for text in texts]
        records += [record(text, created=at) for text in traceback.format_exc().split("\n")]
        return [str(one.msg) for one in records if not known.matches(one)]


def test_of_a_traceback_alone_the_line_pages_that_says_what_was_raised() -> None:
    assert logged(Refused("no banner"), known=PrintedLines()) == [f"{__name__}.Refused: no banner"]


def test_none_of_its_lines_pages_behind_one_that_says_what_was_raised() -> None:
    known = PrintedLines()
    first = "Exception (client): no banner"
    assert logged(Refused("no banner"), first, known=known) == [first]
    # A handler counts the first line as a repeat, and does not ask.
    assert logged(Refused("no banner"), known=known) == []


def test_a_line_before_it_that_says_something_else_does_not_replace_it() -> None:
    said = f"{__name__}.Refused: no banner"
    assert logged(Refused("no banner"), "closing", known=PrintedLines()) == ["closing", said]
    first = "refused: no banner"
    late = 100.0 + MAX_SECONDS_BETWEEN + 1
    assert logged(Refused("no banner"), first, known=PrintedLines(), at=late) == [first, said]


def test_an_exception_without_words_and_one_with_notes_page_by_their_line() -> None:
    assert logged(Refused(), "closing", known=PrintedLines()) == ["closing", f"{__name__}.Refused"]
    noted = ValueError("no rates")
    noted.add_note("for today")
    assert logged(noted, known=PrintedLines()) == ["ValueError: no rates"]


def test_a_group_pages_by_the_line_that_says_what_it_is() -> None:
    group = ExceptionGroup("two failed", [ValueError("a"), KeyError("b")])
    (line,) = logged(group, known=PrintedLines())
    assert line.strip(" |") == "ExceptionGroup: two failed (2 sub-exceptions)"


def test_what_is_logged_while_another_exception_or_none_is_handled_pages() -> None:
    known = PrintedLines()
    logged(Refused("no banner"), known=known)
    texts = ["Traceback (most recent call last):", '  File "shop.py", line 7, in pay', "KeyError: 7"]
    assert [text for text in texts if not known.matches(record(text))] == texts
    try:
        raise LookupError("another")
    except LookupError:
        assert [text for text in texts[1:] if not known.matches(record(text))] == texts[1:]


def test_another_loggers_lines_page() -> None:
    known = PrintedLines()
    try:
        raise Refused("no banner")
    except Refused:
        head, *rest = traceback.format_exc().split("\n")
        assert known.matches(record(head, name="vendor"))
        assert not any(known.matches(record(line, name="shop")) for line in rest)


def test_lines_to_which_a_library_s_exception_was_added_do_not_page_either() -> None:
    known = PrintedLines()
    try:
        raise Refused("no banner")
    except Refused as error:
        info = (Refused, error, error.__traceback__)
        first = record("Unknown exception: no banner", exc_info=info, created=100.0)
        rest = [record(line, exc_info=info, created=100.0) for line in traceback.format_exc().split("\n")[1:]]
        head = record("Traceback (most recent call last):", created=100.0)
        assert not known.matches(first)
        assert all(known.matches(one) for one in (head, *rest))
        assert not known.matches(record("closing", exc_info=info))
