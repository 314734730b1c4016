"""`trigger`, `acknowledge`, `resolve`, `change` and `test`, as scripts and people call them."""

import json
import logging
import re
from pathlib import Path

import pytest

from pagerduty_logging._version import __version__
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox

CLI_README = Path(__file__).parents[2] / "pagerduty_logging" / "cli" / "README.md"

OTHER_KEY = "e93facc04764012d7bfb002500d5d1a6"


@pytest.fixture(autouse=True)
def _pointed_at_the_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)


def test_an_alert_lives_from_trigger_to_resolve(command, sandbox: Sandbox):
    ran = command(
        *("trigger", "The disk of db1 is full", "--severity", "critical", "--dedup-key", "disk/db1"),
        *("--source", "db1", "--component", "disk", "--group", "databases", "--class", "capacity"),
        *("--client", "cron", "--client-url", "https://cron.example.com"),
        *("--timestamp", "2026-01-31T08:15:00Z", "--details", '{"free": 0}'),
        *("--link", "https://example.com/?a=b", "--link", "Run=book=https://wiki.example.com/?x=y"),
    )
    assert (ran.code, ran.out, ran.err) == (0, "disk/db1\n", "")
    alert = sandbox.alert(
        "disk/db1",
        state="triggered",
        summary="The disk of db1 is full",
        severity="critical",
        source="db1",
        component="disk",
        group="databases",
        event_class="capacity",
        client="cron",
        client_url="https://cron.example.com",
        custom_details={"free": 0},
        links=[
            {"href": "https://example.com/?a=b"},
            {"href": "https://wiki.example.com/?x=y", "text": "Run=book"},
        ],
    )
    assert sandbox.events[0]["payload"]["timestamp"] == "2026-01-31T08:15:00+00:00"
    assert command("acknowledge", alert.dedup_key, "--summary", "on it").out == "disk/db1\n"
    assert sandbox.alert("disk/db1").state == "acknowledged"
    assert json.loads(command("resolve", alert.dedup_key, "--json", "--details", '{"by": "me"}').out) == {
        "status": "success",
        "message": "Event processed",
        "dedup_key": "disk/db1",
    }
    assert sandbox.alert("disk/db1").state == "resolved"
    assert sandbox.events[1]["payload"]["summary"] == "on it"
    assert sandbox.events[2]["payload"]["custom_details"] == {"by": "me"}


def test_a_severity_is_taken_in_any_case(command, sandbox: Sandbox):
    assert command("trigger", "disk full", "--severity", "Critical").code == 0
    assert sandbox.alerts[0].severity == "critical"


@pytest.mark.parametrize("region", ["eu", "EU", "Us"])
def test_a_region_is_taken_in_any_case(command, sandbox: Sandbox, region):
    assert command("trigger", "disk full", "--region", region).code == 0


def test_a_change_is_recorded(command, sandbox: Sandbox):
    ran = command(
        "change", "Deployed 1.4.2", "--source", "shop", "--link", "Build=https://ci.example.com/142"
    )
    assert (ran.code, ran.out) == (0, "Change event processed\n")
    (change,) = sandbox.changes
    assert (change.summary, change.source) == ("Deployed 1.4.2", "shop")
    assert change.links == ({"href": "https://ci.example.com/142", "text": "Build"},)
    assert json.loads(command("change", "Deployed", "--json").out)["dedup_key"] is None


def test_details_come_from_a_file_or_standard_input(command, sandbox: Sandbox, tmp_path):
    (tmp_path / "details.json").write_text('{"from": "a file"}')
    command("trigger", "one", "--dedup-key", "1", "--details", f"@{tmp_path / 'details.json'}")
    command("trigger", "two", "--dedup-key", "2", "--details", "-", stdin='{"from": "stdin"}')
    assert sandbox.alert("1").custom_details == {"from": "a file"}
    assert sandbox.alert("2").custom_details == {"from": "stdin"}


def test_the_key_comes_from_a_file_or_standard_input(command, sandbox: Sandbox, tmp_path):
    (tmp_path / "key").write_text(f"{OTHER_KEY}\n")
    assert command("trigger", "one", "--routing-key-file", str(tmp_path / "key")).code == 0
    assert command("trigger", "two", "--routing-key-stdin", stdin=f"{OTHER_KEY}\n").code == 0
    assert [event["routing_key"] for event in sandbox.events] == [OTHER_KEY, OTHER_KEY]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--routing-key", OTHER_KEY],
        [f"--routing-key={OTHER_KEY}"],
        ["--routing-key"],
        ["--key", OTHER_KEY],
        [OTHER_KEY],
        ["--severity", OTHER_KEY],
    ],
)
def test_a_key_given_as_an_argument_is_refused_without_an_echo(command, sandbox: Sandbox, arguments):
    ran = command("trigger", "The disk is full", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "pagerduty-logging" in ran.err
    assert OTHER_KEY not in ran.err
    assert sandbox.requests == ()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["trigger", " "], "summary must not be empty"),
        (["trigger", "x", "--timestamp", "noon"], "timestamp must be ISO 8601"),
        (["trigger", "x", "--link", "example.com"], "is not URL or TEXT=URL"),
        (["trigger", "x", "--details", "{"], "--details is not JSON"),
        (["trigger", "x", "--details", "@/nowhere"], "--details cannot be read: No such file"),
        (["trigger", "x", "--details", "-", "--routing-key-stdin"], "holds one of them only"),
        (["trigger", "x", "--timeout", "0"], "timeout must be a finite number of seconds above 0"),
        (["trigger", "x", "--timeout", "soon"], "invalid float value"),
        (["trigger", "x", "--base-url", "http://pagerduty.invalid"], "or --allow-http if you mean it"),
        (["trigger", "x", "--routing-key-file", "/nowhere"], "routing_key_file cannot be read"),
        (["trigger", "x", "--routing-key-stdin"], "routing_key is empty"),
        (["resolve", " "], "dedup_key must not be empty"),
        (["change"], "required: summary"),
        (["page"], "invalid choice"),
        ([], "required: command"),
        (["test", "--page", "--resolve-after", "-1"], "not a number of seconds"),
        (["test", "--resolve-after", "soon"], "'soon' is not a number of seconds"),
        (
            ["trigger", "disk", "full"],
            "pagerduty-logging trigger: error: unrecognized arguments: full (a text",
        ),
        (["trigger", "x", "--sevrity", "info"], "trigger: error: unrecognized arguments: --sevrity"),
        (["why", "x", "--ledger", __file__], "is not a ledger: none of its lines is a decision"),
    ],
)
def test_a_wrong_call_is_two_and_says_why(command, sandbox: Sandbox, arguments, why):
    ran = command(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err
    assert sandbox.requests == ()


def test_without_a_key_it_says_where_one_is_looked_for(command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PAGERDUTY_ROUTING_KEY")
    ran = command("trigger", "x")
    assert ran.code == 2
    assert ran.err == (
        "pagerduty-logging: no routing key: set PAGERDUTY_ROUTING_KEY, or use --routing-key-file or "
        "--routing-key-stdin\n"
    )


def test_a_refusal_is_one_and_says_why(command, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", "short")
    ran = command("trigger", "x", "--json")
    assert ran.code == 1
    said = json.loads(ran.out)
    assert (said["kind"], said["http_status"]) == ("BadRequest", 400)
    assert said["errors"] == ["Length of 'routing_key' is incorrect (should be 32 characters)"]
    notice, complaint = ran.err.splitlines()
    assert notice.startswith("pagerduty-logging: PAGERDUTY_ROUTING_KEY is not 32 letters or digits")
    assert complaint.startswith("pagerduty-logging: not accepted: PagerDuty refused the event with 400")


def test_a_short_outage_is_waited_out(command, sandbox: Sandbox):
    sandbox.fail_next(503)
    assert command("trigger", "x", "--dedup-key", "x").out == "x\n"


def test_what_was_answered_cannot_harm_the_terminal(command, sandbox: Sandbox):
    sandbox.fail_next(400, body='{"message": "\\u001b[2J"}')
    assert "\x1b" not in command("trigger", "x").err


def test_test_pages_only_with_page(command, sandbox: Sandbox):
    ran = command("test", "--severity", "critical", "--resolve-after", "5")
    assert (ran.code, ran.out) == (2, "")
    assert f"test would open an alert (critical) at {sandbox.url}" in ran.err
    assert sandbox.requests == ()


def test_test_opens_a_marked_alert_and_resolves_it(command, sandbox: Sandbox):
    ran = command("test", "--page", "--resolve-after", "0")
    assert (ran.code, ran.out) == (0, "Triggered and resolved. Did it arrive where it should?\n")
    (alert,) = sandbox.alerts
    assert (alert.state, alert.severity) == ("resolved", "error")
    assert alert.summary.startswith("TEST from ")
    said = json.loads(command("test", "--page", "--resolve-after", "0", "--json").out)
    assert said == {"dedup_key": sandbox.alerts[0].dedup_key, "triggered": True, "resolved": True}


def test_a_test_that_cannot_be_resolved_names_the_alert(command, sandbox: Sandbox):
    sandbox.fail_next(400)
    assert command("test", "--page", "--resolve-after", "0").code == 1
    sandbox.fail_next(sandbox_answers_first(), times=1)
    sandbox.fail_next(400)
    ran = command("test", "--page", "--resolve-after", "0")
    assert ran.code == 1
    assert f"the alert is still open, its dedup key is {sandbox.alerts[0].dedup_key}" in ran.err


def sandbox_answers_first():
    """A fault without effect: the request is answered as PagerDuty would, after no time."""
    from pagerduty_logging.sandbox import Delay

    return Delay(0)


def test_the_version_is_reported(command):
    told = command("--version")
    assert (told.code, told.out) == (0, f"pagerduty-logging {__version__}\n")


def test_every_subcommand_has_an_example(command):
    listed = command("--help").out
    names = re.findall(r"^    ([a-z]+)\b", listed, re.MULTILINE)
    assert len(names) >= 16
    (table,) = re.findall(r"\| subcommand .*?\n\n", CLI_README.read_text("utf-8"), re.DOTALL)
    for name in names:
        assert re.search(rf"`{name}[ `]", table), f"{name} is not in the table of cli/README.md"
        assert f"\n    {name}" in listed
        ran = command(name, "--help")
        assert ran.code == 0
        assert f"example: pagerduty-logging {name}" in ran.out
    assert EXAMPLE_ROUTING_KEY not in listed


# --- a resolve for all -------------------------------------------------------------------------------


def test_a_resolve_reaches_all_processes_that_share_the_state(
    command, sandbox: Sandbox, make_handler, tmp_path
):
    state = str(tmp_path / "state.sqlite")
    for _ in range(2):
        handler = make_handler(state=state)
        handler.handle(logging.makeLogRecord({"msg": "disk full", "levelno": 40, "name": "shop"}))
        assert handler.flush(5.0)
        key = sandbox.events[0]["dedup_key"]
        assert command("resolve", key, "--state", state).code == 0
    assert [event["event_action"] for event in sandbox.events] == ["trigger", "resolve"] * 2


def test_a_resolve_of_a_key_that_is_too_long_for_an_event_reaches_them_too(command, make_handler, tmp_path):
    key, state = "orders/" + "x" * 300, str(tmp_path / "state.sqlite")
    handler = make_handler(state=state)
    logged = {"msg": "disk full", "levelno": 40, "name": "shop", "pagerduty": {"dedup_key": key}}
    handler.handle(logging.makeLogRecord(logged))
    assert handler.flush(5.0)
    assert command("problems", "--state", state).code == 1
    assert command("resolve", key, "--state", state).code == 0
    assert command("problems", "--state", state).code == 0


def test_a_resolve_says_when_the_state_did_not_take_it(command, sandbox: Sandbox):
    ran = command("resolve", "disk", "--state", "redis://127.0.0.1:1/0")
    assert ran.code == 1
    assert "the state in Redis at 127.0.0.1:1/0 do not know it: Redis cannot be reached" in ran.err
    assert "Pages go out" not in ran.err
    assert sandbox.events[0]["event_action"] == "resolve"
