"""The dropped events as one event: how many problems and records, and which were most."""

from __future__ import annotations

import math
import os
from array import array
from bisect import bisect_left
from collections import Counter

from pagerduty_logging.delivery.body import BodyOf
from pagerduty_logging.delivery.event import Kind, Named, Pending
from pagerduty_logging.events_api.encoding import new_dedup_key
from pagerduty_logging.events_api.events import Severity, Trigger
from pagerduty_logging.state.problem import EventOutcome
from pagerduty_logging.state.why import Why

CALM = 5.0
"""Seconds without a dropped event after which it is time to report: one event, not a series."""
LONGEST_WAIT = 30.0
"""Seconds after which it is time even if events are still dropped."""
NAMED = 10
"""Sources named in the event, the most frequent first."""
MAX_COUNTED = 10_000
"""Bound of the problems, and of the sources, that are counted one by one; the rest is counted together."""
OTHERS = "others"


class Overflow:
    """Counts the events that are dropped, until an event has reported them all."""

    def __init__(self) -> None:
        self._dedup_key = f"pagerduty-logging-left-out-{new_dedup_key()}"
        self._reset()

    def _reset(self) -> None:
        self._records = 0
        self._composed = 0
        self._reported = 0
        self._under_way = False
        self._first = self._last = -math.inf
        self._severity = Severity.INFO
        self._problems = array("q")  # their hashes, sorted: a twentieth of the memory of a set of their keys
        self._sources: Counter[str] = Counter()

    def add(self, dedup_key: str, severity: Severity, label: str, records: int, now: float) -> None:
        """Count an event that is dropped, and the records it stood for; see `Pending`."""
        if self._records == self._reported:
            self._first = now
        self._last = now
        self._records += records
        if severity is not self._severity and severity.rank < self._severity.rank:
            self._severity = severity
        if len(self._problems) < MAX_COUNTED:
            self._count(hash(dedup_key))
        counted = label in self._sources or len(self._sources) < MAX_COUNTED
        self._sources[label if counted else OTHERS] += records

    def _count(self, problem: int) -> None:
        at = bisect_left(self._problems, problem)
        if at == len(self._problems) or self._problems[at] != problem:
            self._problems.insert(at, problem)

    def __bool__(self) -> bool:
        """Whether there is something to report that no event under way reports."""
        return not self._under_way and self._records > self._reported

    def due(self) -> float:
        """Return when it is time to report, on the delivery's clock; infinity if there is nothing."""
        if not self:
            return math.inf
        return min(self._last + CALM, self._first + LONGEST_WAIT)

    def report_now(self) -> None:
        """Report at once."""
        self._first = -math.inf

    def pending(self, now: float) -> Pending:
        """Return the event that reports, to be sent before all others of its severity."""
        self._under_way = True
        return Pending(
            dedup_key=self._dedup_key,
            severity=self._severity,
            kind=Kind.SUMMARY,
            accepted_at=now,
            body=BodyOf(self._compose, why=Why.NO_ROOM.said()),
            settle=self._settle,
            caller=Named("the summary of a storm"),
        )

    def _compose(self) -> Trigger:
        self._composed = self._records
        problems = f"{len(self._problems):,} problems"
        if len(self._problems) == MAX_COUNTED:
            problems = f"at least {problems}"
        return Trigger(
            f"A storm of errors: {problems} ({self._records:,} records) were left out of paging, "
            "because more events wait than there is room for",
            severity=self._severity,
            dedup_key=self._dedup_key,
            component="pagerduty_logging",
            event_class="overflow",
            custom_details={
                "why": Why.NO_ROOM.said(),
                "left_out_problems": len(self._problems),
                "left_out_records": self._records,
                "most_frequent": [f"{n:,} x {label}" for label, n in self._sources.most_common(NAMED)],
                "process": os.getpid(),
            },
        )

    def _settle(self, outcome: EventOutcome) -> int:
        """Leave what was dropped since to the next event, with running totals."""
        self._under_way = False
        self._reported = self._composed
        if outcome is EventOutcome.DELIVERED and self._reported == self._records:
            self._reset()
        return 0
