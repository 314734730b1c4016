"""`check`: could this machine page? TLS and proxies: tests/events_api/test_check_on_the_way.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _pointed_at_the_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)


def steps(out: str) -> list[tuple[str, str]]:
    return [tuple(line.split("\t")[:2]) for line in out.splitlines()]


def test_each_step_is_reported_and_nobody_is_paged(command, sandbox: Sandbox):
    ran = command("check")
    assert (ran.code, ran.err) == (0, "")
    assert steps(ran.out) == [
        ("ok", "routing key"),
        ("ok", "address"),
        ("ok", "proxy"),
        ("ok", "name"),
        ("ok", "connection"),
        ("ok", "answer"),
    ]
    assert ran.out.splitlines()[-1].endswith("202: Event processed")
    assert sandbox.alerts == ()
    assert [event["event_action"] for event in sandbox.events] == ["resolve"]


def test_programs_read_it_as_json(command, sandbox: Sandbox):
    said = json.loads(command("check", "--json").out)
    assert said["ok"] is True
    assert said["steps"][1] == {"step": "address", "ok": True, "seconds": None, "detail": sandbox.url}
    assert said["steps"][-1]["seconds"] > 0
    assert "whether the key belongs to a service" in said["not_checked"][0]


def test_it_lists_why_nobody_may_be_notified_of_what_is_accepted(command, sandbox, monkeypatch):
    assert len(json.loads(command("check", "--json").out)["silent_because"]) == 6
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    said = command("check").out
    for reason in ("disabled", "maintenance window", "orchestration", "alert grouping", "acknowledged"):
        assert reason in said
    assert "https://support.pagerduty.com/" in said


def test_it_lists_no_such_reasons_where_pages_would_not_get_through(command, sandbox: Sandbox):
    sandbox.fail_next(400)
    assert json.loads(command("check", "--json").out)["silent_because"] == []


@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_answer_that_is_not_an_acceptance_fails(command, sandbox: Sandbox, status: int):
    sandbox.fail_next(status)
    ran = command("check")
    assert ran.code == 1
    assert steps(ran.out)[-1] == ("failed", "answer")
    assert str(status) in ran.out.splitlines()[-1]


def test_nobody_listening_fails_at_the_connection(command, sandbox: Sandbox):
    sandbox.stop()
    ran = command("check", "--json")
    said = json.loads(ran.out)
    assert (ran.code, said["ok"]) == (1, False)
    assert [(step["step"], step["ok"]) for step in said["steps"][3:]] == [
        ("name", True),
        ("connection", False),
        ("answer", False),
    ]
    assert said["steps"][4]["detail"] == "Connection refused"


def test_a_name_that_nobody_knows_fails_at_the_name(command):
    ran = command("check", "--base-url", "https://pagerduty.invalid", "--timeout", "5")
    assert ran.code == 1
    assert steps(ran.out)[3:] == [("failed", "name"), ("failed", "answer")]


@pytest.mark.parametrize("proxy", ["http://me:s3cret@h:99999", "http://me:s3cret/x@h:80", "http://[::1"])
def test_a_proxy_that_makes_no_sense_is_reported_without_its_password(
    command, monkeypatch: pytest.MonkeyPatch, proxy: str
):
    monkeypatch.setenv("https_proxy", proxy)
    ran = command("check", "--base-url", "https://pagerduty.invalid")
    assert ran.code == 1
    assert steps(ran.out)[2:] == [("failed", "proxy"), ("failed", "answer")]
    assert "s3cret" not in ran.out + ran.err


def test_where_the_key_came_from_is_reported_and_not_the_key(command, sandbox: Sandbox, tmp_path):
    (tmp_path / "key").write_text("k" * 32)
    by_file = command("check", "--routing-key-file", str(tmp_path / "key"))
    by_stdin = command("check", "--routing-key-stdin", stdin="k" * 32)
    assert f"from {tmp_path / 'key'}" in by_file.out
    assert "from standard input" in by_stdin.out
    assert "k" * 32 not in by_file.out + by_stdin.out


# --- the shared state --------------------------------------------------------------------------------


def test_a_state_is_tried_too(command, tmp_path):
    ran = command("check", "--state", str(tmp_path / "state.sqlite"))
    assert ran.code == 0
    assert steps(ran.out)[-1] == ("ok", "state")


def test_what_the_state_silences_is_shown(command, tmp_path):
    state = str(tmp_path / "state.sqlite")
    assert "silenced" not in command("check", "--state", state).out
    command("silence", "--all", "--critical", "--for", "3h", "--reason", "a new bank", "--state", state)
    command("silence", "--logger", "shop.cards", "--for", "5h", "--reason", "tests", "--state", state)
    ran = command("check", "--state", state)
    assert ran.code == 0
    detail = ran.out.splitlines()[-1]
    assert "silenced: everything for another 3 hours (" in detail
    assert ": a new bank); logger shop.cards that is not critical for another 5 hours (" in detail
    said = json.loads(command("check", "--state", state, "--json").out)
    assert [(silence["by"], silence["reason"]) for silence in said["silences"]] == [
        ("all", "a new bank"),
        ("logger", "tests"),
    ]


def test_a_state_that_does_not_answer_fails_and_shows_no_password(command, monkeypatch):
    monkeypatch.setenv("PAGERDUTY_STATE", "redis://:secret@127.0.0.1:1/0")
    ran = command("check")
    assert ran.code == 1
    assert steps(ran.out)[-1] == ("failed", "state")
    assert "secret" not in ran.out + ran.err
    assert json.loads(command("check", "--json").out)["ok"] is False


def test_a_state_that_is_not_a_database_fails(command, tmp_path):
    path = tmp_path / "state.sqlite"
    path.write_text("no database " * 100)
    assert steps(command("check", "--state", str(path)).out)[-1] == ("failed", "state")


def test_a_state_that_cannot_be_one_is_a_wrong_use(command):
    ran = command("check", "--state", "mysql://db/1")
    assert ran.code == 2
    assert "--state" in ran.err


@pytest.mark.parametrize(
    ("then", "word", "detail"),
    [
        ("", "ok", "attached to root"),
        (
            "logging.basicConfig(force=True)",
            "failed",
            "because of logging.basicConfig(force=True), called at",
        ),
        ("logging.getLogger().handlers.clear()", "failed", "is attached to no logger"),
        ("logging.disable(logging.CRITICAL)", "failed", "logging.disable() turns it off"),
        ("1 / 0", "failed", "cannot be imported: ZeroDivisionError"),
    ],
)
def test_check_reports_whether_the_handler_of_a_named_module_is_attached(
    sandbox: Sandbox, tmp_path: Path, then: str, word: str, detail: str
) -> None:
    (tmp_path / "shop.py").write_text(
        "import logging\nfrom pagerduty_logging import PagerDutyHandler\nhandler = PagerDutyHandler()\n"
        f"logging.getLogger().addHandler(handler)\n{then}\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pagerduty_logging", "check", "shop"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    first, *others = ran.stdout.splitlines()
    assert first.split("\t")[:2] == [word, "handler"]
    assert detail in first
    assert ran.returncode == (word == "failed")
    assert others[-1].startswith("ok\tanswer")


def test_a_module_without_a_handler_is_not_a_module_that_pages(command, monkeypatch) -> None:
    monkeypatch.setattr("pagerduty_logging.handler._handlers", ())
    ran = command("check", "this")
    assert ran.code == 1
    assert "made no PagerDutyHandler" in ran.out
