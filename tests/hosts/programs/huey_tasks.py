import logging
import os
import time
from pathlib import Path

from huey import SqliteHuey

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.huey import install

RESOLVES = "RESOLVES" in os.environ
huey = SqliteHuey("shop", filename="huey.db")
logging.getLogger().addHandler(PagerDutyHandler())
install(huey, resolve_on_success=RESOLVES)


@huey.task()
def pay(customer: str) -> None:
    raise ValueError("boom")


@huey.task()
def ship(customer: str) -> None:
    raise LookupError("no stock")


@huey.task(retries=2)
def tire(customer: str) -> None:
    raise TimeoutError("still no answer")


@huey.task(retries=3)
def mend(customer: str) -> None:
    if not Path("mended").exists():
        Path("mended").touch()
        raise ConnectionError("once")


@huey.task(timeout=1)
def slow(customer: str) -> None:
    time.sleep(30)


@huey.task()
def heal(customer: str) -> None:
    if not Path("healed").exists():
        Path("healed").touch()
        raise RuntimeError("for the first time")


@huey.task()
def late(customer: str) -> None:
    Path("late").touch()
    raise OSError("too late")


def send(*names: str) -> None:
    for name in names:
        globals()[name]("CUST4711")
