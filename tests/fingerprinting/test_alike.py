"""Texts that differ in digits and ids only share a mask: what is looked up is what the mask itself is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagerduty_logging.fingerprinting.alike import mask_of, without_digits, without_ids
from pagerduty_logging.fingerprinting.masking import mask

from .test_tokens import WORDS

MARKS = list("='\"()[]<>{}.,:/-@#") + 4 * [" "] + [""]
HEX = "0123456789abcdef"
ids = st.one_of(
    st.uuids().map(str),
    st.text(HEX, min_size=6, max_size=20),
    st.text("0123456789e", min_size=7, max_size=12),
    st.lists(st.text(HEX, min_size=3, max_size=12), min_size=1, max_size=5).map("-".join),
)
around = st.sampled_from(MARKS)
words = st.sampled_from(
    (*WORDS, "payment", "user", "of", "for", "at", "seconds", "MB", "d", "ms", "failed", "request", "id",
     "Dec", "5", "e", "is", "x", "by", "GET", "https://a.example/", "host", "file", "~", "True")
)  # fmt: skip
texts = st.lists(st.tuples(st.one_of(ids, words), around), max_size=7).map(
    lambda parts: "".join(word + mark for word, mark in parts)
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(texts, st.text(max_size=450), st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)))
def test_texts_alike_but_for_digits_and_ids_share_a_mask(text: str) -> None:
    mask_of(text.translate(str.maketrans("0123456789", "9876543210")))
    assert mask_of(text) == mask(text)
    assert mask(without_ids(text)) == mask(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 17 failed", "order 99 failed"),
        (
            "order 9c3f2e1a-77b0-4c1d-8e2f-0a1b2c3d4e5f failed",
            "order 00000000-aaaa-4c1d-8e2f-0a1b2c3d4e5a failed",
        ),
        ("order (0f1e2d3c4b5a) failed", "order (0f1e2d3c4b5a6f7a) failed"),
    ],
)
def test_such_texts_are_one_text(one: str, other: str) -> None:
    assert without_digits(without_ids(one)) == without_digits(without_ids(other))


@pytest.mark.parametrize("word", ["deadbeef", "12345678", "1234567e", "12345e67", "feedface", "abc", "12ab"])
def test_a_word_or_a_number_is_no_id(word: str) -> None:
    assert without_ids(f"order {word} failed") == f"order {word} failed"
