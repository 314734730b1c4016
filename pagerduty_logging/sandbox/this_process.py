"""Redirects the handlers of the sandbox's own process, and waits for them."""

import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from pagerduty_logging.delivery import process
from pagerduty_logging.delivery.delivery import Delivery
from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.handler import handlers

_SLICE = 0.2
"""Seconds after which failed attempts are repeated."""

_suspended: weakref.WeakSet[Delivery] = weakref.WeakSet()
"""Deliveries to other addresses, which handlers will use again later."""


@contextmanager
def redirected(environment: Mapping[str, str], routing_key: str, url: str) -> Iterator[None]:
    """Set these variables, and make existing handlers deliver to `url`; undo both at the end.

    Handlers made meanwhile release their threads and connections at the end.
    """
    before = {name: os.environ.get(name) for name in environment}
    elsewhere = _deliveries()
    os.environ.update(environment)
    try:
        with ExitStack() as stack:
            for handler in handlers():
                stack.enter_context(handler.delivering_by(EventsClient(routing_key, base_url=url)))
            _suspended.update(elsewhere)
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for delivery in _deliveries():
            delivery.flush_timeout = 0.0  # the address of its pending events no longer exists
            delivery.close()
        _suspended.difference_update(elsewhere)


def settled(timeout: float) -> bool:
    """Wait until no handler has anything to send, for at most `timeout` seconds; return whether that is so.

    Events that wait for their next attempt are retried repeatedly.
    """
    until = monotonic() + timeout
    while True:
        left = until - monotonic()
        under_way = [d for d in _deliveries() if not d.flush(max(0.0, min(left, _SLICE)))]
        if not under_way:
            return True
        if left <= 0:
            return False


def outcomes() -> str:
    """Describe what happened to the records that the handlers of this process got."""
    all_stats = [handler.stats for handler in handlers()]
    if not all_stats:
        return "this process has no PagerDutyHandler"
    lines = ["the PagerDutyHandlers of this process:"]
    for stats in all_stats:
        words = (
            f"  {stats.accepted} accepted, {stats.delivered} delivered, {stats.pending} pending, "
            f"{stats.suppressed} repeats held back"
        )
        lines.append(words + (f"; last error: {stats.last_error}" if stats.last_error else ""))
    return "\n".join(lines)


def _deliveries() -> list[Delivery]:
    """Return the deliveries that handlers use now, and those that outlive their handlers."""
    return [
        living for living in process.all_living() if isinstance(living, Delivery) and living not in _suspended
    ]
