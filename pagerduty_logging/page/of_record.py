"""The event of a record that pages: made when it is its turn, and what is noted of it."""

from __future__ import annotations

from typing import NamedTuple

from pagerduty_logging.delivery.decisions import Decisions, Verdict
from pagerduty_logging.events_api.encoding import EncodedEvent
from pagerduty_logging.events_api.events import Event, Trigger
from pagerduty_logging.page import alert, figures
from pagerduty_logging.page.last_events import Considered, LastEvents
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.page.second_alert import beside_the_first
from pagerduty_logging.page.together import StandIn
from pagerduty_logging.record.occurrence import MAX_TEMPLATE_CHARS, Occurrence
from pagerduty_logging.record.plain_record import share_names
from pagerduty_logging.state.problem import Sighting
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


class OfRecord:
    """One of them. All that it needs is in one object without a dict: a thousand may wait.

    Args:
        common: what it has in common with others.
        occurrence: what was logged; released with the first bytes that are made.
        sighting: why it pages, and what is known of its problem.
        key: its dedup key, which is another one than its problem's for a second alert.
        stand_in: what it is shown as, with others; None: as its own problem.

    Attributes:
        considered: what `before_send` was given; None: it was not asked.
        changed: what `before_send` has made of it; None: as it was.
    """

    # fmt: off
    __slots__ = (
        "_common", "_history", "_key", "_logger", "_occurrence", "_problem", "_repeats", "_stand_in",
        "_summary", "_template", "_worse", "changed", "considered",
    )
    # fmt: on

    def __init__(
        self, common: Common, occurrence: Occurrence, sighting: Sighting, key: str, stand_in: StandIn | None
    ) -> None:
        share_names(occurrence.attributes)
        self.considered: Considered | None = None
        self.changed: Trigger | None = None
        self._common = common
        self._occurrence: Occurrence | None = occurrence
        self._problem, self._history, self._worse = sighting.problem, sighting.history, sighting.worse
        self._key = key
        self._stand_in = stand_in
        self._logger = occurrence.logger
        self._template = occurrence.attributes.get("msg")
        self._repeats = sighting.history.suppressed
        self._summary = ""

    def trigger(self) -> Trigger:
        """Return it before its redaction."""
        if self.changed is not None:
            return figures.brought_up_to_date(self._history, self.changed)
        assert self._occurrence is not None
        if self._stand_in is not None:
            self._history.occurrences = self._problem.occurrences  # it has waited for more of them
        trigger = alert.compose(self._occurrence, self._key, self._history, self._common.fields)
        if self._stand_in is not None:
            trigger = self._stand_in.rewrite(trigger)
        return trigger if self._worse is None else beside_the_first(trigger, self._problem.key, self._history)

    def compose(self) -> Event:
        """Return it as it is sent."""
        event = self._common.redactor.event(self.trigger())
        if isinstance(event, Trigger):
            self._summary = event.summary
        if self._worse is None or self._problem.said is None:  # follow-ups are the first alert's
            self._common.last.note(self._problem, event, self._logger)
        return event

    def take(self, mine: Mine, composed: Trigger | None) -> Trigger | None:
        """Let it tell what is known everywhere; see `figures.take`."""
        if self._worse is not None:
            return None  # which is the first alert's to tell
        return figures.take(self._history, mine, composed)

    def packed(self, encoded: EncodedEvent) -> None:
        """Take its bytes: what they were made of is not needed any more."""
        self._occurrence = self.changed = None
        if self._worse is None:
            self._common.last.keep(self._problem, self._history, self.considered, encoded)

    def decided(self, verdict: Verdict, reason: str) -> None:
        """Take note of what became of it, and why."""
        self._common.decisions.note(
            verdict,
            reason,
            key=self._problem.key,
            event=self._key,
            logger=self._logger,
            template=self._template[:MAX_TEMPLATE_CHARS] if type(self._template) is str else "",
            summary=self._summary,
            repeats=self._repeats,
        )
