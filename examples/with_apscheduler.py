"""Page for the jobs of APScheduler that fail, and for those that did not run when they should have."""

import logging
import signal
import sys
import time

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.blocking import BlockingScheduler

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.apscheduler import JobDetails

pagerduty = PagerDutyHandler()
pagerduty.addFilter(JobDetails())
logging.basicConfig(handlers=[logging.StreamHandler(), pagerduty], level=logging.INFO)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # else nothing pending is sent when it is stopped

log = logging.getLogger("shop.schedule")
scheduler = BlockingScheduler()


def count_stock() -> None:
    """Fail every second: one alert."""
    {"apples": 3}["pears"]


def send_invoices() -> None:
    """Fail every second: another alert."""
    raise ConnectionResetError("the mail server closed the connection")


def dawdle() -> None:
    """Take longer than there is time before the next run."""
    time.sleep(3)


def page_for_skipped_run(event: JobEvent) -> None:
    """Log what APScheduler itself calls no more than a warning."""
    key = {"dedup_key": f"skipped/{event.job_id}"}
    log.error("job %s did not run when it should have", event.job_id, extra={"pagerduty": key})


scheduler.add_job(count_stock, "interval", seconds=1)
scheduler.add_job(send_invoices, "interval", seconds=1)
scheduler.add_job(dawdle, "interval", seconds=1, id="dawdle")
scheduler.add_listener(page_for_skipped_run, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
scheduler.start()
