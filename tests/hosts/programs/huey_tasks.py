import logging
import os
import time

import failing
from huey import SqliteHuey

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.huey import install

RESOLVES = "RESOLVES" in os.environ
huey = SqliteHuey("shop", filename="huey.db")
logging.getLogger().addHandler(PagerDutyHandler())
install(huey, resolve_on_success=RESOLVES)


tasks = {each.__name__: huey.task()(each) for each in (failing.pay, failing.ship, failing.heal, failing.late)}
tasks["tire"] = huey.task(retries=2)(failing.tire)
tasks["mend"] = huey.task(retries=3)(failing.mend)


@huey.task(timeout=1)
def slow(customer: str) -> None:
    time.sleep(30)


def send(*names: str) -> None:
    for name in names:
        {**tasks, "slow": slow}[name]("CUST4711")
