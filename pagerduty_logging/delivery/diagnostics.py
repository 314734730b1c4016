"""The library's own notices: one line on stderr, rate-limited, and never through `logging`."""

from __future__ import annotations

import itertools
import re
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from pagerduty_logging.events_api.clock import monotonic

SILENCE = 60.0
"""Seconds between two notices on one topic."""
MAX_LINE = 500
"""Characters of a line."""
MAX_ENTRIES = 100
"""Entries of a mapping that are searched."""

_TOPICS = {
    "retry": "failed attempts",
    "lost": "events that were not delivered",
    "on_error": "failures of on_error",
    "spool": "the spool",
    "spool broken": "broken events in the spool",
    "spool refused": "refused events in the spool",
    "left": "events left in the spool",
}
"""Names of topics for people; a topic without an entry is its own name."""

PREFIX = "pagerduty-logging: "

_TEXTS = frozenset((str, bytes))
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class Diagnostics:
    """Writes at most one line per topic and minute, and counts those that it does not write.

    Args:
        write: writes a line; default: to `sys.stderr`, as it is at that time.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._write = write or _to_stderr
        self._clock = clock
        self._written_at: dict[str, float] = {}
        self._unwritten: dict[str, int] = {}

    def say(self, topic: str, text: str, *, always: bool = False) -> None:
        """Write `text` as one line, unless there was one on its topic in the last minute. Never raises."""
        now = self._clock()
        if not always and now - self._written_at.get(topic, -SILENCE) < SILENCE:
            self._unwritten[topic] = self._unwritten.get(topic, 0) + 1
            return
        self._written_at[topic] = now
        unwritten = self._unwritten.pop(topic, 0)
        more = f" (and {unwritten} more like this)" if unwritten else ""
        line = _CONTROLS.sub(" ", text)[:MAX_LINE]
        notice = f"{PREFIX}{line}{more}"
        notices.append(notice)  # first: if stderr is a logger, the line comes back before this call ends
        with suppress(Exception):  # a closed or broken stderr must not make the program fail
            self._write(f"{notice}\n")

    def conclude(self) -> None:
        """Write how many notices were left out, at the end of the process."""
        parts = [
            f"{counted(number, 'similar message')} about {_TOPICS.get(topic, topic)}"
            for topic, number in self._unwritten.items()
        ]
        if parts:
            were = "was" if sum(self._unwritten.values()) == 1 else "were"
            self._unwritten.clear()
            self.say("conclusion", f"{', '.join(parts)} {were} not shown", always=True)


class Notices(deque[str]):
    """The latest notices. If stderr is a logger, as under Twisted, Celery or Airflow, each comes back as a
    record."""

    def hold(self, message: object, args: object = None) -> bool:
        """Return whether a message, or one of its arguments, is one of them."""
        if type(message) is str:
            if type(args) is tuple:
                for arg in args:
                    if type(arg) in _TEXTS and self._are_in(arg):
                        return True
            return self._are_in(message)
        values = itertools.islice(message.values(), MAX_ENTRIES) if type(message) is dict else (message,)
        return any(map(self._are_in, values))

    def _are_in(self, value: object) -> bool:
        if type(value) is bytes:
            value = value.decode("utf-8", "replace")
        return type(value) is str and PREFIX in value and any(notice in value for notice in list(self))


notices: Final = Notices(maxlen=200)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 event", "2 events"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _to_stderr(line: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(line)
        sys.stderr.flush()
