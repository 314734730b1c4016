"""The body of a record's event: composed when it is its turn, and kept in a few bytes until then."""

from __future__ import annotations

from typing import NamedTuple

from pagerduty_logging.delivery.body import Body, Take
from pagerduty_logging.delivery.decisions import Decisions, Verdict
from pagerduty_logging.events_api.encoding import EncodedEvent
from pagerduty_logging.events_api.events import Event, Trigger
from pagerduty_logging.page import alert, figures
from pagerduty_logging.page.flood_alert import FloodAlert
from pagerduty_logging.page.last_events import Considered, LastEvents
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.page.second_alert import second_alert
from pagerduty_logging.record.kept import kept
from pagerduty_logging.record.occurrence import MAX_TEMPLATE_CHARS, Occurrence
from pagerduty_logging.state.problem import History, Sighting
from pagerduty_logging.state.protocol import Mine


class Common(NamedTuple):
    """What the events of a handler have in common.

    Attributes:
        fields: what every alert says.
        redactor: has the last word on every event.
        last: keeps what the last event of each problem said.
        decisions: where it is noted what became of each.
    """

    fields: alert.Fields
    redactor: Redactor
    last: LastEvents
    decisions: Decisions


class RecordBody(Body):
    """The body of one record's event, and the line that logged it.

    It is one object without a `__dict__`, and one tuple: a thousand may wait.

    Args:
        common: what all events of the handler share.
        occurrence: what was logged; released once the event is encoded.
        sighting: why it pages, and what is known of its problem.
        key: its dedup key, which is another one than its problem's for a second alert.
        flood: the alert that it shares with others; None: it has its own.

    Attributes:
        line: see `Caller`.
        considered: what `before_send` was given; None: it was not asked.
        changed: the trigger as `before_send` changed it; None: it was not changed.
    """

    # fmt: off
    __slots__ = (
        "_common", "_flood", "_kept", "_key", "_known", "_problem", "_repeats", "_summary", "_worse",
        "changed", "considered", "line",
    )
    # fmt: on
    bare = False
    refused = None

    def __init__(
        self, common: Common, occurrence: Occurrence, sighting: Sighting, key: str, flood: FloodAlert | None
    ) -> None:
        history = sighting.history
        super().__init__(history.why, occurrence.size)
        self.line = occurrence.line
        self.considered: Considered | None = None
        self.changed: Trigger | None = None
        self._common = common
        self._kept = kept(occurrence)
        self._problem, self._worse = sighting.problem, sighting.worse
        # Most are the first of their problem: that can be said again.
        self._known = None if history == History(1, 0, self._kept.created) else history
        self._key = key
        self._flood = flood
        self._repeats = history.suppressed
        self._summary = ""

    @property
    def label(self) -> str:
        """See `Caller`."""
        return self._kept.label

    @property
    def logger(self) -> str:
        """See `Caller`."""
        return self._kept.logger

    @property
    def _history(self) -> History:
        """What is known of its problem."""
        if self._known is None:
            self._known = History(1, 0, self._kept.created)
        return self._known

    def trigger(self) -> Trigger:
        """Return the trigger before its redaction."""
        if self.changed is not None:
            return figures.brought_up_to_date(self._history, self.changed)
        if self._flood is not None:
            self._history.occurrences = self._problem.occurrences  # it has waited for more of them
        trigger = alert.compose(self._kept.occurrence(), self._key, self._history, self._common.fields)
        if self._flood is not None:
            trigger = self._flood.rewrite(trigger)
        return trigger if self._worse is None else second_alert(trigger, self._problem.key, self._history)

    def compose(self) -> Event:
        """Return the event as it is sent."""
        event = self._common.redactor.event(self.trigger())
        if isinstance(event, Trigger):
            self._summary = event.summary
        if self._worse is None or self._problem.said is None:  # follow-ups are the first alert's
            self._common.last.note(self._problem, event, self.logger)
        return event

    @property
    def take(self) -> Take | None:
        return self._take

    def _take(self, mine: Mine, composed: Trigger | None) -> Trigger | None:
        """Add what all processes know; see `figures.take`."""
        if self._worse is not None:
            return None  # the first alert shows it
        return figures.take(self._history, self._problem.last.severity, mine, composed)

    def foreseen(self, likely: Mine, composed: Event) -> Trigger | None:
        if self._worse is not None or not isinstance(composed, Trigger):
            return None
        now = self._history
        then = History(now.occurrences, now.suppressed, now.first_seen, now.since, now.why, shared=now.shared)
        return figures.take(then, self._problem.last.severity, likely, composed)

    def on_bytes(self, encoded: EncodedEvent) -> None:
        """Release what the event was made of: its bytes are known now."""
        self._kept = self._kept.without_data()
        self.changed = None
        if self._worse is None:
            self._common.last.keep(self._problem, self._history, self.considered, encoded)

    def decided(self, verdict: Verdict, reason: str) -> None:
        """Note in the ledger what became of the event, and why."""
        template = self._kept.msg
        self._common.decisions.note(
            verdict,
            reason,
            key=self._problem.key,
            event=self._key,
            logger=self.logger,
            template=template[:MAX_TEMPLATE_CHARS] if type(template) is str else "",
            summary=self._summary,
            repeats=self._repeats,
        )
