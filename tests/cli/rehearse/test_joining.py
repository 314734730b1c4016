"""Tracebacks belong to the record before them, whatever stands between."""

import logging

import pytest

from tests.cli.rehearse.logs import Read

HEAD = "2026-11-29 03:12:07,123 ERROR shop: order failed\n"
NEXT = "2026-11-29 03:12:08,123 INFO shop: ready\n"
PLAIN = """Traceback (most recent call last):
  File "/srv/shop.py", line 42, in pay
    charge(card)
ValueError: declined
"""
CHAIN = f"""{PLAIN}
During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop.py", line 44, in pay
    raise Failed from error
shop.Failed: order 7
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/shop.py", line 3, in <module>
  |     raise ExceptionGroup("two", [ValueError(1), KeyError(2)])
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +---------------- 2 ----------------
    | KeyError: 2
    +------------------------------------
"""


@pytest.mark.parametrize("traceback", [PLAIN, CHAIN, GROUP], ids=["plain", "chain", "group"])
def test_a_traceback_belongs_to_the_line_before_it(traceback: str, read: Read):
    entries, counts = read(HEAD + traceback + NEXT + HEAD)
    assert [e.traceback for e in entries] == [traceback.rstrip("\n"), ""]
    assert entries[0].message == "order failed"
    assert counts.continued == traceback.count("\n")
    assert counts.not_understood == 0


def test_a_traceback_of_a_record_that_does_not_page_belongs_to_no_other(read: Read):
    entries, counts = read(NEXT + PLAIN + HEAD)
    assert [e.traceback for e in entries] == [""]
    assert counts.continued == 4


def test_a_message_of_several_lines_is_one(read: Read):
    entries, _ = read("2026-11-29 03:12:07,123 ERROR shop: first\nsecond\n\n  third\n" + NEXT)
    assert [e.message for e in entries] == ["first\nsecond\n\n  third"]


def test_a_message_of_several_lines_goes_before_its_traceback(read: Read):
    entries, _ = read("2026-11-29 03:12:07,123 ERROR shop: first\nsecond\n" + PLAIN)
    assert (entries[0].message, entries[0].traceback) == ("first\nsecond", PLAIN.rstrip("\n"))


def test_a_traceback_that_another_process_broke_off_is_taken_up_again(read: Read):
    lines = PLAIN.splitlines(keepends=True)
    entries, counts = read(HEAD + lines[0] + lines[1] + NEXT + lines[2] + NEXT + lines[3] + NEXT)
    assert [e.traceback for e in entries] == [PLAIN.rstrip("\n")]
    assert counts.not_understood == 0


def test_two_tracebacks_interleaved_with_severe_lines_keep_their_order(read: Read):
    lines = PLAIN.splitlines(keepends=True)
    other = "2026-11-29 03:12:07,200 ERROR shop: another\n"
    entries, _ = read(HEAD + lines[0] + lines[1] + other + lines[2] + lines[3] + NEXT)
    assert [(e.message, e.traceback) for e in entries] == [
        ("order failed", PLAIN.rstrip("\n")),
        ("another", ""),
    ]


def test_the_rest_of_a_traceback_is_not_waited_for_forever(read: Read):
    entries, _ = read(HEAD + PLAIN[:60] + NEXT * 200 + HEAD)
    assert [e.message for e in entries] == ["order failed", "order failed"]


def test_a_stack_that_was_logged_is_kept(read: Read):
    stack = 'Stack (most recent call last):\n  File "/srv/shop.py", line 1, in <module>\n    log()\n'
    entries, _ = read(HEAD + stack + NEXT)
    assert entries[0].traceback == stack.rstrip("\n")


def test_an_endless_record_is_cut(read: Read):
    entries, _ = read(HEAD + "  more\n" * 100_000 + NEXT)
    assert len(entries) == 1
    assert len(entries[0].message) < 300_000


def test_what_the_standard_formatter_writes_is_read_back(read: Read, tmp_path):
    handler = logging.FileHandler(tmp_path / "live.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.Logger("shop.orders")
    logger.addHandler(handler)
    try:
        try:
            {}["card"]
        except KeyError as error:
            raise RuntimeError("no card") from error
    except RuntimeError:
        logger.exception("order %d failed", 7)
    logger.info("ready")
    handler.close()
    entries, counts = read((tmp_path / "live.log").read_bytes())
    assert [(e.logger, e.message) for e in entries] == [("shop.orders", "order 7 failed")]
    assert entries[0].traceback.startswith("Traceback (most recent call last):")
    assert entries[0].traceback.endswith("RuntimeError: no card")
    assert "direct cause" in entries[0].traceback
    assert counts.not_understood == 0


def test_a_traceback_whose_lines_all_begin_as_the_records_own_is_one_record(read: Read):
    head = "2026-11-29 03:12:07.123 4711 ERROR nova.compute "
    lines = [f"{head}[req-1 a] order failed", *(head + line for line in PLAIN.splitlines()), head]
    after = "2026-11-29 03:12:08.123 4711 ERROR nova.compute [req-2 a] another"
    entries, counts = read("\n".join([*lines, after, ""]))
    assert [(e.logger, e.message) for e in entries] == [
        ("nova.compute", "[req-1 a] order failed"),
        ("nova.compute", "[req-2 a] another"),
    ]
    assert entries[0].traceback == PLAIN.rstrip("\n")
    assert counts.not_understood == 0


INDENTED = "".join(f"    {line}" for line in CHAIN.splitlines(keepends=True))


@pytest.mark.parametrize("indented", [INDENTED, INDENTED.replace("    ", "\t", 1).replace("\n    ", "\n\t")])
def test_a_traceback_that_is_indented_ends_where_it_ends(indented: str, read: Read):
    head = "[E 261129 03:12:07 web:12] order failed\n"
    entries, _ = read(f"{head}{indented}[C 261129 03:12:08 web:13] two\n    lines\n")
    assert [(e.message, e.traceback) for e in entries] == [
        ("order failed", CHAIN.rstrip("\n")),
        ("two\n    lines", ""),
    ]


@pytest.mark.parametrize(
    "line", ["2026-1-9 03:12:07 ERROR shop: x", "26-11-29 03:12:07 INFO x", "2026-333T03:12:07 [ERROR] x"]
)
def test_a_line_that_looks_like_a_record_is_added_to_no_other(line: str, read: Read):
    entries, counts = read(f"{HEAD}{line}\n{HEAD}second: 2026\n")
    assert [e.message for e in entries] == ["order failed", "order failed\nsecond: 2026"]
    assert counts.not_understood == 1
    assert counts.examples[0][1] == line


def test_a_rule_between_records_is_part_of_none(read: Read):
    zope = HEAD.replace(" ERROR", " ERROR Zope.SiteErrorLog").replace(" shop: ", " ")
    entries, counts = read(f"------\n{zope}{PLAIN}------\n{HEAD}------\n")
    assert [(e.message, e.traceback) for e in entries] == [
        ("order failed", PLAIN.rstrip("\n")),
        ("order failed", ""),
    ]
    assert counts.not_understood == 0


DRAWN = """╭───────────── Traceback (most recent call last) ──────────────╮
│ /srv/shop.py:42 in pay                                       │
│                                                              │
│   41     # take the money                                    │
│ ❱ 42     charge(card)                                        │
│ ╭───── locals ─────╮                                         │
│ │ card = None      │                                         │
│ ╰──────────────────╯                                         │
╰──────────────────────────────────────────────────────────────╯
ValueError: declined
"""


def test_a_traceback_that_is_drawn_in_a_box_is_one(read: Read):
    entries, _ = read(HEAD + DRAWN + NEXT)
    assert entries[0].message == "order failed"
    assert entries[0].traceback.splitlines() == [
        "Traceback (most recent call last):",
        '  File "/srv/shop.py", line 42, in pay',
        "ValueError: declined",
    ]
