"""The command as a process: at a terminal, in a pipe that nobody reads, ended by Ctrl-C."""

import contextlib
import io
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from pagerduty_logging import cli
from pagerduty_logging.sandbox import Hang, Sandbox

HARD_LIMIT = 90  # seconds any of these processes may live


@contextlib.contextmanager
def running(sandbox: Sandbox, *arguments: str, **streams: int) -> Iterator[subprocess.Popen[str]]:
    """The command in its own process, killed when it outlives its time."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pagerduty_logging", *arguments],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **streams},
        env={**os.environ, **sandbox.environment, "TERM": "xterm", "COLUMNS": "100"},
    )
    limit = threading.Timer(HARD_LIMIT, process.kill)
    limit.start()
    try:
        with process:
            yield process
            process.kill()
    finally:
        limit.cancel()


class Terminal(io.StringIO):
    """A standard output that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    """Runs the command in this process and returns what a terminal is sent."""
    for name, value in {**sandbox.environment, "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run(*arguments: str) -> str:
        with contextlib.redirect_stdout(Terminal()) as terminal:
            cli.main(arguments)
        return terminal.getvalue()

    return run


def test_a_real_terminal_is_noticed(sandbox: Sandbox):
    ours, theirs = pty.openpty()
    with running(sandbox, "trigger", "The disk is full", "--dedup-key", "disk", stdout=theirs) as process:
        os.close(theirs)
        assert process.wait(HARD_LIMIT) == 0
        shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert shown == "\x1b[32mEvent processed\x1b[0m\r\ndedup key: \x1b[1mdisk\x1b[0m\r\n"


def test_a_terminal_shows_colours_unless_somebody_objects(on_terminal, monkeypatch: pytest.MonkeyPatch):
    shown = on_terminal("check")
    assert "\x1b[32mok      \x1b[0mname" in shown
    assert "PagerDuty can be reached." in shown
    assert "Not checked: whether the key belongs to a service" in shown
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in on_terminal("check")
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in on_terminal("check")


def test_a_terminal_shows_a_table(on_terminal, sandbox: Sandbox, tmp_path, make_handler, attach):
    assert on_terminal("spool", "list", str(tmp_path)) == "The spool is empty.\n"
    sandbox.stop()
    handler = make_handler(spool=str(tmp_path))
    attach(handler).critical("cannot pay")
    header, row = on_terminal("spool", "list", str(tmp_path)).splitlines()
    sandbox.start()
    assert re.match(r"\x1b\[1mSTATE  AGE +SEVERITY  WHAT", header)
    assert re.match(r"held   \d+ s +\x1b\[1;31mcritical\x1b\[0m  CRITICAL of logger 'shop'", row)


def test_a_terminal_shows_that_pages_would_not_get_through(on_terminal, sandbox: Sandbox):
    sandbox.stop()
    assert "Pages would not get through." in on_terminal("check")


def test_a_pipe_that_nobody_reads_ends_it_quietly(sandbox: Sandbox):
    with running(sandbox, "check") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(HARD_LIMIT) == 141
        assert process.stderr.read() == ""


def test_it_works_with_all_its_streams_closed(sandbox: Sandbox):
    command = [sys.executable, "-m", "pagerduty_logging", "trigger", "x", "--dedup-key", "closed"]
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]
    assert (
        subprocess.run(shell, env={**os.environ, **sandbox.environment}, timeout=HARD_LIMIT).returncode == 0
    )
    sandbox.alert("closed")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_a_sentence(sandbox: Sandbox):
    with open("/dev/full", "w") as full, running(sandbox, "trigger", "x", stdout=full.fileno()) as process:
        assert process.communicate(timeout=HARD_LIMIT)[1] == "pagerduty-logging: No space left on device\n"
        assert process.returncode == 1


def test_ctrl_c_ends_it_without_a_traceback(sandbox: Sandbox):
    sandbox.fail_next(Hang())
    with running(sandbox, "trigger", "x") as process:
        sandbox.wait_until(lambda: sandbox.requests, timeout=60)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=HARD_LIMIT) == ("", "")
        assert process.returncode == 130


def test_ctrl_c_resolves_the_test_alert_at_once(sandbox: Sandbox):
    with running(sandbox, "test", "--page", "--resolve-after", "3600") as process:
        assert process.stderr is not None
        assert "the alert is open" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(HARD_LIMIT) == 0
    sandbox.alert(state="resolved")


def test_the_command_imports_only_what_it_needs():
    program = (
        "import sys, pagerduty_logging.cli; "
        "ours = {name for name in sys.modules if name.startswith('pagerduty_logging')}; "
        "print(*sorted(name for name in ours if not name.startswith('pagerduty_logging.cli'))); "
        "print(*sorted({'requests', 'flask'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HARD_LIMIT
    )
    assert ended.stdout == "pagerduty_logging pagerduty_logging._version\n\n"
