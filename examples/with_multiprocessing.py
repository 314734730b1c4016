"""Page for the errors of the processes that a program starts, whatever the start method.

    python with_multiprocessing.py fork|spawn|forkserver

A forked process inherits logging as it is configured. A spawned one, and one that comes from a fork server,
knows nothing of it, but imports this module: logging is configured at its top, and not below
`if __name__ == "__main__"`.
"""

import logging
import multiprocessing
import sys

from pagerduty_logging import PagerDutyHandler, install_hooks

logging.basicConfig(handlers=[logging.StreamHandler(), PagerDutyHandler()])
install_hooks()
log = logging.getLogger("shop.orders")


def charge(order: int) -> None:
    """Log an error in a process of a pool."""
    if order == 13:
        log.error("no address for order %d", order)


def reconcile() -> None:
    """Fail in a process of its own: without the hooks that would be printed, and logged by nobody."""
    {"apples": 3}["pears"]


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    pool = multiprocessing.Pool(2)
    pool.map(charge, range(20))
    pool.close()  # and join: leaving `with pool:` kills its processes, and what they have not sent is lost
    pool.join()
    process = multiprocessing.Process(target=reconcile, name="reconcile")
    process.start()
    process.join()
