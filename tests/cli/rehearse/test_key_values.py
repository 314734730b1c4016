"""Lines of `key=value`: logfmt, and what structlog makes of an event without a console or JSON."""

import io

import pytest

from pagerduty_logging.cli.rehearse import key_values
from tests.cli.rehearse.logs import Read


@pytest.mark.parametrize(
    "line",
    [
        'time="2026-11-29T03:12:07Z" level=error logger=shop msg="no card" order=7',
        "timestamp=2026-11-29T03:12:07Z level=error logger=shop event='no card' order=7",
        "timestamp='2026-11-29T03:12:07Z' level='error' logger='shop' event='no card' order=7",
        'ts=2026-11-29T03:12:07.000Z lvl=eror logger=shop order=7 paid msg="no card"',
        'at=ERROR time=2026-11-29T03:12:07Z logger=shop msg="no card" order=7',
    ],
)
def test_a_line_is_read(line: str, read: Read):
    entries, counts = read(line + "\n")
    assert [(e.level, e.logger, e.message, e.fields["order"]) for e in entries] == [
        (40, "shop", "no card", "7")
    ]
    assert (counts.not_understood, dict(counts.formats)) == (0, {"key=value": 1})


def test_what_is_quoted_is_read_back():
    assert key_values.read(r'level=info msg="a \"b\" \n=c" x="\q"') == {
        "level": "info",
        "msg": 'a "b" \n=c',
        "x": r"\q",
    }


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a=1",
        "level=error",  # and nothing else
        "x=1 msg=no",  # no level
        "level=loud msg=no",
        "level=error msg=no and = more",
        'level=error msg="open',
        "retry = 3",
        "level=error " + "x" * 60_000 + "=",
    ],
    ids=lambda line: line[:30],
)
def test_a_line_that_is_something_else(line: str):
    assert key_values.read(line) is None


def test_structlogs_own_renderers(read: Read):
    structlog = pytest.importorskip("structlog")
    for renderer in (structlog.processors.LogfmtRenderer(), structlog.processors.KeyValueRenderer()):
        written = io.StringIO()
        logger = structlog.wrap_logger(
            structlog.PrintLogger(written),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                renderer,
            ],
        )
        logger.info("ready")
        logger.error("order failed", order=7, customer="A = B")
        entries, counts = read(written.getvalue())
        assert [(e.level, e.message, e.fields["customer"]) for e in entries] == [
            (40, "order failed", "A = B")
        ]
        assert counts.not_understood == 0
