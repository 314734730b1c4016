"""The OpenAPI description that the sandbox serves."""

import pytest
import requests
from openapi_schema_validator import OAS31Validator

from pagerduty_logging.sandbox import Sandbox
from tests.sandbox.sandbox_client import Sender, acknowledge, change, resolve, trigger, trigger_with


@pytest.fixture(scope="module")
def served():
    """What the sandbox serves: (its description, a schema's name → a validator, a sender)."""
    with Sandbox() as sandbox, requests.Session() as session:
        session.trust_env = False
        document = session.get(f"{sandbox.url}/openapi.json", timeout=30).json()
        assert sandbox.requests == (), "asking is no request that a test would count"

        def validator(name: str) -> OAS31Validator:
            schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
            return OAS31Validator(schema, format_checker=OAS31Validator.FORMAT_CHECKER)

        yield document, validator, Sender(sandbox, session)


def test_the_description_lists_both_interfaces(served):
    document = served[0]
    assert document["openapi"] == "3.1.0"
    assert {path: sorted(operations) for path, operations in document["paths"].items()} == {
        "/v2/enqueue": ["post"],
        "/v2/change/enqueue": ["post"],
        "/api/alerts": ["get"],
        "/api/changes": ["get"],
        "/api/events": ["delete", "get"],
        "/api/faults": ["post"],
    }


@pytest.mark.parametrize(
    "event",
    [
        trigger(),
        trigger(None),
        acknowledge(),
        resolve(),
        trigger(links=[{"href": "https://example.com"}], images=[{"src": "https://example.com/a.png"}]),
        trigger_with(timestamp="2026-01-31T08:15:00Z", custom_details={"a": 1}),
        trigger_with(summary="s" * 1025),
        trigger_with(severity="fatal"),
        trigger_with(summary=" "),
        trigger_with(timestamp="noon"),
        trigger(links=[{"text": "nowhere"}]),
        trigger(event_action="page"),
        resolve(""),
        {},
    ],
)
def test_an_event_is_valid_if_and_only_if_it_is_accepted(served, event):
    _, validator, send = served
    answer = send(event)
    assert validator("Event").is_valid(event) == (answer.status_code == 202)
    validator("Accepted" if answer.status_code == 202 else "Refusal").validate(answer.json())


@pytest.mark.parametrize("event", [change(), change(routing_key="R" * 32), change(payload={})])
def test_a_change_is_valid_if_and_only_if_it_is_accepted(served, event):
    _, validator, send = served
    answer = send(event, "/v2/change/enqueue")
    assert validator("Change").is_valid(event) == (answer.status_code == 202)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 503.0, "times": 2.0},
        {"fault": "answer", "status": 429, "retry_after": 2, "times": 3},
        {"fault": "delay", "seconds": 0.1, "then": {"fault": "reset", "after_accepting": True}},
        {"fault": "hang", "share": 0},
        {"fault": "hang", "share": 0, "times": 1},
        {"fault": "hang", "share": None},
        {"fault": "hang", "seconds": 1},
        {"fault": "drip"},
        {"status": 99},
    ],
)
def test_a_fault_is_valid_if_and_only_if_it_is_taken(served, fault):
    _, validator, send = served
    taken = send(fault, "/api/faults").status_code == 201
    assert validator("Fault").is_valid(fault) == taken
    send.session.delete(f"{send.url}/api/events", timeout=30)
