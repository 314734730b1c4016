"""The stand-in fails on request."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from pagerduty_logging.sandbox import (
    Answer,
    Delay,
    Drip,
    Endless,
    Fault,
    Garbage,
    Hang,
    Redirect,
    Reset,
    Sandbox,
)
from pagerduty_logging.sandbox.faults import from_json
from tests.sandbox.sandbox_client import Sender, trigger


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def http_session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def send(sandbox: Sandbox, http_session: requests.Session) -> Sender:
    return Sender(sandbox, http_session)


def connect(sandbox: Sandbox) -> socket.socket:
    """Send a trigger over a socket of one's own, and leave reading the answer to the caller."""
    body = json.dumps(trigger()).encode()
    host, port = sandbox.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(
        b"POST /v2/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    return connection


def test_the_next_requests_fail_in_the_given_order(send: Sender, sandbox: Sandbox) -> None:
    sandbox.fail_next(503, times=2)
    sandbox.fail_next(429, retry_after=2)
    answers = [send() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 429, 202]
    assert answers[0].json() == {
        "status": "service unavailable",
        "message": "Service unavailable",
    }
    assert answers[2].headers["Retry-After"] == "2"
    assert answers[2].json()["status"] == "throttle exceeded"
    assert [request.status for request in sandbox.requests] == [503, 503, 429, 202]
    assert len(sandbox.events) == 1


def test_a_refusal_on_command_looks_like_a_refusal(send: Sender, sandbox: Sandbox) -> None:
    sandbox.fail_next(400)
    assert send().json() == {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": ["refused on command"],
    }


@pytest.mark.parametrize(
    ("retry_after", "sent"),
    [(0.5, "0.5"), ("Wed, 21 Oct 2015 07:28:00 GMT",) * 2, ("soon", "soon"), (-1, "-1")],
)
def test_retry_after_is_sent_as_given(
    send: Sender, sandbox: Sandbox, retry_after: str | float, sent: str
) -> None:
    sandbox.fail_next(500, retry_after=retry_after)
    assert send().headers["Retry-After"] == sent


@pytest.mark.parametrize("body", ["<h1>Bad gateway</h1>", b"<h1>Bad gateway</h1>"])
def test_an_answer_may_have_a_body_of_its_own(send: Sender, sandbox: Sandbox, body: str | bytes) -> None:
    sandbox.fail_next(502, body=body, content_type="text/html")
    answer = send()
    assert answer.text == "<h1>Bad gateway</h1>"
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_answer_without_content_keeps_the_connection_usable(send: Sender, sandbox: Sandbox) -> None:
    sandbox.fail_next(204)
    assert (send().status_code, send().status_code) == (204, 202)


def test_a_share_of_the_requests_fails(http_session: requests.Session) -> None:
    draws = iter([0.1, 0.5, 0.9, 0.49])
    with Sandbox(draw=lambda: next(draws)) as sandbox:
        send = Sender(sandbox, http_session)
        sandbox.fail_share(500, 0.5)
        sandbox.fail_next(503)
        assert [send().status_code for _ in range(4)] == [503, 500, 202, 202]
        sandbox.fail_share(Redirect(308, "/elsewhere"), 0.5)
        assert send().status_code == 308


def test_a_redirect_names_its_location(send: Sender, sandbox: Sandbox) -> None:
    sandbox.fail_next(Redirect(307, "http://192.0.2.1/elsewhere"))
    answer = send()
    assert answer.status_code == 307
    assert answer.headers["Location"] == "http://192.0.2.1/elsewhere"
    assert sandbox.events == ()


def test_a_delayed_answer_is_the_usual_one_or_another_fault(send: Sender, sandbox: Sandbox) -> None:
    sandbox.fail_next(Delay(0.05))
    sandbox.fail_next(Delay(0.05, Answer(500)))
    started = time.monotonic()
    assert [send().status_code for _ in range(2)] == [202, 500]
    assert time.monotonic() - started >= 0.1


def test_a_reset_loses_the_event(sandbox: Sandbox) -> None:
    sandbox.fail_next(Reset())
    with connect(sandbox) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert sandbox.events == ()
    assert sandbox.requests[0].status is None


def test_a_reset_after_accepting_loses_only_the_answer(sandbox: Sandbox) -> None:
    sandbox.fail_next(Reset(after_accepting=True))
    with connect(sandbox) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert len(sandbox.events) == 1


def test_garbage_is_not_http(send: Sender, sandbox: Sandbox) -> None:
    sandbox.fail_next(Garbage())
    with pytest.raises(requests.ConnectionError, match="BadStatusLine"):
        send()
    sandbox.fail_next(Garbage(b"\xde\xad"))
    with connect(sandbox) as connection:
        assert connection.makefile("rb", buffering=0).readall() == b"\xde\xad"
    assert sandbox.events == ()


def test_a_dripping_answer_arrives_a_byte_at_a_time(send: Sender, sandbox: Sandbox) -> None:
    sandbox.fail_next(Drip(0.0001))
    assert send().json()["status"] == "success"
    assert send().status_code == 202


def test_an_endless_body_does_not_end(sandbox: Sandbox) -> None:
    sandbox.fail_next(Endless())
    received = b""
    with connect(sandbox) as connection:
        while len(received) < 1_000_000:
            received += connection.recv(65_536)
    assert received.startswith(b"HTTP/1.1 202 ")
    assert b"Content-Length" not in received
    assert len(sandbox.events) == 1


@pytest.mark.parametrize("fault", [Hang(), Delay(3600), Drip(3600), Endless()])
def test_stopping_ends_hanging_requests_at_once(sandbox: Sandbox, fault: Fault) -> None:
    threads = threading.active_count() - 1
    sandbox.fail_next(fault)
    with connect(sandbox) as connection:
        sandbox.wait_until(lambda: len(sandbox.requests) == 1)
        if isinstance(fault, Endless):
            connection.recv(1)
        started = time.monotonic()
        sandbox.stop()
        assert time.monotonic() - started < 2
        assert threading.active_count() == threads


def test_faults_spare_what_is_not_pagerdutys(sandbox: Sandbox, http_session: requests.Session) -> None:
    sandbox.fail_share(500, 1)
    for path in ("/", "/api/alerts"):
        assert http_session.get(sandbox.url + path, timeout=30).status_code == 200
    assert http_session.get(sandbox.url + "/elsewhere", timeout=30).status_code == 404
    assert http_session.get(sandbox.url + "/v2/enqueue", timeout=30).status_code == 500


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Answer(99), ValueError, "status"),
        (lambda: Answer(600), ValueError, "status"),
        (lambda: Answer("503"), TypeError, "status"),
        (lambda: Answer(True), TypeError, "status"),
        (lambda: Answer(503, retry_after=[]), TypeError, "retry_after"),
        (lambda: Answer(503, retry_after="1\r\nX: y"), ValueError, "retry_after"),
        (lambda: Answer(503, body={}), TypeError, "body"),
        (lambda: Answer(503, content_type="é"), ValueError, "content_type"),
        (lambda: Redirect(200, "/"), ValueError, "redirect"),
        (lambda: Redirect(302, None), TypeError, "location"),
        (lambda: Delay(-1), ValueError, "seconds"),
        (lambda: Delay(float("nan")), ValueError, "seconds"),
        (lambda: Delay(10**400), ValueError, "seconds"),
        (lambda: Delay(1, "hang"), TypeError, "then"),
        (lambda: Drip("1"), TypeError, "seconds"),
        (lambda: Garbage("text"), TypeError, "data"),
        (lambda: Reset(1), TypeError, "after_accepting"),
        (lambda: Sandbox().fail_next(503, times=0), ValueError, "times"),
        (lambda: Sandbox().fail_next(503, times=True), TypeError, "times"),
        (lambda: Sandbox().fail_next(Hang(), retry_after=1), TypeError, "retry_after"),
        (lambda: Sandbox().fail_next("hang"), TypeError, "fault"),
        (lambda: Sandbox().fail_share(503, 1.5), ValueError, "share"),
        (lambda: Sandbox().fail_share(503, "all"), TypeError, "share"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_at_once(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"status": 503}, Answer(503)),
        ({"fault": "answer", "status": 429, "retry_after": 2}, Answer(429, 2)),
        ({"fault": "redirect", "status": 302, "location": "/"}, Redirect(302, "/")),
        ({"fault": "delay", "seconds": 1, "then": {"fault": "hang"}}, Delay(1, Hang())),
        ({"fault": "reset", "after_accepting": True}, Reset(after_accepting=True)),
        ({"fault": "garbage"}, Garbage()),
        ({"fault": "drip", "seconds": 0.1}, Drip(0.1)),
        ({"fault": "endless"}, Endless()),
    ],
)
def test_a_fault_has_a_json_form(fields: dict[str, Any], fault: Fault) -> None:
    assert from_json(fields) == fault


@pytest.mark.parametrize("fields", [{}, {"fault": "sulk"}, {"fault": []}, {"fault": "hang", "seconds": 1}])
def test_json_that_is_not_a_fault_is_a_value_error(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"fault|answer|hang"):
        from_json(fields)
