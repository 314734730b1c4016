"""PagerDuty's rate limit: events in a sliding minute for one routing key."""

import threading
from collections import deque
from collections.abc import Callable

from pagerduty_logging.events_api.clock import monotonic

MAX_KEYS = 10_000  # routing keys that are counted; beyond it those without an event in the window are removed
WINDOW = 60.0  # seconds; PagerDuty/developer-docs:docs/events-API-v2/01-Overview.md


class RateLimit:
    """At most `per_minute` events in any 60 seconds for each routing key; None is no limit.

    A refused event is not counted. `clock` returns seconds.
    """

    def __init__(self, per_minute: int | None, *, clock: Callable[[], float] = monotonic) -> None:
        if per_minute is not None and per_minute < 1:
            raise ValueError(f"rate_limit must be at least 1 event a minute, not {per_minute}")
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: dict[str, deque[float]] = {}

    def admits(self, routing_key: str) -> bool:
        """Count an event now; return False, without counting it, if it is over the limit."""
        if self._per_minute is None:
            return True
        with self._lock:
            now = self._clock()
            if len(self._taken) >= MAX_KEYS:
                self._taken = {key: at for key, at in self._taken.items() if now - at[-1] < WINDOW}
            taken = self._taken.setdefault(routing_key, deque())
            while taken and now - taken[0] >= WINDOW:
                taken.popleft()
            if len(taken) >= self._per_minute:
                return False
            taken.append(now)
            return True

    def clear(self) -> None:
        """Reset all counts."""
        with self._lock:
            self._taken.clear()
