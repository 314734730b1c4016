"""Exceptions of one shape are the same failure, whatever they say; one that cannot be asked has no shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pagerduty_logging.fingerprinting import causes, shapes
from pagerduty_logging.fingerprinting.shapes import MAX_LEAVES, joined_of_raised, shape_of, words_of


def fail(error: Exception, cause: Exception | None = None) -> None:
    raise error from cause


def fail_elsewhere(error: Exception) -> None:
    raise error


def raised(error: Exception, by: Callable[..., None] = fail, *more: Exception) -> Exception:
    try:
        by(error, *more)
    except Exception as caught:
        return caught
    raise AssertionError


class Speaking(Exception):
    asked = 0

    def __str__(self) -> str:
        Speaking.asked += 1
        return "words"


class Printing(Exception):
    tb = "Traceback (most recent call last):"


class Holding(Exception):
    def __init__(self) -> None:
        super().__init__("held")
        self.exceptions = [ValueError()]


def test_what_an_exception_says_is_not_part_of_its_shape() -> None:
    first, second = raised(ValueError("17")), raised(ValueError("18", 19))
    assert shape_of(first) == shape_of(second) is not None


@pytest.mark.parametrize(
    "other",
    [
        raised(LookupError("17")),
        raised(ValueError("17"), fail_elsewhere),
        raised(ValueError("17"), fail, KeyError("a")),
        ValueError("17"),
        raised(ExceptionGroup("17", [ValueError("17")])),
    ],
)
def test_type_place_cause_and_members_are_part_of_the_shape(other: Exception) -> None:
    assert shape_of(other) not in (None, shape_of(raised(ValueError("17"))))


def test_groups_of_members_of_one_shape_have_one_shape() -> None:
    groups = [raised(ExceptionGroup(words, [raised(ValueError(words))])) for words in "ab"]
    other = raised(ExceptionGroup("a", [raised(KeyError("a"))]))
    assert shape_of(groups[0]) == shape_of(groups[1]) != shape_of(other)


@pytest.mark.parametrize(
    "error",
    [
        Holding(),
        raised(ValueError("17"), fail, Speaking()),
        raised(ValueError("17"), fail, Printing()),
        raised(ValueError("17"), fail, KeyError("Traceback (most recent call last):")),
        ExceptionGroup("many", [ValueError()] * (MAX_LEAVES + 1)),
        ExceptionGroup("many", [Holding()]),
        "no exception",
    ],
)
def test_what_would_have_to_be_asked_has_no_shape(error: object) -> None:
    assert shape_of(error) is None


def test_no_code_of_the_applications_is_run_for_words_or_shape() -> None:
    error = raised(Speaking("a"))
    assert words_of(error) is None
    assert shape_of(error) is not None
    assert shape_of(raised(ValueError(), fail, error)) is None
    assert Speaking.asked == 0


def test_the_file_is_part_of_the_shape_though_code_of_two_files_may_be_equal() -> None:
    found = []
    for path in ("/srv/shop/pay.py", "/srv/venv/lib/python3.11/site-packages/pay.py"):
        names: dict[str, Any] = {"__name__": "pay"}
        exec(compile("def pay(error):\n    raise error\n", path, "exec"), names)
        found.append(names["pay"])
    assert found[0].__code__ == found[1].__code__
    assert shape_of(raised(ValueError(), found[0])) != shape_of(raised(ValueError(), found[1]))


def test_what_an_exception_joins_is_found_once_for_its_shape_and_anew_for_another() -> None:
    for cause in (None, KeyError("a")):
        first, again = raised(ValueError("17"), fail, cause), raised(ValueError("18"), fail, cause)  # type: ignore[arg-type]
        assert joined_of_raised(first) == joined_of_raised(again) == causes.raised(first).joined
        elsewhere = raised(ValueError("17"), fail_elsewhere)
        assert joined_of_raised(elsewhere) == causes.raised(elsewhere).joined != joined_of_raised(first)


def test_code_that_was_made_anew_has_another_shape_however_much_of_it_was_made() -> None:
    seen = set()
    for _ in range(shapes.MAX_CODES + 100):
        made: dict[str, Any] = {}
        exec("def fail(error): raise error", made)
        seen.add(shape_of(raised(ValueError("17"), made["fail"])))
    assert len(seen) == shapes.MAX_CODES + 100
    assert len(shapes._codes_kept) <= shapes.MAX_CODES
