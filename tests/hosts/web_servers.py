"""Web applications under real servers, as a user starts them, with a stand-in for PagerDuty."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from tests.ports import free_port
from tests.reliability.programs import environment, until

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 60.0
"""Seconds: a slow machine's time for a server to start or to stop."""


def copied(example: str, folder: Path) -> Path:
    """Return a copy of an example: what it writes is not written into the source."""
    return Path(shutil.copytree(EXAMPLES / example, folder / example))


def settings_for(sandbox: Sandbox) -> dict[str, str]:
    """Return the environment of a program that pages into the sandbox."""
    return {**environment(sandbox.url, measured=False), "PAGERDUTY_ROUTING_KEY": EXAMPLE_ROUTING_KEY}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    output: Path

    def get(self, path: str, **headers: str) -> int:
        """Return the status of the answer to a request."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return int(refused.code)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask the server to stop, as service managers do; return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        try:
            return self.get("/") > 0
        except OSError:
            return False


@contextmanager
def serving(command: str, folder: Path, sandbox: Sandbox) -> Iterator[Server]:
    """Run `python COMMAND` in a folder, on a free port where it says `{port}`; it is killed in the end."""
    port = free_port()
    output = folder / "output.txt"
    with (
        output.open("wb") as written,
        subprocess.Popen(
            [sys.executable, *command.format(port=port).split()],
            cwd=folder,
            env=settings_for(sandbox),
            stdout=written,
            stderr=written,
            start_new_session=True,
        ) as process,
    ):
        server = Server(port, process, output)
        try:
            until(server.answers, PATIENCE)
            yield server
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def pages(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Return what each accepted trigger says about its request, by summary; fail if two say the same."""
    told = [event["payload"] for event in sandbox.events]
    summaries = [payload["summary"] for payload in told]
    assert len(summaries) == len(set(summaries)) == len(sandbox.alerts), summaries
    return {payload["summary"]: payload["custom_details"].get("request", {}) for payload in told}
