"""Events per minute: how many were sent, and how many their senders say they held back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pagerduty_logging.sandbox.values import AcceptedEvent

MINUTES = 60
MAX_COUNT = 10**12  # a count beyond it was never counted, and would break the page's lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency:
    """Counts of the last `MINUTES` minutes, the current one last; `start` is the first one's."""

    start: datetime
    sent: tuple[int, ...]
    suppressed: tuple[int, ...]


def of(events: Sequence[AcceptedEvent], now: datetime) -> Frequency:
    """The frequency of events, which are given oldest first; what was made by hand does not count."""
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
    """A count that the sender put among the custom details, as our handler does; 0 without a likely one."""
    payload = body.get("payload")
    details = payload.get("custom_details") if isinstance(payload, dict) else None
    count = details.get(name) if isinstance(details, dict) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return 0
    return count if 0 < count <= MAX_COUNT else 0
