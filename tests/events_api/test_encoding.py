"""PagerDuty's limits are kept, visibly, and in no time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pagerduty_logging.events_api.encoding import (
    MAX_ATTACHMENTS,
    MAX_DEDUP_KEY_CHARS,
    MAX_EVENT_BYTES,
    MAX_SUMMARY_CHARS,
    encode,
    fit_dedup_key,
)
from pagerduty_logging.events_api.events import Acknowledge, Change, Event, Resolve, Trigger
from tests.measured import within


def encoded(event: Event) -> dict[str, Any]:
    """Return the event as PagerDuty reads it, having checked that it is small and was quick."""
    result = within(1.0, lambda: encode(event))
    assert len(result.json) + 4_096 <= MAX_EVENT_BYTES, "there is no room for the routing key"
    read: dict[str, Any] = json.loads(result.json)
    return read


def details(event: Event) -> dict[str, Any]:
    shown: dict[str, Any] = encoded(event)["payload"]["custom_details"]
    return shown


@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_a_long_summary_is_cut_at_1024_characters_with_a_mark(character: str) -> None:
    for kind in (Trigger, Change):
        assert encoded(kind(character * 1024))["payload"]["summary"] == character * 1024
        summary = encoded(kind(character * 1025))["payload"]["summary"]
        assert summary == character * (MAX_SUMMARY_CHARS - 1) + "…"
        assert encoded(kind(character * 10_000_000))["payload"]["summary"] == summary


def test_a_summary_is_one_clean_line() -> None:
    assert encoded(Trigger("a\r\nb\tc\x1b[31md\u202ee\ud800"))["payload"]["summary"] == "a b c [31md e\ufffd"


def test_a_summary_of_nothing_to_see_says_so() -> None:
    for summary in ("\x00\x01", "\u202e"):
        assert encoded(Trigger(summary))["payload"]["summary"] == "(a summary that cannot be shown)"


def test_a_summary_that_begins_with_very_many_controls_is_marked_as_cut() -> None:
    assert encoded(Trigger("\x01" * 10_000_000 + "text"))["payload"]["summary"] == "…"


def test_a_dedup_key_goes_as_it_is_up_to_255_characters() -> None:
    for key in ("k", "srv01/mysql — ключ 😀", "k" * MAX_DEDUP_KEY_CHARS):
        assert fit_dedup_key(key) == key
        assert encode(Trigger("s", dedup_key=key)).dedup_key == key
        assert encode(Resolve(key)).dedup_key == key


def test_other_dedup_keys_are_hashed_and_stay_apart() -> None:
    odd = ["k" * 256, "k" * 257, "\ud800", "\ud801", "a\nb", "a\x00b", "a b\u202e", "k" * 10_000_000]
    fitted = [fit_dedup_key(key) for key in odd]
    assert len(set(fitted)) == len(odd)
    assert all(len(key) == len("sha256:") + 64 for key in fitted)
    assert [fit_dedup_key(key) for key in fitted] == fitted
    assert encoded(Acknowledge(odd[0]))["dedup_key"] == encoded(Trigger("s", dedup_key=odd[0]))["dedup_key"]


def test_an_event_says_what_was_left_out_biggest_first() -> None:
    shown = details(
        Trigger("s", custom_details={"small": 1, **{f"text {n}": "x" * (90_000 + n) for n in range(8)}})
    )
    assert shown["small"] == 1
    assert {name for name in shown if name.startswith("text")} == {f"text {n}" for n in range(5)}
    assert shown["left_out"] == [
        "text 7 (90,020 bytes)",
        "text 6 (90,019 bytes)",
        "text 5 (90,018 bytes)",
    ]


def test_large_links_go_before_small_details() -> None:
    long = [f"https://example.com/{n}/" + "x" * 2_000 for n in range(300)]
    event = encoded(Trigger("s", custom_details={"why": "because"}, links=long, images=["https://a.test/i"]))
    assert "links" not in event
    assert event["images"] == [{"src": "https://a.test/i"}]
    assert event["payload"]["custom_details"]["why"] == "because"
    assert event["payload"]["custom_details"]["left_out"][0].startswith("all links (")


def test_a_detail_called_left_out_is_kept_beside_the_note() -> None:
    shown = details(Trigger("s", custom_details={"left_out": "mine"}, links=["ftp://a.test"]))
    assert shown["left_out"] == "mine"
    assert "1 of 1 links" in shown["left_out'"][0]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://a.test",
        "//a.test",
        "a.test",
        "https://",
        "http:///path",
        "https://[::1",
        "https://a.test/\x00",
        "https://a.test/ b",
        "https://a.test/\nX: y",
        "https://a.test/\ud800",
        "https://a.test/" + "x" * 2048,
    ],
)
def test_what_is_not_a_web_address_is_left_out_with_a_note(address: str) -> None:
    good = "https://a.test/"
    event = encoded(
        Trigger(
            "s",
            links=[address, good],
            images=[address, {"src": good, "href": address}, {"src": good, "href": ""}],
            client_url=address,
        )
    )
    assert event["links"] == [{"href": good}]
    assert event["images"] == [{"src": good}]
    assert "client_url" not in event
    notes = event["payload"]["custom_details"]["left_out"]
    assert [note.split(":")[0] for note in notes] == ["the client URL", "1 of 2 links", "2 of 3 images"]
    assert all("not an http or https address" in note for note in notes)


def test_very_many_links_are_bounded() -> None:
    event = encoded(Change("s", links=[f"https://a.test/{n}" for n in range(50_000)]))
    assert len(event["links"]) == MAX_ATTACHMENTS
    assert event["payload"]["custom_details"]["left_out"][0].startswith("49500 of 50000 links")


def test_fields_are_clean_lines_of_bounded_length_and_empty_ones_are_not_sent() -> None:
    event = encoded(
        Trigger(
            "s",
            source="a\nb",
            component="x" * 5000,
            group="",
            event_class="\x00",
            client=" c ",
            client_url="",
        )
    )
    payload = event["payload"]
    assert (payload["source"], len(payload["component"]), event["client"]) == ("a b", 1024, "c")
    assert "group" not in payload
    assert "class" not in payload
    assert "client_url" not in event
    for kind in (Trigger, Change):
        assert encoded(kind("s", source="\x00"))["payload"]["source"] == "unknown"


def test_details_changed_after_the_event_was_made_are_made_json_too() -> None:
    trigger = Trigger("s", custom_details={"a": 1})
    trigger.custom_details.update(odd={1, 2}, nan=float("nan"), text="\ud800")
    trigger.custom_details["itself"] = trigger.custom_details
    shown = details(trigger)
    assert shown["a"] == 1
    assert (shown["nan"], shown["text"]) == ("nan", "\ufffd")


def test_what_is_not_an_event_is_refused() -> None:
    with pytest.raises(TypeError, match="not an event: dict"):
        encode({"summary": "s"})  # type: ignore[arg-type]


# Made when they are needed: every process that runs some of these tests would keep them to its end.
SHAPES: dict[str, Callable[[], dict[str, Any]]] = {
    "one huge text": lambda: {"a": "x" * 50_000_000},
    "one huge text of emoji": lambda: {"a": "😀" * 5_000_000},
    "one huge list": lambda: {"a": ["x" * 1_000] * 100_000},
    "thousands of medium texts": lambda: {str(n): "x" * 5_000 for n in range(5_000)},
    "hundreds of large texts": lambda: {str(n): "😀" * 100_000 for n in range(500)},
    "huge keys": lambda: {"k" * 100_000 + str(n): n for n in range(500)},
    "huge keys that are alike after the cut": lambda: {
        "😀" * 2_000 + str(n): "x" * 2_000 for n in range(500)
    },
    "deep": lambda: {"a": [[[[["x" * 10_000] * 10] * 10] * 10] * 10]},
    "controls": lambda: {str(n): "\x01" * 20_000 for n in range(100)},
    "surrogates": lambda: {str(n): "\ud800" * 20_000 for n in range(100)},
    "wide and deep": lambda: {str(n): {str(m): ["x" * 100] * 50 for m in range(50)} for n in range(50)},
    "bytes": lambda: {"a": bytes(range(256)) * 100_000},
}


@pytest.mark.parametrize("made", SHAPES.values(), ids=SHAPES)
def test_details_of_any_shape_fit(made: Callable[[], dict[str, Any]]) -> None:
    shape = made()
    event = within(1.0, lambda: Trigger("s", custom_details=shape))
    assert encoded(event)["payload"]["summary"] == "s"
    assert encoded(Change("s", custom_details=shape))["payload"]["summary"] == "s"
    assert encoded(Resolve("k", custom_details=shape))["dedup_key"] == "k"
