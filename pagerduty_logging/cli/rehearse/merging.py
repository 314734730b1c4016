"""Merges several logs into one, in the order of their times."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from pagerduty_logging.cli.rehearse.entries import Entry


def merged(logs: Iterable[Iterator[Entry]]) -> Iterator[Entry]:
    """Yield the records of all logs by time; records of one log keep their order."""
    return (entry for _, entry in heapq.merge(*map(_in_order, logs), key=_time))


def _in_order(log: Iterator[Entry]) -> Iterator[tuple[float, Entry]]:
    """Yield each record with the newest time so far, so that a clock that was set back changes no order."""
    newest = 0.0
    for entry in log:
        newest = max(newest, entry.time or 0.0)
        yield newest, entry


def _time(pair: tuple[float, Entry]) -> float:
    return pair[0]
