"""A client with a cluster of its own: runs the tasks that the file `send` names, and ends at SIGTERM."""

import logging
import signal
import sys
import time
from pathlib import Path

from distributed import Client, LocalCluster

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.dask import install


def pay(customer: str) -> None:
    raise ValueError("boom")


def ship(customer: str) -> None:
    raise LookupError("no stock")


def tire(customer: str) -> None:
    raise TimeoutError("still no answer")


def mend(customer: str) -> None:
    if not Path("mended").exists():
        Path("mended").touch()
        raise ConnectionError("once")


def late(customer: str) -> None:
    Path("late").touch()
    raise OSError("too late")


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
        install(client)
        while True:
            if Path("send").exists():
                names = Path("send").read_text().split()
                Path("send").unlink()
                kept = [client.submit(globals()[name], "CUST4711", retries=2, pure=False) for name in names]
                logging.info("%d futures", len(kept))
            time.sleep(0.02)


if __name__ == "__main__":
    main()
