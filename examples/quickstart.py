"""A shop's order processing fails in several ways; see what its on-call engineer would see.

Runs against a stand-in for PagerDuty that it starts itself: no account, no key, nothing to start by hand.

    pip install 'pagerduty-logging[sandbox]'
    python examples/quickstart.py

In a terminal it waits at the end, so that the pages can be looked at in a browser; Ctrl-C ends it.
"""

import logging
import logging.config
import sys
import threading
import time

from pagerduty_logging import PagerDutyHandler, handlers, install_hooks
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Alert, Sandbox

REPEAT_INTERVAL = 1.0  # seconds; short, to see a reminder in this demonstration: the default is 300

SUMMARY_WIDTH = 78

payments = logging.getLogger("shop.payments")
stock = logging.getLogger("shop.stock")
ledger = logging.getLogger("shop.ledger")


def configure_logging(events_url: str) -> None:
    """What a program of your own does; without `base_url` the pages go to PagerDuty."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "pagerduty": {
                    "class": "pagerduty_logging.PagerDutyHandler",
                    "routing_key": EXAMPLE_ROUTING_KEY,
                    "base_url": events_url,
                    "repeat_interval": REPEAT_INTERVAL,
                    "client": "Shop",
                }
            },
            "root": {"level": "INFO", "handlers": ["pagerduty"]},
        }
    )


class OutOfStock(Exception):
    """There is less on the shelf than in the basket."""


def process(order: int) -> None:
    """Take payment for one order and send it out. Every fourth card is declined."""
    if order % 4 == 0:
        payments.error("payment for order %s failed: %s", order, "card declined")
        return
    payments.info("order %s paid", order)
    if order % 1_000 == 1:
        try:
            take_from_shelf(order)
        except OutOfStock:
            stock.exception("order %s cannot be sent", order)


def take_from_shelf(order: int) -> None:
    """Fail, and say why."""
    try:
        {"apples": 3}["pears"]
    except KeyError as error:
        raise OutOfStock(f"no pears left for order {order}") from error


def reconcile() -> None:
    """Die in a thread of its own, as nightly jobs do."""
    raise ConnectionResetError("the bank closed the connection")


def run_shop() -> None:
    """Run the shop for a busy day, with a short break."""
    for order in range(1, 20_001):
        process(order)
    ledger.critical("the ledger is out of balance by %s EUR", 1_204.50)
    job = threading.Thread(target=reconcile, name="reconcile")
    job.start()
    job.join()
    pager().flush()
    time.sleep(1.1 * REPEAT_INTERVAL)  # the problems go on afterwards: the next events say how they grew
    for order in range(20_001, 20_005):
        process(order)


def pager() -> PagerDutyHandler:
    """Return the handler that `dictConfig` made."""
    (handler,) = handlers()
    return handler


def cut(text: str, width: int) -> str:
    """Return a text in at most `width` characters, with an ellipsis where it was longer."""
    return text if len(text) <= width else text[: width - 1] + "…"


def show(alerts: tuple[Alert, ...]) -> None:
    """Print the alerts as a table."""
    row = f"{{:<9}} {{:<{SUMMARY_WIDTH}}} {{:>11}} {{:>10}} {{:>10}}".format
    print(row("SEVERITY", "SUMMARY", "OCCURRENCES", "FIRST SEEN", "LAST SEEN"))
    for alert in sorted(alerts, key=lambda alert: (alert.severity, alert.first_seen)):
        count = f"{alert.custom_details['occurrences']:,}"
        first, last = (f"{when:%H:%M:%S}" for when in (alert.first_seen, alert.last_seen))
        print(row(alert.severity, cut(alert.summary, SUMMARY_WIDTH), count, first, last))


def main() -> None:
    """Run the shop with a local stand-in for PagerDuty, and show what arrived there."""
    with Sandbox() as pagerduty, install_hooks():
        configure_logging(pagerduty.url)
        print(
            "The shop runs. The traceback on stderr comes from one of its threads, which dies.\n", flush=True
        )
        run_shop()
        pager().flush()
        show(pagerduty.alerts)
        stats = pager().stats
        logged, opened = stats.suppressed + stats.accepted, len(pagerduty.alerts)
        print(f"\n{logged:,} errors logged, {opened} alerts opened.")
        print(f"The counts are up to date because repeat_interval is {REPEAT_INTERVAL:g} s here, not 300 s.")
        if sys.stdin.isatty() and sys.stdout.isatty():
            print(f"\nLook at the pages in a browser, then press Ctrl-C: {pagerduty.url}", flush=True)
            wait_for_ctrl_c()
        else:
            print("\nRun it in a terminal to look at the pages in a browser.")


def wait_for_ctrl_c() -> None:
    """Wait until the user has seen enough."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
