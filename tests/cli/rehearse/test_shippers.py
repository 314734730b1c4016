"""Lines of text that other programs ship: each is read as the application wrote it, or said to be unknown."""

import json
import struct

import pytest

from tests.cli.rehearse.logs import Read

AT = "2026-11-29T03:12:07.123456789Z"
TEXT = "2026-11-29 03:12:07,123 ERROR shop: no card"
NUMBER = 1_795_921_927_123

SHIPPED = {
    "syslog without a host": "Nov 29 03:12:07 shop[4711] ERROR no card",
    "syslog with words for priorities": "Nov 29 03:12:07 web1 user.err shop: no card",
    "syslog's newer protocol, with a bracket in its data": (
        '<131>1 2026-11-29T03:12:07Z web1 shop 4711 - [a b="c\\]d"] no card'
    ),
    "syslog's newer protocol, counted, as Heroku drains it": (
        "81 <131>1 2026-11-29T03:12:07+00:00 host shop web.1 - no card"
    ),
    "ESXi": "2026-11-29T03:12:07.123Z Er(11) shop[1001430703]: no card",
    "journald, with the unit's zone": "Sun 2026-11-29 03:12:07 UTC web1 shop[13]: ERROR:shop:no card",
    "compose, with a name of its own": f"shop   | {TEXT}",
    "stern": f"shop-6d4cf56db6-abcde web {TEXT}",
    "stern's JSON": json.dumps({"message": TEXT, "podName": "shop-6d", "containerName": "web"}),
    "Fly.io": "2026-11-29T03:12:07Z app[148e21ea] ams [info] ERROR:shop:no card",
    "Fly.io's JSON": json.dumps(
        {"fly": {}, "log": {"level": "info"}, "message": "ERROR:shop:no card", "timestamp": AT}
    ),
    "Loki": json.dumps({"labels": {"app": "shop", "level": "info"}, "line": TEXT, "timestamp": AT}),
    "Elasticsearch": json.dumps({
        "_index": "logs",
        "_source": {"@timestamp": AT, "message": "no card", "log": {"level": "error", "logger": "shop"}},
    }),
    "Filebeat": json.dumps({"@timestamp": AT, "message": TEXT, "agent": {"type": "filebeat"}}),
    "Datadog": json.dumps({
        "id": "a",
        "type": "log",
        "attributes": {"status": "error", "message": "no card", "timestamp": AT, "logger": {"name": "shop"}},
    }),
    "Datadog's formatter": json.dumps(
        {"message": "no card", "timestamp": AT, "status": "error", "logger": {"name": "shop"}}
    ),
    "Google's handler, exported": json.dumps({
        "logName": "projects/p/logs/python",
        "severity": "ERROR",
        "labels": {"python_logger": "shop"},
        "jsonPayload": {"message": "no card"},
        "timestamp": AT,
    }),
    "Azure's App Service": json.dumps({
        "time": AT,
        "category": "AppServiceConsoleLogs",
        "level": "Error",
        "resultDescription": "ERROR:shop:no card",
    }),
    "CloudWatch's Insights": json.dumps(
        [{"@timestamp": "2026-11-29 03:12:07.123", "@message": TEXT, "@logStream": "a"}]
    ),
    "CloudWatch's Insights, as the command prints them": json.dumps({
        "results": [
            [{"field": "@timestamp", "value": "2026-11-29 03:12:07.123"},
             {"field": "@message", "value": "ERROR:shop:no card"}, {"field": "@ptr", "value": "x"}]
        ]
    }),
    "Twisted's JSON": "\x1e" + json.dumps({
        "log_level": {"name": "error"},
        "log_namespace": "shop",
        "log_format": "no card",
        "log_time": NUMBER / 1_000,
    }),
    "old Logstash": json.dumps(
        {"@timestamp": AT, "@message": "no card", "@fields": {"levelname": "ERROR", "name": "shop"}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("shipper", SHIPPED)
def test_what_is_shipped_is_read(shipper: str, read: Read):
    entries, counts = read(SHIPPED[shipper] + "\n")
    assert [(e.level, e.logger, e.message) for e in entries] == [(40, "shop", "no card")]
    assert int(entries[0].time or 0) == NUMBER // 1_000
    assert counts.not_understood == 0


QUIET = {
    "Fly.io's own level": "2026-11-29T03:12:07Z app[148e21ea] ams [error] INFO:shop:ready",
    "Azure's, of standard error": json.dumps(
        {
            "time": AT,
            "category": "AppServiceConsoleLogs",
            "level": "Error",
            "resultDescription": "INFO:shop:ready",
        }
    ),
    "the state of something else": json.dumps({"timestamp": AT, "message": "job", "status": "error"}),
    "Nextcloud's numbers": json.dumps(
        {"reqId": "a", "level": 2, "time": AT, "app": "files", "message": "slow"}
    ),
    "numbers that count by one": json.dumps({"timestamp": AT, "message": "job", "level": 4}),
    "a word in small letters": "2026-11-29T03:12:07.123Z alert rules are loaded",
    "a message in a time zone's line": "2026-11-29 03:12:07,123 UTC INFO ready",
}


@pytest.mark.parametrize("what", QUIET)
def test_what_is_not_an_error_does_not_page(what: str, read: Read):
    entries, _ = read(QUIET[what] + "\n")
    assert entries == []


def test_numbers_of_nextclouds_scale_are_its_own(read: Read):
    said = {"reqId": "a", "level": 3, "time": AT, "app": "files", "message": "no card"}
    entries, _ = read(json.dumps(said) + "\n")
    assert [e.level for e in entries] == [40]


def test_colours_within_docker_are_taken_off(read: Read):
    said = {"log": "\x1b[31mERROR\x1b[0m:    no card\n", "stream": "stderr", "time": AT}
    entries, counts = read(json.dumps(said) + "\n")
    assert [(e.level, e.message) for e in entries] == [(40, "no card")]
    assert counts.not_understood == 0


def test_a_time_before_each_line_does_not_break_a_traceback(read: Read):
    lines = ["ERROR:shop:no card", "Traceback (most recent call last):", '  File "a.py", line 1, in f',
             "    g()", "ValueError: no", "INFO:shop:ready"]  # fmt: skip
    log = "".join(f"2026-11-29T03:12:07.{n:09}Z {line}\n" for n, line in enumerate(lines))
    entries, counts = read(log)
    assert [(e.message, e.traceback) for e in entries] == [("no card", "\n".join(lines[1:5]))]
    assert (counts.records, counts.continued, counts.not_understood) == (2, 4, 0)


def test_the_lines_of_a_container_are_known_by_its_name_once_that_is_known(read: Read):
    web, other = "shop-6d4cf56db6-abcde web", "shop-6d4cf56db6-zzzzz web"
    log = (
        f"{web} {TEXT}\n{web} Traceback (most recent call last):\n"
        f"{other} 2026-11-29 03:12:07,200 INFO shop: ready\n{web} ValueError: no\n"
    )
    entries, counts = read(log)
    assert [e.traceback for e in entries] == ["Traceback (most recent call last):\nValueError: no"]
    assert counts.not_understood == 0


def test_a_table_in_a_message_names_no_containers(read: Read):
    table = "name | count\nweb | 12\nmail | 3"
    entries, counts = read(f"{TEXT}\n{table}\n{TEXT}\n")
    assert [e.message for e in entries] == [f"no card\n{table}", "no card"]
    assert counts.not_understood == 0


def test_the_rest_of_a_record_may_stand_bare_where_a_program_writes_as_syslog_does(read: Read):
    head = "Nov 29 03:12:07 shop[4711] ERROR no card\n"
    entries, counts = read(f"{head}Traceback (most recent call last):\nValueError: no\n{head}")
    assert [e.traceback for e in entries] == ["Traceback (most recent call last):\nValueError: no", ""]
    assert counts.not_understood == 0


@pytest.mark.parametrize(
    "other", ['{"type": "platform.report", "record": {"status": "ok"}}', '{"timestamp": "2026-11-29T03:1']
)
def test_an_object_of_another_kind_or_half_of_one_is_not_added_to_a_record(other: str, read: Read):
    good = {"timestamp": AT, "level": "ERROR", "message": "no card"}
    entries, counts = read(f"{json.dumps(good)}\n{other}\n")
    assert [e.message for e in entries] == ["no card"]
    assert counts.not_understood == 1


def test_journalds_export(read: Read):
    message = b"no card\nTraceback (most recent call last):\nValueError: no"
    log = (
        b"__CURSOR=a\n__REALTIME_TIMESTAMP=1795921927123000\nPRIORITY=3\nSYSLOG_IDENTIFIER=shop\nMESSAGE\n"
        + struct.pack("<Q", len(message))
        + message
        + b"\n\n__CURSOR=b\n__REALTIME_TIMESTAMP=1795921927123000\nPRIORITY=6\nMESSAGE=ready\n\n"
    )
    entries, counts = read(log)
    assert [(e.level, e.logger, e.message, e.traceback) for e in entries] == [
        (40, "shop", "no card", "Traceback (most recent call last):\nValueError: no")
    ]
    assert (counts.records, counts.not_understood) == (2, 0)


@pytest.mark.parametrize(
    "rest", [b"MESSAGE\n", b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff", b"=\n", b"\n\n\n"]
)
def test_a_broken_export_of_journald_does_no_harm(rest: bytes, read: Read):
    entries, _ = read(b"__CURSOR=a\n__REALTIME_TIMESTAMP=1795921927123000\nPRIORITY=3\nMESSAGE=no\n\n" + rest)
    assert [e.message for e in entries] == ["no"]


def test_uncaught_errors_of_lambda_begin_a_record_of_their_own(read: Read):
    first = "[ERROR]\t2026-11-29T03:12:07.123Z\t8f5e\tno card\n"
    entries, counts = read(f"{first}[ERROR] ValueError: no\nTraceback (most recent call last):\n  File a\n")
    assert [(e.message, e.traceback) for e in entries] == [("no card", "")]
    assert counts.without_time == 1
