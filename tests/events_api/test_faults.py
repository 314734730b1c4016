"""What the client makes of servers and networks on a bad day, over real HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests

from pagerduty_logging.events_api.answers import Answer, NoAnswer
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.encoding import encode
from pagerduty_logging.events_api.errors import (
    ApiError,
    BadRequest,
    EventsError,
    NetworkError,
    RateLimited,
    ServerError,
)
from pagerduty_logging.events_api.events import Resolve, Trigger
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.events_api.routing_key import RoutingKey
from pagerduty_logging.events_api.transport import Transport
from tests.events_api.scripted_server import (
    KEY,
    ScriptedServer,
    Step,
    accept,
    answer,
    dead_addresses,
    drips,
    endless,
    hangs,
    hangs_up,
    never_reads,
    resets,
    resets_unread,
    says,
    then,
    unread,
)
from tests.ports import free_port

Serve = Callable[..., ScriptedServer]
Connect = Callable[..., EventsClient]

HARD_BOUND = 5.0
"""Seconds in which a call with a time limit below one has to be back, on however slow a machine."""

HEAD = b"HTTP/1.1 202 Accepted\r\n"


@contextmanager
def in_time() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < HARD_BOUND


def failure(client: EventsClient) -> EventsError:
    """Return what a single attempt raises."""
    with pytest.raises(EventsError) as caught:
        client.check()
    return caught.value


# --- answers ---------------------------------------------------------------------------------------


def test_a_refused_event_says_what_is_wrong_with_it_and_is_not_retried(
    serve: Serve, connect: Connect
) -> None:
    body = (
        '{"status":"invalid event","message":"Event object is invalid",'
        '"errors":["\'event_action\' is missing or blank","\'image src\' is missing or blank"]}'
    )
    server = serve(answer(400, body))
    with pytest.raises(BadRequest) as caught:
        connect(server).trigger("wrong")
    error = caught.value
    assert (error.status, error.retryable, error.body, error.retry_after) == (400, False, body, None)
    assert error.errors == ("'event_action' is missing or blank", "'image src' is missing or blank")
    assert "Event object is invalid" in str(error)
    assert error.errors[0] in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("body", ["", "<html>no</html>", "[]", '{"errors": null}', '{"errors"'])
def test_a_refusal_in_no_words_is_a_bad_request_all_the_same(
    serve: Serve, connect: Connect, status: int, body: str
) -> None:
    error = failure(connect(serve(answer(status, body))))
    assert isinstance(error, BadRequest)
    assert (error.status, error.errors, error.body) == (status, (), body)


@pytest.mark.parametrize(
    ("said", "errors"),
    [('"JSON parse error"', ("JSON parse error",)), ('[{"field": "x"}, 7]', ('{"field": "x"}', "7"))],
)
def test_errors_of_an_unusual_form_are_kept(
    serve: Serve, connect: Connect, said: str, errors: tuple[str, ...]
) -> None:
    error = failure(connect(serve(answer(400, f'{{"errors": {said}}}'))))
    assert isinstance(error, BadRequest)
    assert error.errors == errors


def test_too_many_events_are_sent_again_later_and_byte_by_byte_the_same(
    serve: Serve, connect: Connect
) -> None:
    slow_down = answer(429, '{"status":"throttle exceeded","message":"Requests arrive too quickly."}')
    server = serve(slow_down, slow_down)
    receipt = connect(server).trigger("storm", custom_details={"n": 1})
    assert len(server.bodies) == 3
    assert len(set(server.bodies)) == 1
    assert receipt.dedup_key == server.events[0]["dedup_key"]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_an_error_of_the_server_is_retried(serve: Serve, connect: Connect, status: int) -> None:
    server = serve(answer(status, "<html><h1>Bad Gateway</h1></html>", Content_Type="text/html"))
    connect(server).trigger("outage")
    assert len(server.bodies) == 2
    assert server.bodies[0] == server.bodies[1]


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RateLimited), (500, ServerError), (503, ServerError), (599, ServerError)]
)
def test_the_last_failure_is_raised_when_the_time_is_over(
    serve: Serve, connect: Connect, status: int, kind: type[ApiError]
) -> None:
    server = serve(answer(status, '{"message":"later"}', Retry_After="7"))
    with pytest.raises(kind, match=f"{status}: later") as caught:
        connect(server, retry=Retry(max_age=0.0)).trigger("outage")
    assert type(caught.value) is kind
    assert caught.value.retryable
    assert caught.value.status == status
    assert caught.value.body == '{"message":"later"}'
    assert caught.value.retry_after == 7.0
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 201, 204, 301, 304, 401, 403, 404, 405, 407, 408, 410, 418])
def test_an_answer_that_the_api_does_not_document_is_neither_acceptance_nor_retried(
    serve: Serve, connect: Connect, status: int
) -> None:
    server = serve(answer(status, '{"status":"success"}' if status != 304 else ""))
    with pytest.raises(ApiError, match=str(status)) as caught:
        connect(server).trigger("to a captive portal")
    assert type(caught.value) is ApiError
    assert caught.value.retryable
    assert caught.value.status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", ["", "<html>thanks</html>", "[1]", "{", '{"status": 5}', "null", "\xff", "1" * 5000, "[" * 5000]
)
def test_202_is_acceptance_with_any_body(serve: Serve, connect: Connect, body: str) -> None:
    server = serve(answer(202, body.encode("latin-1")))
    receipt = connect(server).trigger("accepted", dedup_key="ours")
    assert (receipt.status, receipt.message, receipt.dedup_key) == ("success", "", "ours")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "step",
    [
        then(answer(202, "12345", Content_Length="500"), hangs_up),
        then(answer(202, "12345", Content_Length="500"), resets),
        then(answer(202, "12345", Content_Length="500"), hangs),
        then(answer(202, "12345", Content_Encoding="gzip")),
        then(says(HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")),
        then(says(HEAD + b"\r\n")),
        endless(HEAD + b"\r\n", b"x" * 4096),
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nxxxxx\r\n"),
        then(says(HEAD), drips(b"\r\n" + b"x" * 10_000)),
    ],
    ids=["cut", "reset", "stalled", "no gzip", "no chunks", "no length", "endless", "endless chunks", "drip"],
)
def test_202_is_acceptance_even_if_its_body_never_ends_well(
    serve: Serve, connect: Connect, step: Step
) -> None:
    server = serve(step)
    client = connect(server, timeout=0.2)
    with in_time():
        assert client.check().status == "success"
    client.trigger("the next one is not confused by the rest of the last answer", dedup_key="next")
    assert server.events[-1]["dedup_key"] == "next"


def test_no_more_than_64_kilobytes_of_an_answer_are_read(serve: Serve, connect: Connect) -> None:
    server = serve(endless(b"HTTP/1.1 500 No\r\n\r\n", b"x" * 65_536))
    error = failure(connect(server))
    assert isinstance(error, ServerError)
    assert 60_000 < len(error.body) <= 65_536


def test_redirects_are_never_followed(serve: Serve, connect: Connect) -> None:
    elsewhere = serve()
    for status in (301, 302, 303, 307, 308):
        for target in (f"{elsewhere.url}/v2/enqueue", "file:///etc/passwd", "/v2/enqueue"):
            server = serve(answer(status, "moved", Location=target))
            error = failure(connect(server))
            assert type(error) is ApiError
            assert error.status == status
            assert len(server.requests) == 1
    assert elsewhere.connections == 0


def test_an_endless_redirect_is_not_read_to_its_end(serve: Serve) -> None:
    start = b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"
    with requests.Session() as session:
        server = serve(endless(start, b"x" * 65_536), endless(start, b"x" * 65_536))
        for options in ({}, {"session": session}):
            with EventsClient(KEY, base_url=server.url, timeout=5.0, **options) as client, in_time():  # type: ignore[arg-type]
                assert failure(client).status == 302


# --- Retry-After -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0", 1.0),
        ("-20", 1.0),
        ("99999999", 300.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0),
        ("Wed, 21 Oct 9015 07:28:00 GMT", 300.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("9" * 400, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_within_bounds(
    serve: Serve, connect: Connect, status: int, header: str | None, seconds: float | None
) -> None:
    server = serve(answer(status, "", **({} if header is None else {"Retry_After": header})))
    waits: list[float] = []
    client = connect(
        server, retry=Retry(initial=8.0, max_age=3600.0), sleep=waits.append, random=lambda: 0.25
    )
    client.trigger("storm")
    assert waits == [(seconds or 0.0) + 2.0]


def test_retry_after_may_be_a_date(serve: Serve, connect: Connect) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server = serve(answer(429, "", Retry_After=soon))
    error = failure(connect(server))
    assert error.retry_after is not None
    assert 30 < error.retry_after <= 60


def test_a_caller_with_too_little_time_for_retry_after_does_not_wait(serve: Serve, connect: Connect) -> None:
    server = serve(answer(429, "", Retry_After="120"))
    waits: list[float] = []
    with pytest.raises(RateLimited):
        connect(server, retry=Retry(max_age=60.0), sleep=waits.append).trigger("storm")
    assert waits == []


# --- no answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        resets_unread,
        resets,
        hangs_up,
        says(b"\x16\x03\x01 not HTTP at all \x1b[2J\r\n\r\n"),
        says(b"HTTP/9.9 what\r\n\r\n"),
        says(b"HTTP/1.1"),
        says(b"HTTP/1.1 202 Accepted\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
        says(b"HTTP/1.1 202 Accepted\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"),
    ],
    ids=["reset unread", "reset", "hang up", "garbage", "version", "cut", "many headers", "huge header"],
)
def test_a_broken_exchange_is_tried_again_with_the_same_bytes(
    serve: Serve, connect: Connect, step: Step
) -> None:
    server = serve(step, step)
    client = connect(server)
    error = failure(client)
    assert type(error) is NetworkError
    assert (error.retryable, error.status, error.body, error.retry_after) == (True, None, "", None)
    assert "\x1b" not in str(error)
    receipt = client.trigger("again")
    sent = [body for body in server.bodies if b"again" in body]
    assert len(set(sent)) == 1
    assert server.events[-1]["dedup_key"] == receipt.dedup_key


def test_an_accepted_event_whose_answer_is_lost_opens_one_alert(serve: Serve, connect: Connect) -> None:
    server = serve(resets, resets, accept)
    receipt = connect(server).trigger("paid twice?")
    assert len(server.bodies) == 3
    assert len(set(server.bodies)) == 1
    assert {event["dedup_key"] for event in server.events} == {receipt.dedup_key}


HUGE = Trigger("huge", custom_details={str(n): "x" * 10_000 for n in range(50)})


def test_a_refusal_that_comes_before_the_event_was_read_is_seen(serve: Serve, connect: Connect) -> None:
    refuses_unread = unread(then(answer(413, "too large"), hangs_up))
    with pytest.raises(BadRequest):
        connect(serve(refuses_unread)).post(encode(HUGE))


SLOW = {
    "hangs": hangs,
    "hangs without reading": never_reads,
    "drips the status line": drips(b"HTTP/1.1 202 Accepted" + b" " * 10_000),
    "drips the headers": then(says(HEAD), drips(b"X: y\r\n" * 90)),
    "drips headers for ever": endless(HEAD, b"X"),
    "continues for ever": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "drips continues": drips(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0.01),
}


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
def test_one_attempt_has_an_absolute_deadline(serve: Serve, connect: Connect, step: Step) -> None:
    client = connect(serve(step), timeout=0.2)
    with in_time(), pytest.raises(NetworkError):
        client.post(encode(HUGE))


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
def test_an_attempt_on_a_kept_connection_has_one_too(serve: Serve, connect: Connect, step: Step) -> None:
    client = connect(serve(accept, step, step), timeout=0.2)
    client.resolve("first")
    with in_time(), pytest.raises(NetworkError):
        client.post(encode(HUGE))


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
def test_a_session_given_by_the_user_is_held_to_the_deadline_too(serve: Serve, step: Step) -> None:
    with requests.Session() as session:
        client = EventsClient(KEY, base_url=serve(step).url, session=session, timeout=0.2)
        with in_time(), pytest.raises(NetworkError):
            client.post(encode(HUGE))


def test_a_call_lasts_no_longer_than_the_schedule(serve: Serve, connect: Connect) -> None:
    server = serve(*[hangs] * 100)
    with in_time(), pytest.raises(NetworkError):
        connect(server, timeout=60.0, retry=Retry(initial=0.0, maximum=0.0, max_age=0.3)).trigger("held")


def test_a_port_where_nobody_listens_is_reported(connect: Connect) -> None:
    error = failure(connect(f"http://127.0.0.1:{free_port()}"))
    assert type(error) is NetworkError
    assert "refused" in str(error)


# --- names -----------------------------------------------------------------------------------------


def outcome(resolve: Callable[..., Any], timeout: float = 0.3, port: int = 1) -> Answer | NoAnswer:
    transport = Transport(resolve=resolve)
    event = encode(Resolve("k")).json
    with in_time():
        try:
            return transport.post(
                f"http://pagerduty.test:{port}/v2/enqueue", event, RoutingKey(KEY), time.monotonic() + timeout
            )
        finally:
            transport.close()


def test_a_name_that_does_not_exist_is_reported(connect: Connect) -> None:
    error = failure(connect("https://events.pagerduty.invalid"))
    assert type(error) is NetworkError


@pytest.mark.parametrize(
    "problem", [socket.gaierror(-3, "Temporary failure"), UnicodeError("label too long")]
)
def test_a_resolver_that_fails_is_reported(problem: Exception) -> None:
    def resolve(*args: Any) -> Any:
        raise problem

    said = outcome(resolve)
    assert isinstance(said, NoAnswer)
    assert str(problem.args[-1]) in said.reason


def test_a_resolver_that_finds_nothing_is_reported() -> None:
    said = outcome(lambda *args: [])
    assert said == NoAnswer("NewConnectionError: pagerduty.test:1: the name has no address")


def test_a_resolver_that_hangs_is_left_behind(serve: Serve) -> None:
    server = serve()

    def resolve(*args: Any) -> Any:
        server.stopping.wait()

    said = outcome(resolve)
    assert isinstance(said, NoAnswer)
    assert "name resolution: not done in time" in said.reason


def test_several_dead_addresses_share_one_deadline() -> None:
    with dead_addresses(3) as addresses:
        said = outcome(lambda *args: addresses, timeout=0.4)
    assert isinstance(said, NoAnswer)


def test_the_last_of_several_addresses_still_gets_its_share_of_the_time(serve: Serve) -> None:
    server = serve()
    good = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))
    with dead_addresses(2) as addresses:
        said = outcome(lambda *args: [*addresses, good], timeout=1.5)
    assert isinstance(said, Answer)
    assert said.status == 202
