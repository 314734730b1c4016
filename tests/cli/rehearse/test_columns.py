"""Logs in columns, as of rich: a record may leave out its time, and its other lines are indented."""

import io
import logging

import pytest

from tests.cli.rehearse.logs import Read

LOG = """\
[11/29/26 03:12:07] INFO     ready                                app.py:8
                    ERROR    order 7 failed                       app.py:9
                             for a reason of its own                     \n\
                    CRITICAL no database                         app.py:10
[11/29/26 03:12:09] WARNING  slow                                app.py:11
                    ERROR    order 8 failed                      app.py:12
"""
FIRST, LAST = 1_795_921_927.0, 1_795_921_929.0


def test_a_record_without_a_time_has_that_of_the_one_before(read: Read):
    entries, counts = read(LOG)
    assert [(e.time, e.level, e.message, e.path, e.line) for e in entries] == [
        (FIRST, 40, "order 7 failed for a reason of its own", "app.py", 9),
        (FIRST, 50, "no database", "app.py", 10),
        (LAST, 40, "order 8 failed", "app.py", 12),
    ]
    assert (counts.records, counts.not_understood) == (5, 0)


def test_a_time_that_is_left_out_is_found_in_long_logs_too(read: Read):
    entries, counts = read(LOG * 6_000)
    assert len(entries) == 18_000
    assert {e.time for e in entries} == {FIRST, LAST}
    assert counts.skimmed_bytes == 0


def test_without_a_day_there_is_no_time(read: Read):
    entries, counts = read(LOG.replace("11/29/26 ", "").replace("\n         ", "\n"))
    assert entries == []
    assert counts.without_time == 3


@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("width", [110, 140])
def test_what_rich_writes(boxes: bool, width: int, read: Read):
    rich_console = pytest.importorskip("rich.console")
    from rich.logging import RichHandler

    text = io.StringIO()
    console = rich_console.Console(file=text, width=width)
    handler = RichHandler(console=console, rich_tracebacks=boxes)
    handler.setFormatter(logging.Formatter("%(message)s", datefmt="[%Y-%m-%d %H:%M:%S]"))
    logger = logging.Logger("shop")
    logger.addHandler(handler)
    logger.info("ready")
    logger.error("order %d failed", 7)
    try:
        {}["card"]
    except KeyError:
        logger.exception("could not charge")
    logger.critical("no database")
    entries, counts = read(text.getvalue())
    assert [(e.level, e.message) for e in entries] == [
        (40, "order 7 failed"),
        (40, "could not charge"),
        (50, "no database"),
    ]
    assert entries[1].traceback.startswith("Traceback (most recent call last):")
    assert entries[1].traceback.endswith("KeyError: 'card'")
    assert {e.path for e in entries} == {"test_columns.py"}
    assert (counts.records, counts.not_understood) == (4, 0)
