"""What the stand-in refuses, and in which words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagerduty_logging.sandbox import rules
from tests.sandbox.sandbox_client import ROUTING_KEY, acknowledge, change, resolve, trigger, trigger_with

SEVERITY = (
    "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
)
ACTION = "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')"
KEY_LENGTH = "Length of 'routing_key' is incorrect (should be 32 characters)"
KEY_CHARACTERS = "'routing_key' cannot contain non-alphanumeric characters."

FIELDS = [
    *("routing_key", "event_action", "dedup_key", "payload", "links", "images", "client"),
    *("summary", "source", "severity", "timestamp", "custom_details", "class", "href", "src"),
]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["trigger", "acknowledge", "resolve", "error", ROUTING_KEY]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=6)
    ),
    max_leaves=20,
)
json_objects = st.dictionaries(st.sampled_from(FIELDS) | st.text(), json_values)


@given(json_objects)
def test_any_object_gets_a_list_of_texts(event: dict[str, Any]) -> None:
    for judge in (rules.alert_event_errors, rules.change_event_errors):
        errors = judge(event)
        assert isinstance(errors, list)
        assert all(isinstance(error, str) and error for error in errors)
        assert len(set(errors)) == len(errors)


@given(json_values)
def test_any_json_is_read_as_it_is_or_refused(value: Any) -> None:
    body = json.dumps(value).encode()
    if isinstance(value, dict):
        assert rules.read(body) == value
    else:
        with pytest.raises(rules.Unreadable, match="not a JSON object"):
            rules.read(body)


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read = rules.read(body)
    except rules.Unreadable:
        return
    assert isinstance(read, dict)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'routing_key': 1}",
        b'{"load": NaN}',
        b'{"load": -Infinity}',
        b'{"load": 1e999}',
        b'{"load": ' + b"9" * 5000 + b"}",
        b'{"name": "\xe4"}',
        b'{"name": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'\xef\xbb\xbf{"name": 1}',
        b'{"a": ' * 101 + b"1" + b"}" * 101,
        b"[" * 200_000,
        b'{"a": ' + b"[" * 3_000 + b"]" * 3_000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_strict_json_is_a_parse_error(body: bytes) -> None:
    with pytest.raises(rules.Unreadable) as refusal:
        rules.read(body)
    assert refusal.value.errors == ["JSON parse error"]


def test_a_hundred_levels_are_read() -> None:
    assert rules.read(b'{"a": ' * 100 + b"1" + b"}" * 100)


def test_an_event_over_512_kilobytes_is_refused_and_one_of_exactly_that_is_not() -> None:
    body = b'{"a": 1}'.ljust(512_000)
    assert rules.read(body) == {"a": 1}
    with pytest.raises(rules.Unreadable, match="too large"):
        rules.read(body + b" ")


@pytest.mark.parametrize(
    ("event", "errors"),
    [
        (trigger(routing_key=None), ["'routing_key' is missing or blank"]),
        (trigger(routing_key="  "), ["'routing_key' is missing or blank"]),
        (trigger(routing_key=7), ["'routing_key' is invalid (must be a string)"]),
        (trigger(routing_key="a" * 31), [KEY_LENGTH]),
        (trigger(routing_key="a" * 31 + "-"), [KEY_CHARACTERS]),
        (trigger(routing_key="a" * 31 + "é"), [KEY_CHARACTERS]),
        (trigger(routing_key="not one"), [KEY_LENGTH, KEY_CHARACTERS]),
        (trigger(event_action=None), ["'event_action' is missing or blank"]),
        (trigger(event_action="triger"), [ACTION]),
        (trigger(event_action=["trigger"]), [ACTION]),
        (trigger(dedup_key="k" * 256), ["'dedup_key' is too long (maximum is 255 characters)"]),
        (trigger(dedup_key=5), ["'dedup_key' is invalid (must be a string)"]),
        (acknowledge(dedup_key=None), ["'dedup_key' is missing or blank"]),
        (resolve(dedup_key=" "), ["'dedup_key' is missing or blank"]),
        (trigger(payload=[]), ["'payload' is invalid (must be an object)"]),
        (
            trigger(payload=None),
            [
                "'payload.summary' is missing or blank",
                "'payload.source' is missing or blank",
                "'payload.severity' is missing or blank",
            ],
        ),
        (trigger_with(summary=None), ["'payload.summary' is missing or blank"]),
        (trigger_with(source=""), ["'payload.source' is missing or blank"]),
        (trigger_with(severity=None), ["'payload.severity' is missing or blank"]),
        (trigger_with(severity="CRITICAL"), [SEVERITY]),
        (trigger_with(severity={}), [SEVERITY]),
        (
            trigger_with(summary="é" * 1025),
            ["'summary' is too long (maiximum is 1024 characters)"],
        ),
        (trigger_with(summary=1), ["'payload.summary' is invalid (must be a string)"]),
        (trigger_with(component=1), ["'payload.component' is invalid (must be a string)"]),
        (
            trigger_with(timestamp="yesterday"),
            ["'payload.timestamp' is invalid (must be an ISO 8601 date and time)"],
        ),
        (
            trigger_with(timestamp=1700000000),
            ["'payload.timestamp' is invalid (must be an ISO 8601 date and time)"],
        ),
        (
            trigger_with(custom_details="text"),
            ["'payload.custom_details' is invalid (must be an object)"],
        ),
        (trigger(client=1), ["'client' is invalid (must be a string)"]),
        (trigger(links={}), ["'links' is invalid (must be an array)"]),
        (trigger(links=["https://x"]), ["'links' is invalid (must be an array of objects)"]),
        (trigger(links=[{"text": "x"}, {}]), ["'link href' is missing or blank"]),
        (trigger(links=[{"href": 1}]), ["'links.href' is invalid (must be a string)"]),
        (trigger(images=[{"href": "https://x"}]), ["'image src' is missing or blank"]),
    ],
)
def test_a_fault_of_an_alert_event_is_named(event: dict[str, Any], errors: list[str]) -> None:
    assert rules.alert_event_errors(event) == errors


def test_all_faults_are_named_at_once() -> None:
    event = trigger("k" * 256, routing_key="x", links=[{}], payload={"severity": "fatal"})
    assert rules.alert_event_errors(event) == [
        KEY_LENGTH,
        "'dedup_key' is too long (maximum is 255 characters)",
        "'payload.summary' is missing or blank",
        "'payload.source' is missing or blank",
        SEVERITY,
        "'link href' is missing or blank",
    ]


@pytest.mark.parametrize(
    "event",
    [
        trigger(),
        trigger(dedup_key=None),
        trigger("k" * 255),
        trigger_with(summary="é" * 1024),
        trigger_with(timestamp="2015-07-17T08:42:58.315+0000"),
        trigger_with(timestamp="2026-11-21T08:42:58.315123Z"),
        trigger_with(timestamp=""),
        trigger(unheard_of=[1]),
        trigger(
            client="Sample Monitoring Service",
            client_url="https://monitoring.example.com",
            links=[{"href": "http://pagerduty.example.com", "text": "An example link."}],
            images=[{"src": "https://chart.example.com/c.png", "href": "https://x", "alt": "A"}],
        ),
        {**trigger(), "links": None, "images": None, "client": None},
        acknowledge(),
        resolve(),
        resolve(links=[{}], images=3),
        {**resolve(), "payload": {"severity": "nonsense"}},
    ],
)
def test_a_well_formed_alert_event_has_no_fault(event: dict[str, Any]) -> None:
    assert rules.alert_event_errors(event) == []


@pytest.mark.parametrize(
    ("event", "errors"),
    [
        (change(payload=None), ["'payload.summary' is missing or blank"]),
        (
            change(routing_key="R" + "a" * 31),
            ["'routing_key' belongs to a ruleset, which takes no change events"],
        ),
        (change(routing_key=[]), ["'routing_key' is invalid (must be a string)"]),
        (change(links=[{"text": "x"}]), ["'link href' is missing or blank"]),
        (
            change(payload={"summary": "s" * 1025}),
            ["'summary' is too long (maiximum is 1024 characters)"],
        ),
    ],
)
def test_a_fault_of_a_change_event_is_named(event: dict[str, Any], errors: list[str]) -> None:
    assert rules.change_event_errors(event) == errors


@pytest.mark.parametrize(
    "event",
    [
        change(),
        change(links=[{"href": "https://x"}], images=[{"alt": "ignored"}]),
        change(event_action="ignored", payload={"summary": "s", "severity": "ignored"}),
    ],
)
def test_a_well_formed_change_event_has_no_fault(event: dict[str, Any]) -> None:
    assert rules.change_event_errors(event) == []


def test_a_ruleset_key_may_send_alerts() -> None:
    assert rules.alert_event_errors(trigger(routing_key="R" + "a" * 31)) == []
