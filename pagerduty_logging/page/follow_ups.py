"""Events that no record calls for: how big a problem is, and at the end what no event has reported.

They are made on the worker, of the little that is kept of a problem's last event.
"""

from __future__ import annotations

import math
import os
from collections import deque
from functools import partial
from typing import NamedTuple

from pagerduty_logging.delivery.decisions import Decisions
from pagerduty_logging.delivery.event import Kind, Pending
from pagerduty_logging.events_api.events import Event, Severity, Trigger, this_host
from pagerduty_logging.events_api.text import cut
from pagerduty_logging.page import alert, figures
from pagerduty_logging.page.redaction import Redactor
from pagerduty_logging.state.problem import WORTH_A_FOLLOW_UP, History, Problem
from pagerduty_logging.state.throttle import Throttle
from pagerduty_logging.state.why import Why

MAX_ORIGINS = 1_000
MAX_SUMMARY_CHARS = 200
"""Characters kept of a problem's summary: ten thousand problems may be known."""


class Origin(NamedTuple):
    """What the events of a call site have in common."""

    logger: str
    source: str | None
    component: str | None
    group: str | None
    event_class: str | None


class Said(NamedTuple):
    """What is kept of the last event of a problem."""

    summary: str
    origin: Origin


def said_by(event: Event, logger: str, known: dict[Origin, Origin]) -> Said | None:
    """Return what a follow-up needs of an event; `known` origins are kept once for all problems."""
    if not isinstance(event, Trigger):
        return None
    origin = Origin(logger, event.source, event.component, event.group, event.event_class)
    if len(known) >= MAX_ORIGINS:
        known.clear()
    return Said(cut(event.summary, MAX_SUMMARY_CHARS), known.setdefault(origin, origin))


class FollowUps:
    """The events of one handler that report what was held back. All but `end` are for the worker.

    Args:
        throttle: the problems.
        given: what every alert says.
        redactor: has the last word on every event.
        decisions: where it is noted what became of them; its time of day is theirs.

    Attributes:
        ending: everything that was held back is to be reported now.
    """

    def __init__(
        self,
        throttle: Throttle,
        given: alert.Fields,
        redactor: Redactor,
        decisions: Decisions,
    ) -> None:
        self._throttle = throttle
        self._given = given
        self._redactor = redactor
        self._decisions = decisions
        self.reset()

    def reset(self) -> None:
        """Have nothing to report: this is a forked child."""
        self.ending = False
        self._why = Why.END
        self._due: deque[tuple[Problem, Why]] = deque()
        self._all_found = False

    def end(self) -> None:
        """Report everything that was held back: the process ends."""
        self._begin_ending(Why.END)

    def close(self) -> None:
        """Report what is worth a follow-up, before its time: the handler is closed."""
        self._begin_ending(Why.SIZE)

    def _begin_ending(self, why: Why) -> None:
        self._why = why
        self._all_found = False
        self.ending = True

    def wait(self, now: float) -> float | None:
        """Return the seconds until there may be an event to make; None: never, as things are."""
        if self._due or self.ending:
            return 0.0
        due = self._throttle.due
        return None if due == math.inf else max(due - now, 0.0)

    def next(self, now: float) -> Pending | None:
        """Return the next event that is to be sent by now; None if there is none."""
        if self.ending and not self._all_found:
            self._due.clear()  # they are among those that are found now
            least = 1 if self._why is Why.END else WORTH_A_FOLLOW_UP
            self._due.extend((problem, self._why) for problem in self._throttle.held_back(now, least))
            self._all_found = True
        if not self._due and self._throttle.due <= now:
            self._due.extend((problem, Why.SIZE) for problem in self._throttle.went_on(now))
        while self._due:
            problem, why = self._due.popleft()
            made = self._made(problem, why, now)
            if made is not None:
                return made
        self.ending = False
        return None

    def again(self, key: str) -> bool:
        """Report a problem anew, if it went on in a window that is not open for all; tell whether."""
        problem = self._throttle.reopened(key)
        if problem is not None:
            self._due.append((problem, Why.FIRST))
        return problem is not None

    @property
    def left(self) -> int:
        """How many problems there are whose report is to be made now, and is not."""
        return len(self._due)

    def _made(self, problem: Problem, why: Why, now: float) -> Pending | None:
        said = problem.said
        seen = self._decisions.time_of_day()
        found = self._throttle.report(problem, why, seen, now) if isinstance(said, Said) else None
        if found is None or not isinstance(said, Said):
            return None
        history, settle = found
        compose = partial(self._composed, said, problem.key, problem.severity, history, seen)
        return Pending(
            dedup_key=problem.key,
            severity=problem.severity,
            kind=Kind.REMINDER if why.follows_up else Kind.NEWS,
            accepted_at=now,
            compose=compose,
            settle=settle,
            label=f"report of repeats of logger {said.origin.logger!r}",
            why=history.why,
            decided=partial(
                self._decisions.note,
                key=problem.key,
                event=problem.key,
                logger=said.origin.logger,
                template=said.summary,
                repeats=history.suppressed,
            ),
            logger=said.origin.logger,
            take=partial(figures.take, history),
            follow_up=why.follows_up,
        )

    def _composed(self, said: Said, key: str, severity: Severity, history: History, seen: float) -> Event:
        return self._redactor.event(_trigger(said, key, severity, history, seen, self._given))


def _trigger(
    said: Said, key: str, severity: Severity, history: History, seen: float, given: alert.Fields
) -> Trigger:
    details = {
        "logger": said.origin.logger,
        **figures.details(history),
        "release": given.release,
        "environment": given.environment,
        "host": this_host(),
        "process": os.getpid(),
    }
    return Trigger(
        said.summary,
        severity=severity,
        dedup_key=key if key.strip() else None,
        timestamp=alert.time(seen),
        source=said.origin.source,
        component=said.origin.component,
        group=said.origin.group,
        event_class=said.origin.event_class,
        client=given.client,
        client_url=given.client_url,
        custom_details=given.custom_details | {n: v for n, v in details.items() if v not in (None, "")},
    )
