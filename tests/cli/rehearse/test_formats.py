"""Each row of the table is tried with its own samples, and with those of all others."""

import logging
import time
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagerduty_logging.cli.rehearse.format import Format, Sample, read_fields
from pagerduty_logging.cli.rehearse.formats import FORMATS
from pagerduty_logging.cli.rehearse.times import Clock
from tests.cli.rehearse.logs import Read

CRI = "2026-11-29T03:12:07.000000000Z stderr F "
SAMPLES = [
    pytest.param(row, sample, id=f"{row.name}-{n}") for row in FORMATS for n, sample in enumerate(row.samples)
]


def test_every_format_has_samples_and_a_name_of_its_own():
    assert all(row.samples for row in FORMATS)
    assert len({row.name for row in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize(("row", "sample"), SAMPLES)
def test_a_format_reads_its_samples(row: Format, sample: Sample):
    found = row.match(sample.line)
    assert found is not None
    said = read_fields(row, found)
    level = row.level_of(said["level"]) if "level" in said else None
    assert (level, said["message"], said["logger"]) == (sample.level, sample.message, sample.logger)
    if "time" in said:
        assert Clock(UTC, time.time()).read(said["time"], row.layout) is not None


@pytest.mark.parametrize(("row", "sample"), SAMPLES)
def test_whichever_format_reads_a_sample_finds_its_level_and_message(row: Format, sample: Sample, read: Read):
    timed = row.wrapped or "time" in row.match(sample.line).re.groupindex
    entries, counts = read((CRI if row.wrapped else "") + sample.line + "\n", level=1)
    assert counts.not_understood == 0
    if sample.level is None or not timed:
        assert entries == []
        assert (counts.without_level, counts.without_time) == ((1, 0) if timed else (0, 1))
    else:
        assert [(e.level, e.message) for e in entries] == [(sample.level, sample.message)]


@pytest.mark.parametrize(("row", "sample"), SAMPLES)
def test_lines_below_the_level_are_passed_over_and_no_others(row: Format, sample: Sample):
    quiet = row.quiet(40)
    if quiet is None:
        return
    line = sample.line.encode() + b"\n"
    passed = quiet(line, 0).end() > 0
    assert passed == (sample.level is not None and sample.level < 40) or (not passed and sample.level != 40)


TOKENS = [
    *("2026-11-29 03:12:07,123", "[2026-11-29 03:12:07]", "ERROR", "[ERROR]", "INFO", "[INFO]", "CRITICAL:"),
    *("DEBUG", "[main]", "[PID 7]", "-", "|", ":", "shop.orders", "(shop)", "4711", "MainThread", "Level 45"),
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=7), st.sampled_from(["", " ", " - "]))
def test_what_a_format_reads_as_severe_is_never_passed_over(tokens: list[str], between: str):
    line = between.join(tokens)
    for row in FORMATS:
        quiet, found = row.quiet(40), row.match(line)
        if quiet is None or found is None or "level" not in found.re.groupindex:
            continue
        level = row.level_of(read_fields(row, found)["level"])
        if level is None or level >= 40:
            assert quiet(line.encode() + b"\n", 0).end() == 0, row.name


@pytest.mark.parametrize(("row", "sample"), SAMPLES)
def test_what_is_severe_holds_one_of_the_words_that_are_looked_for(row: Format, sample: Sample):
    if row.has_words and sample.level in (40, 50):
        # Levels that are cut short come with others that are.
        looked_for = row.words(40, ["WARNI"] if "[CRITI]" in sample.line else ["WARNING"])
        assert any(word in sample.line.encode() for word in looked_for)


def test_other_words_than_pythons_are_looked_for_once_a_log_has_one():
    row = next(row for row in FORMATS if row.name == "time, level")
    assert row.words(40, ["INFO", "WARNING", "Level 45"]) == (b"CRITICAL", b"ERROR")
    assert {b"FATAL", b"SEVERE"} < set(row.words(40, ["INFO", "WARN"]))


@pytest.mark.parametrize(
    "line",
    [
        '10.1.2.3 - - [11/Feb/2013:06:43:36 +0000] "GET /ERROR HTTP/1.1" 500 5778 "-" "-"',
        "2012-02-14 10:44:10 status unpacked libERROR 2048",
        "Jun 14 15:16:01 combo sshd[19939]: authentication failure; logname= uid=0 ERROR",
        '08:09:33.814936 execve("/bin/ls") = -1 ERROR',
        "[10.30 16:49:06] chrome.exe - proxy:5070 error : Could not connect",
    ],
)
def test_a_line_that_says_no_level_never_pages_for_a_word_in_its_message(line: str, read: Read):
    entries, _ = read(line + "\n")
    assert entries == []


@pytest.mark.parametrize(
    ("line", "level", "logger", "message"),
    [
        ("2026-11-29 03:12:07,123 DEBUG [shop] [ERROR] no", 10, "shop", "[ERROR] no"),
        ("2026-11-29 03:12:07,123 - shop - INFO - ERROR - no", 20, "shop", "ERROR - no"),
        ("2026-11-29 03:12:07,123 INFO shop: the level is ERROR", 20, "shop", "the level is ERROR"),
        ("[2026-11-29 03:12:07,123] [PID 7] [INFO] [ERROR] no", 20, "", "no"),
        ("[2026-11-29 03:12:07,123] [PID 7] [ERROR] [INFO] no", 40, "", "no"),
        ("2026-11-29 03:12:07,123 [ERROR] shop (shop.py:12): no", 40, "shop", "no"),
        ("2026-11-29 03:12:07,123 [ERROR] KeyError: 7", 40, "", "KeyError: 7"),
    ],
)
def test_the_first_word_for_a_level_is_the_lines_level(
    line: str, level: int, logger: str, message: str, read: Read
):
    entries, _ = read(line + "\n", level=1)
    assert [(e.level, e.logger, e.message) for e in entries] == [(level, logger, message)]


QUIET_MESSAGES = [
    "ERROR: no", "CRITICAL no", "[ERROR] no", "shop - ERROR - no", "ERROR shop: no", "error: no", "ERROR",
    "level=error msg=no", "E no", "FATAL: no | ERROR | no", "(x) ERROR 1", "pid=1 ERROR no",
    "web | ERROR: no", "x: ERROR: no",
]  # fmt: skip
LAYOUTS = [
    "%(asctime)s %(levelname)s %(message)s",
    "%(asctime)s %(levelname)s: %(message)s [in %(pathname)s:%(lineno)d]",
    "%(asctime)s UTC %(levelname)s %(message)s",
    "%(asctime)s - %(levelname)s - %(message)s",
    "%(asctime)s - %(name)s - %(levelname)s - %(message)s",
    "%(asctime)s [%(process)d] [%(levelname)s] [%(name)s] %(message)s",
    "%(asctime)s [%(threadName)-12.12s] [%(levelname)-5.5s]  %(message)s",
    "%(asctime)s|%(process)d|%(threadName)s|%(levelname)s|%(name)s|%(message)s",
    "[%(asctime)s] {%(pathname)s:%(lineno)d} %(levelname)s - %(message)s",
    "%(levelname)s:%(name)s:%(asctime)s:%(message)s",
    "%(name)s: %(levelname)s: %(asctime)s: %(message)s",
    "%(levelname).1s%(asctime)s %(process)d %(filename)s:%(lineno)d] %(message)s",
    "time=%(asctime)s level=%(levelname)s logger=%(name)s msg='%(message)s'",
    "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s",
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_word_for_a_level_in_a_message_is_not_the_lines_level(layout: str, read: Read):
    dates = "%m%d %H:%M:%S" if layout.startswith("%(levelname).1s") else None
    formatter = logging.Formatter(layout, dates)
    lines = []
    for n, message in enumerate(QUIET_MESSAGES * 2):
        level = logging.WARNING if n % 2 else logging.INFO
        lines.append(formatter.format(logging.LogRecord("shop", level, "shop.py", 3, message, (), None)))
    last = logging.LogRecord("shop", logging.ERROR, "shop.py", 3, "INFO: this is one", (), None)
    entries, counts = read("\n".join([*lines, formatter.format(last)]) + "\n")
    assert [e.level for e in entries] == [40]
    assert "INFO: this is one" in entries[0].message
    assert (counts.records, counts.not_understood) == (2 * len(QUIET_MESSAGES) + 1, 0)


def test_a_bare_level_begins_a_record_only_where_something_else_notes_the_time(read: Read):
    head = "2026-11-29 03:12:07,123 ERROR shop: two lines\n"
    entries, _ = read(f"{head}ERROR is in the second\n")
    assert [e.message for e in entries] == ["two lines\nERROR is in the second"]
    entries, _ = read(f"{CRI}ERROR Internal Server Error: /pay\n")
    assert [(e.level, e.message) for e in entries] == [(40, "Internal Server Error: /pay")]


BEGINNINGS = [
    "",
    "ERROR",
    "[ERROR",
    "2026-11-29 03:12:07",
    "2026-11-29 03:12:07 [error] a",
    "05-21 15:05:52.808 1 1 E",
]
ENDLESS = [" ", "[", ":", "|", "a ", "[x] ", "-", "=", "a.", "a=b ", "0:"]


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_no_line_takes_forever(row: Format):
    # Sixty thousand characters take milliseconds; where time grows with their square, this never ends.
    for beginning in BEGINNINGS:
        for piece in ENDLESS:
            found = row.match(beginning + piece * (60_000 // len(piece)))
            if found is not None:
                assert read_fields(row, found)["message"] is not None
