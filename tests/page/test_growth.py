"""An outsider's text cannot stop the program: `re` holds the interpreter's lock while it looks."""

import re
from typing import Any

import pytest

from tests.page.growth import TAILS, best, compiled_patterns, pieces, seconds

LENGTH = 20_000
LOOK = 8_000
UNNOTICED = 0.0015
"""Characters and seconds of a first look: whatever is quadratic in steps of few characters takes longer."""
SLOWEST = 4
"""Texts of each pattern that are measured at full length: those that took longest at first."""
WHOLE, RATIO = 0.1, 2.6
BOUNDED = {"pagerduty_logging.fingerprinting.masking": 1_000}
"""Modules that cut every text to fewer characters before any pattern sees it."""

PATTERNS = list(compiled_patterns())


def grows_too_fast(pattern: re.Pattern[Any], method: str, length: int = LENGTH) -> str | None:
    """Return a piece whose repetition takes too long, or more than twice as long when it is twice as long."""
    look = min(LOOK, length)
    looks = []
    for piece in pieces(pattern):
        for tail in TAILS:
            first = seconds(pattern, method, _text(pattern, piece, tail, look))
            is_slow = first > 10 * WHOLE  # no machine is so busy, and to measure it again would take seconds
            if not is_slow and first > WHOLE:
                is_slow = best(pattern, method, _text(pattern, piece, tail, look), 3) > WHOLE
            if is_slow:
                return f"{piece!r} + {tail!r}: over {WHOLE * 1000:.0f} ms for {look:,} characters"
            looks.append((first, piece, tail))
    for first, piece, tail in sorted(looks, reverse=True)[:SLOWEST]:
        if first < UNNOTICED:
            break
        text, half = (_text(pattern, piece, tail, size) for size in (length, length // 2))
        whole = best(pattern, method, text, 3)
        if whole > WHOLE:
            return f"{piece!r} + {tail!r}: {whole * 1000:.0f} ms"
        if whole > 2 * UNNOTICED and whole / best(pattern, method, half) > RATIO:
            ratio = min(best(pattern, method, text) / best(pattern, method, half) for _ in range(3))
            if ratio > RATIO:
                return f"{piece!r} + {tail!r}: {whole * 1000:.0f} ms, {ratio:.1f} times the half"
    return None


def _text(pattern: re.Pattern[Any], piece: str, tail: str, length: int) -> Any:
    text = (piece * (length // len(piece) + 1))[:length] + tail
    return text.encode() if isinstance(pattern.pattern, bytes) else text


@pytest.mark.parametrize(
    ("name", "pattern", "method"), PATTERNS, ids=[f"{name}-{method}" for name, _, method in PATTERNS]
)
def test_no_pattern_takes_more_than_twice_as_long_for_twice_the_text(
    name: str, pattern: re.Pattern[Any], method: str
) -> None:
    length = BOUNDED.get(name.rpartition(".")[0], LENGTH)
    assert grows_too_fast(pattern, method, length) is None


def test_a_pattern_that_a_loop_only_matches_with_is_looked_at_as_that() -> None:
    name = "pagerduty_logging.cli.rehearse.refining._PLACES"
    assert {method for found, _, method in PATTERNS if found == name} == {"match"}


@pytest.mark.parametrize("quadratic", [r"\beyJ[\w-]{5,}\.", r"(?:csrf\w*|x)[\w-]{0,40}?=", r"a+b"])
def test_a_pattern_of_quadratic_growth_would_be_found(quadratic: str) -> None:
    assert grows_too_fast(re.compile(quadratic), "sub") is not None
