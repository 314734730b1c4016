"""`spool list|retry|drop`: an operator looks after what no process does."""

import json
import re
import time
from pathlib import Path

import pytest

from pagerduty_logging import Severity, Trigger
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.spool import Spool, SpooledEvent
from pagerduty_logging.events_api.encoding import encode
from pagerduty_logging.events_api.routing_key import RoutingKey
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox


@pytest.fixture(autouse=True)
def _pointed_at_the_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)


def write(directory: Path, *summaries: str, key: str = EXAMPLE_ROUTING_KEY, age: float = 7_200.0) -> Spool:
    """Keep events as a handler does that is then gone; the first is the oldest."""
    spool = Spool(directory, RoutingKey(key), Diagnostics())
    for place, summary in enumerate(summaries):
        kept = SpooledEvent(
            encoded=encode(Trigger(summary, severity="critical", dedup_key=summary)),
            severity=Severity.CRITICAL,
            known=False,
            accepted=time.time() - age + place,
            label=f"CRITICAL of logger 'shop' (shop.py:{place})",
        )
        assert spool.write(kept)
    spool.sign_off()
    return spool


@pytest.fixture
def spool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A directory with two events that nobody looks after, one that is held, a refused and a broken one."""
    directory = tmp_path / "spool"
    refusing = write(directory, "refused", age=90_000)
    refusing.set_aside(refusing.entries()[0].name)
    write(directory, "disk", "network")
    breaking = write(directory, "broken", age=10.0)
    name = next(
        entry.name for entry in breaking.entries() if entry.kept and entry.kept.encoded.dedup_key == "broken"
    )
    (directory / name).write_text("{")
    capsys.readouterr()  # that one was refused
    return directory


def test_the_list_shows_state_age_severity_and_label(command, spool: Path):
    holder = write(spool, "held", age=0.0)
    holder.live(0.0)
    ran = command("spool", "list", str(spool))
    assert (ran.code, ran.err) == (0, "")
    shown = re.sub(r"^held\t\d+ s\t", "held\tjust now\t", ran.out, flags=re.MULTILINE)
    assert [line.split("\t")[:4] for line in shown.splitlines()] == [
        ["refused", "1 d", "critical", "CRITICAL of logger 'shop' (shop.py:0)"],
        ["waiting", "2 h", "critical", "CRITICAL of logger 'shop' (shop.py:0)"],
        ["waiting", "2 h", "critical", "CRITICAL of logger 'shop' (shop.py:1)"],
        ["waiting", "?", "?", "?"],
        ["held", "just now", "critical", "CRITICAL of logger 'shop' (shop.py:0)"],
    ]
    events = json.loads(command("spool", "list", str(spool), "--json").out)["events"]
    assert [event["state"] for event in events] == ["refused", "waiting", "waiting", "waiting", "held"]
    assert events[1]["dedup_key"] == "disk"
    assert events[1]["age"] >= 7_200
    assert events[3]["label"] is None
    assert sorted(event["event"] for event in events) == sorted(p.name for p in spool.glob("*.event*"))
    holder.sign_off()


def test_retry_sends_events_without_a_living_owner(command, spool: Path, sandbox: Sandbox):
    holder = write(spool, "held", age=0.0)
    holder.live(0.0)
    ran = command("spool", "retry", str(spool))
    assert ran.code == 1, "one is left"
    assert ran.out == "2 delivered, 0 refused, 1 left\n"
    assert "1 event is held by a living process, and stays" in ran.err
    assert [event["dedup_key"] for event in sandbox.events] == ["disk", "network"]
    assert "120 minutes" in sandbox.events[0]["payload"]["custom_details"]["delayed"]
    holder.sign_off()
    assert command("spool", "retry", str(spool)).out == "1 delivered, 0 refused, 0 left\n"
    ran = command("spool", "retry", str(spool), "--json")
    assert ran.code == 0
    assert json.loads(ran.out) == {"delivered": 0, "refused": 0, "left": 0, "error": None}


def test_retry_stops_at_the_first_that_is_not_taken_and_leaves_the_rest_to_others(
    command, tmp_path: Path, sandbox: Sandbox
):
    write(tmp_path, "one", "two", "three")
    sandbox.fail_next(sandbox_answers(), times=1)
    sandbox.fail_next(429)
    ran = command("spool", "retry", str(tmp_path))
    assert (ran.code, ran.out) == (1, "1 delivered, 0 refused, 2 left\n")
    assert "not all could be sent: PagerDuty limits the rate with 429" in ran.err
    listed = json.loads(command("spool", "list", str(tmp_path), "--json").out)["events"]
    assert [(event["state"], event["dedup_key"]) for event in listed] == [
        ("waiting", "two"),
        ("waiting", "three"),
    ]
    assert command("spool", "retry", str(tmp_path)).code == 0
    assert [event["dedup_key"] for event in sandbox.events] == ["one", "two", "three"]


def test_what_pagerduty_refuses_is_set_aside(command, tmp_path: Path, sandbox: Sandbox):
    write(tmp_path, "one")
    sandbox.fail_next(400, times=2)  # the event, and its barest form
    ran = command("spool", "retry", str(tmp_path))
    assert (ran.code, ran.out) == (1, "0 delivered, 1 refused, 0 left\n")
    assert command("spool", "list", str(tmp_path)).out.startswith("refused\t2 h\tcritical")


def test_events_for_another_key_stay(command, tmp_path: Path, sandbox: Sandbox):
    write(tmp_path, "one", key="9" * 32)
    ran = command("spool", "retry", str(tmp_path))
    assert (ran.code, ran.out) == (1, "0 delivered, 0 refused, 1 left\n")
    assert "they are for another routing key" in ran.err
    assert sandbox.requests == ()


def test_drop_deletes_what_no_process_holds_and_only_with_yes(command, spool: Path):
    holder = write(spool, "held", age=0.0)
    holder.live(0.0)
    ran = command("spool", "drop", str(spool))
    assert (ran.code, ran.out) == (2, "")
    assert "1 event is held by a living process, and stays" in ran.err
    assert "drop would delete 4 events, whose pages are lost; --yes does it" in ran.err
    assert len(list(spool.glob("*.event*"))) == 5
    assert command("spool", "drop", str(spool), "--yes").out == "4 dropped\n"
    (left,) = spool.glob("*.event*")
    assert holder.owner in left.name
    holder.sign_off()


def test_one_event_can_be_dropped(command, spool: Path):
    names = [line.split("\t")[4] for line in command("spool", "list", str(spool)).out.splitlines()]
    ran = command("spool", "drop", str(spool), names[1], "--yes", "--json")
    assert json.loads(ran.out) == {"dropped": [names[1]]}
    assert command("spool", "drop", str(spool), names[1], "--yes").code == 2
    assert len(list(spool.glob("*.event*"))) == 3


def test_a_missing_directory_is_a_wrong_call(command, tmp_path: Path):
    ran = command("spool", "list", str(tmp_path / "nowhere"))
    assert (ran.code, ran.out) == (2, "")
    assert "no such directory" in ran.err
    assert not (tmp_path / "nowhere").exists()


def test_an_empty_spool_is_good(command, tmp_path: Path):
    assert command("spool", "list", str(tmp_path)) == command("spool", "list", str(tmp_path))
    assert command("spool", "list", str(tmp_path)).out == ""
    assert command("spool", "retry", str(tmp_path)).code == 0


def sandbox_answers():
    """A fault without effect: the request is answered as PagerDuty would."""
    from pagerduty_logging.sandbox import Delay

    return Delay(0)
