"""A log is read whole, whatever is in it; what is passed over would not have paged."""

import gzip
import itertools
import os
import random
import tracemalloc
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagerduty_logging.cli.rehearse import blocks, merging, reader
from pagerduty_logging.cli.rehearse.counts import Counts
from pagerduty_logging.cli.rehearse.reader import LogReader
from tests.cli.rehearse.logs import Read, entry, read_log

GOOD = "2026-11-29 03:12:07,123 ERROR shop: order failed\n"
QUIET = "2026-11-29 03:12:07,123 INFO shop: ready\n"


def line(number: int, level: str, message: str) -> str:
    minutes, seconds = divmod(number, 60)
    return f"2026-11-29 {minutes // 60 % 24:02}:{minutes % 60:02}:{seconds:02},000 {level} shop: {message}\n"


def test_what_is_looked_through_gives_the_same_records_as_what_is_read(tmp_path: Path):
    random.seed(7)
    log = []
    for number in range(200_000):
        chance = random.random()
        if chance < 0.0005:
            log.append(
                line(number, "ERROR", f"order {number} failed")
                + 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no\n'
            )
        elif chance < 0.001:
            log.append(line(number, "CRITICAL", "no database"))
        elif chance < 0.002:
            log.append(line(number, "INFO", "an ERROR that is none"))
        else:
            log.append(line(number, "INFO", "ready"))
    text = "".join(log)
    looked, counts = read_log(tmp_path / "a.log", text)
    every, full = read_log(tmp_path / "b.log", text, level=30)
    assert counts.skimmed_bytes > 0
    assert len(looked) > 100
    assert looked == every
    assert counts.severe == full.severe
    assert counts.latest == full.latest
    assert counts.all_lines == pytest.approx(text.count("\n"), rel=0.05)


def test_json_lines_that_are_looked_through_give_the_same_records(tmp_path: Path):
    log = []
    for number in range(120_000):
        level = "error" if number % 1_000 == 7 else "info"
        log.append(
            f'{{"level": "{level}", "event": "an error or none {number}", "timestamp": '
            f"{1_795_921_927 + number}}}\n"
        )
    looked, counts = read_log(tmp_path / "a.log", "".join(log))
    assert counts.skimmed_bytes > 0
    assert [e.message for e in looked] == [f"an error or none {n}" for n in range(7, 120_000, 1_000)]


@pytest.mark.parametrize("junk", ["@@@ what is this", "plain words", "\x07\x08", "{", "key: value", "|||"])
def test_a_line_that_nothing_explains_is_counted_and_shown(junk: str, read: Read):
    entries, counts = read(QUIET + junk + "\n" + QUIET + GOOD)
    if junk in ("{", "|||"):
        assert counts.not_understood + counts.continued == 1
    else:
        assert counts.not_understood == 1
        assert counts.examples[0][1] == junk
    assert len(entries) == 1
    assert counts.lines == 4


def test_only_three_lines_are_shown_each_cut(read: Read):
    _, counts = read(QUIET + ("what " * 1_000 + "\n") * 5)
    assert counts.not_understood == 5
    assert len(counts.examples) == 3
    assert all(len(text) == 200 for _, text in counts.examples)


@pytest.mark.parametrize(
    "log",
    [
        b"\x00" * 5_000 + GOOD.encode(),
        b"\xff\xfe\x80 broken\n" + GOOD.encode(),
        GOOD.encode().replace(b"order", b"\xff\xfe"),
        "\ufeff".encode() + GOOD.encode(),
        GOOD.encode().replace(b"\n", b"\r\n"),
        GOOD.encode().rstrip(b"\n"),
        b"\n\n\n" + GOOD.encode(),
        b'{"level": "err\n' + GOOD.encode(),
        b"[" * 100_000 + b"\n" + GOOD.encode(),
        b'{"a":' * 50_000 + b"\n" + GOOD.encode(),
        ("\x1b[31m" + GOOD.rstrip() + "\x1b[0m\n").encode(),
        b"(" * 70_000 + b"\n" + GOOD.encode(),
        b"2026-11-29 " * 9_000 + b"\n" + GOOD.encode(),
        b"[2026-11-29 03:12:07" + b" [x]" * 20_000 + b"\n" + GOOD.encode(),
        b"2026-99-99 03:12:07,123 ERROR shop: never\n" + GOOD.encode(),
        b"1e999 ERROR x\n" + GOOD.encode(),
    ],
)
def test_a_hostile_line_hides_no_other(log: bytes, read: Read):
    entries, _ = read(log)
    assert entries[-1].level == 40
    assert entries[-1].logger == "shop"


def test_an_endless_line_is_cut_and_those_after_it_are_read(tmp_path: Path):
    path = tmp_path / "app.log"
    with path.open("wb") as file:
        file.write(GOOD.encode())
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + GOOD.encode())
    counts = Counts()
    tracemalloc.start()
    try:
        entries = list(LogReader(str(path), counts, level=40, zone=UTC).entries())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(entries) == 2
    assert counts.cut >= 1
    assert peak < 30_000_000


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=3_000).filter(lambda log: not log.startswith(b"\x28\xb5\x2f\xfd")))
def test_any_bytes_are_read_without_an_exception(tmp_path_factory: pytest.TempPathFactory, log: bytes):
    entries, counts = read_log(tmp_path_factory.mktemp("log") / "a.log", log + b"\n" + GOOD.encode())
    assert counts.bytes_read == len(log) + 1 + len(GOOD)
    assert all(e.time is not None for e in entries)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.sampled_from(
            [
                GOOD,
                QUIET,
                "  indented\n",
                "junk\n",
                "Traceback (most recent call last):\n",
                "\n",
                "ValueError: x\n",
            ]
        ),
        max_size=60,
    )
)
def test_every_line_is_counted_once(tmp_path_factory: pytest.TempPathFactory, lines: list[str]):
    entries, counts = read_log(tmp_path_factory.mktemp("log") / "a.log", "".join(lines))
    assert counts.lines == len(lines)
    assert counts.records + counts.continued + counts.not_understood == counts.lines
    assert len(entries) == lines.count(GOOD)


def test_a_packed_log_is_read(tmp_path: Path):
    entries, counts = read_log(tmp_path / "app.log.gz", gzip.compress((GOOD * 3).encode()))
    assert len(entries) == 3
    assert counts.damaged == []


def test_a_packed_log_that_ends_early_is_read_as_far_as_it_goes(tmp_path: Path):
    packed = gzip.compress("".join(line(n, "ERROR", str(random.random())) for n in range(50_000)).encode())
    entries, counts = read_log(tmp_path / "app.log.gz", packed[: len(packed) // 2])
    assert len(entries) > 100
    assert len(counts.damaged) == 1


def test_a_clock_that_jumps_back_is_counted(read: Read):
    log = line(100, "ERROR", "a") + line(50, "ERROR", "b") + line(60, "ERROR", "c")
    entries, counts = read(log)
    assert [e.message for e in entries] == ["a", "b", "c"]
    assert counts.turned_back == 1


def test_many_logs_become_one_by_time(tmp_path: Path):
    a, b = (
        [entry(1.0, "a1"), entry(4.0, "a4"), entry(3.0, "a3"), entry(5.0, "a5")],
        [entry(2.0, "b2"), entry(4.5, "b4")],
    )
    assert [e.message for e in merging.merged([iter(a), iter(b)])] == ["a1", "b2", "a4", "a3", "b4", "a5"]


def test_a_format_that_appears_late_is_read_too(tmp_path: Path):
    other = '{"level": "error", "event": "late", "timestamp": 1795921927}\n'
    early = QUIET * (reader.ATTENTIVE_BLOCKS * blocks.BLOCK // len(QUIET) + 1)
    log = early + (other + QUIET) * 40_000
    _, counts = read_log(tmp_path / "a.log", log)
    assert counts.formats["JSON lines"] > 1_000


def test_of_a_packed_log_that_was_cut_off_all_but_the_end_is_read(tmp_path: Path):
    packed = gzip.compress((GOOD * 3_000).encode())
    entries, counts = read_log(tmp_path / "app.log.gz", packed[:-12])
    assert len(entries) > 2_900
    assert "ended before" in counts.damaged[0]
    entries, counts = read_log(tmp_path / "app.log.gz", packed + b"garbage")
    assert len(entries) == 3_000
    assert "Not a gzipped file" in counts.damaged[0]


def test_a_log_that_zstd_has_packed_is_read_as_far_as_it_goes(tmp_path: Path):
    zstd = pytest.importorskip("compression.zstd")
    packed = zstd.compress((GOOD * 3_000).encode())
    for log, least in ((packed, 3_000), (packed * 2, 6_000), (packed[:-12], 0), (packed + packed[:9], 3_000)):
        entries, counts = read_log(tmp_path / "app.log.zst", log)
        assert len(entries) >= least
        assert bool(counts.damaged) is (len(log) % len(packed) != 0)
    _, counts = read_log(tmp_path / "app.log.zst", packed[:9] + b"garbage" * 99)
    assert counts.damaged


def test_what_a_pipe_holds_is_read_before_more_comes(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ends = os.open(pipe, os.O_RDWR)  # so that opening waits for nobody, and the end never comes
    os.write(ends, (GOOD * 10).encode())
    entries = LogReader(str(pipe), Counts(), level=40, zone=UTC).entries()
    assert [entry.message for entry in itertools.islice(entries, 9)] == ["order failed"] * 9
    os.close(ends)


@pytest.mark.parametrize("size", [70_000, 3_000_000])
def test_a_line_that_is_too_long_is_counted_once(size: int, read: Read):
    for log in (GOOD.replace("order", "x" * size), f"\0{GOOD}".replace("order", "\0" * size)):
        _, counts = read(log + GOOD)
        assert (counts.cut, counts.severe) == (1, 2)


def test_utf_16_as_some_shells_write_it(read: Read):
    entries, counts = read((GOOD * 3).encode("utf-16"))
    assert len(entries) == 3
    assert counts.not_understood == 0
