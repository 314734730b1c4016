"""One of many workers: the database is gone for all of them, and one has a problem of its own."""

import logging
import os
import sys
import time

from pagerduty_logging import PagerDutyHandler

number, seconds = int(sys.argv[1]), float(sys.argv[2])
logging.basicConfig(level=logging.ERROR, handlers=[PagerDutyHandler(state=os.environ["PAGERDUTY_STATE"])])
log = logging.getLogger("shop")

end = time.monotonic() + seconds
logged = 0
while time.monotonic() < end:
    log.error("The database does not answer")
    logged += 1
    time.sleep(0.02)
if number == 0:
    log.critical("Orders are paid and not stored")
print(f"worker {number} logged it {logged} times", flush=True)
