"""A client for the sandbox's tests, written out so that it owes nothing to our own."""

from typing import Any

import requests

from pagerduty_logging.sandbox import Sandbox

ROUTING_KEY = "e93facc04764012d7bfb002500d5d1a6"
OTHER_ROUTING_KEY = "737ea619db564d41bd9824063e1f6b08"


def trigger(dedup_key: str | None = "srv01/mysql", **changes: Any) -> dict[str, Any]:
    """A well-formed trigger; `changes` replace fields of the event, None removes one."""
    event: dict[str, Any] = {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": dedup_key,
        "payload": {"summary": "Disk is full", "source": "db1", "severity": "critical"},
    }
    event.update(changes)
    return {name: value for name, value in event.items() if value is not None}


def trigger_with(**payload: Any) -> dict[str, Any]:
    """A trigger with some fields of its payload replaced, or removed by None."""
    event = trigger()
    event["payload"].update(payload)
    event["payload"] = {k: v for k, v in event["payload"].items() if v is not None}
    return event


def acknowledge(dedup_key: str = "srv01/mysql", **changes: Any) -> dict[str, Any]:
    """A well-formed acknowledge."""
    return trigger(dedup_key, event_action="acknowledge", payload=None, **changes)


def resolve(dedup_key: str = "srv01/mysql", **changes: Any) -> dict[str, Any]:
    """A well-formed resolve."""
    return trigger(dedup_key, event_action="resolve", payload=None, **changes)


def change(**changes: Any) -> dict[str, Any]:
    """A well-formed change event."""
    event = {"routing_key": ROUTING_KEY, "payload": {"summary": "Deployed 1.2"}, **changes}
    return {name: value for name, value in event.items() if value is not None}


class Sender:
    """Posts events to a sandbox, a plain trigger unless another is given."""

    def __init__(self, sandbox: Sandbox, session: requests.Session) -> None:
        self.url = sandbox.url
        self.session = session

    def __call__(self, event: Any = None, path: str = "/v2/enqueue", **more: Any) -> requests.Response:
        return self.session.post(
            self.url + path,
            json=trigger() if event is None else event,
            timeout=30,
            allow_redirects=False,
            **more,
        )
