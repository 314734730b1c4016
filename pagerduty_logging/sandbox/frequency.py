"""Events per minute: how many were sent, and how many their senders suppressed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pagerduty_logging.sandbox.values import AcceptedEvent

MINUTES = 60
MAX_COUNT = 10**12  # a larger number cannot be a real count, and would not fit on the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency:
    """Counts of the last `MINUTES` minutes, the current one last; `start` is when the first one began."""

    start: datetime
    sent: tuple[int, ...]
    suppressed: tuple[int, ...]


def of(events: Sequence[AcceptedEvent], now: datetime) -> Frequency:
    """Return the frequency of events, given oldest first; those made by a button do not count."""
    start = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    sent, suppressed = [0] * MINUTES, [0] * MINUTES
    for event in reversed(events):
        if event.at < start:
            break
        minute = min(int((event.at - start).total_seconds() // 60), MINUTES - 1)
        if not event.by_hand:
            sent[minute] += 1
            suppressed[minute] += count_in(event.body, "suppressed")
    return Frequency(start=start, sent=tuple(sent), suppressed=tuple(suppressed))


def count_in(body: Mapping[str, object], name: str) -> int:
    """Return a count from the custom details, where our handler puts it; 0 if there is none."""
    payload = body.get("payload")
    details = payload.get("custom_details") if isinstance(payload, dict) else None
    count = details.get(name) if isinstance(details, dict) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return 0
    return count if 0 < count <= MAX_COUNT else 0
