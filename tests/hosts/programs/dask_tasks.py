"""A client with its own cluster: runs the tasks that the file `send` names, and ends at SIGTERM."""

import logging
import os
import signal
import sys
import time
from pathlib import Path

import failing
from distributed import Client, LocalCluster

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.dask import install

RESOLVES = "RESOLVES" in os.environ


def send(*names: str) -> None:
    Path("part").write_text(" ".join(names))
    Path("part").rename("send")


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.getLogger().addHandler(PagerDutyHandler())
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        install(client, resolve_on_success=RESOLVES)
        kept = []  # a task whose future is gone is not run
        while True:
            if Path("send").exists():
                names = Path("send").read_text().split()
                Path("send").unlink()
                for name in names:
                    retries = 0 if name == "heal" else 2
                    kept.append(
                        client.submit(getattr(failing, name), "CUST4711", retries=retries, pure=False)
                    )
            time.sleep(0.02)


if __name__ == "__main__":
    main()
