"""What a sandbox may take of the machine: bounded memory, and no connection for nothing."""

import socket
from typing import Any

import pytest

from pagerduty_logging.sandbox import Sandbox
from pagerduty_logging.sandbox.store import Store
from pagerduty_logging.sandbox.wire import WireHandler
from tests.sandbox.sandbox_client import trigger

LARGE = 100_000


def large(number: int, **fields: Any) -> dict[str, Any]:
    event = trigger(dedup_key=str(number), **fields)
    event["payload"]["custom_details"] = {"text": f"{number}".ljust(LARGE, "x")}
    return event


def test_large_events_leave_before_there_are_many() -> None:
    store = Store(max_bytes=10 * LARGE)
    for number in range(50):
        store.accept(large(number))
    assert store.accepted == 50
    assert 5 <= len(store.events) < 10
    assert store.events[-1].dedup_key == "49"
    assert len(store.alerts) == len(store.events)


def test_many_small_values_weigh_what_they_take() -> None:
    store = Store(max_bytes=10 * LARGE)
    for number in range(10):
        event = trigger(dedup_key=str(number))
        event["payload"]["custom_details"] = {"lists": [[] for _ in range(LARGE // 100)]}
        store.accept(event)
    assert len(store.events) == 10
    for number in range(10):
        event = trigger(dedup_key=str(number))
        event["payload"]["custom_details"] = {"lists": [[] for _ in range(LARGE // 10)]}
        store.accept(event)
    assert len(store.events) == 1


def test_an_alert_that_outlives_its_trigger_counts() -> None:
    """An acknowledged alert shows its trigger, though that event is forgotten."""
    store = Store(max_bytes=10 * LARGE)
    for number in range(50):
        store.accept(large(number))
        store.accept({"routing_key": "r" * 32, "event_action": "acknowledge", "dedup_key": str(number)})
    assert sum(len(str(alert.custom_details)) for alert in store.alerts) < 11 * LARGE
    store.clear()
    for number in range(5):
        store.accept(large(number))
    assert len(store.events) == 5, "nothing of what was forgotten counts any more"


def test_requests_leave_before_there_are_many() -> None:
    store = Store(max_bytes=10 * LARGE)
    answered = [store.arrived("POST", f"/{n}", (("Host", "x"),), b"x" * LARGE) for n in range(50)]
    for note in answered:
        note(202)
    assert 5 <= len(store.requests) < 10
    assert store.requests[-1].path == "/49"


@pytest.mark.parametrize("sent", [b"", b"POST /v2/enqueue HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
@pytest.mark.parametrize("tls", [False, True])
def test_a_connection_that_nobody_uses_ends(monkeypatch: pytest.MonkeyPatch, sent: bytes, tls: bool) -> None:
    monkeypatch.setattr(WireHandler, "timeout", 0.2)
    with Sandbox(tls=tls) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(sent)
            while connection.recv(1_000):
                pass
