"""What a handler reports about an event besides the problem: why it was sent, and where it happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pagerduty_logging.sandbox.values import Alert
from pagerduty_logging.state.why import Why

MAX_WHY_CHARS = 200
MAX_HOSTS = 10
"""The most host names that are shown."""


def why_in(details: object) -> str | None:
    """Return the reason from the custom details; None if no handler gave one."""
    said = details.get("why") if isinstance(details, dict) else None
    return said if isinstance(said, str) and len(said) <= MAX_WHY_CHARS and Why.of(said) else None


def hosts_in(details: dict[str, Any]) -> str:
    """Return the hosts on which it happened, if more are known than the one that sent the event."""
    count, names = details.get("hosts"), details.get("host_names")
    if isinstance(count, bool) or not isinstance(count, (int, str)) or not isinstance(names, list):
        return ""
    shown = ", ".join(str(name)[:100] for name in names[:MAX_HOSTS])
    return f"{str(count)[:30]}: {shown}" if shown else str(count)[:30]


def related(alert: Alert, alerts: Iterable[Alert]) -> list[Alert]:
    """Return the other alerts of the same problem: the first one, and the second alerts."""
    first = alert.custom_details.get("first_alert", alert.dedup_key)
    return [
        other
        for other in alerts
        if other.number != alert.number
        and other.routing_key == alert.routing_key
        and first in (other.dedup_key, other.custom_details.get("first_alert"))
    ]
