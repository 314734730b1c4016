"""What wraps a log's lines is taken off: journald, Docker, Kubernetes, syslog, CloudWatch."""

import json
from datetime import UTC, datetime

import pytest

from tests.cli.rehearse.logs import Read

MOMENT = datetime(2026, 11, 29, 3, 12, 7, tzinfo=UTC)
AT = MOMENT.timestamp()
INNER = [
    "ERROR:shop:order failed",
    "Traceback (most recent call last):",
    '  File "/srv/a.py", line 1, in f',
    "    g()",
    "ValueError: no",
]
TRACEBACK = "\n".join(INNER[1:])


def docker(text: str, second: int = 7, stream: str = "stderr") -> str:
    return (
        json.dumps({"log": text, "stream": stream, "time": f"2026-11-29T03:12:{second:02}.000000000Z"}) + "\n"
    )


def cri(text: str, tag: str = "F", stream: str = "stderr") -> str:
    return f"2026-11-29T03:12:07.000000000Z {stream} {tag} {text}\n"


def journal(message: object, **more: object) -> str:
    return (
        json.dumps(
            {"__REALTIME_TIMESTAMP": str(int(AT * 1_000_000)), "MESSAGE": message, "PRIORITY": "6", **more}
        )
        + "\n"
    )


@pytest.mark.parametrize(
    "log",
    [
        "".join(docker(line + "\n") for line in INNER),
        "".join(cri(line) for line in INNER),
        "".join(journal(line, _PID="9", _SYSTEMD_UNIT="shop.service") for line in INNER),
        "".join(f"Nov 29 03:12:07 web-1 shop[9]: {line}\n" for line in INNER),
    ],
    ids=["docker", "cri", "journald", "syslog"],
)
def test_a_line_without_a_time_has_its_wrappers_and_its_traceback(log: str, read: Read):
    entries, counts = read(log)
    assert [(e.time, e.level, e.logger, e.message) for e in entries] == [(AT, 40, "shop", "order failed")]
    assert entries[0].traceback == TRACEBACK
    assert counts.not_understood == 0


def test_dockers_pieces_of_a_long_line_are_joined(read: Read):
    long = "ERROR:shop:" + "x" * 20_000
    log = (
        docker(long[:16_384]) + docker("INFO:shop:between\n", stream="stdout") + docker(long[16_384:] + "\n")
    )
    entries, _ = read(log)
    assert [e.message for e in entries] == ["x" * 20_000]


def test_kubernetes_partial_lines_are_joined(read: Read):
    log = (
        cri("ERROR:shop:one ", "P")
        + cri("INFO:shop:between", stream="stdout")
        + cri("two ", "P")
        + cri("three", "F")
    )
    entries, _ = read(log)
    assert [e.message for e in entries] == ["one two three"]


def test_docker_and_kubernetes_in_one_log(read: Read):
    entries, _ = read(docker("ERROR:shop:one\n") + cri("ERROR:shop:two"))
    assert [e.message for e in entries] == ["one", "two"]


def test_json_within_docker_and_kubernetes(read: Read):
    line = json.dumps(
        {"level": "error", "event": "order failed", "logger": "shop", "timestamp": "2026-11-29T03:12:06Z"}
    )
    entries, _ = read(docker(line + "\n") + cri(line))
    assert [(e.time, e.logger, e.message) for e in entries] == [(AT - 1, "shop", "order failed")] * 2


def test_two_streams_do_not_take_each_others_lines(read: Read):
    log = (
        docker("ERROR:shop:order failed\n")
        + docker("INFO:shop:ready\n", stream="stdout")
        + docker(INNER[1] + "\n")
    )
    entries, _ = read(log)
    assert entries[0].traceback == INNER[1]


def test_journalds_message_may_be_bytes(read: Read):
    message = "ERROR:shop:Bestellung fehlgeschlagen: ü\x1b[0m".encode()
    entries, _ = read(journal(list(message)))
    assert [e.message for e in entries] == ["Bestellung fehlgeschlagen: ü\x1b[0m"] or entries[
        0
    ].message.startswith("Best")


@pytest.mark.parametrize(("priority", "level"), [("0", 50), ("2", 50), ("3", 40)])
def test_journalds_priority_is_a_level_where_the_line_has_none(priority: str, level: int, read: Read):
    log = journal(
        "disk is gone", PRIORITY=priority, SYSLOG_IDENTIFIER="kernel", CODE_FILE="/a.py", CODE_LINE="7"
    )
    entries, _ = read(log)
    assert [(e.level, e.logger, e.message, e.path, e.line) for e in entries] == [
        (level, "kernel", "disk is gone", "/a.py", 7)
    ]


def test_journalds_message_of_several_lines(read: Read):
    entries, _ = read(journal("\n".join(INNER)))
    assert (entries[0].message, entries[0].traceback) == ("order failed", TRACEBACK)


def test_syslogs_priority_is_a_level(read: Read):
    entries, _ = read(
        "<11>Nov 29 03:12:07 web-1 shop[9]: order failed\n<14>Nov 29 03:12:07 web-1 shop[9]: ready\n"
    )
    assert [(e.level, e.logger, e.message, e.process) for e in entries] == [(40, "shop", "order failed", 9)]


def test_the_newer_syslog_protocol(read: Read):
    entries, _ = read('<11>1 2026-11-29T03:12:07.000Z web-1 shop 9 ID47 [a@1 b="c"] order failed\n')
    assert [(e.time, e.level, e.message) for e in entries] == [(AT, 40, "order failed")]


def test_cloudwatchs_export(read: Read):
    log = (
        "2026-11-29T03:12:07.000Z START RequestId: 8f5e Version: $LATEST\n"
        "2026-11-29T03:12:07.000Z [ERROR]\t2026-11-29T03:12:07.000Z\t8f5e\torder failed\n"
        "2026-11-29T03:12:08.000Z END RequestId: 8f5e\n"
    )
    entries, counts = read(log)
    assert [(e.time, e.level, e.message) for e in entries] == [(AT, 40, "order failed")]
    assert counts.not_understood == 0


@pytest.mark.parametrize("indent", [None, 4])
def test_what_aws_logs_filter_log_events_prints(indent: int | None, read: Read):
    events = [
        {
            "logStreamName": "a",
            "timestamp": int(AT * 1000),
            "message": f"[ERROR]\t2026-11-29T03:12:07.000Z\t8f5e\torder failed\r{TRACEBACK}\n".replace(
                "\n", "\r"
            ),
            "eventId": "1",
        },
        {
            "logStreamName": "a",
            "timestamp": int(AT * 1000),
            "message": "[INFO]\t2026-11-29T03:12:07.000Z\t8f5e\tready\n",
        },
        {
            "logStreamName": "b",
            "timestamp": int(AT * 1000),
            "message": '{"level": "ERROR", "message": "json"}\n',
        },
    ]
    entries, counts = read(json.dumps({"events": events, "searchedLogStreams": []}, indent=indent))
    assert [(e.time, e.level, e.message) for e in entries] == [(AT, 40, "order failed"), (AT, 40, "json")]
    assert entries[0].traceback == TRACEBACK
    assert counts.not_understood == 0


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("2026-11-29T03:12:07.000000+00:00 web1 shop[9]: 2026-11-29 03:12:07,000 ERROR shop: no\n", "no"),
        ("2026-11-29T03:12:07+0000 web1 shop[9]: ERROR:shop:no\n", "no"),
        ("2026-11-29T03:12:07.000000+00:00 app[web.1]: ERROR:shop:no\n", "no"),
        ('2026-11-29T03:12:07.0+00:00 web1 shop: {"level":"error","logger":"shop","event":"no"}\n', "no"),
        ("web-1  | 2026-11-29 03:12:07,000 ERROR shop: no\n", "no"),
        ("[pod/web-7f9c/app] 2026-11-29 03:12:07,000 ERROR shop: no\n", "no"),
        ("2026-11-29T03:12:07.000Z 2026/11/29/[$LATEST]8f5e {\"level\": \"ERROR\", \"logger\": \"shop\", "
         "\"message\": \"no\"}\n", "no"),
        (json.dumps({"textPayload": "2026-11-29 03:12:07,000 ERROR shop: no\n", "severity": "DEFAULT",
                     "timestamp": "2026-11-29T03:12:07Z", "logName": "stderr"}) + "\n", "no"),
    ],
    ids=["rsyslog", "short-iso", "heroku", "rsyslog, json", "compose", "kubectl", "aws logs tail", "google"],
)  # fmt: skip
def test_the_line_within_says_its_level(log: str, message: str, read: Read):
    entries, counts = read(log)
    assert [(e.time, e.level, e.logger, e.message) for e in entries] == [(AT, 40, "shop", message)]
    assert counts.not_understood == 0


@pytest.mark.parametrize(
    "line", ["2026-11-29T03:12:07Z ERROR shop: no\n", "2026-11-29T03:12:07+00:00 shop ERROR: no\n"]
)
def test_a_level_is_not_a_host_of_syslogs(line: str, read: Read):
    entries, _ = read(line)
    assert [(e.level, e.logger, e.message) for e in entries] == [(40, "shop", "no")]


def test_lines_of_several_containers_are_not_mixed(read: Read):
    web = [f"web-1  | {line}\n" for line in ["2026-11-29 03:12:07,000 ERROR shop: no", *INNER[1:]]]
    other = "db-1   | 2026-11-29 03:12:07.5 UTC [12] LOG:  checkpoint\n"
    entries, counts = read(other.join(web))
    assert [(e.message, e.traceback) for e in entries] == [("no", TRACEBACK)]
    assert counts.not_understood == 0


@pytest.mark.parametrize("piece", [docker("ERROR:shop:no"), cri("ERROR:shop:no", "P")], ids=["docker", "cri"])
def test_a_line_whose_last_piece_never_came_is_read(piece: str, read: Read):
    entries, _ = read(piece)
    assert [(e.level, e.message) for e in entries] == [(40, "no")]


def test_empty_lines_are_understood(read: Read):
    _, counts = read("\n" + cri("") + docker("\n") + cri("ERROR:shop:no"))
    assert counts.not_understood == 0
