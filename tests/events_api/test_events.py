"""What events are as values, and what they refuse."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import socket
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest

from pagerduty_logging.events_api.events import (
    Acknowledge,
    Change,
    Image,
    Link,
    Receipt,
    Resolve,
    Severity,
    Trigger,
)

EVENTS = [
    Trigger(
        "s", dedup_key="k", custom_details={"a": [1]}, links=["https://a.test"], images=["https://b.test"]
    ),
    Acknowledge("k", summary="s", custom_details={"a": 1}),
    Resolve("k"),
    Change("s", links=[Link("https://a.test", "a")]),
    Receipt("success", "m", "k"),
    Link("https://a.test"),
    Image("https://a.test"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_are_frozen_values(event: Any) -> None:
    assert event == copy.deepcopy(event) == pickle.loads(pickle.dumps(event)) == dataclasses.replace(event)
    field = dataclasses.fields(event)[0].name
    assert event != dataclasses.replace(event, **{field: "other"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, field, "other")


def test_an_event_shares_nothing_with_its_author() -> None:
    details: dict[str, Any] = {"list": [1]}
    links = [{"href": "https://a.test"}]
    trigger = Trigger("s", custom_details=details, links=links)
    details["list"].append(2)
    links.clear()
    assert trigger.custom_details == {"list": [1]}
    assert trigger.links == (Link("https://a.test"),)


@pytest.mark.parametrize("kind", [Trigger, Change])
def test_an_empty_summary_is_refused(kind: Any) -> None:
    for summary in ("", " \n\t"):
        with pytest.raises(ValueError, match="summary must not be empty"):
            kind(summary)
    with pytest.raises(TypeError, match="summary must be text, not int"):
        kind(7)


@pytest.mark.parametrize("kind", [Acknowledge, Resolve])
def test_a_follow_up_without_a_key_is_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="dedup_key must not be empty"):
        kind(" ")
    with pytest.raises(TypeError, match="dedup_key must be text, not NoneType"):
        kind(None)
    with pytest.raises(TypeError, match="summary must be text or None, not int"):
        kind("k", summary=7)


@pytest.mark.parametrize("kind", [Acknowledge, Resolve])
def test_a_blank_summary_of_a_follow_up_is_none(kind: Any) -> None:
    assert kind("k", summary=" ") == kind("k")


@pytest.mark.parametrize("severity", ["fatal", "ERROR", "", None, 3, []])
def test_an_unknown_severity_is_refused(severity: Any) -> None:
    with pytest.raises(ValueError, match="severity must be one of critical, error, warning, info, not"):
        Trigger("s", severity=severity)


@pytest.mark.parametrize("word", ["critical", "error", "warning", "info"])
def test_severities_are_words(word: str) -> None:
    assert Trigger("s", severity=word).severity is Severity(word)


FIELDS = ["source", "dedup_key", "component", "group", "event_class", "client", "client_url"]


@pytest.mark.parametrize("field", FIELDS)
def test_what_is_not_a_text_is_refused_by_the_fields_name(field: str) -> None:
    with pytest.raises(TypeError, match=f"{field} must be text or None, not int"):
        Trigger("s", **{field: 7})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("links", "https://a.test", "must be a list, not str"),
        ("links", {"href": "https://a.test"}, "must be a list, not dict"),
        ("links", 7, "must be a list, not int"),
        ("links", [7], "must hold Links, URLs or mappings"),
        ("links", [{"text": "no href"}], "a mapping must have href and may have text"),
        ("links", [{"href": "https://a.test", "title": "t"}], "a mapping must have href and may have text"),
        ("links", [{"href": 7}], "must be text, not int"),
        ("links", [""], "must not be empty"),
        ("images", [{"href": "no src"}], "a mapping must have src and may have href, alt"),
        ("images", [Link("https://a.test")], "must hold Images, URLs or mappings"),
        ("images", [{"src": "https://a.test", "alt": 7}], "must be text or None, not int"),
    ],
)
def test_what_is_not_a_list_of_links_or_images_is_refused(field: str, value: Any, problem: str) -> None:
    with pytest.raises((ValueError, TypeError), match=f"{field}:? {problem}"):
        Trigger("s", **{field: value})


class _Endless(tzinfo):
    def utcoffset(self, when: datetime | None) -> timedelta:
        return timedelta(hours=23)

    def dst(self, when: datetime | None) -> None:
        return None

    def tzname(self, when: datetime | None) -> None:
        return None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-01-31T08:15:00Z", datetime(2026, 1, 31, 8, 15, tzinfo=UTC)),
        ("2015-07-17T08:42:58.315+0000", datetime(2015, 7, 17, 8, 42, 58, 315000, tzinfo=UTC)),
        (
            datetime(2026, 1, 31, 8, tzinfo=timezone(timedelta(hours=5))),
            datetime(2026, 1, 31, 3, tzinfo=UTC),
        ),
        (datetime(2026, 1, 31, 8), datetime(2026, 1, 31, 8).astimezone(UTC)),
        (None, None),
    ],
)
def test_timestamps_are_kept_in_utc(given: Any, kept: datetime | None) -> None:
    for event in (Trigger("s", timestamp=given), Change("s", timestamp=given)):
        assert event.timestamp == kept
        assert kept is None or (isinstance(event.timestamp, datetime) and event.timestamp.tzinfo is UTC)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("yesterday", "timestamp must be ISO 8601"),
        (datetime.min.replace(tzinfo=_Endless()), "timestamp is out of the range"),
        (1700000000, "timestamp must be a datetime or text, not int"),
    ],
)
def test_what_is_not_a_time_is_refused(given: Any, problem: str) -> None:
    with pytest.raises((ValueError, TypeError), match=problem):
        Trigger("s", timestamp=given)


def test_a_blank_source_is_this_machine_and_a_blank_key_is_none() -> None:
    assert Trigger("s", source=" ").source == socket.gethostname()
    assert Change("s", source="").source == socket.gethostname()
    assert Trigger("s", dedup_key=" ").dedup_key is None


def test_details_that_are_not_mappings_appear_under_details() -> None:
    assert Trigger("s", custom_details=[1, 2]).custom_details == {"details": [1, 2]}
    assert Resolve("k", custom_details="why").custom_details == {"details": "why"}


def test_a_receipt_is_json_text_too() -> None:
    assert json.loads(str(Receipt("success", "Event processed", "k"))) == {
        "status": "success",
        "message": "Event processed",
        "dedup_key": "k",
    }


def test_plain_details_take_the_place_of_others_and_nothing_else_changes() -> None:
    before = Trigger("s", source="web-1", links=["https://wiki/disk"], custom_details={"tries": 1})
    after = before.with_plain_details({"tries": 2})
    assert after == Trigger("s", source="web-1", links=["https://wiki/disk"], custom_details={"tries": 2})
    assert before.custom_details == {"tries": 1}
