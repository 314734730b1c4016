"""Words found by a known form are those that reading the whole text gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagerduty_logging.fingerprinting import forms
from pagerduty_logging.fingerprinting.tokens import words_of
from pagerduty_logging.record import structured

from .test_tokens import WORDS

values = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
    st.sampled_from(
        (True, False, None, "", " ", "it's", 'a "b"', "01", [1], {"a": 1}, "payment failed", 10**20)
    ),
)
names = st.sampled_from(
    ("event", "message", "msg", "order", "a", "level", "error", "exc_info", "it's", "(b)")
)
mappings = st.dictionaries(names, values, min_size=1, max_size=4)


def texts_of(data: dict[str, Any]) -> list[str]:
    shown = json.dumps(data)
    return [
        shown,
        json.dumps(data, separators=(",", ":")),
        json.dumps(data, ensure_ascii=False),
        repr(data),
        shown.replace("1", "01"),
        shown.replace(": ", ":  ", 1),
        shown[:-1] + ",}",
        repr(data).replace("}", ", }"),
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(mappings, min_size=1, max_size=3), st.lists(values, min_size=4, max_size=12))
def test_a_known_form_gives_the_words_that_reading_gives(
    made: list[dict[str, Any]], others: list[Any]
) -> None:
    alike = [
        dict(zip(data, others[number:] + others, strict=False))
        for data in made
        for number in range(len(others))
    ]
    for data in (*made, *alike):
        for text in texts_of(data):
            found = words_of(text)
            forms._forms.clear()
            assert found == words_of(text)
    for data in (*alike, *made):  # with all that is learned on the way
        for text in texts_of(data):
            found = words_of(text)
            known, forms._forms = forms._forms, {}
            assert found == words_of(text)
            forms._forms = known


@pytest.mark.parametrize("show", [json.dumps, repr])
def test_the_words_of_a_known_form_are_found_at_once(show: Any) -> None:
    forms._forms.clear()
    words_of(show({"event": "payment failed", "order": 17, "by": "alice", "late": None}))
    text = show({"event": "refund failed", "order": 3.5, "by": "bob", "late": True})
    assert forms.words_in(text) == "refund failed" == words_of(text)
    assert forms.words_in(show({"event": "refund failed", "order": 3.5})) is None


def test_forms_are_bounded() -> None:
    forms._forms.clear()
    for number in range(2 * forms.MAX_FORMS):
        data = {f"name {number}": 1, "event": "payment failed"}
        forms.learn(json.dumps(data), data, "event")
    assert len(forms._forms) <= forms.MAX_FORMS
    for number in range(2 * forms.MAX_ALIKE):
        data = {"first": 1, f"name {number}": 1, "event": "payment failed"}
        forms.learn(json.dumps(data), data, "event")
    assert all(len(known) <= forms.MAX_ALIKE for known in forms._forms.values())


@pytest.mark.parametrize("show", [json.dumps, repr])
def test_a_text_too_long_to_be_read_as_data_has_no_form(show: Any) -> None:
    forms._forms.clear()
    words_of(show({"event": "payment failed", "by": "alice"}))
    text = show({"event": "payment failed", "by": "a" * structured.MAX_TEXT})
    assert words_of(text) != "payment failed"
    assert forms.words_in(text) is None
