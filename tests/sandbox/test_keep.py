"""A sandbox that keeps its events in a file."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
import requests

from pagerduty_logging.sandbox import Sandbox, keep, store
from tests.sandbox.sandbox_client import Sender, acknowledge, change, resolve, trigger, trigger_with


def send(sandbox: Sandbox, *events: dict[str, object]) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for event in events:
            path = "/v2/enqueue" if "event_action" in event else "/v2/change/enqueue"
            assert Sender(sandbox, session)(event, path).status_code == 202


def test_another_sandbox_takes_up_what_was_kept(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    with Sandbox(keep=file) as first:
        send(first, trigger(), trigger_with(summary="again"), acknowledge(), change(), trigger(None))
        assert requests.post(f"{first.url}/alerts/{first.alerts[0].number}/resolve", timeout=30).ok
    second = Sandbox(keep=str(file))
    assert second.alerts == first.alerts
    assert second.changes == first.changes
    assert second.events == first.events
    assert second.alert("srv01/mysql").state == "acknowledged"
    with second:
        send(second, resolve())
    assert Sandbox(keep=file).alert("srv01/mysql").state == "resolved"


def test_a_file_that_is_kept_belongs_to_its_owner(tmp_path: Path) -> None:
    Sandbox(keep=tmp_path / "events.jsonl")
    assert stat.S_IMODE((tmp_path / "events.jsonl").stat().st_mode) == 0o600


def test_clearing_forgets_what_was_kept(tmp_path: Path) -> None:
    with Sandbox(keep=tmp_path / "kept") as sandbox:
        send(sandbox, trigger())
        sandbox.clear()
        send(sandbox, change())
    again = Sandbox(keep=tmp_path / "kept")
    assert (len(again.alerts), len(again.changes)) == (0, 1)


def test_clearing_needs_no_second_file(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    (tmp_path / "kept.new").mkdir()  # as good as a full disk
    with Sandbox(keep=file) as sandbox:
        send(sandbox, trigger())
        sandbox.clear()
    assert file.read_text() == keep.HEADER


def kept_line(at: str = "2026-01-01T00:00:00Z", **payload: object) -> str:
    event = trigger_with(**payload)
    return json.dumps({"at": at, "action": "trigger", "dedup_key": "k", "event": event})


NESTED: list[object] = []
for _ in range(200):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    "torn",
    [
        '{"at": "20',
        "nonsense",
        '{"at":1}',
        '{"at":"2026-01-01T00:00:00Z","action":"x"}',
        pytest.param("[" * 100_000, id="too deep to be read"),
        pytest.param(kept_line(custom_details={"a": NESTED}), id="too deep for an event"),
        pytest.param(kept_line(at="0001-01-01T00:00:00+05:00"), id="before time began"),
        pytest.param(kept_line(summary="\ud800"), id="no Unicode"),
        pytest.param(kept_line(custom_details={"a": float("nan")}), id="no number"),
    ],
)
def test_a_torn_line_costs_itself_only(tmp_path: Path, torn: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "kept"
    with Sandbox(keep=file) as sandbox:
        send(sandbox, trigger())
    with file.open("a") as opened:
        opened.write(torn)
    with Sandbox(keep=file) as sandbox:
        assert len(sandbox.events) == 1
        send(sandbox, change())
    assert len(Sandbox(keep=file).events) == 2
    told = capsys.readouterr().err.splitlines()
    assert told == [f"pagerduty-logging: 1 torn lines of {file} are left out"] * 2


def test_a_file_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    with Sandbox(keep=file) as sandbox:
        send(sandbox, trigger())
        file.unlink()
        send(sandbox, change())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = Sandbox(keep=file)
    assert (len(again.alerts), len(again.changes)) == (1, 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_is_not_a_file_to_keep_events_in() -> None:
    with pytest.raises(ValueError, match="/dev/full is not a regular file"):
        Sandbox(keep="/dev/full")


def test_a_header_that_was_torn_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.write_text(keep.HEADER[:10])
    with Sandbox(keep=file) as sandbox:
        send(sandbox, trigger())
    assert len(Sandbox(keep=file).events) == 1


def test_a_file_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("dear diary")
    with pytest.raises(ValueError, match="holds something else"):
        Sandbox(keep=file)
    assert file.read_text() == "dear diary"


def test_a_place_where_no_file_can_be_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Sandbox(keep=tmp_path / "nowhere" / "kept")


def test_the_file_holds_no_more_than_twice_what_the_sandbox_does(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    with Sandbox(keep=file) as sandbox:
        send(sandbox, change())
        line = file.read_text().splitlines()[1]
        file.write_text(keep.HEADER + f"{line}\n" * keep.MAX_LINES)
    with Sandbox(keep=file) as sandbox:
        send(sandbox, change(payload={"summary": "the last straw"}))
    lines = file.read_text().splitlines()
    assert len(lines) == 1 + store.MAX_EVENTS
    assert json.loads(lines[-1])["event"]["payload"]["summary"] == "the last straw"
    assert os.listdir(tmp_path) == ["kept"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a directory that goes")
def test_a_file_that_cannot_be_written_is_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with Sandbox(keep=folder / "kept") as sandbox:
        (folder / "kept").unlink()
        folder.rmdir()
        send(sandbox, trigger(), trigger(), change())
        assert len(sandbox.events) == 3
    told = capsys.readouterr().err
    assert told == f"pagerduty-logging: {folder / 'kept'} keeps no more events: No such file or directory\n"


def test_events_of_an_earlier_day_say_so_and_are_not_of_the_last_hour(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    with Sandbox(keep=file) as sandbox:
        send(sandbox, trigger())
    kept = json.loads(file.read_text().splitlines()[1])
    file.write_text(keep.HEADER + json.dumps({**kept, "at": "2026-01-05T12:30:00+00:00"}) + "\n")
    with Sandbox(keep=file) as sandbox:
        send(sandbox, change())
        page = requests.get(sandbox.url, timeout=30).text
        assert " Jan " in page
        assert "1 sent" in page
