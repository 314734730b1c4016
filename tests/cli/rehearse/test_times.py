"""Times, their zones, and what they leave out."""

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pagerduty_logging.cli.rehearse.counts import Counts
from pagerduty_logging.cli.rehearse.reader import LogReader
from pagerduty_logging.cli.rehearse.times import Clock, reader_of
from tests.cli.rehearse.logs import Read

BERLIN = ZoneInfo("Europe/Berlin")
NEWEST = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
MOMENT = datetime(2026, 11, 29, 3, 12, 7, tzinfo=UTC)


def at(*parts: int, zone: timezone | ZoneInfo = UTC, fold: int = 0) -> float:
    return datetime(*parts, tzinfo=zone, fold=fold).timestamp()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-29 03:12:07",
        "2026-11-29T03:12:07Z",
        "2026-11-29 03:12:07,000",
        "2026-11-29 03:12:07.000000000",
        "2026-11-29 03:12:07 +0000",
        "2026-11-29T04:12:07+01:00",
        "2026-11-28T22:12:07-0500",
        "2026-11-29 03:12:07 UTC",
        "2026-11-29 04:12:07 CET",
        "2026-11-29 04:12:07 (CET)",
        "2026-11-28 19:12:07.000 PST",
        "2026-11-29 12:12:07 JST",
        "29/Nov/2026:03:12:07 +0000",
        "29/Nov/2026:04:12:07 +0100",
        "Sun Nov 29 03:12:07 2026",
        "Sun Nov 29 03:12:07.000000 2026",
        "Nov 29 03:12:07",
        "2026/11/29 03:12:07",
        "11-29 03:12:07.000",
        "11.29 03:12:07",
        "1129 03:12:07.000000",
        "20261129-03:12:07:000",
        "2026-11-29:03:12:07,000",
        "2026-11-29T04:12:07+01",
        "2026.11.29 03:12:07",
        "Nov 29, 2026 @ 03:12:07.000",
        "2026-11-29, 03:12:07 UTC",
        "Sun 2026-11-29 03:12:07 UTC",
        "2026-11-29 03:12:07 AM",
        "2026-11-29 3:12:07 am",
        "29-Nov-26 03:12:07",
        "29 Nov 2026 03:12:07",
        "Nov 29 2026 03:12:07",
        "Nov 29, 2026 3:12:07 AM",
        "November 29, 2026 03:12:07",
        "Sun, 29 Nov 2026 03:12:07 +0000",
        "29.11.2026 03:12:07",
        "29/11/2026 03:12:07",
        "11/29/2026 03:12:07 AM",
        "11-29-2026, 03:12:07",
        "20261129-3:12:7:0",
        "261129 031207",
        "29-Nov-2026 03:12:07.000",
        "2026-11-29-03.12.07.000000",
        "1795921927",
        "1795921927.0",
        "1795921927000",
        "1795921927000000",
        "1795921927000000000",
    ],
)
def test_one_moment_written_in_many_ways(text: str):
    assert Clock(UTC, NEWEST).read(text) == MOMENT.timestamp()


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("2026-11-29 12:05 AM", 0, 5),
        ("2026-11-29 12:05 PM", 12, 5),
        ("11/29/2026 01:05:00 PM", 13, 5),
        ("2026-11-29 13:05", 13, 5),
    ],
)
def test_a_time_says_its_half_of_the_day_and_may_leave_out_the_seconds(text: str, hour: int, minute: int):
    assert Clock(UTC, NEWEST).read(text) == at(2026, 11, 29, hour, minute)


def test_no_half_of_a_day_has_thirteen_hours():
    assert Clock(UTC, NEWEST).read("2026-11-29 13:05 PM") is None


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (["03/04/2026", "13/04/2026"], [(4, 3), (4, 13)]),  # the second tells
        (["04/03/2026", "04/13/2026"], [(4, 3), (4, 13)]),
        (["28/11/2026", "03/12/2026"], [(11, 28), (12, 3)]),
        (["03.04.2026"], [(4, 3)]),  # with dots it is always so
        (["11/05/2026"], [(11, 5)]),  # the log was written on the 6th of November
        (["05/11/2026"], [(11, 5)]),
        (["04/04/2026"], [(4, 4)]),
    ],
)
def test_the_other_dates_of_a_log_decide_whether_the_day_comes_first(
    dates: list[str], days: list[tuple[int, int]], tmp_path: Path
):
    log = tmp_path / "app.log"
    log.write_text("".join(f"{date} 03:12:07 ERROR shop: no\n" for date in dates))
    written = at(2026, 11, 6, 3)
    os.utime(log, (written, written))
    counts = Counts()
    entries = list(LogReader(str(log), counts, level=40, zone=UTC).entries())
    assert [e.time for e in entries] == [at(2026, *day, 3, 12, 7) for day in days]
    assert counts.unclear_day == ""


def test_a_date_that_may_be_two_days_is_not_a_time_and_is_reported(tmp_path: Path):
    log = tmp_path / "app.log"
    log.write_text("03/04/2026 03:12:07 ERROR shop: no\n")
    written = at(2026, 11, 6, 3)
    os.utime(log, (written, written))
    counts = Counts()
    assert list(LogReader(str(log), counts, level=40, zone=UTC).entries()) == []
    assert (counts.unclear_day, counts.not_understood) == ("03/04/2026", 1)


def test_a_day_in_the_middle_of_a_long_log_decides_the_order(tmp_path: Path):
    log = tmp_path / "app.log"
    line = "0{}/04/2026 03:12:07 ERROR shop: no\n"
    log.write_text(
        line.format(3) * 200 + line.format(3).replace("03/04", "13/04") * 200 + line.format(3) * 200
    )
    entries = list(LogReader(str(log), Counts(), level=40, zone=UTC).entries())
    assert entries[0].time == at(2026, 4, 3, 3, 12, 7)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-29 03:12:07", "2026-11-31 03:12:07", "12", "99:99:99", "-5"]
)
def test_texts_that_are_not_times(text: str):
    assert Clock(UTC, NEWEST).read(text) is None


def test_a_time_that_names_no_zone_is_in_the_one_that_was_given():
    assert Clock(BERLIN, NEWEST).read("2026-11-29 04:12:07") == MOMENT.timestamp()
    assert Clock(BERLIN, NEWEST).read("2026-07-01 12:00:00") == at(2026, 7, 1, 10)


def test_the_hour_that_comes_twice_is_the_second_once_time_went_back():
    clock = Clock(BERLIN, NEWEST)
    read = [
        clock.read(f"2026-10-25 {text}")
        for text in ("01:59:00", "02:10:00", "02:50:00", "02:05:00", "02:40:00", "03:01:00")
    ]
    assert read == [
        at(2026, 10, 24, 23, 59),
        at(2026, 10, 25, 0, 10),
        at(2026, 10, 25, 0, 50),
        at(2026, 10, 25, 1, 5),
        at(2026, 10, 25, 1, 40),
        at(2026, 10, 25, 2, 1),
    ]


def test_a_name_says_which_of_an_hours_two_passes_is_meant():
    clock = Clock(BERLIN, NEWEST)
    assert clock.read("2026-10-25 02:30:00 CET") == at(2026, 10, 25, 1, 30)
    assert clock.read("2026-10-25 02:30:00 CEST") == at(2026, 10, 25, 0, 30)
    assert clock.read("25 Oct 2026 02:30:00 CET", "%d %b %Y %H:%M:%S %Z") == at(2026, 10, 25, 1, 30)


def test_a_name_of_several_zones_is_only_taken_for_the_one_that_has_it():
    chicago, utc = Clock(ZoneInfo("America/Chicago"), NEWEST), Clock(UTC, NEWEST)
    assert chicago.read("2026-11-29 03:12:07 CST") == at(2026, 11, 29, 9, 12, 7)
    assert utc.read("2026-11-29 03:12:07 CST") == MOMENT.timestamp()
    assert (chicago.unknown_names, utc.unknown_names) == (set(), {"CST"})
    assert utc.read("29.11.2026 03:12:07 XYZT", "%d.%m.%Y %H:%M:%S %Z") == MOMENT.timestamp()
    assert utc.read("29.11.2026 04:12:07 CET", "%d.%m.%Y %H:%M:%S %Z") == MOMENT.timestamp()


def test_lines_of_several_processes_that_cross_are_not_a_second_pass_of_the_hour():
    clock = Clock(BERLIN, NEWEST)
    read = [clock.read(f"2026-10-25 02:10:{text}") for text in ("07,100", "07,050", "08,000")]
    assert read == [
        at(2026, 10, 25, 0, 10, 7) + 0.1,
        at(2026, 10, 25, 0, 10, 7) + 0.05,
        at(2026, 10, 25, 0, 10, 8),
    ]


def test_a_time_that_is_only_looked_at_turns_nothing_back():
    clock = Clock(BERLIN, NEWEST)
    assert clock.peek("2026-10-25 02:50:00") == at(2026, 10, 25, 0, 50)
    assert clock.read("2026-10-25 02:10:00") == at(2026, 10, 25, 0, 10)


def test_lines_that_do_not_page_show_that_time_went_back(read: Read):
    lines = [("02:10", "ERROR"), ("02:30", "INFO"), ("02:50", "INFO"), ("02:05", "INFO"), ("02:20", "ERROR"),
             ("03:10", "ERROR")]  # fmt: skip
    log = "".join(f"2026-10-25 {time}:00,000 {level} shop: n\n" for time, level in lines)
    entries, _ = read("2026-10-25 01:00:00,000 INFO shop: n\n" + log, zone=BERLIN)
    assert [e.time for e in entries] == [
        at(2026, 10, 25, 0, 10),
        at(2026, 10, 25, 1, 20),
        at(2026, 10, 25, 2, 10),
    ]


def test_a_day_without_a_year_is_the_latest_before_the_log_was_written():
    newest = at(2026, 1, 3)
    assert Clock(UTC, newest).read("Dec 31 23:59:59") == at(2025, 12, 31, 23, 59, 59)
    assert Clock(UTC, newest).read("Jan  2 00:00:00") == at(2026, 1, 2)
    assert Clock(UTC, newest).read("Feb 29 12:00:00") == at(2024, 2, 29, 12)


def test_a_leap_second_is_the_one_before_it():
    assert Clock(UTC, NEWEST).read("2016-12-31T23:59:60Z") == at(2016, 12, 31, 23, 59, 59)


def test_json_values_that_are_times():
    read = reader_of(Clock(UTC, NEWEST))
    moment = MOMENT.timestamp()
    for value in (
        "2026-11-29T03:12:07Z",
        1795921927,
        1795921927000,
        "1795921927000000000",
        {"timestamp": 1795921927.0},
    ):
        assert read(value) == moment
    for value in (None, True, [], {}, "soon", float("nan"), float("inf"), 10**400, -1):
        assert read(value) is None


def test_a_log_that_spans_the_change_of_the_clock_is_read_with_the_right_times(read: Read):
    begin = datetime(2026, 10, 24, 23, tzinfo=UTC)
    moments = [begin + timedelta(minutes=7 * n) for n in range(60)]
    log = "".join(
        f"{m.astimezone(BERLIN):%Y-%m-%d %H:%M:%S},000 {'ERROR' if n % 3 == 0 else 'INFO'} shop: n\n"
        for n, m in enumerate(moments)
    )
    entries, counts = read(log, zone=BERLIN)
    assert [e.time for e in entries] == [m.timestamp() for m in moments[::3]]
    assert counts.turned_back == 0
