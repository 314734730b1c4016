import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import arq
from arq.connections import RedisSettings

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.arq import install

RESOLVES = "RESOLVES" in os.environ
logging.getLogger().addHandler(PagerDutyHandler())
install(resolve_on_success=RESOLVES)


async def pay(ctx: dict[str, Any], customer: str) -> None:
    raise ValueError("boom")


async def ship(ctx: dict[str, Any], customer: str) -> None:
    raise LookupError("no stock")


async def tire(ctx: dict[str, Any], customer: str) -> None:
    raise arq.Retry


async def mend(ctx: dict[str, Any], customer: str) -> None:
    if ctx["job_try"] == 1:
        raise arq.Retry


async def heal(ctx: dict[str, Any], customer: str) -> None:
    if not Path("healed").exists():
        Path("healed").touch()
        raise RuntimeError("for the first time")


async def late(ctx: dict[str, Any], customer: str) -> None:
    Path("late").touch()
    raise OSError("too late")


class WorkerSettings:
    functions = (pay, ship, tire, mend, heal, late)
    redis_settings = RedisSettings(unix_socket_path=os.environ["REDIS_URL"].removeprefix("unix://"))
    max_tries = 3
    poll_delay = 0.05


def send(*names: str) -> None:
    async def enqueue() -> None:
        pool = await arq.create_pool(WorkerSettings.redis_settings)
        for name in names:
            await pool.enqueue_job(name, "CUST4711")
        await pool.aclose()

    asyncio.run(enqueue())
