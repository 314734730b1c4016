"""Tracebacks of one shape differ in what their exceptions say, and in nothing that is looked for in them."""

from __future__ import annotations

import traceback

import pytest

from pagerduty_logging.fingerprinting.printed_shapes import (
    MAX_PLACES,
    MAX_SHAPES,
    PrintedShapes,
    begin_of,
    shape_of,
)


def printed(error: Exception, cause: Exception | None = None) -> str:
    try:
        raise error from cause
    except Exception as caught:
        return "".join(traceback.format_exception(caught)).rstrip("\n")


def group(words: str) -> Exception:
    return ExceptionGroup("many", [ValueError(words), KeyError(17)])


def test_another_text_of_the_exception_fits() -> None:
    shape = shape_of(printed(ValueError("order 17")), ("joined",))
    assert shape is not None
    for words in ("order 18", "", "a: b (c) 'd' é"):
        assert shape.fits("x" + printed(ValueError(words)), 1)


@pytest.mark.parametrize(
    "text",
    [
        printed(LookupError("order 17")),
        printed(ValueError("two\nlines")),
        printed(ValueError('in File "a.py"')),
        printed(ValueError("group (3 sub-exceptions)")),
        printed(ValueError("/usr/lib/python3/dist-packages/a.py")),
        printed(ValueError("- 1 -")),
        printed(ValueError("order 17")) + "\nmore",
        printed(ValueError("order 17")).replace("ValueError: ", "ValueErrors: "),
        printed(ValueError("order 17")).replace("in printed", "in another"),
        printed(ValueError("order 17"), KeyError("a")),
        "",
    ],
)
def test_what_may_be_another_failure_does_not_fit(text: str) -> None:
    shape = shape_of(printed(ValueError("order 17")), ())
    assert shape is not None
    assert not shape.fits(text, 0)


def test_the_words_of_causes_and_of_members_may_be_others() -> None:
    shape = shape_of(printed(ValueError("17"), KeyError("a")), ())
    assert shape is not None
    assert shape.fits(printed(ValueError("18"), KeyError("b")), 0)
    assert not shape.fits(printed(ValueError("18"), LookupError("b")), 0)
    shape = shape_of(printed(group("17")), ())
    assert shape is not None
    assert shape.fits(printed(group("18")), 0)
    assert not shape.fits(printed(ExceptionGroup("many", [LookupError("17"), KeyError(17)])), 0)


def test_words_of_several_lines_have_no_shape() -> None:
    assert shape_of(printed(ValueError("two\nlines")), ()) is None
    assert shape_of("", ()) is None


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("words\n" + printed(ValueError("17")), 5),
        ("words\n" + printed(group("17")), 5),
        (printed(ValueError("17")), 0),
        ("words: " + printed(ValueError("17")), 0),
        ("words", 0),
        ("", 0),
    ],
)
def test_a_traceback_begins_on_a_line_of_its_own(text: str, begins: int) -> None:
    assert begin_of(text) == begins


def test_shapes_are_known_of_one_place_and_bounded() -> None:
    known = PrintedShapes()

    text = "words\n" + printed(ValueError("17"))
    for line in range(2 * MAX_PLACES):
        known.learn(line, text, 5, ("joined",))
        shape = known.of(line, text, 5)
        assert shape is not None
        assert shape.joined == ("joined",)
        assert known.of(line + 1, text, 5) is None
    assert len(known._known) <= MAX_PLACES
    for kind in "abcdefgh":
        known.learn(0, "words\n" + printed(type(kind, (Exception,), {})("17")), 5, ())
    assert all(len(shapes) <= MAX_SHAPES for shapes in known._known.values())
