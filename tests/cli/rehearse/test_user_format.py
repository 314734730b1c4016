"""A formatter's own format reads back what that formatter writes."""

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagerduty_logging.cli.rehearse import user_format
from tests.cli.rehearse.logs import Read

FORMATS = [
    ("%", "%(asctime)s - %(name)s - %(levelname)s - %(message)s"),
    ("%", "%(asctime)s %(levelname)-8s [%(name)s:%(lineno)d] %(message)s"),
    ("%", "[%(asctime)s.%(msecs)03d] {%(pathname)s:%(lineno)d} %(levelname)s - %(message)s"),
    ("%", "%(levelname)10s|%(asctime)s|%(process)d|%(threadName)s|%(name)s|%(funcName)s|%(message)s"),
    ("%", "%(created)f %(levelno)s %(name)s 100%% %(message)s"),
    ("{", "{asctime} {levelname:<8} {name} - {message}"),
    ("{", "{levelname} {asctime} {module} {process:d} {thread:d} {message}"),
    ("$", "$asctime ${levelname} $$ ${name}: $message"),
    ("$", "${asctime} $name $levelname $message"),
]


def written(
    style: str, text: str, date_format: str | None, level: int, message: str, name: str = "shop.orders"
) -> str:
    record = logging.LogRecord(name, level, "/srv/shop/orders.py", 42, message, None, None, "pay")
    record.created, record.msecs = datetime(2026, 11, 29, 3, 12, 7, 123_000, UTC).timestamp(), 123.0
    formatter = logging.Formatter(text, date_format, style)  # type: ignore[arg-type]
    formatter.converter = lambda seconds: datetime.fromtimestamp(seconds or 0, UTC).timetuple()  # type: ignore[assignment,misc]
    return formatter.format(record)


@pytest.mark.parametrize(("style", "text"), FORMATS)
@pytest.mark.parametrize(
    "date_format", [None, "%Y-%m-%d %H:%M:%S", "%d/%b/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S%z"]
)
def test_what_a_formatter_writes_is_read_back(style: str, text: str, date_format: str | None, read: Read):
    row = user_format.reader_of(text, date_format)
    log = written(style, text, date_format, logging.ERROR, "order 7 failed: a - b") + "\n"
    log += written(style, text, date_format, logging.INFO, "an ERROR that is none") + "\n"
    entries, counts = read(log, formats=(row,), only=True)
    moment = datetime(2026, 11, 29, 3, 12, 7, tzinfo=UTC).timestamp()
    assert [(e.level, e.message) for e in entries] == [(40, "order 7 failed: a - b")]
    assert entries[0].time == pytest.approx(moment, abs=1)
    assert counts.not_understood == 0
    if "{name}" in text or "(name)" in text:
        assert entries[0].logger == "shop.orders"


@given(
    st.sampled_from(FORMATS),
    st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).filter(
        lambda s: s.strip() == s
    ),
    st.sampled_from([10, 20, 30, 40, 50]),
)
def test_any_message_is_read_back(form: tuple[str, str], message: str, level: int):
    style, text = form
    row = user_format.reader_of(text)
    found = row.match(written(style, text, None, level, message))
    assert found is not None
    assert (row.level_of(found["level"].strip()), found["message"]) == (level, message)


def test_levels_that_have_no_name_are_read_by_their_number(read: Read):
    text = "%(asctime)s %(levelname)s %(name)s %(message)s"
    log = written("%", text, None, 45, "strange") + "\n"
    entries, _ = read(log, formats=(user_format.reader_of(text),), only=True)
    assert [(e.level, e.message) for e in entries] == [(45, "strange")]


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("%", "%(levelname).1s %(asctime)s %(message)s"),
        ("%", "%(asctime)s [%(threadName)-12.12s] [%(levelname)-5.5s]  %(message)s"),
        ("%", "%(asctime)s %(levelname)-.4s %(name)s %(message)s"),
        ("{", "{asctime} {levelname:.3} {message}"),
    ],
)
@pytest.mark.parametrize("level", [logging.ERROR, logging.CRITICAL])
def test_a_levels_name_may_be_cut(style: str, text: str, level: int, read: Read):
    log = written(style, text, None, level, "no card") + "\n"
    entries, counts = read(log, formats=(user_format.reader_of(text),), only=True)
    assert [(e.level, e.message) for e in entries] == [(level, "no card")]
    assert counts.unknown_levels == {}


def test_a_time_without_a_day_is_not_a_time(read: Read):
    text = "%(asctime)s %(levelname)s %(message)s"
    row = user_format.reader_of(text, "%H:%M:%S")
    entries, counts = read("03:12:07 ERROR no card\n", formats=(row,), only=True)
    assert (entries, counts.without_time) == ([], 1)
    wrapped = "2026-11-29T03:12:07.000000000Z stderr F 03:12:07 ERROR no card\n"
    entries, _ = read(wrapped, formats=(row,), only=True)
    assert [e.message for e in entries] == ["no card"]


def test_seconds_since_the_epoch_are_a_time(read: Read):
    row = user_format.reader_of("%(asctime)s %(levelname)s %(message)s", "%s")
    entries, _ = read("1795921927 ERROR no card\n", formats=(row,), only=True)
    assert [e.time for e in entries] == [1795921927]


def test_a_word_that_is_not_a_level_is_counted_and_pages_nothing(read: Read):
    text = "%(asctime)s %(levelname)s %(message)s"
    entries, counts = read(
        "2026-11-29 03:12:07,123 AUDIT somebody came in\n", formats=(user_format.reader_of(text),), only=True
    )
    assert entries == []
    assert counts.unknown_levels == {"AUDIT": 1}


@pytest.mark.parametrize("text", ["%(asctime)s", "", "no placeholder", "{asctime} {levelname:8}"])
def test_a_format_without_a_message_is_refused(text: str):
    with pytest.raises(ValueError, match="message"):
        user_format.reader_of(text)


@pytest.mark.parametrize("piece", ["a ", "a", " ", "- ", "|", "[x] "])
def test_no_line_takes_forever(piece: str):
    row = user_format.reader_of(
        "%(asctime)s %(name)s %(funcName)s - %(threadName)s|%(levelname)s~%(message)s"
    )
    assert row.match("2026-11-29 03:12:07,123 " + piece * (60_000 // len(piece))) is None
