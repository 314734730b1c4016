"""Page from behind a queue: the thread that logs only puts the record into it.

`QueueHandler` merges the traceback into the message; the page shows it apart all the same.
PagerDutyHandler never blocks the thread that logs, so that it needs no queue of its own.
"""

import logging
import logging.handlers
import queue

from pagerduty_logging import PagerDutyHandler

pagerduty = PagerDutyHandler()
records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
listener = logging.handlers.QueueListener(records, pagerduty, respect_handler_level=True)
listener.start()

logger = logging.getLogger("shop.orders")
logger.addHandler(logging.handlers.QueueHandler(records))

order = {"number": 7}
try:
    order["card"]
except KeyError:
    logger.exception("cannot charge order %d", 7)

listener.stop()
pagerduty.flush()
