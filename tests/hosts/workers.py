"""Workers as a user starts them, with a stand-in for PagerDuty."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pagerduty_logging.sandbox import Sandbox
from tests.reliability.programs import environment

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 60.0
"""Seconds: a slow machine's time to start or stop something."""

_ID = re.compile("[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")


def copied(example: str, folder: Path) -> Path:
    """Return a copy of an example: what it writes is not written into the source."""
    return Path(shutil.copytree(EXAMPLES / example, folder / example))


def run(
    arguments: list[str], folder: Path, sandbox: Sandbox, *, patience: float = PATIENCE, **extra: str
) -> str:
    """Run a Python program to its good end; return what it wrote."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**environment(sandbox.url, measured=False), **extra},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=patience,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@contextmanager
def started(
    arguments: list[str], folder: Path, sandbox: Sandbox, **extra: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a Python program; whatever it has started is killed with it at the end of the block.

    What it writes is in `output.txt`.
    """
    with (
        (folder / "output.txt").open("ab") as output,
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env={**environment(sandbox.url, measured=False), **extra},
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes]) -> int:
    """Tell a worker to stop, as init systems do; return its exit status."""
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE)


def pages(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Return the first details of each alert by its summary, in which ids are `…`, each order is order 1."""
    first = {event["dedup_key"]: event for event in reversed(sandbox.events) if "payload" in event}
    found = {
        _ID.sub("…", event["payload"]["summary"]).replace("order 2", "order 1"): dict(
            event["payload"]["custom_details"]
        )
        for event in first.values()
    }
    assert len(found) == len(sandbox.alerts), [alert.summary for alert in sandbox.alerts]
    return found


def wait_for(sandbox: Sandbox, expected: set[str], folder: Path) -> None:
    """Wait until all these pages have arrived."""
    try:
        sandbox.wait_until(lambda: set(pages(sandbox)) >= expected, timeout=PATIENCE)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{(folder / 'output.txt').read_text()[-3000:]}") from None
