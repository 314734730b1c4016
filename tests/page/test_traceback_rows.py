"""Tracebacks as rows: the application's innermost line first, libraries folded, text understood."""

import json
import linecache
import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shop
from hypothesis import given, settings
from hypothesis import strategies as st

from pagerduty_logging.page import traceback_rows
from pagerduty_logging.record import printed_traceback
from pagerduty_logging.record.exceptions import Frame, Raised, caught, kind_of, with_frames
from pagerduty_logging.record.message import read

SITE = "/venv/lib/python3.11/site-packages"


def chain_of(error: BaseException) -> tuple[Raised, ...]:
    return with_frames(caught(error))


def _caught(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def _rows(*frames: Frame) -> list[str]:
    return traceback_rows.rows(Raised("E", "", frames))


def _frame(path: str, line: int = 1, function: str = "f", source: str | None = "") -> Frame:
    return Frame(path, line, function, source)


def test_the_program_s_innermost_line_comes_first() -> None:
    rows = traceback_rows.rows(chain_of(_caught(lambda: shop.serve(7)))[0])
    assert rows[0] == "shop.py:16 in charge"
    assert rows[1] == '    raise DeclinedError(f"order {order} cannot be paid") from error'
    assert rows[2] == "shop.py:24 in serve.<locals>.<lambda>"


def test_libraries_are_folded() -> None:
    assert _rows(
        _frame("/srv/app/main.py", 1, "main"),
        _frame(f"{SITE}/django/core/handlers.py"),
        _frame(f"{SITE}/django/core/base.py"),
        _frame(f"{SITE}/rest/views.py"),
        _frame("/srv/app/views.py", 42, "charge", "pay()"),
        _frame(f"{SITE}/requests/api.py"),
        _frame("/usr/lib/python3.11/socket.py", 9, "connect"),
    ) == [
        "/srv/app/views.py:42 in charge",
        "    pay()",
        "    raised in /usr/lib/python3.11/socket.py:9 in connect, 2 library frames further in",
        "… 3 library frames: rest, django",
        "/srv/app/main.py:1 in main",
    ]


def test_one_library_frame_is_named() -> None:
    assert _rows(
        _frame("/srv/a.py"), _frame(f"{SITE}/x/y.py", 3, "g"), _frame("/srv/b.py"), _frame("<frozen os>")
    ) == [
        "/srv/b.py:1 in f",
        "    raised in <frozen os>:1 in f",
        "… x/y.py:3 in g",
        "/srv/a.py:1 in f",
    ]


def test_a_library_s_own_traceback_is_shown() -> None:
    rows = _rows(*(_frame(f"{SITE}/x/y.py", number) for number in range(20)))
    assert rows[0] == "x/y.py:19 in f"
    assert rows[-1] == "… 12 library frames: x"


def test_recursion_is_folded_and_long_tracebacks_are_cut() -> None:
    (raised,) = chain_of(_caught(lambda: shop.recurse(300)))
    rows = traceback_rows.rows(raised)
    assert rows[0].startswith("shop.py:")
    assert rows[2].endswith("(49 times)")
    assert any(row.endswith("frames left out") for row in rows)
    assert len(rows) < 20


def test_a_gap_between_libraries_is_counted() -> None:
    rows = _rows(_frame("/srv/a.py"), _frame(f"{SITE}/x/y.py"), Frame("", 900, ""), _frame("/srv/b.py"))
    assert rows == ["/srv/b.py:1 in f", "… 901 library frames: x", "/srv/a.py:1 in f"]


def test_source_lines_are_those_of_regular_files_only(tmp_path: Path) -> None:
    known = tmp_path / "known.py"
    known.write_text("one()\ntwo()\n")
    assert _rows(_frame(str(known), 2, "f", None)) == [f"{known}:2 in f", "    two()"]
    for path in ("/dev/zero", str(tmp_path), str(tmp_path / "gone.py"), "<string>", "\0"):
        assert len(_rows(_frame(path, 1, "f", None))) == 1


def test_causes_are_shown_nearest_first() -> None:
    chain = chain_of(_caught(lambda: shop.charge(7)))
    rows = traceback_rows.rows_of_causes(chain)
    assert rows[0].startswith("caused by json.decoder.JSONDecodeError: Expecting value")
    assert "    note: while reading order 7" in rows
    assert "    shop.py:20 in parse" in rows


def test_an_error_while_handling_another_says_so() -> None:
    def failing() -> None:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b")  # noqa: B904

    rows = traceback_rows.rows_of_causes(chain_of(_caught(failing)))
    assert rows[0] == "while handling KeyError: 'a'"


def test_what_was_meant_to_be_hidden_is() -> None:
    def failing() -> None:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b") from None

    assert len(chain_of(_caught(failing))) == 1


def test_groups_show_their_members() -> None:
    (raised,) = chain_of(_caught(shop.several))
    rows = traceback_rows.rows_of_members(raised)
    assert rows == ["1 of 3: ValueError: a", "2 of 3: TypeError: b", "3 of 3: KeyError: 'c'"]


def test_great_groups_are_counted() -> None:
    group = ExceptionGroup("g", [ValueError(number) for number in range(100)])
    rows = traceback_rows.rows_of_members(chain_of(group)[0])
    assert rows[-1] == "… and 90 more"
    assert rows[0] == "1 of 100: ValueError: 0"


def test_no_chain_takes_long() -> None:
    error: BaseException = ValueError("root")
    for number in range(20_000):
        above = ValueError(number)
        above.__context__ = error
        error = above
    nested: Exception = ValueError("leaf")
    for _ in range(5_000):
        nested = ExceptionGroup("g", [nested])
    own = ValueError("own cause")
    own.__cause__ = own
    loop = ExceptionGroup("g", [own])
    own.__context__ = loop
    loop.__context__ = own
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        long = chain_of(error)
        assert traceback_rows.rows_of_members(chain_of(nested)[0]) == ["1 of 1: ValueError: leaf"]
        assert len(chain_of(own)) == 1
        assert len(chain_of(loop)) == 2
    finally:
        sys.setprofile(None)
    assert calls < 10 * (20_000 + 5_000)  # a few for each, and not one for each of the others
    assert len(long) == 8
    assert long[-1].relation.endswith("at the root:")
    del error, nested, own, loop  # a long chain is freed frame by frame: here, not somewhere in the tests


def test_a_bad_subclass_of_a_group_is_survived() -> None:
    class Bad(ExceptionGroup[Exception]):
        @property
        def exceptions(self) -> Any:
            raise RuntimeError("no")

    assert chain_of(Bad("g", [ValueError()]))[0].members == ()


def test_kinds_are_dotted_but_for_python_s_own() -> None:
    assert kind_of(ValueError) == "ValueError"
    assert kind_of(json.JSONDecodeError) == "json.decoder.JSONDecodeError"
    assert Raised("json.decoder.JSONDecodeError", "").name == "JSONDecodeError"


def test_notes_of_any_type_are_shown() -> None:
    error = ValueError("x")
    error.__notes__ = ["one", 2]
    assert chain_of(error)[0].notes == ("one", "2")
    error.__notes__ = "no list"  # type: ignore[assignment]
    assert chain_of(error)[0].notes == ()


def test_notes_that_cannot_be_read_are_named() -> None:
    class Unreadable(Exception):
        @property
        def __notes__(self) -> Any:
            raise RuntimeError("no")

    assert chain_of(Unreadable())[0].notes == ("(notes that could not be read: RuntimeError)",)


def test_a_group_that_holds_an_exception_twice_shows_it_once() -> None:
    twice = ValueError("a")
    assert len(chain_of(ExceptionGroup("g", [twice, twice]))[0].members) == 1


def test_a_cause_takes_no_more_than_its_rows() -> None:
    def failing() -> None:
        try:
            shop.recurse(0)
        except ValueError as error:
            for number in range(10):
                error.add_note(f"{number}\n" * 3)
            raise KeyError("a") from error

    rows = traceback_rows.rows_of_causes(chain_of(_caught(failing)))
    assert len(rows) == 22
    assert rows[-1].endswith("more rows")


# Text


@pytest.mark.parametrize(
    "call",
    [lambda: shop.charge(7), lambda: shop.serve(7), lambda: shop.recurse(5)],
    ids=["cause", "deep", "plain"],
)
def test_a_printed_traceback_says_what_the_exception_says(call: Callable[[], None]) -> None:
    error = _caught(call)
    text = "".join(traceback.format_exception(error))
    parsed, known = printed_traceback.parse(text), chain_of(error)
    assert [(raised.kind, raised.relation) for raised in parsed] == [(r.kind, r.relation) for r in known]
    assert [r.text.splitlines()[0] for r in parsed] == [r.text.splitlines()[0] for r in known]
    assert traceback_rows.rows(parsed[0])[0].startswith("shop.py:")


def test_a_merged_traceback_is_taken_out_of_the_message() -> None:
    error = _caught(lambda: shop.recurse(0))
    record = logging.LogRecord(
        "x", 40, "x.py", 1, "order %d", (7,), (type(error), error, error.__traceback__)
    )
    said = read(logging.Formatter("%(message)s").format(record))
    assert said.words == "order 7"
    assert said.chain[0].headline == "ValueError: deep"


def test_a_group_s_text_is_survived() -> None:
    text = "".join(traceback.format_exception(_caught(shop.several)))
    assert any("ExceptionGroup" in raised.kind for raised in printed_traceback.parse(text))


def test_values_of_variables_in_a_text_are_dropped() -> None:
    text = (
        "Traceback (most recent call last):\n\n"
        '> File "/srv/x.py", line 3, in pay\n    charge(card)\n    │      └ "c4n4ry"\n    └ <f>\n\n'
        "ValueError: no\n"
    )
    (raised,) = printed_traceback.parse(text)
    assert raised.frames == (Frame("/srv/x.py", 3, "pay", "charge(card)"),)
    assert "c4n4ry" not in str(raised)


def test_a_printed_stack_has_frames() -> None:
    stack = "Stack (most recent call last):\n" + "".join(traceback.format_stack())
    assert printed_traceback.frames_of(stack)[-1].function.startswith("test_a_printed_stack")
    assert printed_traceback.frames_of("nothing") == ()


def test_long_texts_are_cut_to_the_same_frames() -> None:
    frames = "".join(f'  File "/srv/x.py", line {number}, in f\n' for number in range(1, 500))
    (raised,) = printed_traceback.parse(f"Traceback (most recent call last):\n{frames}ValueError: no")
    assert len(raised.frames) == 61
    assert raised.frames[10] == Frame("", 439, "")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "Traceback (most recent call last):",
                '  File "/x.py", line 3, in f',
                "    x()",
                "    ^^^",
                "KeyError: 'a'",
                "",
                "KeyError",
                "  + Exception Group Traceback (most recent call last):",
                "  | ExceptionGroup: g (1 sub-exception)",
                "  +-+---------------- 1 ----------------",
                "During handling of the above exception, another exception occurred:",
                "The above exception was the direct cause of the following exception:",
                "{",
                "}",
                "  more",
            ]
        )
    )
)
def test_any_text_is_understood_or_left_alone(lines: list[str]) -> None:
    text = "\n".join(lines)
    words, begun = printed_traceback.split(text)
    for raised in printed_traceback.parse(begun):
        traceback_rows.rows(raised)
    assert words == text or begun
    assert read(text).fields == {}


def test_few_files_are_kept_in_memory_for_the_lines_of_pages(tmp_path: Path) -> None:
    def shown(name: str) -> str:
        path = tmp_path / name
        path.write_text(f"line_of_{path.stem}()\n")
        assert f"    line_of_{path.stem}()" in _rows(_frame(str(path), source=None))
        return str(path)

    own = tmp_path / "own.py"
    own.write_text("own()\n")
    assert linecache.getline(str(own), 1) == "own()\n"
    paths = [shown(f"made_{number}.py") for number in range(traceback_rows.MAX_FILES + 20)]
    kept = [path for path in paths if path in linecache.cache]
    assert len(kept) <= traceback_rows.MAX_FILES
    assert kept[-1] == paths[-1]
    assert str(own) in linecache.cache  # which was not read for a page
