"""`pagerduty-logging sandbox` as a person runs it."""

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from pagerduty_logging import cli
from pagerduty_logging.sandbox import Sandbox
from tests.sandbox.sandbox_client import acknowledge, change, resolve, trigger, trigger_with

HARD_LIMIT = 90  # seconds any of these processes may live


@contextlib.contextmanager
def running(*options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command in its own process, killed when it outlives its time."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pagerduty_logging", "sandbox", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    limit = threading.Timer(HARD_LIMIT, process.kill)
    limit.start()
    try:
        with process:
            yield process
            process.kill()
    finally:
        limit.cancel()


@pytest.fixture
def http_session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def read_url(process: subprocess.Popen[str]) -> str:
    """Read the introduction, and return the URL it names."""
    assert process.stdout is not None
    introduction = "".join(iter(process.stdout.readline, "\n"))
    found = re.search(r"PAGERDUTY_EVENTS_URL=(\S+) PAGERDUTY_ROUTING_KEY=\w{32}\n", introduction)
    assert found is not None, introduction
    return found[1]


@pytest.mark.parametrize(("options", "last"), [([], 429), (["--rate-limit", "0"], 202)])
def test_its_rate_limit_is_pagerdutys_by_default(
    http_session: requests.Session, options: list[str], last: int
) -> None:
    with running("--json", *options) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        answers = [
            http_session.post(f"{url}/v2/enqueue", json=trigger(), timeout=60).status_code for _ in range(121)
        ]
    assert answers == [*[202] * 120, last]


def test_it_prints_a_line_for_each_event_until_ctrl_c(http_session: requests.Session) -> None:
    with running("--rate-limit", "6") as process:
        assert process.stdout is not None
        url = read_url(process)
        answers = [
            http_session.post(url + path, json=event, timeout=30).status_code
            for path, event in [
                ("/v2/enqueue", trigger()),
                ("/v2/enqueue", trigger_with(severity="warning")),
                ("/v2/enqueue", {}),
                ("/v2/enqueue", resolve()),
                ("/v2/enqueue", resolve("\x1b[2Jclear")),
                ("/v2/change/enqueue", change()),
                ("/v2/enqueue", trigger_with(summary="first\nsecond")),
                ("/v2/enqueue", trigger()),
            ]
        ]
        assert answers == [202, 202, 400, 202, 202, 202, 202, 429]
        lines = [process.stdout.readline() for _ in range(6)]
        assert [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in lines] == [
            "trigger critical Disk is full [srv01/mysql]: opened an alert\n",
            "trigger warning Disk is full [srv01/mysql]: added to its open alert\n",
            "resolve [srv01/mysql]: added to its open alert\n",
            "resolve [\\x1b[2Jclear]: dropped, no such alert is open\n",
            "change Deployed 1.2: recorded\n",
            "trigger critical first\\nsecond [srv01/mysql]: opened an alert\n",
        ]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.communicate(timeout=30) == ("", "")


def test_sigterm_ends_it_silently() -> None:
    with running() as process:
        read_url(process)
        process.terminate()
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0


def test_a_summary_reaches_a_terminal_that_cannot_show_it(http_session: requests.Session) -> None:
    with running(PYTHONIOENCODING="ascii") as process:
        assert process.stdout is not None
        url = read_url(process)
        http_session.post(url + "/v2/enqueue", json=trigger_with(summary="Größe"), timeout=30)
        assert r"Gr\xf6\xdfe" in process.stdout.readline()


def test_it_ends_quietly_when_nobody_reads_on(http_session: requests.Session) -> None:
    with running() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = read_url(process)
        process.stdout.close()
        http_session.post(url + "/v2/enqueue", json=trigger(), timeout=30)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox() as other:
        port = other.url.rpartition(":")[2]
        assert cli.main(["sandbox", "--port", port]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"pagerduty-logging: port {port} is in use; --port takes another one, or 0 for a free one\n"
    )


def test_an_address_that_is_not_ours_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sandbox", "--host", "192.0.2.1", "--allow-remote"]) == 1
    assert re.fullmatch(
        r"pagerduty-logging: cannot listen on 192\.0\.2\.1 port 8787: .+\n", capsys.readouterr().err
    )


def test_an_address_others_reach_takes_a_flag(
    capsys: pytest.CaptureFixture[str], http_session: requests.Session
) -> None:
    assert cli.main(["sandbox", "--host", "0.0.0.0"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pagerduty-logging: host '0.0.0.0' can be reached from other machines")
    with running("--host", "0.0.0.0", "--allow-remote") as process:
        assert http_session.get(read_url(process), timeout=30).ok


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_an_invalid_port_is_a_usage_error(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        cli.main(["sandbox", "--port", port])
    assert ending.value.code == 2
    assert "is not a port from 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--keep", __file__], 2, "holds something else than a sandbox's events"),
        (["--keep", "/nowhere/kept"], 1, "cannot use /nowhere/kept: No such file or directory"),
        (["--tls-cert", "cert.pem"], 2, "--tls-cert and --tls-key go together"),
        (["--tls-cert", "/nowhere/cert", "--tls-key", "k"], 1, "cannot use /nowhere/cert: No such file"),
        (["--tls-cert", __file__, "--tls-key", __file__], 2, "make no https"),
        (["--rate-limit", "-1"], 2, "rate_limit must be at least 1"),
        (["--host", "::"], 2, "--allow-remote says that this is meant"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    options: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sandbox", *options]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pagerduty-logging: ")
    assert told in err
    assert err.count("\n") == 1


def test_events_are_kept_and_taken_up_over_https(http_session: requests.Session, tmp_path: Path) -> None:
    for kept, state in enumerate(["triggered", "acknowledged"]):
        with running("--tls", "--keep", str(tmp_path / "kept"), "--json") as process:
            assert process.stdout is not None
            about = json.loads(process.stdout.readline())
            http_session.verify = about["ca_file"]
            send = functools.partial(http_session.post, about["url"] + "/v2/enqueue", timeout=30)
            send(json=trigger() if kept == 0 else acknowledge())
            told = json.loads(process.stdout.readline())
            assert told["outcome"] == ("opened" if kept == 0 else "updated")
            assert told["event"]["routing_key"] == "…d1a6"
            (alert,) = http_session.get(about["url"] + "/api/alerts", timeout=30).json()["alerts"]
            assert alert["state"] == state
            process.send_signal(signal.SIGINT)
            assert process.wait(HARD_LIMIT) == 0
            assert not Path(about["ca_file"]).exists()


def test_the_introduction_can_be_pasted(tmp_path: Path) -> None:
    with running("--tls", "--keep", str(tmp_path / "kept")) as process:
        assert process.stdout is not None
        introduction = "".join(iter(process.stdout.readline, "\n"))
    assert f"Events are kept in {tmp_path / 'kept'}: 0 so far." in introduction
    exports = "".join(f"{line}\n" for line in introduction.splitlines() if line.startswith("  export "))
    names = ["PAGERDUTY_EVENTS_URL", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]
    script = exports + "".join(f'echo "${name}"\n' for name in names)
    ended = subprocess.run(["sh", "-eu"], input=script, capture_output=True, text=True, timeout=HARD_LIMIT)
    url, *files = ended.stdout.splitlines()
    assert url.startswith("https://127.0.0.1:")
    assert len(set(files)) == 1


def test_ctrl_c_ends_it_with_pages_open_and_clients_hanging(http_session: requests.Session) -> None:
    with running() as process:
        url = read_url(process)
        http_session.post(url + "/api/faults", json={"fault": "hang"}, timeout=30)
        with http_session.get(url + "/live", stream=True, timeout=HARD_LIMIT) as stream:
            assert next(stream.iter_content(1))
            hanging = threading.Thread(target=ask_in_vain, args=[url])
            hanging.start()
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=HARD_LIMIT) == ("", "")
            assert process.returncode == 0
            hanging.join()


def ask_in_vain(url: str) -> None:
    with requests.Session() as session, contextlib.suppress(requests.ConnectionError):
        session.trust_env = False
        session.post(url + "/v2/enqueue", json=trigger(), timeout=HARD_LIMIT)


def test_importing_the_sandbox_without_flask_names_the_extra() -> None:
    program = "import sys; sys.modules['flask'] = None; import pagerduty_logging.sandbox"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HARD_LIMIT
    )
    assert (
        'ModuleNotFoundError: the sandbox needs Flask: pip install "pagerduty-logging[sandbox]"'
        in ended.stderr
    )


def test_without_flask_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['flask'] = None; from pagerduty_logging.cli import main; "
        "sys.exit(main(['sandbox']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HARD_LIMIT
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        'pagerduty-logging: the sandbox needs Flask: pip install "pagerduty-logging[sandbox]"\n'
    )


def test_another_missing_module_is_not_blamed_on_flask() -> None:
    program = (
        "import sys; sys.modules['pagerduty_logging.sandbox'] = None; "
        "from pagerduty_logging.cli import main; sys.exit(main(['sandbox']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HARD_LIMIT
    )
    assert ended.returncode == 1
    assert "ModuleNotFoundError" in ended.stderr


def test_the_command_line_is_there_without_flask() -> None:
    program = "import sys, pagerduty_logging.cli; sys.exit('flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=HARD_LIMIT).returncode == 0
