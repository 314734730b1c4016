"""Whatever events this library makes, PagerDuty's own OpenAPI document and its documented rules accept them.

The document is PagerDuty's and lies beside a checkout, not in it.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from pagerduty_logging.events_api.encoding import encode
from pagerduty_logging.events_api.events import (
    Acknowledge,
    Change,
    Event,
    Image,
    Link,
    Resolve,
    Severity,
    Trigger,
)

DOCUMENT = Path(__file__).parents[3] / "shared" / "pagerduty" / "events-v2-openapi.json"

words = st.text(st.characters(), max_size=1500)
full = words.filter(str.strip)
optional = st.none() | words
addresses = full | st.builds("https://a.test/{}".format, words)
times = st.none() | st.datetimes(
    min_value=datetime(1000, 1, 3),
    max_value=datetime(9998, 12, 29),
    timezones=st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-1439, 1439)),
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words | st.binary() | st.decimals()
details = st.recursive(
    scalars | st.builds(object) | st.datetimes() | st.uuids(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner)
        | st.dictionaries(words | st.integers(), inner, max_size=5)
    ),
    max_leaves=20,
)
links = st.lists(st.builds(Link, addresses, optional) | addresses, max_size=4)
images = st.lists(st.builds(Image, addresses, optional, optional), max_size=4)
triggers = st.builds(
    Trigger,
    full,
    severity=st.sampled_from(Severity),
    source=optional,
    dedup_key=optional,
    timestamp=times,
    component=optional,
    group=optional,
    event_class=optional,
    custom_details=details,
    links=links,
    images=images,
    client=optional,
    client_url=st.none() | addresses,
)
follow_ups = st.sampled_from([Acknowledge, Resolve]).flatmap(
    lambda kind: st.builds(kind, full, summary=st.none() | full, custom_details=details)
)
changes = st.builds(Change, full, source=optional, timestamp=times, custom_details=details, links=links)


@pytest.fixture(scope="module")
def schemas() -> dict[str, OAS30Validator]:
    if not DOCUMENT.exists():
        pytest.skip(f"PagerDuty's OpenAPI document is not there: {DOCUMENT}")
    document = json.loads(DOCUMENT.read_text())
    found = {}
    for path in ("/enqueue", "/change/enqueue"):
        schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        found[f"/v2{path}"] = OAS30Validator(
            {**schema, "components": document["components"]}, format_checker=oas30_format_checker
        )
    return found


def sent(event: Event) -> tuple[str, dict[str, Any]]:
    """Return path and body as they are sent; what is sent is strict JSON in UTF-8."""
    encoded = encode(event)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    body = json.loads(encoded.json.decode("utf-8"), parse_constant=refuse)
    body["routing_key"] = "R" * 32
    assert len(encoded.json) + len('"routing_key":"",') + 32 < 512_000
    return encoded.path, body


slow_machine = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)


@slow_machine
@given(event=triggers | follow_ups | changes)
def test_every_event_is_valid_by_pagerdutys_own_schema(
    schemas: dict[str, OAS30Validator], event: Event
) -> None:
    path, body = sent(event)
    assert [error.message for error in schemas[path].iter_errors(body)] == []


def test_the_schema_would_notice_a_wrong_event(schemas: dict[str, OAS30Validator]) -> None:
    path, body = sent(Trigger("s", timestamp="2026-01-31T08:15:00Z"))
    body["payload"] |= {"severity": "fatal", "timestamp": "yesterday"}
    assert len(list(schemas[path].iter_errors(body))) == 2


@slow_machine
@given(event=triggers | follow_ups | changes)
def test_every_event_keeps_the_rules_that_the_schema_does_not_say(event: Event) -> None:
    path, body = sent(event)
    payload = body.get("payload", {})
    if isinstance(event, Change):
        assert path == "/v2/change/enqueue"
        assert "dedup_key" not in body
    else:
        assert 1 <= len(body["dedup_key"]) <= 255
        assert body["dedup_key"].isprintable() or not body["dedup_key"].isascii()
    if payload:
        assert 1 <= len(payload["summary"]) <= 1024
        assert "\n" not in payload["summary"]
        assert payload["source"]
    if payload and not isinstance(event, Change):
        assert payload["severity"] in {"critical", "error", "warning", "info"}
    for item in body.get("links", []) + body.get("images", []):
        urls = [item[name] for name in ("href", "src") if name in item]
        assert urls
        assert all(url.lower().startswith(("https://", "http://")) for url in urls)
    for field in ("component", "group", "class"):
        assert payload.get(field, "x")


@slow_machine
@given(event=triggers | follow_ups | changes)
def test_the_same_event_is_encoded_to_the_same_bytes(event: Event) -> None:
    if not isinstance(event, Trigger) or event.dedup_key:
        assert encode(event) == encode(event)
