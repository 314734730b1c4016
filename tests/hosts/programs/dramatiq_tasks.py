import logging
import os

import dramatiq
import failing
from dramatiq.brokers.redis import RedisBroker

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.dramatiq import install

RESOLVES = "RESOLVES" in os.environ
broker = RedisBroker(url=os.environ["REDIS_URL"])
dramatiq.set_broker(broker)
logging.getLogger().addHandler(PagerDutyHandler())
install(broker, resolve_on_success=RESOLVES)


soon = {"min_backoff": 10, "max_backoff": 20}
for each in (failing.pay, failing.ship, failing.heal, failing.late):
    dramatiq.actor(max_retries=0)(each)
dramatiq.actor(max_retries=2, **soon)(failing.tire)
dramatiq.actor(max_retries=3, **soon)(failing.mend)


@dramatiq.actor(max_retries=0, throws=(KeyError,))
def expect(customer: str) -> None:
    raise KeyError("as expected")


def send(*names: str) -> None:
    for name in names:
        broker.get_actor(name).send("CUST4711")
