"""`problems`, `silence`, `silences`, `unsilence`: an operator looks at what a fleet knows, and has quiet."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.cli import output
from pagerduty_logging.cli.silence import length
from pagerduty_logging.events_api.encoding import fit_dedup_key
from pagerduty_logging.state.options import open_state
from pagerduty_logging.state.protocol import Mine, Silenced
from pagerduty_logging.state.shared import SharedState
from tests.state.servers import running


@pytest.fixture(autouse=True)
def _no_state_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAGERDUTY_STATE", raising=False)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state.sqlite")


def fleet(path: str, host: str = "web-1") -> SharedState:
    state = open_state(path, routing_key="R" * 32, host=host)
    assert state is not None
    return state


def page(state: SharedState, key: str, severity: int, n: int = 1, logger: str = "shop") -> Any:
    now = time.time()
    state.count(key, n, first=now - 120.0, last=now, severity=severity, summary=f"{key} fails", logger=logger)
    answer = state.claim(key, severity, at=now, logger=logger)
    if isinstance(answer, Mine):
        state.commit(key, severity, occurrences=answer.occurrences, window=300.0)
    return answer


@pytest.fixture
def known(path: str) -> str:
    state = fleet(path)
    page(state, "network", 1, n=3)
    page(state, "disk", 0, n=1_204)
    other = fleet(path, "web-2")
    page(other, "disk", 1)
    other.close(1.0)
    state.close(1.0)
    return path


def test_the_table_is_worst_first(command: Callable[..., Any], known: str):
    ran = command("problems", "--state", known)
    assert (ran.code, ran.err) == (1, "")
    shown = re.sub(r"\t\d+ s ago\t", "\tjust now\t", ran.out)
    assert [line.split("\t") for line in shown.splitlines()] == [
        ["critical", "disk fails", "1205", "web-1, web-2", "2 min ago", "just now", "5 min left", "disk"],
        ["error", "network fails", "3", "web-1", "2 min ago", "just now", "5 min left", "network"],
    ]


@pytest.mark.parametrize(("columns", "lines"), [(130, 3), (72, 5)])
def test_a_narrow_terminal_shows_less_of_the_summary_and_the_whole_key(
    command: Callable[..., Any], path: str, monkeypatch: pytest.MonkeyPatch, columns: int, lines: int
):
    state = fleet(path)
    for key in ("orders-are-not-stored-although-paid", "no-room"):
        page(state, key, 1)
    state.close(1.0)
    monkeypatch.setattr("pagerduty_logging.cli.output.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    shown = command("problems", "--state", path).out.splitlines()
    assert len(shown) == lines
    assert max(map(len, shown)) <= columns
    assert "orders-are-not-stored-although-paid" in "\n".join(shown).split()


@pytest.mark.parametrize("columns", [44, 80, 200])
def test_a_table_fits_a_terminal_whatever_letters_are_in_it(
    command: Callable[..., Any], path: str, monkeypatch: pytest.MonkeyPatch, columns: int
):
    state = fleet(path)
    page(state, "数据库不可用 🎉 " * 9, 1)
    state.close(1.0)
    monkeypatch.setattr("pagerduty_logging.cli.output.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    shown = command("problems", "--state", path).out.splitlines()
    rows = [line for line in shown if line.startswith(("SEVERITY", "error", "critical"))]
    assert len(rows) >= 2
    assert max(map(output.columns, rows)) <= columns
    place = output.columns(rows[0].partition("LAST")[0])
    for row in rows[1:]:
        assert any(
            output.columns(row[:end]) == place and row[end:].strip()[0].isdigit() for end in range(len(row))
        )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_list_that_cannot_be_written_is_trouble(known: str):
    command = [sys.executable, "-m", "pagerduty_logging", "problems", "--state", known]
    with open("/dev/full", "w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert ran.returncode == 2
    assert b"No space left" in ran.stderr


def test_programs_read_it_as_json(command: Callable[..., Any], known: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAGERDUTY_STATE", known)
    ran = command("problems", "--json")
    assert ran.code == 1
    disk = json.loads(ran.out)["problems"][0]
    assert disk["key"] == "disk"
    assert (disk["severity"], disk["occurrences"], disk["suppressed"], disk["events"]) == (
        "critical",
        1205,
        1,
        1,
    )
    assert (disk["hosts"], disk["host_names"], disk["processes"]) == (2, ["web-1", "web-2"], 1)
    assert disk["first_seen"] < disk["last_seen"]
    assert disk["first_seen"].endswith("Z")


def test_one_problem(command: Callable[..., Any], known: str):
    ran = command("problems", "show", "disk", "--state", known)
    assert ran.code == 1
    assert "occurrences\t1205" in ran.out.splitlines()
    ran = command("problems", "show", "nothing", "--state", known)
    assert (ran.code, ran.out) == (0, "No such problem is open.\n")
    assert json.loads(command("problems", "show", "nothing", "--state", known, "--json").out) == {
        "problems": []
    }


def test_one_problem_is_shown_in_words(command: Callable[..., Any], known: str):
    told = dict(
        line.split("\t") for line in command("problems", "show", "disk", "--state", known).out.splitlines()
    )
    assert told["host_names"] == "web-1, web-2"
    assert (told["being_sent"], told["more"], told["silence"], told["first_release"]) == (
        "no",
        "no",
        "-",
        "-",
    )
    assert "[" not in "".join(told.values())


def test_a_silenced_problem_says_so(command: Callable[..., Any], known: str):
    assert silence(command, known, "network").code == 0
    rows = [line.split("\t") for line in command("problems", "--state", known).out.splitlines()]
    assert [(row[-1], row[-2]) for row in rows] == [
        ("disk", "5 min left"),
        ("network", "silenced for 30 min"),
    ]
    found = json.loads(command("problems", "--json", "--state", known).out)["problems"]
    assert [(each["silence"] or {}).get("reason") for each in found] == [None, "deploy"]
    shown = command("problems", "show", "network", "--state", known).out
    assert "reason deploy" in shown


def test_none_is_open(command: Callable[..., Any], known: str):
    state = fleet(known)
    for key in ("disk", "network"):
        state.resolve(key, at=time.time())
    ran = command("problems", "--state", known)
    assert (ran.code, ran.out) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["problems"], "no state: say which with --state, or set PAGERDUTY_STATE"),
        (["silences"], "no state: say which with --state"),
        (["problems", "--state", "mysql://:secret@h"], "--state cannot be mysql://…"),
        (["problems", "--state", "/nowhere/state.sqlite"], "no such file: /nowhere/state.sqlite"),
        (["problems", "show", "--state", "x"], "name the problem"),
        (["problems", "pdl2-1", "--state", "x"], "problems pdl2-1: write `problems show KEY`"),
        (["silence", "--state", "x", "--for", "1h", "--reason", "r"], "silence one of: KEY"),
        (["silence", "k", "--all", "--state", "x", "--for", "1h", "--reason", "r"], "silence one of: KEY"),
        (["silence", " ", "--state", "x", "--for", "1h", "--reason", "r"], "--all silences everything"),
        (["silence", "--logger", "", "--state", "x", "--for", "1h", "--reason", "r"], "--all silences"),
        (["silence", "--logger", "k" * 256, "--state", "x", "--for", "1h", "--reason", "r"], "more than 255"),
        (["silence", "k", "--state", "x", "--for", "1h", "--reason", " "], "--reason is empty"),
        (["silence", "k", "--state", "x", "--for", "0", "--reason", "r"], "--for '0' is not a length"),
        (
            ["silence", "k", "--state", "x", "--for", "forever", "--reason", "r"],
            "--for 'forever' is not a length",
        ),
        (["silence", "k", "--state", "x", "--for", "0m", "--reason", "r"], "needs an end, later than now"),
        (["silence", "k", "--state", "x", "--for", "8d", "--reason", "r"], "the longest silence is 7 days"),
        (["silence", "k", "--state", "x", "--for=-5m", "--reason", "r"], "is not a length of time"),
    ],
)
def test_what_cannot_be_meant_is_refused(command: Callable[..., Any], arguments: list[str], says: str):
    ran = command(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert "secret" not in ran.err


def test_a_state_that_cannot_be_read_is_trouble(command: Callable[..., Any], tmp_path: Path):
    broken = tmp_path / "diary"
    broken.write_text("dear diary\n" * 100)
    for arguments in (["problems"], ["silences"], ["unsilence", "x"]):
        ran = command(*arguments, "--state", str(broken))
        assert (ran.code, ran.out) == (2, "")
        assert "is no SQLite database" in ran.err
    ran = command("problems", "--state", str(tmp_path))
    assert (ran.code, ran.out) == (2, "")
    assert "is a directory" in ran.err


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90s", 90.0), ("30m", 1_800.0), ("1.5h", 5_400.0), ("1h30m", 5_400.0), ("7d", 604_800.0)],
)
def test_lengths_of_time(given: str, seconds: float):
    assert length(given) == seconds


def silence(command: Callable[..., Any], path: str, *what: str) -> Any:
    return command("silence", *what, "--for", "30m", "--reason", "deploy", "--state", path)


def test_a_silence_reaches_the_programs_and_is_ended(command: Callable[..., Any], known: str):
    state = fleet(known)
    ran = silence(command, known, "--logger", "shop.*")
    assert ran.code == 0
    name = ran.out.partition(":")[0]
    assert "logger shop.* is silent until 20" in ran.out
    assert "critical events pass" in ran.out
    assert "no open problem matches; the silence is active anyway" in ran.err
    assert isinstance(page(state, "cart", 1, logger="shop.cart"), Silenced)
    assert isinstance(page(state, "cart", 0, logger="shop.cart"), Mine)
    listed = command("silences", "--state", known)
    assert listed.code == 0
    assert listed.out.split("\t")[:4] == [name, "logger shop.*", "30 min", "critical events pass"]
    assert json.loads(command("silences", "--state", known, "--json").out)["silences"][0]["id"] == name
    assert command("unsilence", name, "--state", known).code == 0
    ran = command("unsilence", name, "--state", known)
    assert (ran.code, ran.out) == (1, "")
    assert "no silence has this name: `pagerduty-logging silences` lists the names" in ran.err
    assert json.loads(command("silences", "--state", known, "--json").out) == {"silences": []}


def test_a_silence_for_what_nobody_knows_is_taken_and_said(command: Callable[..., Any], known: str):
    ran = silence(command, known, "unheard of")
    assert ran.code == 0
    assert "no open problem has this key" in ran.err
    assert silence(command, known, "disk").err == ""
    assert silence(command, known, "--logger", "sho?").err == ""


def test_a_silence_in_a_new_file_is_taken_and_said(command: Callable[..., Any], path: str):
    ran = silence(command, path, "--all", "--critical")
    assert ran.code == 0
    assert "everything is silent" in ran.out
    assert "no program has used this file so far" in ran.err
    assert isinstance(page(fleet(path), "disk", 0), Silenced)


def test_a_key_that_is_too_long_for_an_event_is_found_as_events_have_it(
    command: Callable[..., Any], path: str
):
    long = "orders/" + "x" * 300
    page(fleet(path), fit_dedup_key(long), 1)
    assert command("problems", "show", long, "--state", path).code == 1
    assert silence(command, path, long).err == "", "it is known"


def test_what_a_shell_gives_that_is_no_text_is_stored_all_the_same(
    command: Callable[..., Any], tmp_path: Path
):
    with running(tmp_path) as server:
        given = ("--logger", "shop\udcff", "--for", "1m", "--reason", "\udcff")
        ran = command("silence", *given, "--state", server.url)
        listed = command("silences", "--json", "--state", server.url)
    assert (ran.code, "no open problem" in ran.err) == (0, True)
    (told,) = json.loads(listed.out)["silences"]
    assert (told["what"], told["reason"]) == ("shop\ufffd", "\ufffd")


def test_a_silence_as_json(command: Callable[..., Any], known: str):
    told = json.loads(silence(command, known, "disk", "--json").out)
    assert (told["by"], told["what"], told["reason"], told["critical"]) == ("key", "disk", "deploy", False)
    assert "@" in told["who"]


def _watching(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pagerduty_logging", "problems", "--watch", *arguments]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=buffered)


@pytest.mark.parametrize("form", [(), ("--json",), ("show", "disk")])
def test_each_look_is_in_a_pipe_at_once_and_watching_ends_when_nobody_reads(
    known: str, form: tuple[str, ...]
):
    with _watching("--state", known, *form) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], 30.0)[0]
            process.stdout.close()
            assert process.wait(30.0) == 141
        finally:
            process.kill()


@pytest.mark.parametrize(("terminal", "cleared"), [("xterm", True), ("dumb", False)])
@pytest.mark.parametrize("form", [(), ("show", "disk")])
def test_a_look_replaces_the_one_before_also_when_nothing_is_open_any_more(
    command: Callable[..., Any],
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    form: tuple[str, ...],
    terminal: str,
    cleared: bool,
):
    sleep, here = time.sleep, threading.current_thread()

    def ctrl_c(seconds: float) -> None:
        if threading.current_thread() is not here:  # another test's handler
            return sleep(seconds)
        raise KeyboardInterrupt

    state = fleet(path)
    while not state.hand_in():
        pass
    state.close(5.0)
    monkeypatch.setattr("pagerduty_logging.cli.output.is_terminal", lambda: True)
    monkeypatch.setattr("time.sleep", ctrl_c)
    monkeypatch.setenv("TERM", terminal)
    ran = command("problems", "--watch", "--state", path, *form)
    assert ran.code == 130
    assert ran.out.startswith("\x1b[2J") is cleared
    assert "problem is open" in ran.out


def test_watching_goes_on_while_the_state_cannot_be_read(known: str):
    """Real time: a look each two seconds."""
    with _watching("--state", known) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert "disk fails" in process.stdout.readline()
            aside = Path(known).with_name("aside")
            Path(known).rename(aside)
            Path(known).mkdir()
            assert "is a directory" in process.stderr.readline()
            Path(known).rmdir()
            aside.rename(known)
            lines = iter(process.stdout.readline, "")
            assert any("disk fails" in line for line in lines)
            process.send_signal(signal.SIGINT)
            assert process.wait(30.0) == 130
        finally:
            process.kill()
