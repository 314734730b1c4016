"""Times, their zones, and what they leave out."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

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
    "text", ["", "yesterday", "2026-13-29 03:12:07", "2026-11-31 03:12:07", "12", "99:99:99", "-5"]
)
def test_what_is_no_time(text: str):
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
