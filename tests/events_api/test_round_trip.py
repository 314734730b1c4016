"""Every act of the client, over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
import requests

from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.errors import BadRequest, NetworkError
from pagerduty_logging.events_api.events import Change, Image, Link, Receipt, Resolve, Severity, Trigger
from tests.events_api.scripted_server import (
    KEY,
    Conversation,
    ScriptedServer,
    accept,
    answer,
    hangs_up,
    resets,
    says,
    then,
    unread,
)

Serve = Callable[..., ScriptedServer]
Connect = Callable[..., EventsClient]


def test_a_trigger_carries_every_field(serve: Serve, connect: Connect) -> None:
    server = serve()
    receipt = connect(server).trigger(
        "disk full",
        severity="critical",
        source="db1",
        dedup_key="disk/db1",
        timestamp=datetime(2026, 1, 31, 8, 15, tzinfo=timezone(timedelta(hours=1))),
        component="mysql",
        group="prod",
        event_class="disk",
        custom_details={"free space": "1%", "любой ключ": [1, None, {"deep": True}]},
        links=[Link("https://example.com/a", "A"), "https://example.com/b", {"href": "http://c.test/"}],
        images=[Image("https://example.com/i.png", href="https://example.com", alt="graph")],
        client="cron",
        client_url="https://example.com/cron",
    )
    assert receipt == Receipt("success", "Event processed", "disk/db1")
    assert server.requests[0].line == "POST /v2/enqueue HTTP/1.1"
    assert server.requests[0].headers["content-type"] == "application/json"
    assert server.events == [
        {
            "routing_key": KEY,
            "event_action": "trigger",
            "dedup_key": "disk/db1",
            "payload": {
                "summary": "disk full",
                "severity": "critical",
                "source": "db1",
                "timestamp": "2026-01-31T07:15:00+00:00",
                "component": "mysql",
                "group": "prod",
                "class": "disk",
                "custom_details": {"free space": "1%", "любой ключ": [1, None, {"deep": True}]},
            },
            "links": [
                {"href": "https://example.com/a", "text": "A"},
                {"href": "https://example.com/b"},
                {"href": "http://c.test/"},
            ],
            "images": [{"src": "https://example.com/i.png", "href": "https://example.com", "alt": "graph"}],
            "client": "cron",
            "client_url": "https://example.com/cron",
        }
    ]


def test_a_trigger_of_a_summary_alone_says_error_and_this_machine(serve: Serve, connect: Connect) -> None:
    server = serve()
    receipt = connect(server).trigger("disk full")
    [event] = server.events
    assert event["payload"] == {"summary": "disk full", "severity": "error", "source": socket.gethostname()}
    assert receipt.dedup_key == event["dedup_key"]
    assert event["dedup_key"]


def test_two_triggers_without_a_key_are_two_alerts(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    assert client.trigger("one").dedup_key != client.trigger("one").dedup_key


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_an_alert_is_followed_up_by_its_key_or_its_receipt(
    serve: Serve, connect: Connect, action: str
) -> None:
    server = serve()
    client = connect(server)
    receipt = client.trigger("disk full")
    assert getattr(client, action)(receipt).dedup_key == receipt.dedup_key
    assert getattr(client, action)("disk/db1").dedup_key == "disk/db1"
    assert server.events[1:] == [
        {"routing_key": KEY, "event_action": action, "dedup_key": receipt.dedup_key},
        {"routing_key": KEY, "event_action": action, "dedup_key": "disk/db1"},
    ]


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_a_follow_up_may_carry_words(serve: Serve, connect: Connect, action: str) -> None:
    server = serve()
    getattr(connect(server), action)("disk/db1", summary="cleaned up", custom_details={"by": "cron"})
    assert server.events[0]["payload"] == {
        "summary": "cleaned up",
        "severity": "info",
        "source": socket.gethostname(),
        "custom_details": {"by": "cron"},
    }


def test_a_change_goes_to_its_own_address_and_opens_no_alert(serve: Serve, connect: Connect) -> None:
    server = serve()
    client = connect(server)
    receipt = client.change(
        "deployed 1.2",
        source="ci",
        timestamp=datetime(2026, 1, 31, tzinfo=UTC),
        custom_details={"build": 7},
        links=["https://example.com/build/7"],
    )
    assert receipt == Receipt("success", "Change event processed", None)
    assert server.requests[0].line == "POST /v2/change/enqueue HTTP/1.1"
    assert server.events == [
        {
            "routing_key": KEY,
            "payload": {
                "summary": "deployed 1.2",
                "source": "ci",
                "timestamp": "2026-01-31T00:00:00+00:00",
                "custom_details": {"build": 7},
            },
            "links": [{"href": "https://example.com/build/7"}],
        }
    ]
    with pytest.raises(ValueError, match="dedup_key"):
        client.resolve(receipt)


def test_events_are_sent_as_values_too(serve: Serve, connect: Connect) -> None:
    server = serve()
    client = connect(server)
    trigger = Trigger("disk full", severity=Severity.WARNING, dedup_key="k")
    assert trigger == Trigger("disk full", severity="warning", dedup_key="k")
    client.send(trigger)
    client.send(Resolve("k"))
    client.send(Change("deployed"))
    assert [event.get("event_action") for event in server.events] == ["trigger", "resolve", None]


def test_check_resolves_an_alert_that_never_was(serve: Serve, connect: Connect) -> None:
    server = serve()
    receipt = connect(server).check()
    [event] = server.events
    assert event["event_action"] == "resolve"
    assert event["dedup_key"].startswith("pagerduty-logging-check-")
    assert receipt.status == "success"


def test_check_says_what_is_in_the_way_after_one_attempt(serve: Serve, connect: Connect) -> None:
    server = serve(answer(400, '{"status":"invalid event","errors":["wrong key"]}'), resets)
    client = connect(server)
    with pytest.raises(BadRequest, match="wrong key"):
        client.check()
    with pytest.raises(NetworkError):
        EventsClient(KEY, base_url=server.url).check()
    assert len(server.requests) == 2


def test_one_connection_serves_many_events(serve: Serve, connect: Connect) -> None:
    server = serve(answer(202), answer(400), answer(500), accept)
    client = connect(server)
    client.trigger("202 without a body")
    with pytest.raises(BadRequest):
        client.trigger("400 without a body")
    client.trigger("500, then 202")
    client.resolve("k")
    assert server.connections == 1


def test_head_and_body_of_a_request_come_in_one_piece(serve: Serve, connect: Connect) -> None:
    came: list[bytes] = []

    @unread
    def looks(conversation: Conversation) -> None:
        came.append(conversation.sock.recv(65_536, socket.MSG_PEEK))
        conversation.request = conversation.read_request()
        accept(conversation)

    client = connect(serve(looks, looks))
    client.resolve("first, over a new connection")
    client.resolve("second, over the same")
    assert [data.partition(b"\r\n\r\n")[2][-1:] for data in came] == [b"}", b"}"]


def test_every_request_of_a_kind_has_the_same_head_but_for_its_length(serve: Serve, connect: Connect) -> None:
    server = serve()
    client = connect(server)
    for summary in ("a", "deploy", "a longer one", "of two lines\nand more"):
        client.trigger(summary, dedup_key="k")
        client.change(summary)
    heads = [(request.line, {**request.headers, "content-length": ""}) for request in server.requests]
    assert heads == 4 * heads[:2]
    assert [line.split()[1] for line, _ in heads[:2]] == ["/v2/enqueue", "/v2/change/enqueue"]
    assert [len(request.body) for request in server.requests] == [
        int(request.headers["content-length"]) for request in server.requests
    ]
    assert server.connections == 1


def test_a_connection_that_the_server_wants_closed_is_not_used_again(serve: Serve, connect: Connect) -> None:
    last = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    server = serve(accept, says(last))
    client = connect(server)
    for number in range(3):
        client.trigger(f"event {number}")
    assert [request.connection for request in server.requests] == [1, 1, 2]


def test_a_chunked_answer_is_read_and_its_connection_kept(serve: Serve, connect: Connect) -> None:
    chunked = (
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'14\r\n{"status":"success",\r\ne\r\n"message":"m"}\r\n0\r\n\r\n'
    )
    server = serve(*2 * [lambda conversation: conversation.send(chunked)])
    client = connect(server)
    assert client.trigger("chunked").message == "m"
    assert client.trigger("chunked again").message == "m"
    client.resolve("k")
    assert server.connections == 1


def test_one_client_serves_many_threads(serve: Serve, connect: Connect) -> None:
    server = serve()
    client = connect(server)
    with ThreadPoolExecutor(16) as threads:
        receipts = list(threads.map(lambda n: client.trigger(f"event {n}", dedup_key=str(n)), range(100)))
    assert [receipt.dedup_key for receipt in receipts] == [str(n) for n in range(100)]
    assert {event["dedup_key"] for event in server.events} == {str(n) for n in range(100)}
    assert server.connections <= 16


def test_clients_of_several_services_do_not_mix(serve: Serve) -> None:
    server = serve()
    with (
        EventsClient("A" * 32, base_url=server.url) as one,
        EventsClient("B" * 32, base_url=server.url) as two,
    ):
        one.trigger("of one")
        two.trigger("of two")
    assert [(event["routing_key"], event["payload"]["summary"]) for event in server.events] == [
        ("A" * 32, "of one"),
        ("B" * 32, "of two"),
    ]


def test_a_closed_client_opens_again_when_it_is_used(serve: Serve, connect: Connect) -> None:
    server = serve()
    with connect(server) as client:
        client.trigger("before")
    client.close()
    client.trigger("after")
    assert server.connections == 2


def test_a_session_given_by_the_user_is_used_from_many_threads_and_never_closed(serve: Serve) -> None:
    server = serve()
    with requests.Session() as session:
        session.headers["X-Of-The-User"] = "yes"
        with (
            EventsClient(KEY, base_url=server.url, session=session) as client,
            ThreadPoolExecutor(8) as threads,
        ):
            list(threads.map(client.trigger, map(str, range(40))))
        connections = server.connections
        assert session.post(server.url, json={"dedup_key": "after"}, timeout=10).status_code == 202
    assert server.connections == connections, "the session's connections were closed with the client"
    assert {request.headers["x-of-the-user"] for request in server.requests} == {"yes"}


def test_what_is_not_a_session_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="session must be"):
        EventsClient(KEY, session="https")  # type: ignore[arg-type]


def test_a_connection_that_the_server_closed_while_idle_costs_nothing(serve: Serve, connect: Connect) -> None:
    server = serve(then(accept, hangs_up))
    client = connect(server)
    client.trigger("first")
    client.check()  # a single attempt
    assert server.connections == 2


@pytest.mark.parametrize("end", [resets, hangs_up])
def test_a_kept_connection_that_breaks_at_the_next_event_is_not_a_failed_attempt(
    serve: Serve, connect: Connect, end: Callable[..., None]
) -> None:
    server = serve(accept, end)
    client = connect(server)
    client.trigger("first")
    client.check()  # a single attempt
    assert server.connections == 2
    assert server.bodies[1] == server.bodies[2]
