"""The stand-in over real HTTP: its answers, its alerts, its life."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from pagerduty_logging import sandbox as public
from pagerduty_logging.sandbox import Alert, Sandbox
from pagerduty_logging.sandbox.store import MAX_EVENTS, Store
from tests.sandbox.sandbox_client import (
    OTHER_ROUTING_KEY,
    ROUTING_KEY,
    Sender,
    acknowledge,
    change,
    resolve,
    trigger,
    trigger_with,
)
from tests.sandbox.test_rules import json_values


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


# Answers


def test_a_trigger_is_accepted_with_its_dedup_key(send: Sender) -> None:
    answer = send(trigger("srv01/mysql"))
    assert answer.status_code == 202
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "status": "success",
        "message": "Event processed",
        "dedup_key": "srv01/mysql",
    }


@pytest.mark.parametrize("absent", [None, "", "  "])
def test_a_trigger_without_a_dedup_key_is_given_one(
    send: Sender, sandbox: Sandbox, absent: str | None
) -> None:
    keys = {send(trigger(absent)).json()["dedup_key"] for _ in range(2)}
    assert len(keys) == 2
    assert {alert.dedup_key for alert in sandbox.alerts} == keys


def test_a_change_event_is_accepted_without_a_dedup_key(send: Sender) -> None:
    answer = send(change(), "/v2/change/enqueue")
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Change event processed"}


def test_a_bad_event_is_refused_with_all_its_faults(send: Sender, sandbox: Sandbox) -> None:
    answer = send({"routing_key": ROUTING_KEY, "event_action": "trigger"})
    assert answer.status_code == 400
    assert answer.json() == {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": [
            "'payload.summary' is missing or blank",
            "'payload.source' is missing or blank",
            "'payload.severity' is missing or blank",
        ],
    }
    assert sandbox.events == ()


def test_broken_json_is_an_unrecognized_object(sandbox: Sandbox, http_session: requests.Session) -> None:
    answer = http_session.post(sandbox.url + "/v2/enqueue", data="{", timeout=30)
    assert answer.status_code == 400
    assert answer.json() == {
        "status": "Unrecognized object",
        "message": "Event object format is unrecognized",
        "errors": ["JSON parse error"],
    }


@pytest.mark.parametrize("size", [512_001, 3_000_000])
def test_an_event_that_is_too_large_is_refused_and_the_connection_lives_on(send: Sender, size: int) -> None:
    answer = send(trigger_with(custom_details={"log": "x" * size}))
    assert answer.status_code == 400
    assert answer.json()["errors"] == ["Event is too large (maximum is 512 KB)"]
    assert send(trigger()).status_code == 202


@pytest.mark.parametrize("path", ["/v2/enqueue/", "/v2/enqueue"])
def test_a_trailing_slash_and_a_charset_are_tolerated(send: Sender, path: str) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Routing-Key": "ignored"}
    assert send(trigger(), path, headers=headers).status_code == 202


def test_a_chunked_body_is_read(sandbox: Sandbox, http_session: requests.Session) -> None:
    body = json.dumps(trigger()).encode()
    answer = http_session.post(sandbox.url + "/v2/enqueue", data=iter([body[:10], body[10:]]), timeout=30)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v2/enqueue", 405), ("POST", "/v2/enqueu", 404)]
)
def test_a_wrong_address_is_reported_in_json(
    sandbox: Sandbox, http_session: requests.Session, method: str, path: str, status: int
) -> None:
    answer = http_session.request(method, sandbox.url + path, timeout=30)
    assert answer.status_code == status
    assert set(answer.json()) == {"status", "message"}


@pytest.fixture(scope="module")
def sturdy() -> Iterator[http.client.HTTPConnection]:
    with Sandbox() as sandbox:
        host, port = sandbox.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        yield connection
        connection.close()


EVENT_LIKE = st.fixed_dictionaries(
    {},
    optional={
        "routing_key": st.just(ROUTING_KEY) | json_values,
        "event_action": st.sampled_from(["trigger", "resolve"]) | json_values,
        "dedup_key": st.text() | json_values,
        "payload": st.fixed_dictionaries(
            {},
            optional={
                "summary": st.text(min_size=1) | json_values,
                "source": st.just("host") | json_values,
                "severity": st.just("error") | json_values,
                "custom_details": st.dictionaries(st.text(), json_values),
                "links": json_values,
            },
        ),
    },
)


@settings(deadline=None)
@given(
    body=st.binary() | (EVENT_LIKE | json_values).map(lambda value: json.dumps(value).encode()),
    path=st.sampled_from(["/v2/enqueue", "/v2/change/enqueue", "/api/faults"]),
)
def test_no_body_gets_a_500(sturdy: http.client.HTTPConnection, body: bytes, path: str) -> None:
    sturdy.request("POST", path, body=body)
    answer = sturdy.getresponse()
    assert isinstance(json.loads(answer.read()), dict)
    assert answer.status in (201, 202, 400)
    for view in ("alerts", "events", "changes"):
        sturdy.request("GET", f"/api/{view}")
        answer = sturdy.getresponse()
        assert isinstance(json.loads(answer.read()), dict)
        assert answer.status == 200
    sturdy.request("DELETE", "/api/events")
    sturdy.getresponse().read()


# Connections


def test_one_connection_serves_many_requests(sandbox: Sandbox) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.connect()
    first = connection.sock
    for body in (json.dumps(trigger()), "{", json.dumps(trigger())):
        connection.request("POST", "/v2/enqueue", body=body)
        answer = connection.getresponse()
        assert int(answer.headers["Content-Length"]) == len(answer.read())
    connection.request("HEAD", "/")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/", headers={"Connection": "close"})
    answer = connection.getresponse()
    assert answer.headers["Connection"] == "close"
    assert answer.read().startswith(b"<!doctype html>")
    assert connection.sock is None
    assert first is not None


def exchange(sandbox: Sandbox, sent: bytes) -> bytes:
    """Send raw bytes, no more, and return all that comes back."""
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
        return received


@pytest.mark.parametrize(
    "head", [b"Content-Length: many", b"Content-Length: 5\r\nTransfer-Encoding: chunked"]
)
def test_a_body_of_unknown_length_is_refused(sandbox: Sandbox, head: bytes) -> None:
    request = b"POST /v2/enqueue HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\nzz\r\n"
    assert exchange(sandbox, request).startswith(b"HTTP/1.1 400 ")
    assert sandbox.requests == ()


def test_a_client_that_breaks_off_leaves_no_trace(
    sandbox: Sandbox, send: Sender, capfd: pytest.CaptureFixture[str]
) -> None:
    request = b"POST /v2/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"
    assert exchange(sandbox, request) == b""
    assert exchange(sandbox, b"") == b""
    assert send(trigger()).status_code == 202
    assert len(sandbox.requests) == 1
    assert capfd.readouterr() == ("", "")


# Alerts


def test_an_alert_holds_what_its_trigger_said(send: Sender, sandbox: Sandbox) -> None:
    event = trigger_with(component="mysql", group="prod", custom_details={"free": "1%"}, **{"class": "disk"})
    event |= {
        "links": [{"href": "https://example.com", "text": "Graph"}],
        "images": [{"src": "https://example.com/c.png"}],
        "client": "Monitor",
        "client_url": "https://monitor.example.com",
    }
    send(event)
    (alert,) = sandbox.alerts
    assert alert == sandbox.alert("srv01/mysql")
    assert alert == Alert(
        number=1,
        routing_key=public.RoutingKey(ROUTING_KEY),
        dedup_key="srv01/mysql",
        state="triggered",
        summary="Disk is full",
        severity="critical",
        source="db1",
        component="mysql",
        group="prod",
        event_class="disk",
        custom_details={"free": "1%"},
        links=({"href": "https://example.com", "text": "Graph"},),
        images=({"src": "https://example.com/c.png"},),
        client="Monitor",
        client_url="https://monitor.example.com",
        first_seen=alert.first_seen,
        last_seen=alert.first_seen,
        triggers=1,
        history=alert.history,
    )


def test_a_trigger_on_an_open_alert_adds_to_it_and_updates_it(send: Sender, sandbox: Sandbox) -> None:
    send(trigger())
    send(trigger_with(summary="Disk is nearly full", severity="warning", custom_details={"a": 1}))
    (alert,) = sandbox.alerts
    assert (alert.summary, alert.severity) == ("Disk is nearly full", "warning")
    assert alert.custom_details == {"a": 1}
    assert alert.triggers == 2
    assert [(entry.action, entry.summary, entry.severity) for entry in alert.history] == [
        ("trigger", "Disk is full", "critical"),
        ("trigger", "Disk is nearly full", "warning"),
    ]
    assert alert.first_seen == alert.history[0].at
    assert alert.last_seen == alert.history[1].at


def test_an_alert_is_acknowledged_and_resolved(send: Sender, sandbox: Sandbox) -> None:
    send(trigger())
    states = []
    for event in (acknowledge(), trigger(), resolve()):
        assert send(event).json()["dedup_key"] == "srv01/mysql"
        states.append(sandbox.alert("srv01/mysql").state)
    assert states == ["acknowledged", "acknowledged", "resolved"]
    actions = [entry.action for entry in sandbox.alert("srv01/mysql").history]
    assert actions == ["trigger", "acknowledge", "trigger", "resolve"]


def test_a_trigger_after_resolve_opens_a_new_alert(send: Sender, sandbox: Sandbox) -> None:
    for event in (trigger(), resolve(), trigger(), resolve(), acknowledge()):
        assert send(event).status_code == 202
    assert [alert.state for alert in sandbox.alerts] == ["resolved", "resolved"]
    send(trigger())
    assert [alert.state for alert in sandbox.alerts] == ["triggered", "resolved", "resolved"]
    assert sandbox.alert("srv01/mysql").state == "triggered"


@pytest.mark.parametrize("event", [acknowledge(), resolve()])
def test_acknowledge_and_resolve_without_an_open_alert_are_dropped(
    send: Sender, sandbox: Sandbox, event: dict[str, Any]
) -> None:
    assert send(event).status_code == 202
    assert sandbox.alerts == ()
    assert sandbox.events == (event,)


def test_dedup_keys_are_per_routing_key(send: Sender, sandbox: Sandbox) -> None:
    send(trigger())
    send(trigger(routing_key=OTHER_ROUTING_KEY))
    send(resolve())
    states = {alert.routing_key: alert.state for alert in sandbox.alerts}
    assert states == {ROUTING_KEY: "resolved", OTHER_ROUTING_KEY: "triggered"}


def test_change_events_are_kept_newest_first(send: Sender, sandbox: Sandbox) -> None:
    payload = {
        "summary": "Build Success",
        "timestamp": "2015-07-17T08:42:58.315+0000",
        "source": "build-agent",
        "custom_details": {"build": "220"},
    }
    send(change(), "/v2/change/enqueue")
    send(change(payload=payload, links=[{"href": "https://x"}]), "/v2/change/enqueue")
    newest, first = sandbox.changes
    assert first.summary == "Deployed 1.2"
    assert newest == public.ChangeEvent(
        number=2,
        routing_key=public.RoutingKey(ROUTING_KEY),
        links=({"href": "https://x"},),
        at=newest.at,
        **payload,
    )
    assert sandbox.alerts == ()
    assert len(sandbox.events) == 2


def test_what_is_returned_is_a_copy(send: Sender, sandbox: Sandbox) -> None:
    send(trigger_with(custom_details={"a": [1]}))
    sandbox.events[0]["payload"]["custom_details"]["a"].append(2)
    sandbox.alerts[0].custom_details["a"].append(3)
    assert sandbox.events[0]["payload"]["custom_details"] == {"a": [1]}
    assert sandbox.alerts[0].custom_details == {"a": [1]}


def test_no_repr_shows_a_routing_key(send: Sender, sandbox: Sandbox) -> None:
    send(trigger())
    send(change(), "/v2/change/enqueue")
    shown = repr((sandbox.alerts, sandbox.changes, sandbox.events, sandbox.requests))
    assert ROUTING_KEY not in shown
    assert "'…d1a6'" in shown


def test_only_the_newest_events_are_kept_and_what_they_say_of_alerts() -> None:
    store = Store()
    store.accept(trigger("first, soon forgotten"))
    store.accept(trigger("second, resolved"))
    store.accept(resolve("second, resolved"))
    store.accept_change(change())
    for _ in range(MAX_EVENTS - 1):
        store.accept(trigger("many"))
    assert store.accepted == MAX_EVENTS + 3
    assert len(store.events) == MAX_EVENTS
    assert store.events[0].action == "change"
    assert [alert.dedup_key for alert in store.alerts] == ["many"]
    store.accept(trigger("many"))
    store.accept(trigger("many"))
    (alert,) = store.alerts
    assert alert.triggers == MAX_EVENTS + 1
    assert len(alert.history) == MAX_EVENTS
    assert store.changes == ()
    store.accept(trigger("first, soon forgotten"))
    assert store.alerts[0].triggers == 1


def test_only_the_newest_requests_are_kept() -> None:
    store = Store()
    answered = [store.arrived("POST", f"/{n}", (), b"") for n in range(MAX_EVENTS + 1)]
    assert len(store.requests) == MAX_EVENTS
    answered[0](202)
    answered[1](503)
    assert (store.requests[0].path, store.requests[0].status) == ("/1", 503)


# Requests, and waiting for them


def test_every_request_is_journalled(send: Sender, sandbox: Sandbox, http_session: requests.Session) -> None:
    send(trigger(), headers={"X-Trace": "7"})
    http_session.post(sandbox.url + "/v2/enqueue", data=b"{\xff", timeout=30)
    http_session.get(sandbox.url + "/elsewhere", timeout=30)
    for own in ("/", "/api/alerts"):
        http_session.get(sandbox.url + own, timeout=30)
    accepted, refused, lost = sandbox.requests
    assert (accepted.method, accepted.path, accepted.status) == ("POST", "/v2/enqueue", 202)
    assert json.loads(accepted.body) == trigger()
    assert accepted.header("x-trace") == "7"
    assert accepted.header("x-span") is None
    assert (refused.body, refused.status) == (b"{\xff", 400)
    assert (lost.method, lost.path, lost.status) == ("GET", "/elsewhere", 404)
    assert accepted.arrived < refused.arrived < lost.arrived


def test_waiting_ends_when_enough_events_were_accepted(send: Sender, sandbox: Sandbox) -> None:
    sender = threading.Thread(target=lambda: [send(trigger()) for _ in range(3)])
    sender.start()
    sandbox.wait_for(3)
    assert len(sandbox.events) >= 3
    sender.join()


def test_a_wait_that_times_out_shows_what_arrived(send: Sender, sandbox: Sandbox) -> None:
    send(trigger())
    send({})
    with pytest.raises(AssertionError) as failure:
        sandbox.wait_for(2, timeout=0.01)
    text = str(failure.value)
    assert text.startswith("expected 2 accepted events within 0.01 s, got 1")
    assert "POST /v2/enqueue answered 400" in text
    assert "triggered critical 'Disk is full', dedup key 'srv01/mysql'" in text


def test_waiting_for_a_condition_checks_again_after_each_request(send: Sender, sandbox: Sandbox) -> None:
    sender = threading.Thread(target=lambda: [send(e) for e in (trigger(), resolve())])
    sender.start()
    sandbox.wait_until(lambda: [a.state for a in sandbox.alerts] == ["resolved"])
    sandbox.wait_until(lambda: all(request.status == 202 for request in sandbox.requests))
    sender.join()
    with pytest.raises(AssertionError, match=r"did not come true within 0\.01 s"):
        sandbox.wait_until(lambda: False, timeout=0.01)


def test_a_condition_may_ask_the_sandbox_over_http(send: Sender, sandbox: Sandbox) -> None:
    sandbox.wait_until(lambda: send(trigger()) and len(sandbox.events) == 3)


def test_an_expectation_of_an_empty_sandbox_says_that_it_is_empty(sandbox: Sandbox) -> None:
    with pytest.raises(AssertionError, match="none"):
        sandbox.wait_for(1, timeout=0)
    with pytest.raises(AssertionError, match="there is no alert at all"):
        sandbox.alert("x", timeout=0)


def test_following_yields_each_event_with_its_outcome(send: Sender, sandbox: Sandbox) -> None:
    send(trigger("before"))
    events = sandbox.follow()
    for event in (trigger(), trigger(), resolve(), resolve()):
        send(event)
    send(change(), "/v2/change/enqueue")
    seen = [next(events) for _ in range(4)]
    assert [(event.action, event.outcome) for event in seen] == [
        ("trigger", "opened"),
        ("trigger", "updated"),
        ("resolve", "updated"),
        ("resolve", "dropped"),
    ]
    sandbox.stop()
    assert [(event.action, event.dedup_key) for event in events] == [("change", None)]


def test_a_follower_that_waits_is_woken(send: Sender, sandbox: Sandbox) -> None:
    events = sandbox.follow()
    seen: list[str | None] = []
    follower = threading.Thread(target=lambda: seen.extend(e.dedup_key for e in events))
    follower.start()
    send(trigger("first"))
    sandbox.clear()
    send(trigger("second"))
    sandbox.stop()
    follower.join(5)
    assert seen[-1] == "second"


def test_clearing_forgets_everything(send: Sender, sandbox: Sandbox) -> None:
    send(trigger())
    sandbox.fail_next(503)
    sandbox.fail_share(503, 1)
    sandbox.clear()
    assert (sandbox.alerts, sandbox.events, sandbox.changes, sandbox.requests) == ((),) * 4
    assert send(trigger()).status_code == 202
    sandbox.wait_for(1)
    assert sandbox.alert("srv01/mysql").triggers == 1


# Rate limit


def test_events_over_the_rate_are_throttled_until_the_minute_has_slid_on(
    http_session: requests.Session,
) -> None:
    now = [0.0]
    with Sandbox(rate_limit=2, clock=lambda: now[0]) as sandbox:
        send = Sender(sandbox, http_session)

        def statuses(*times: float) -> list[int]:
            found = []
            for now[0] in times:
                found.append(send(trigger()).status_code)
            return found

        assert statuses(0, 30, 59.9, 60, 60, 89, 90) == [202, 202, 429, 202, 429, 429, 202]
        answer = send(trigger())
        assert answer.json() == {
            "status": "throttle exceeded",
            "message": "Requests for this service are arriving too quickly.  Please retry later.",
        }
        assert "Retry-After" not in answer.headers
        assert send(trigger(routing_key=OTHER_ROUTING_KEY)).status_code == 202
        assert send({}).status_code == 400
        assert len(sandbox.events) == 5
        sandbox.clear()
        assert send(trigger()).status_code == 202


def test_a_rate_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="rate_limit"):
        Sandbox(rate_limit=0)


# Life


def test_a_stopped_sandbox_comes_back_on_its_port_with_all_it_held(
    http_session: requests.Session,
) -> None:
    sandbox = Sandbox()
    for _ in range(3):
        assert sandbox.start() is sandbox
        url = sandbox.url
        assert Sender(sandbox, http_session)(trigger()).status_code == 202
        sandbox.stop()
        sandbox.stop()
        with pytest.raises(requests.ConnectionError):
            http_session.post(url + "/v2/enqueue", json=trigger(), timeout=30)
        assert sandbox.url == url
    assert sandbox.alert("srv01/mysql").triggers == 3


def test_starting_twice_is_starting_once(sandbox: Sandbox) -> None:
    url = sandbox.url
    sandbox.start()
    assert sandbox.url == url


def test_stopping_leaves_no_thread_behind(http_session: requests.Session) -> None:
    before = threading.enumerate()
    with Sandbox() as sandbox:
        Sender(sandbox, http_session)(trigger())
        assert len(threading.enumerate()) == len(before) + 2
    assert threading.enumerate() == before


@pytest.mark.parametrize("_", range(20))
def test_stopping_on_an_accepted_event_does_not_lose_its_answer(
    send: Sender, sandbox: Sandbox, _: int
) -> None:
    statuses: list[int] = []
    sender = threading.Thread(target=lambda: statuses.append(send().status_code))
    sender.start()
    sandbox.wait_for(1)
    sandbox.stop()
    sender.join()
    assert statuses == [202]


def test_a_taken_port_is_an_os_error(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=port).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.1", "example.com"])
def test_an_address_others_reach_must_be_asked_for(host: str) -> None:
    with pytest.raises(ValueError, match="allow_remote"):
        Sandbox(host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "0.0.0.0", ""])
def test_a_sandbox_is_reached_at_its_url(host: str, http_session: requests.Session) -> None:
    with Sandbox(host, allow_remote=host in ("0.0.0.0", "")) as sandbox:
        assert Sender(sandbox, http_session)(trigger()).status_code == 202


def test_an_ipv6_address_stands_in_brackets(http_session: requests.Session) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with Sandbox("::1") as sandbox:
        assert sandbox.url.startswith("http://[::1]:")
        assert Sender(sandbox, http_session)().status_code == 202


def test_the_public_names_are_sorted_and_there() -> None:
    assert public.__all__ == sorted(public.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(public, name) for name in public.__all__)
