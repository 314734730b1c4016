"""Which words a message says, which fields stand beside them, and which traceback it holds."""

import json
import sys
import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagerduty_logging.fingerprinting import causes, masking
from pagerduty_logging.record import literals, message, printed_traceback, structured, template_strings


def _traceback():
    try:
        json.loads("{")
    except ValueError:
        return traceback.format_exc()
    raise AssertionError


TRACEBACK = _traceback()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"event": "a b", "message": "c d"}, "a b"),
        ({"event": "error", "message": "c d"}, "c d"),
        ({"error": {"code": 1, "message": "c d"}}, "c d"),
        ({"errorMessage": "c d", "id": 1}, "c d"),
        ({"b": 1, "a": {"c": "two words"}}, "a.c: two words, b: 1"),
        (["c d", 1], "c d, 1"),
        (("c d",), "c d"),
        ({"message": ["c d", 1]}, "c d, 1"),
        ({}, ""),
        ([], ""),
    ],
    ids=repr,
)
def test_the_words_of_a_structured_message(said, words):
    assert structured.words_of(said) == words
    assert structured.words_of(structured.read_text(repr(said))) == words


def test_what_stands_beside_the_words_are_fields():
    said = message.read('{"message": "c d", "order": 7, "level": "ERROR"}')
    assert (said.words, said.fields) == ("c d", {"order": 7})
    said = message.read("{'msg': 'c d', 'order': 7, 'by': <object object at 0x7f>}")
    assert (said.words, said.fields) == ("c d", {"order": 7, "by": "<object object at 0x7f>"})


def test_a_mapping_of_unknown_names_is_shown_as_it_stands():
    assert message.read('{"order": 7}').words == '{"order": 7}'


@pytest.mark.parametrize("text", [TRACEBACK, TRACEBACK.strip(), f"\n{TRACEBACK}", repr(TRACEBACK)])
def test_a_message_that_is_a_traceback_is_its_exception(text):
    said = message.read(text, merged=False)
    assert said.words == ""
    assert said.chain[0].kind == "json.decoder.JSONDecodeError"
    assert said.chain[0].frames[-1].function == "raw_decode"


@pytest.mark.parametrize("before", ["bad request: ", "Error:\n", "path /x is bad\n"])
def test_a_traceback_behind_other_words_is_quoted_and_stays_text(before):
    said = message.read(before + TRACEBACK, merged=False)
    assert said.chain == ()
    assert "Traceback" in said.words
    assert said.quoted[0].kind == "json.decoder.JSONDecodeError"


def test_a_traceback_that_a_queue_appended_is_the_records_own():
    said = message.read(f"payment failed\n{TRACEBACK}", merged=True)
    assert said.words == "payment failed"
    assert said.chain[0].kind == "json.decoder.JSONDecodeError"
    assert said.quoted == ()


def test_a_traceback_in_one_row_is_read():
    found = printed_traceback.find_in(" ".join(f"failed {TRACEBACK}".split()))
    assert found is not None
    assert found.words == "failed "
    [raised] = printed_traceback.parse(found.traceback)
    assert raised.kind == "json.decoder.JSONDecodeError"
    assert raised.frames[-1].function == "raw_decode"


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), plain, max_size=4))
def test_the_repr_of_plain_data_is_read_back(data):
    assert literals.read(repr(data)) == data


@given(st.text(max_size=200))
def test_any_text_may_be_a_message(text):
    for form in (
        text,
        "{" + text + "}",
        "(" + text + ")",
        "Template(strings=" + text,
        "Traceback (most recent call last):" + text,
    ):
        message.read(form)
        structured.read_text(form)


REPR = (
    "Template(strings=('disk full on ', ', password=', ''), interpolations=("
    "Interpolation('/dev/sda, (1', 'disk', None, ''), Interpolation('x\\'y', 'self.password', 'r', '')))"
)


def test_a_template_string_that_a_queue_has_left_as_text_is_read():
    found = template_strings.read_repr(REPR)
    assert found is not None
    assert found.template == "disk full on {}, password={}"
    assert found.text == "disk full on /dev/sda, (1, password='x\\'y'"
    assert set(found.values) == {"disk", "self.password"}
    said = message.read(REPR)
    assert said.words.startswith("disk full on /dev/sda, (1")
    assert set(said.fields) == {"disk", "self.password"}


INNER = "Template(strings=('rack ', ''), interpolations=(Interpolation(7, 'rack', None, ''),))"


@pytest.mark.parametrize(
    ("text", "words", "fields"),
    [
        ("host said %s, twice", "host said disk db1 at 3 %, twice", {"d": "db1", "p": "3"}),
        ("list [%s]", "list [disk db1 at 3 %]", {"d": "db1", "p": "3"}),
        (
            '{"event": "full", "host": "%s"}',
            "full",
            {"d": "db1", "p": "3", "host": "%s"},
        ),  # a page shows its text
        (f"in {INNER} and %s", "in rack 7 and disk db1 at 3 %", {"rack": "7", "d": "db1", "p": "3"}),
        ("cut off %.60s", "cut off Template(…)", {}),
        ("Template(strings=('a', ')', and more", "Template(…)", {}),
    ],
)
def test_a_template_string_that_other_code_has_left_in_a_text_is_read(text, words, fields):
    left = "Template(strings=('disk ', ' at ', ' %'), interpolations=(Interpolation('db1', 'd', None, ''), "
    left += "Interpolation(3, 'p', None, '')))"
    said = message.read(text % left if text.count("%") == 1 else text)
    assert said.words == words
    assert said.fields == {name: value % left if "%" in value else value for name, value in fields.items()}


def test_a_template_string_within_another_is_read():
    left = f"Template(strings=('', ' is full'), interpolations=(Interpolation({INNER}, 'place', None, ''),))"
    found = template_strings.read_repr(left)
    assert (found.text, found.values) == ("rack 7 is full", {"rack": "7"})


@pytest.mark.skipif(sys.version_info < (3, 14), reason="template strings are new in Python 3.14")
def test_a_template_string_is_its_rendered_text():
    names = {"disk": "/dev/sda", "left": 0.5}
    template = eval('t"disk full on {disk}, {left:.1%} left"', names)
    found = template_strings.read(template)
    assert found.text == "disk full on /dev/sda, 50.0% left"
    assert found.values == {"disk": "/dev/sda", "left": 0.5}
    assert template_strings.read_repr(repr(template)).template == found.template


PIECES = [
    *"{}[]()'\"\\,:=| \n\t+-<>._a1A",
    *(
        "a=",
        "a.",
        "A.",
        "a='",
        "'a",
        'File "',
        'File "a", line 1, in f ',
        "\n  File",
        "Traceback (most recent call last)",
    ),
    *("\n+-+-", "\n  |", "- 1 -", "A: ", "\n A", "\\n", "Error ", ", in f", "\n    ", "sub-exceptions)"),
]


def test_only_so_much_of_a_message_is_looked_at_as_can_be_words():
    looked_at = 0

    class Items(list):
        def __iter__(self):
            nonlocal looked_at
            for item in super().__iter__():
                looked_at += 1
                yield item

    def wide(depth):
        return Items([wide(depth - 1) if depth else "x"] * 90)

    for said in (wide(3), wide(4), wide(6), {"a": wide(4)}, {"event": wide(4)}):
        looked_at = 0
        assert len(structured.words_of(said)) <= message.MAX_WORDS
        assert looked_at <= 12_000


STARTS = [
    "",
    "{",
    "(",
    "a=",
    "Traceback (most recent call last):",
    "Traceback (most recent call last):\n  File",
    "+-- 1 --",
]


@pytest.mark.parametrize("start", STARTS, ids=repr)
@pytest.mark.parametrize("piece", PIECES, ids=repr)
def test_no_message_is_slow_to_read(start, piece):
    def seconds(times):
        text = (start + piece * times)[:20_000]
        begin = time.thread_time()
        structured.read_text(text)
        printed_traceback.find_in(text)
        causes.printed(text)
        masking.mask(text)
        return time.thread_time() - begin

    assert min(seconds(20_000) for _ in range(3)) < 0.1


IN_ASCII = """it broke:
Traceback (most recent call last):

> File "/srv/shop/bank.py", line 14, in pay
    fail(order, customer)
    |    |      -> 'CUST4711'
    |    -> 7
    -> <function fail at 0x7f7dff7f1580>

ValueError: boom"""


def test_rows_of_values_that_are_drawn_without_lines_are_left_out_too() -> None:
    said = message.read(IN_ASCII, merged=False)
    assert "CUST4711" not in said.words
    assert [frame.source for frame in said.quoted[0].frames] == ["fail(order, customer)"]
