"""Page for the errors of the processes that a program starts, whatever the start method.

    python with_multiprocessing.py fork|spawn|forkserver

A forked process inherits logging as it is configured. A spawned one, and one that comes from a fork server,
knows nothing of it: each process configures it itself.
"""

import logging
import multiprocessing
import sys

from pagerduty_logging import PagerDutyHandler

log = logging.getLogger("shop.orders")


def configure_logging() -> None:
    """Configure logging, once in each process: where that was done, `basicConfig` does nothing."""
    logging.basicConfig(handlers=[logging.StreamHandler(), PagerDutyHandler()])


def charge(order: int) -> None:
    """Log an error in a process of a pool."""
    if order == 13:
        log.error("no address for order %d", order)


def reconcile() -> None:
    """Fail in a process of its own: what it raises is printed, and logged by nobody but itself."""
    configure_logging()
    try:
        {"apples": 3}["pears"]
    except Exception:
        log.exception("cannot reconcile the stock")
        raise


if __name__ == "__main__":
    configure_logging()
    multiprocessing.set_start_method(sys.argv[1])
    pool = multiprocessing.Pool(2, initializer=configure_logging)
    pool.map(charge, range(20))
    pool.close()  # and join: leaving `with pool:` kills its processes, and what they have not sent is lost
    pool.join()
    process = multiprocessing.Process(target=reconcile)
    process.start()
    process.join()
