"""Why something paged or did not: in memory, in the ledger, and in the words of the command."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler, cli
from pagerduty_logging.delivery.ledger_file import LedgerFile
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY
from tests.turned import Program


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_each_decision_is_a_line_and_repeats_are_summed_in_the_next(tmp_path: Path) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger))
    program.log("disk %s full", times=1_000)
    program.turn(20.0)
    first, size = _lines(ledger)
    assert first["verdict"] == "sent"
    assert first["reason"] == "first"
    assert first["logger"] == "shop"
    assert first["template"] == "disk %s full"
    assert first["key"] == program.events[0]["dedup_key"] == first["event"]
    assert size["reason"] == "size: 999 more in 15 s"
    assert size["repeats"] == 999


def test_what_was_refused_says_so(tmp_path: Path) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger))
    program.refuse_next()
    program.log()
    (line,) = _lines(ledger)
    assert line["verdict"] == "refused"


def test_what_is_held_back_is_written_once_and_summed(tmp_path: Path) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger), min_occurrences=(500, 1.0))
    program.log(times=100)
    program.turn(61.0)
    program.log()
    program.turn(1.0)
    assert [(line["verdict"], line.get("times", 1)) for line in _lines(ledger)] == [
        ("held", 1),
        ("held", 100),
    ]


def test_the_ledger_says_which_rule_ignored_a_record_although_nothing_is_sent(
    make_handler, attach, tmp_path
) -> None:
    ledger = tmp_path / "pages.jsonl"
    handler = make_handler(ledger=ledger, ignore_loggers=["shop.noise"])
    attach(handler)
    logging.getLogger("shop.noise").error("never mind")
    logging.getLogger("shop").error("wanted", extra={"pagerduty": False})
    handler.addFilter(lambda record: record.msg != "filtered")
    logging.getLogger("shop").error("filtered")
    said = [(d.verdict, d.reason, d.template) for d in handler.decisions]
    assert said == [
        ("ignored", "ignore_loggers", "never mind"),
        ("ignored", 'extra={"pagerduty": False}', "wanted"),
        ("ignored", "a filter of the handler", "filtered"),
    ]
    logging.getLogger("shop").error("paged")
    assert handler.flush(10)
    assert {line["template"] for line in _lines(ledger)} >= {"never mind", "wanted", "filtered", "paged"}


def test_it_is_redacted_as_pages_are(make_handler, attach, tmp_path) -> None:
    ledger = tmp_path / "pages.jsonl"
    handler = make_handler(ledger=ledger)
    attach(handler).error("password=hunter2 of %s", "x")
    assert handler.flush(10)
    handler.close()
    assert "hunter2" not in ledger.read_text()
    assert "hunter2" not in repr(handler.decisions)
    assert EXAMPLE_ROUTING_KEY not in ledger.read_text()


def test_it_is_rotated_and_one_old_file_is_kept(tmp_path: Path) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger), ledger_bytes=2_000)
    for n in range(40):
        program.log(f"problem {chr(65 + n)}")
    assert sorted(os.listdir(tmp_path)) == ["pages.jsonl", "pages.jsonl.1"]
    assert ledger.stat().st_size <= 2_000
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert _lines(ledger)[-1]["template"] == f"problem {chr(65 + 39)}"


def test_a_ledger_that_cannot_be_written_stops_no_page_and_is_reported(
    make_handler, attach, sandbox, tmp_path, capsys
) -> None:
    handler = make_handler(ledger=tmp_path / "nowhere" / "pages.jsonl")
    attach(handler).error("problem")
    assert handler.flush(10)
    assert len(sandbox.events) == 1
    assert "the ledger is not written" in capsys.readouterr().err
    assert handler.decisions[-1].verdict == "sent"


def test_what_was_not_written_while_the_disk_was_full_is_written_when_there_is_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "later" / "pages.jsonl"
    program = Program(ledger=str(ledger))
    program.log("disk full")
    program.log("timed out")
    ledger.parent.mkdir()
    program.log("no route")
    assert not ledger.exists(), "tried again, but not with every event"
    program.turn(10.0)
    assert [line["template"] for line in _lines(ledger)] == ["disk full", "timed out", "no route"]
    assert [event["payload"]["summary"] for event in program.events] == ["disk full", "timed out", "no route"]
    assert capsys.readouterr().err.count("the ledger is not written") == 1


def test_a_sum_that_is_written_at_the_end_has_the_time_of_its_last_decision(tmp_path: Path) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger), min_occurrences=(3, 60.0))
    program.log(times=2)
    held_until = program.now
    program.turn(1.0)
    program.log()
    program.end()
    newest = max(_lines(ledger), key=lambda line: line["time"])
    assert newest["verdict"] == "sent"
    assert [line["time"] for line in _lines(ledger) if line["verdict"] == "held"] == [held_until] * 2


def test_the_sums_of_what_was_held_back_are_written_at_the_end(tmp_path: Path) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger), min_occurrences=(500, 60.0))
    program.log(times=100)
    program.end()
    assert [(line["reason"], line.get("times", 1)) for line in _lines(ledger)] == [
        ("min_occurrences: not 500 times within 60 s", 1),
        ("min_occurrences: not 500 times within 60 s", 99),
    ]


def test_many_processes_rotate_one_file_and_no_recent_line_is_lost(tmp_path: Path) -> None:
    """Each writes what it alone knows; what two files have room for is all there."""
    ledger = tmp_path / "pages.jsonl"
    program = """
import json, sys
from pagerduty_logging.delivery.ledger_file import LedgerFile
file = LedgerFile(sys.argv[1], 100_000)
for number in range(1_000, 2_000):
    line = json.dumps({"time": 0, "by": sys.argv[2], "number": number})
    file.append(line.encode() + bytes([10]))
"""
    programs = [subprocess.Popen([sys.executable, "-c", program, str(ledger), name]) for name in "abcd"]
    assert [one.wait(60) for one in programs] == [0] * 4
    kept = [line for path in (tmp_path / "pages.jsonl.1", ledger) for line in path.read_text().splitlines()]
    assert all(json.loads(line) for line in kept)
    length = len(kept[0]) + 1
    assert len(kept) * length >= 100_000, "a file that was just begun took the place of a full one"
    assert (tmp_path / "pages.jsonl.1").stat().st_size <= 110_000


def test_a_file_that_another_process_has_just_begun_takes_no_full_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "pages.jsonl"
    mine, others = LedgerFile(str(path), 20), LedgerFile(str(path), 20)
    others.append(b"a full file, of many bytes\n")
    opened = mine._open()
    others.append(b"new\n")
    assert mine._moved(opened)
    os.close(opened)
    assert path.read_bytes() == b"new\n"
    assert (tmp_path / "pages.jsonl.1").read_bytes() == b"a full file, of many bytes\n"


def test_half_a_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "pages.jsonl"
    file = LedgerFile(str(path), 1_000)
    file.append(b'{"time": 1}\n')
    file._torn = True
    with path.open("ab") as other:
        other.write(b'{"ti')
    assert file.append(b'{"time": 2}\n') == 12
    assert path.read_bytes().splitlines() == [b'{"time": 1}', b'{"ti', b'{"time": 2}']


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_stops_the_ledger_and_not_the_pages(capsys: pytest.CaptureFixture[str]) -> None:
    program = Program(ledger="/dev/full")
    program.log()
    assert len(program.events) == 1
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_that_nobody_reads_stops_the_ledger_and_not_the_pages(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    program = Program(ledger=str(tmp_path / "pipe"))
    program.log()
    assert len(program.events) == 1


def test_only_the_last_decisions_are_kept_in_memory() -> None:
    program = Program()
    for n in range(250):
        program.log(f"problem {chr(65 + n)}")
    assert len(program.decisions.recent) == 200


def test_why_answers_in_sentences_newest_first(tmp_path, capsys, monkeypatch) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger))
    program.log("disk full", times=50)
    program.turn(20.0)
    program.log("other")
    assert cli.main(["why", "DISK", "--ledger", str(ledger)]) == 0
    size, first = capsys.readouterr().out.splitlines()
    assert size.startswith("paged at ")
    assert "size: 49 more in 15 s" in size
    assert ": first" in first
    assert cli.main(["why", program.events[0]["dedup_key"], "--ledger", str(ledger), "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert cli.main(["why", "nobody", "--ledger", str(ledger)]) == 1
    assert cli.main(["why", "disk", "--ledger", str(tmp_path / "none")]) == 2
    assert cli.main(["why", "disk", "--ledger", str(ledger), "--since", "forever"]) == 2
    monkeypatch.delenv("PAGERDUTY_LEDGER", raising=False)
    assert cli.main(["why", "disk"]) == 2


def _found(ledger: Path, text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    cli.main(["why", text, "--ledger", str(ledger), "--json"])
    return [json.loads(line).get("reason", "") for line in capsys.readouterr().out.splitlines()]


def test_why_finds_all_about_a_problem_by_whatever_a_user_has_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger))
    for number in range(20):
        program.log("payment %s failed", args=(number,))
    program.turn(20.0)
    program.log("order lost")
    program.turn(1.0)
    everything = ["size: 19 more in 15 s", "first"]
    for text in (
        "payment %s failed",
        "payment 0 failed",
        "payment 17 failed",
        "Payment 4711 failed",
        "payment failed",
        "failed payment",
        "payment 17",
        "17 failed",
        "failed",
        program.events[0]["dedup_key"],
        program.events[0]["dedup_key"] + " ",
        program.events[0]["payload"]["summary"],
    ):
        assert _found(ledger, text, capsys) == everything, text
    assert _found(ledger, "shop", capsys) == ["first", *everything]
    for text in ("payment succeeded", "payment 17 succeeded", "refund 17", "17", "payment order"):
        assert _found(ledger, text, capsys) == [], text


def test_why_finds_what_an_exception_or_an_f_string_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger))
    program.log("%s", args=("no pears are left",))
    program.turn(1.0)
    program.log("order %s cannot be sent", args=(5,), error=lambda: ValueError("the card was declined"))
    program.turn(1.0)
    for text in ("no pears are left", "pears"):
        assert _found(ledger, text, capsys) == ["first"]
    for text in (
        "order 5 cannot be sent",
        "order 6 cannot be sent: ValueError: the card was declined",
        "card was declined",
        program.events[1]["payload"]["summary"],
    ):
        assert _found(ledger, text, capsys) == ["first"], text


def test_the_sentence_of_a_follow_up_has_the_template_of_its_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger))
    for number in range(20):
        program.log("payment %s failed", args=(number,))
    program.turn(20.0)
    assert cli.main(["why", "payment failed", "--ledger", str(ledger)]) == 0
    assert all("[shop 'payment %s failed' pdl2-" in line for line in capsys.readouterr().out.splitlines())


def test_why_claims_nothing_that_it_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = tmp_path / "pages.jsonl"
    program = Program(ledger=str(ledger))
    ledger.write_text("")
    assert cli.main(["why", "x", "--ledger", str(ledger)]) == 1
    assert capsys.readouterr().out == "the ledger holds no decision yet\n"
    program.log("disk full")
    assert cli.main(["why", "refund", "--ledger", str(ledger), "--since", "1h"]) == 1
    said = capsys.readouterr().out
    assert "goes back to" in said
    assert "Perhaps" in said
    assert "only the last 1h" in said


def test_lines_that_are_no_decisions_are_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "pages.jsonl"
    whole = {"time": 1.0, "verdict": "sent", "reason": "first", "template": "disk full"}
    odd = [{"time": "1"}, {"time": 1e300}, {"time": -1}, {"time": None}, {"reason": 5, "repeats": 3}]
    odd += [{"template": ["disk full"]}, {"times": "many"}, {"key": {}}]
    lines = [json.dumps({**whole, **one}) for one in odd]
    lines += [
        "disk full",
        "[1]",
        "",
        "NaN",
        '{"time": NaN, "template": "disk full"}',
        '{"time": 1, "template": "disk',
    ]
    ledger.write_text("\n".join([*lines, json.dumps(whole)]), "utf-8")
    assert cli.main(["why", "disk full", "--ledger", str(ledger)]) == 0
    (said,) = capsys.readouterr().out.splitlines()
    assert said.endswith(": first ['disk full']")


def test_wrong_options_are_named() -> None:
    for options in ({"ledger": 3}, {"ledger_bytes": 0}):
        with pytest.raises((TypeError, ValueError), match=next(iter(options))):
            PagerDutyHandler(EXAMPLE_ROUTING_KEY, **options)
