"""A program that nobody watches: whatever it fails with, somewhere, pages, and is printed as always.

PAGERDUTY_ROUTING_KEY=... python examples/uncaught_exceptions.py
"""

import asyncio
import logging
import logging.config
import threading

from pagerduty_logging import install_hooks

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"pagerduty": {"class": "pagerduty_logging.PagerDutyHandler"}},
        "root": {"handlers": ["pagerduty"]},
    }
)
install_hooks()


def reconcile() -> None:
    raise ConnectionError("the bank is closed")


async def fetch_rates() -> None:
    raise TimeoutError("no rates")


async def serve() -> None:
    task = asyncio.create_task(fetch_rates())
    await asyncio.sleep(0.1)
    del task  # nobody has looked at what became of it


class Till:
    def __del__(self) -> None:
        raise ValueError("the till is open")


if __name__ == "__main__":
    thread = threading.Thread(target=reconcile, name="reconcile")
    thread.start()
    thread.join()
    asyncio.run(serve())
    Till()
    raise SystemError("the ledger is out of balance")  # the page leaves before the process does
