"""`pagerduty-logging run`: any command, as if it were not supervised, but that its failure pages."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pagerduty_logging.cli import main
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from tests.ports import free_port
from tests.reliability.programs import KILL_AFTER, environment, says, until

RUN = [sys.executable, "-m", "pagerduty_logging", "run", "--name", "nightly-billing"]


@pytest.fixture(scope="module")
def pagerduty() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(pagerduty: Sandbox) -> Sandbox:
    pagerduty.clear()
    return pagerduty


@pytest.fixture
def supervise(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a command under supervision from this very process, which it is not to end."""
    monkeypatch.setenv("PAGERDUTY_EVENTS_URL", sandbox.url)
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", EXAMPLE_ROUTING_KEY)

    def supervise(*command: str, options: tuple[str, ...] = (), sends: int = 1) -> int:
        before = len(sandbox.events)
        status = main(["run", "--name", "nightly-billing", *options, "--", *command])
        sandbox.wait_for(before + sends, timeout=60)
        return status

    return supervise


@contextmanager
def started(arguments: list[str], url: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """Start a program; what it starts is killed with it at the end."""
    options = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": environment(url),
        "start_new_session": True,
        **options,
    }
    with subprocess.Popen(arguments, text=True, **options) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def instead_of(fd: int, other: int) -> Iterator[None]:
    """Let `fd` be the file `other` for a while."""
    before = os.dup(fd)
    os.dup2(other, fd)
    try:
        yield
    finally:
        os.dup2(before, fd)
        os.close(before)


def page(sandbox: Sandbox) -> dict:
    """The one page, when it is there."""
    sandbox.wait_for(1, timeout=60)
    (event,) = sandbox.events
    assert event["dedup_key"] == "job/nightly-billing"
    return event["payload"]


def is_gone(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_status_is_kept_and_pages_with_the_last_lines(sandbox, supervise, capfdbinary):
    program = (
        r"echo out; for n in $(seq 30); do echo line $n >&2; done; printf 'password=hunter2 \377' >&2; exit 3"
    )
    assert supervise("sh", "-c", program, options=("--severity", "critical", "--source", "db-1")) == 3
    out, err = capfdbinary.readouterr()
    assert out == b"out\n"
    assert err == b"".join(b"line %d\n" % n for n in range(1, 31)) + b"password=hunter2 \377"
    told = page(sandbox)
    assert (told["severity"], told["source"], told["component"]) == ("critical", "db-1", "nightly-billing")
    assert told["summary"].startswith("Job nightly-billing failed: exit status 3: password=[redacted]")
    details = told["custom_details"]
    assert details["stderr"][0] == "line 12"
    assert len(details["stderr"]) == 20
    assert (details["program"], details["exit_status"]) == ("sh", 3)
    assert details["ran_for"].endswith(" s")
    assert details["host"]
    assert "hunter2" not in str(told)


def test_the_next_success_resolves(sandbox, supervise):
    assert supervise("false") == 1
    assert supervise("true") == 0
    assert sandbox.alerts[0].state == "resolved"
    assert supervise("true", options=("--no-resolve",), sends=0) == 0
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize(
    ("program", "status", "words"),
    [
        ("no-such-program", 127, "cannot run no-such-program: No such file or directory"),
        ("/dev/null", 126, "cannot run /dev/null: Permission denied"),
    ],
)
def test_a_command_that_cannot_be_run_pages_too(sandbox, supervise, capfd, program, status, words):
    assert supervise(program) == status
    assert capfd.readouterr().err == f"pagerduty-logging: {words}\n"
    assert page(sandbox)["summary"] == f"Job nightly-billing failed: {words}"


def test_options_of_the_command_are_its_own(supervise, capfd):
    assert (
        main(["run", "--name", "a", "--no-resolve", "sh", "-c", 'echo "$@"', "x", "--", "-l", "--name"]) == 0
    )
    assert supervise("sh", "-c", 'echo "$@"', "x", "--", "-l", options=("--no-resolve",), sends=0) == 0
    assert capfd.readouterr().out == "-- -l --name\n-- -l\n"


def test_input_and_output_are_the_commands_own(supervise, capfd, tmp_path):
    (tmp_path / "given").write_text("given")
    with (tmp_path / "given").open() as given, instead_of(0, given.fileno()):
        assert supervise("sh", "-c", "cat; for fd in 0 1 2; do test -t $fd && echo terminal; done; true") == 0
    assert capfd.readouterr() == ("given", "")


@pytest.mark.parametrize("key", [None, "two\nlines"])
def test_the_command_runs_though_nothing_can_be_paged(supervise, monkeypatch, capfd, tmp_path, key):
    monkeypatch.delenv("PAGERDUTY_ROUTING_KEY")
    options: tuple[str, ...] = ()
    if key is not None:
        (tmp_path / "key").write_text(key)
        options = ("--routing-key-file", str(tmp_path / "key"))
    assert supervise("sh", "-c", "exit 4", options=options, sends=0) == 4
    error = capfd.readouterr().err
    assert "nothing is paged" in error
    assert "two" not in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--", "true"],
        ["run", "--name", "", "true"],
        ["run", "--name", "a", "--timeout", "0", "true"],
        ["run", "--name", "a", "--timeout", "soon", "true"],
        ["run", "--name", "a", "--severity", "bad", "true"],
    ],
    ids=" ".join,
)
def test_a_wrong_use_runs_nothing(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: pagerduty-logging run --name NAME" in capsys.readouterr().err


def test_no_command_is_a_wrong_use(capsys):
    assert main(["run", "--name", "a", "--"]) == 2
    assert "give the command" in capsys.readouterr().err


LISTENING = """
import signal, sys, time
def said(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit("told to end")
for name in ("USR1", "USR2", "HUP", "INT", "QUIT", "TERM"):
    signal.signal(getattr(signal, "SIG" + name), said)
print("ready", flush=True)
while True:
    time.sleep(0.02)
"""


def test_signals_are_forwarded_once_each(sandbox):
    with started([*RUN, "--", sys.executable, "-S", "-c", LISTENING], sandbox.url) as process:
        says(process, "ready")
        for name in ("USR1", "USR2", "HUP", "INT", "QUIT"):
            process.send_signal(getattr(signal, f"SIG{name}"))
            says(process, f"SIG{name}")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=KILL_AFTER)
    assert (out, err, process.returncode) == ("SIGTERM\n", "told to end\n", 1)
    assert page(sandbox)["summary"] == "Job nightly-billing failed: exit status 1: told to end"


IGNORING_HANGUPS = ["sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh"]
"""Starts a program as nohup and background jobs of scripts are started."""


def test_a_signal_that_was_ignored_reaches_a_command_that_handles_it(sandbox):
    command = [*IGNORING_HANGUPS, *RUN, "--", sys.executable, "-S", "-c", LISTENING]
    with started(command, sandbox.url) as process:
        says(process, "ready")
        for name in ("HUP", "INT", "USR1"):
            process.send_signal(getattr(signal, f"SIG{name}"))
            says(process, f"SIG{name}")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=KILL_AFTER)
    assert process.returncode == 1


def test_a_signal_that_was_ignored_ends_neither_us_nor_the_command(sandbox):
    command = "kill -HUP $PPID $$; kill -INT $PPID $$; echo still here >&2; exit 3"
    with started([*IGNORING_HANGUPS, *RUN, "--", "sh", "-c", command], sandbox.url) as process:
        _, err = process.communicate(timeout=KILL_AFTER)
    assert (err, process.returncode) == ("still here\n", 3)
    assert page(sandbox)["summary"] == "Job nightly-billing failed: exit status 3: still here"


KEY_SEEN = 'echo "${PAGERDUTY_ROUTING_KEY-none}"'


def test_the_command_does_not_see_the_routing_key(supervise, capfd):
    assert supervise("sh", "-c", KEY_SEEN) == 0
    assert capfd.readouterr().out == "none\n"
    assert os.environ["PAGERDUTY_ROUTING_KEY"], "it stays in ours"


def test_the_command_sees_the_routing_key_if_it_is_to_page_too(supervise, capfd):
    assert supervise("sh", "-c", KEY_SEEN, options=("--pass-key",)) == 0
    assert capfd.readouterr().out == f"{EXAMPLE_ROUTING_KEY}\n"


def test_a_key_that_the_command_has_is_left_to_it(supervise, monkeypatch, capfd, tmp_path):
    (tmp_path / "key").write_text(EXAMPLE_ROUTING_KEY)
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", "c" * 32)
    assert supervise("sh", "-c", KEY_SEEN, options=("--routing-key-file", str(tmp_path / "key"))) == 0
    assert capfd.readouterr().out == "c" * 32 + "\n"


def test_a_signal_that_ends_the_command_ends_us_and_pages(sandbox):
    with (
        started([*RUN, "--", "sh", "-c", "kill -SEGV $$"], sandbox.url) as crashing,
        started([*RUN, "--", "sh", "-c", "echo ready; exec sleep 60"], sandbox.url) as interrupted,
    ):
        says(interrupted, "ready")
        interrupted.send_signal(signal.SIGINT)
        crashing.communicate(timeout=KILL_AFTER)
        interrupted.communicate(timeout=KILL_AFTER)
    assert crashing.returncode == -signal.SIGSEGV
    assert interrupted.returncode == -signal.SIGINT  # which was wanted
    assert page(sandbox)["summary"] == "Job nightly-billing failed: ended by SIGSEGV"


def test_a_command_that_takes_too_long_pages_and_is_ended_with_all_it_started(sandbox):
    program = "sleep 60 & echo $!; echo working >&2; wait"
    with started([*RUN, "--timeout", "0.5", "--", "sh", "-c", program], sandbox.url) as process:
        out, err = process.communicate(timeout=KILL_AFTER)
    assert (err, process.returncode) == ("working\n", 124)
    until(lambda: is_gone(out.strip()))
    told = page(sandbox)
    assert told["summary"] == "Job nightly-billing failed: still running after 0.5 seconds"
    assert told["custom_details"]["stderr"] == ["working"]


def test_a_command_that_does_not_end_by_sigterm_is_killed():
    program = """
    from pagerduty_logging.cli.supervisor import Supervisor
    command = ["sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait; wait; sleep 60"]
    def page(outcome): print("paged", flush=True)
    outcome = Supervisor(command, timeout=0.3, grace=0.3, on_timeout=page).run()
    print(outcome.status)
    """
    with started([sys.executable, "-c", textwrap.dedent(program)], "") as process:
        out, err = process.communicate(timeout=KILL_AFTER)
    child, *rest = out.split()
    assert rest == ["paged", "-9"], err
    until(lambda: is_gone(child))


def test_a_closed_stderr_does_not_matter():
    program = """
    from pagerduty_logging.cli.supervisor import Supervisor
    outcome = Supervisor(["sh", "-c", "echo lost >&2; exit 8"], on_timeout=print).run()
    print(outcome.status, outcome.last_lines)
    """
    closing = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", textwrap.dedent(program)]
    with started(closing, "") as process:
        out, _ = process.communicate(timeout=KILL_AFTER)
    assert out == "8 ['lost']\n"


@pytest.mark.parametrize(("command", "status"), [("exit 8", 8), ("kill -TERM $$", -signal.SIGTERM)])
def test_streams_that_are_closed_change_no_status(sandbox, command, status):
    closing = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *RUN, "--", "sh", "-c", command]
    with started(closing, sandbox.url) as process:
        assert process.wait(KILL_AFTER) == status
    assert len(sandbox.events) == 1


def test_what_a_command_leaves_behind_does_not_hold_us(supervise, capfd):
    assert supervise("sh", "-c", "(sleep 60; echo late >&2) & echo $!; echo bye >&2") == 0
    out, err = capfd.readouterr()
    assert err == "bye\n"
    assert not is_gone(out.strip())
    os.kill(int(out), signal.SIGKILL)


def test_an_outage_changes_no_status_and_the_spool_keeps_the_page(sandbox, tmp_path):
    nowhere = f"http://127.0.0.1:{free_port()}"
    spooled = [*RUN, "--spool", str(tmp_path / "spool"), "--"]
    with started([*spooled, "sh", "-c", "echo no ledger >&2; exit 5"], nowhere) as process:
        _, err = process.communicate(timeout=KILL_AFTER)
    assert process.returncode == 5
    assert err.startswith("no ledger\n")
    assert "kept in the spool" in err
    with started([*spooled, "true"], sandbox.url) as process:
        process.communicate(timeout=KILL_AFTER)
    assert sorted(event["event_action"] for event in sandbox.events) == ["resolve", "trigger"]


def test_a_reader_that_goes_away_does_not_end_the_command(sandbox, supervise):
    reader, writer = os.pipe()
    os.close(reader)
    with instead_of(2, writer):
        os.close(writer)
        assert supervise("sh", "-c", "seq 100000 >&2; exit 6") == 6
    assert page(sandbox)["custom_details"]["stderr"][-1] == "100000"


TERMINAL = """
import os, signal, sys, time
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
print(os.isatty(2), os.get_terminal_size(2).columns, flush=True)
print("ready", flush=True)
while not seen:
    time.sleep(0.01)
time.sleep(0.5)  # for a second one
sys.stderr.write("done\\n")
sys.exit(20 + len(seen))
"""


def test_in_a_terminal_it_is_a_terminal_and_ctrl_c_comes_once(sandbox):
    master, slave = os.openpty()
    os.set_inheritable(slave, True)
    login = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
    with started(
        [sys.executable, "-c", login, *RUN, "--", sys.executable, "-c", TERMINAL],
        sandbox.url,
        stdin=slave,
        start_new_session=False,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        shown = b""
        while b"ready" not in shown:
            shown += os.read(master, 1000)
        os.write(master, b"\x03")
        while b"done" not in shown:
            shown += os.read(master, 1000)
        assert process.wait(timeout=KILL_AFTER) == 21
    os.close(master)
    assert shown.replace(b"^C", b"").split() == [b"True", b"0", b"ready", b"done"]


def test_a_success_in_staging_leaves_the_failure_in_production_open(sandbox, supervise, monkeypatch):
    monkeypatch.setenv("APP_ENV", "production")
    supervise("false")
    monkeypatch.setenv("APP_ENV", "staging")
    supervise("true")
    (alert,) = sandbox.alerts
    assert (alert.state, alert.dedup_key) == ("triggered", "job@production/nightly-billing")
    monkeypatch.setenv("APP_ENV", "production")
    supervise("true")
    assert sandbox.alerts[0].state == "resolved"


def test_a_key_that_looks_wrong_is_one_plain_line(pagerduty):
    odd = {**environment(pagerduty.url), "PAGERDUTY_ROUTING_KEY": "not a key".replace(" ", "-")}
    ran = subprocess.run([*RUN, "--", "true"], env=odd, capture_output=True, text=True, timeout=KILL_AFTER)
    assert ran.returncode == 0
    first = ran.stderr.splitlines()[0]
    assert first.startswith("pagerduty-logging: PAGERDUTY_ROUTING_KEY is not 32 letters or digits")
    assert "Warning" not in ran.stderr
    assert ".py" not in ran.stderr


def test_the_page_that_is_left_in_the_spool_names_the_job(tmp_path):
    ran = subprocess.run(
        [*RUN, "--spool", str(tmp_path), "--", "false"],
        env=environment("http://127.0.0.1:1"),
        capture_output=True,
        text=True,
        timeout=KILL_AFTER,
    )
    assert ran.returncode == 1
    listed = subprocess.run(
        [sys.executable, "-m", "pagerduty_logging", "spool", "list", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=KILL_AFTER,
    )
    assert "job nightly-billing" in listed.stdout
    assert "logger" not in listed.stdout
