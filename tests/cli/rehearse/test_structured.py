"""JSON lines: of every library that is known, and of those that the tests can ask to write some."""

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from tests.cli.rehearse.logs import Read

AT = datetime(2026, 11, 29, 3, 12, 7, tzinfo=UTC).timestamp()
TRACEBACK = 'Traceback (most recent call last):\n  File "/srv/a.py", line 1, in f\n    g()\nValueError: no'

LINES = {
    "python-json-logger": {
        "asctime": "2026-11-29 03:12:07,000",
        "levelname": "ERROR",
        "name": "shop",
        "message": "order failed",
        "exc_info": TRACEBACK,
    },
    "structlog": {
        "event": "order failed",
        "level": "error",
        "logger": "shop",
        "timestamp": "2026-11-29T03:12:07Z",
        "exception": TRACEBACK,
    },
    "ECS": {
        "@timestamp": "2026-11-29T03:12:07.000Z",
        "log.level": "error",
        "message": "order failed",
        "ecs": {"version": "1.6"},
        "log": {"logger": "shop"},
        "error": {"type": "ValueError", "message": "no", "stack_trace": TRACEBACK},
    },
    "ECS, nested": {
        "@timestamp": "2026-11-29T03:12:07.000Z",
        "log": {"level": "error", "logger": "shop"},
        "message": "order failed",
        "error": {"stack_trace": TRACEBACK},
    },
    "Google": {
        "severity": "ERROR",
        "message": "order failed",
        "logger": "shop",
        "time": "2026-11-29T03:12:07Z",
        "stack_trace": TRACEBACK,
    },
    "GELF": {
        "version": "1.1",
        "short_message": "order failed",
        "level": 3,
        "timestamp": AT,
        "logger": "shop",
        "exception": TRACEBACK,
    },
    "bunyan": {
        "name": "shop",
        "hostname": "h",
        "pid": 1,
        "level": 50,
        "msg": "order failed",
        "time": "2026-11-29T03:12:07.000Z",
        "v": 0,
        "err": {"stack": TRACEBACK},
    },
    "pino": {
        "level": 50,
        "time": int(AT * 1000),
        "pid": 1,
        "hostname": "h",
        "name": "shop",
        "msg": "order failed",
        "err": {"stack": TRACEBACK},
    },
    "zap": {
        "level": "error",
        "ts": AT,
        "logger": "shop",
        "msg": "order failed",
        "stacktrace": "",
        "exception": TRACEBACK,
    },
    "AWS Lambda": {
        "timestamp": "2026-11-29T03:12:07Z",
        "level": "ERROR",
        "message": "order failed",
        "logger": "shop",
        "requestId": "8f5e",
        "errorType": "ValueError",
        "errorMessage": "no",
        "stackTrace": ['  File "/srv/a.py", line 1, in f\n    g()\n'],
    },
    "OpenTelemetry": {
        "body": "order failed",
        "severity_number": 17,
        "severity_text": "ERROR",
        "scope_name": "shop",
        "timestamp": "2026-11-29T03:12:07.000000Z",
        "attributes": {"exception.stacktrace": TRACEBACK},
    },
    "GELF of graypy": {
        "version": "1.1",
        "short_message": "order failed",
        "full_message": f"order failed\n{TRACEBACK}",
        "timestamp": AT,
        "level": 3,
        "_logger": "shop",
    },
    "Serilog": {
        "@t": "2026-11-29T03:12:07Z",
        "@mt": "order failed",
        "@l": "Error",
        "logger": "shop",
        "@x": TRACEBACK,
    },
    "MongoDB": {
        "t": {"$date": "2026-11-29T03:12:07.000+00:00"},
        "s": "E",
        "c": "shop",
        "ctx": "conn1",
        "msg": "order failed",
        "exception": TRACEBACK,
    },
    "Log4j": {
        "instant": {"epochSecond": int(AT), "nanoOfSecond": 0},
        "level": "ERROR",
        "loggerName": "shop",
        "message": "order failed",
        "exception": TRACEBACK,
    },
    "Monolog": {
        "message": "order failed",
        "level": 400,
        "level_name": "ERROR",
        "channel": "shop",
        "datetime": "2026-11-29T03:12:07.000000+00:00",
        "exception": TRACEBACK,
    },
    "Google, numbers": {
        "severity": 500,
        "message": "order failed",
        "logger": "shop",
        "timestampSeconds": int(AT),
        "stack_trace": TRACEBACK,
    },
    "Azure": {
        "severityLevel": 3,
        "message": "order failed",
        "logger": "shop",
        "time": "2026-11-29T03:12:07Z",
        "traceback": TRACEBACK,
    },
    "OTLP's names": {
        "severityNumber": "SEVERITY_NUMBER_ERROR2",
        "body": "order failed",
        "scope_name": "shop",
        "timestamp": "2026-11-29T03:12:07.000000Z",
        "attributes": {"exception.stacktrace": TRACEBACK},
    },
    "numbers": {
        "levelno": 40,
        "message": "order failed",
        "logger": "shop",
        "created": AT,
        "exc_text": TRACEBACK,
    },
    "objects": {
        "level": {"name": "ERROR", "no": 40},
        "message": "order failed",
        "logger": "shop",
        "time": {"timestamp": AT},
        "traceback": TRACEBACK,
    },
}


@pytest.mark.parametrize("library", LINES)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["tight", "wide"])
def test_a_line_of_each_library(library: str, separators: tuple[str, str], read: Read):
    entries, counts = read(json.dumps(LINES[library], separators=separators) + "\n")
    assert [(e.time, e.level, e.logger, e.message) for e in entries] == [(AT, 40, "shop", "order failed")]
    assert entries[0].traceback == TRACEBACK
    assert counts.not_understood == 0


def test_an_export_of_opentelemetrys_protocol(read: Read):
    record = {
        "timeUnixNano": str(int(AT) * 10**9),
        "severityNumber": 17,
        "severityText": "ERROR",
        "body": {"stringValue": "order failed"},
        "attributes": [
            {"key": "code.line.number", "value": {"intValue": "42"}},
            {"key": "code.file.path", "value": {"stringValue": "/a.py"}},
        ],
    }
    other = {**record, "severityNumber": 9, "severityText": "INFO"}
    line = {
        "resourceLogs": [
            {
                "resource": {},
                "scopeLogs": [{"scope": {"name": "shop"}, "logRecords": [record, other, record]}],
            }
        ]
    }
    entries, counts = read(json.dumps(line) + "\n")
    assert [(e.time, e.level, e.logger, e.message, e.path, e.line) for e in entries] == [
        (AT, 40, "shop", "order failed", "/a.py", 42)
    ] * 2
    assert counts.records == 3


def test_objects_of_several_lines_each(read: Read):
    log = "".join(json.dumps(LINES["OpenTelemetry"], indent=4) + "\n" for _ in range(3))
    entries, counts = read(log)
    assert [e.message for e in entries] == ["order failed"] * 3
    assert counts.not_understood == 0


def test_what_loguru_serializes(read: Read):
    loguru = pytest.importorskip("loguru")
    written = io.StringIO()
    number = loguru.logger.add(written, serialize=True, backtrace=False, diagnose=False)
    try:
        loguru.logger.info("ready")
        try:
            {}["card"]
        except KeyError:
            loguru.logger.bind(order=7).exception("order {} failed", 7)
    finally:
        loguru.logger.remove(number)
    entries, _ = read(written.getvalue())
    assert [(e.level, e.logger, e.message, e.fields) for e in entries] == [
        (40, __name__, "order 7 failed", {"order": 7})
    ]
    assert entries[0].traceback.startswith("Traceback (most recent call last):")
    assert entries[0].traceback.endswith("KeyError: 'card'")
    assert entries[0].path == __file__


def test_what_loguru_prints(read: Read):
    loguru = pytest.importorskip("loguru")
    written = io.StringIO()
    number = loguru.logger.add(written, colorize=True, backtrace=True, diagnose=True)
    try:
        loguru.logger.info("ready")
        try:
            {}["card"]
        except KeyError:
            loguru.logger.exception("order failed")
        loguru.logger.critical("no database")
    finally:
        loguru.logger.remove(number)
    entries, counts = read(written.getvalue())
    assert [(e.level, e.logger, e.message) for e in entries] == [
        (40, __name__, "order failed"),
        (50, __name__, "no database"),
    ]
    assert "KeyError" in entries[0].traceback
    assert counts.not_understood == 0


@pytest.mark.parametrize("colors", [True, False])
def test_what_structlogs_console_prints(colors: bool, read: Read):
    structlog = pytest.importorskip("structlog")
    written = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(written),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True),
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
        ],
    )
    logger.info("ready", order=1)
    try:
        {}["card"]
    except KeyError:
        logger.exception("order failed", order=7)
    logger.critical("a message that is longer than thirty characters", order=8)
    entries, counts = read(written.getvalue())
    assert [(e.level, e.message) for e in entries] == [
        (40, "order failed"),
        (50, "a message that is longer than thirty characters"),
    ]
    assert entries[0].traceback.endswith("KeyError: 'card'")
    assert counts.not_understood == 0


def test_what_structlogs_json_renderer_writes(read: Read):
    structlog = pytest.importorskip("structlog")
    written = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(written),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
    )
    try:
        {}["card"]
    except KeyError:
        logger.exception("order failed", order=7)
    entries, _ = read(written.getvalue())
    assert [(e.level, e.message, e.fields["order"]) for e in entries] == [(40, "order failed", 7)]
    assert entries[0].traceback.endswith("KeyError: 'card'")


def test_what_python_json_logger_writes(read: Read):
    jsonlogger = pytest.importorskip("pythonjsonlogger.json")
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(
        jsonlogger.JsonFormatter("%(asctime)s %(levelname)s %(name)s %(pathname)s %(lineno)d %(message)s")
    )
    logger = logging.Logger("shop")
    logger.addHandler(handler)
    logger.info("ready")
    try:
        {}["card"]
    except KeyError:
        logger.exception("order %d failed", 7, extra={"order": 7})
    entries, _ = read(written.getvalue())
    assert [(e.level, e.logger, e.message, e.path) for e in entries] == [
        (40, "shop", "order 7 failed", __file__)
    ]
    assert entries[0].fields == {"order": 7}
    assert entries[0].traceback.endswith("KeyError: 'card'")


@pytest.mark.parametrize("level", [None, True, [], {}, "LOUD", -1, 10**30, 1.5, "", {"no": "forty"}])
def test_invalid_levels_neither_page_nor_raise(level: object, read: Read):
    entries, _ = read(json.dumps({"level": level, "message": "m", "time": AT}) + "\n")
    assert len(entries) <= 1
    assert all(e.level is not None for e in entries)


def test_json_that_is_not_a_record_is_not_understood(read: Read):
    log = '{"a": 1}\n{"level": "error", "mess\n[1, 2]\n"text"\n' + json.dumps(LINES["structlog"]) + "\n"
    entries, counts = read(log)
    assert len(entries) == 1
    assert counts.not_understood == 4


@pytest.mark.parametrize(
    "said",
    [
        {"level": 100, "level_name": "DEBUG"},
        {"level": 300},
        {"severity": 200},
        {"level": 20_000},
        {"level": float("inf")},
        {"level": True},
        {"level": "30"},
        {"severityLevel": 2},
        {"status": 500},
        {"status": "error"},
    ],
    ids=str,
)
def test_a_number_of_another_scale_pages_for_nothing_that_is_not_an_error(
    said: dict[str, object], read: Read
):
    line = {"message": "ready", "time": "2026-11-29T03:12:07Z", **said}
    entries, counts = read(json.dumps(line) + "\n")
    assert entries == []
    assert counts.records == 1


def test_what_serilog_says_without_a_level_is_news(read: Read):
    entries, _ = read('{"@t": "2026-11-29T03:12:07Z", "@m": "ready"}\n', level=1)
    assert [(e.level, e.message) for e in entries] == [(20, "ready")]


def test_equal_objects_one_after_the_other_are_as_many_records(read: Read):
    said = {"timestamp": "2026-11-29T03:12:07Z", "level": "ERROR", "message": "no", "exc_info": TRACEBACK}
    entries, counts = read((json.dumps(said) + "\n") * 3)
    assert [e.message for e in entries] == ["no"] * 3
    assert (counts.records, counts.continued) == (3, 0)
