"""What the library has to say of itself: one line on stderr, seldom, and never through `logging`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress

from pagerduty_logging.events_api.clock import monotonic

SILENCE = 60.0
"""Seconds in which a topic is not spoken of again."""
MAX_LINE = 500
"""Characters of a line."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class Diagnostics:
    """Speaks of each topic at most once a minute, and tells how often it held its tongue.

    Args:
        write: takes a line; default: to `sys.stderr`, wherever that points at the time.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._write = write or _to_stderr
        self._clock = clock
        self._spoken: dict[str, float] = {}
        self._unspoken: dict[str, int] = {}

    def say(self, topic: str, text: str, *, always: bool = False) -> None:
        """Write `text` as one line, unless the topic was spoken of a moment ago. Never raises."""
        now = self._clock()
        if not always and now - self._spoken.get(topic, -SILENCE) < SILENCE:
            self._unspoken[topic] = self._unspoken.get(topic, 0) + 1
            return
        self._spoken[topic] = now
        unspoken = self._unspoken.pop(topic, 0)
        more = f" (and {unspoken} more like this)" if unspoken else ""
        line = _CONTROLS.sub(" ", text)[:MAX_LINE]
        with suppress(Exception):  # a closed or broken stderr is no reason to fail a program
            self._write(f"pagerduty-logging: {line}{more}\n")

    def conclude(self) -> None:
        """Tell how often we held our tongue, now that nobody will come back to it."""
        unspoken = ", ".join(f"{topic}: {count}" for topic, count in self._unspoken.items())
        if unspoken:
            self._unspoken.clear()
            self.say("conclusion", f"notices not written, by topic: {unspoken}", always=True)


def _to_stderr(line: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(line)
        sys.stderr.flush()
