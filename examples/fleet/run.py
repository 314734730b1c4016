"""Four workers that share a Redis, and a stand-in for PagerDuty: what comes, and what the state knows.

    python examples/fleet/run.py [SECONDS]

Starts `redis-server` (or `valkey-server`) on a free port and stops it again; without it, they share a file.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pagerduty_logging.sandbox import Sandbox

WORKERS = 4
HERE = Path(__file__).parent


@contextmanager
def state(folder: str) -> Iterator[str]:
    """Give what the handlers' option `state` is to be."""
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    if server is None:
        print("redis-server is not installed: the workers share a file instead")
        yield os.path.join(folder, "pagerduty.sqlite")
        return
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    redis = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        redis.terminate()
        redis.wait()


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("redis-server does not answer")


def main(seconds: str) -> None:
    """Run the workers to their end, then show what came."""
    with tempfile.TemporaryDirectory() as folder, state(folder) as shared, Sandbox() as sandbox:
        print(f"{WORKERS} workers log for {seconds} seconds; state={shared!r}")
        environment = {**os.environ, **sandbox.environment, "PAGERDUTY_STATE": shared}
        command = [sys.executable, str(HERE / "worker.py")]
        workers = [
            subprocess.Popen([*command, str(number), seconds], env=environment) for number in range(WORKERS)
        ]
        for worker in workers:
            worker.wait()
        print("\nWhat PagerDuty got:")
        for event in sandbox.events:
            payload = event["payload"]
            details = payload["custom_details"]
            print(f"  {payload['severity']:9}{payload['summary']}")
            figures = ("why", "occurrences", "hosts", "processes")
            print(f"  {'':9}{', '.join(f'{name}: {details.get(name)}' for name in figures)}")
        print("\n$ pagerduty-logging problems", flush=True)
        subprocess.run([sys.executable, "-m", "pagerduty_logging", "problems"], env=environment, check=False)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "20")
