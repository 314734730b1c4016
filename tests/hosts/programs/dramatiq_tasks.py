import logging
import os
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.dramatiq import install

RESOLVES = "RESOLVES" in os.environ
broker = RedisBroker(url=os.environ["REDIS_URL"])
dramatiq.set_broker(broker)
logging.getLogger().addHandler(PagerDutyHandler())
install(broker, resolve_on_success=RESOLVES)


@dramatiq.actor(max_retries=0)
def pay(customer: str) -> None:
    raise ValueError("boom")


@dramatiq.actor(max_retries=0)
def ship(customer: str) -> None:
    raise LookupError("no stock")


@dramatiq.actor(max_retries=2, min_backoff=10, max_backoff=20)
def tire(customer: str) -> None:
    raise TimeoutError("still no answer")


@dramatiq.actor(max_retries=3, min_backoff=10, max_backoff=20)
def mend(customer: str) -> None:
    if not Path("mended").exists():
        Path("mended").touch()
        raise ConnectionError("once")


@dramatiq.actor(max_retries=0, throws=(KeyError,))
def expect(customer: str) -> None:
    raise KeyError("as expected")


@dramatiq.actor(max_retries=0)
def heal(customer: str) -> None:
    if not Path("healed").exists():
        Path("healed").touch()
        raise RuntimeError("for the first time")


@dramatiq.actor(max_retries=0)
def late(customer: str) -> None:
    Path("late").touch()
    raise OSError("too late")


def send(*names: str) -> None:
    for name in names:
        globals()[name].send("CUST4711")
