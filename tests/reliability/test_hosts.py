"""Under the servers that fork: gunicorn and uWSGI; each is skipped where it is not installed."""

import importlib.util
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.ports import free_port

from .conftest import summaries
from .programs import environment, until

WEB = """
import logging, os
from pagerduty_logging import PagerDutyHandler
log = logging.getLogger("web")
log.addHandler(PagerDutyHandler(
    spool=os.environ.get("SPOOL"), max_events_per_minute=10_000, fingerprint=logging.LogRecord.getMessage
))
if os.environ.get("EARLY"):
    log.error("while loading")
def application(environ, start_response):
    log.error(f"request {environ['PATH_INFO']}")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""


@contextmanager
def server(
    arguments: list[str], folder: Path, sandbox: Sandbox, **extra: str
) -> Iterator[subprocess.Popen[bytes]]:
    with (
        (folder / "stderr.txt").open("wb") as errors,
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env={**environment(sandbox.url, measured=False), **extra},
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        except BaseException as failure:
            failure.add_note((folder / "stderr.txt").read_text())
            raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def get(port: int, path: str) -> None:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=60) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    until(answers, timeout=60)


def paths(sandbox: Sandbox) -> set[str]:
    return set(summaries(sandbox))


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_gunicorn_that_loads_before_it_forks(pagerduty: Sandbox, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("gunicorn")
    (tmp_path / "web.py").write_text(WEB)
    port = free_port()
    options = f"--preload --workers 2 --threads 2 --worker-class {kind} --bind 127.0.0.1:{port} web"
    with server(["-m", "gunicorn", *options.split()], tmp_path, pagerduty, EARLY="1") as process:
        for n in range(6):
            get(port, str(n))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert paths(pagerduty) == {"while loading", *(f"request /{n}" for n in range(6))}


def uwsgi(port: int, options: str) -> list[str]:
    if importlib.util.find_spec("pyuwsgi") is None:
        pytest.skip("pyuwsgi is not installed")
    start = "import sys, pyuwsgi; pyuwsgi.run(sys.argv[1:])"
    usual = (
        f"--master --processes 2 --http-socket 127.0.0.1:{port} --wsgi-file web.py --die-on-term --need-app"
    )
    return ["-c", start, *usual.split(), *options.split()]


@pytest.mark.parametrize(
    "options",
    ["--enable-threads", "--enable-threads --py-call-uwsgi-fork-hooks", "--enable-threads --lazy-apps", ""],
)
def test_uwsgi(pagerduty: Sandbox, tmp_path: Path, options: str) -> None:
    (tmp_path / "web.py").write_text(WEB)
    port = free_port()
    with server(uwsgi(port, options), tmp_path, pagerduty, EARLY="1"):
        for n in range(6):
            get(port, str(n))
        expected = {"while loading", *(f"request /{n}" for n in range(6))}
        pagerduty.wait_until(lambda: paths(pagerduty) >= expected, timeout=60)


def test_uwsgi_stopped_under_traffic_keeps_all_in_the_spool(pagerduty: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "web.py").write_text(WEB)
    spool = str(tmp_path / "spool")
    pagerduty.fail_share(503, 1)
    port = free_port()
    program = uwsgi(port, "--enable-threads")
    with server(program, tmp_path, pagerduty, SPOOL=spool) as process:
        for n in range(6):
            get(port, str(n))
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    pagerduty.clear()
    with server(program, tmp_path, pagerduty, SPOOL=spool):
        pagerduty.wait_until(lambda: len(paths(pagerduty)) >= 6, timeout=60)
    assert paths(pagerduty) == {f"request /{n}" for n in range(6)}
