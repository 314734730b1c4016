"""Keeps the last event of each problem, for later events without a record."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

from cachetools import LRUCache

from pagerduty_logging.events_api.decoding import decode
from pagerduty_logging.events_api.encoding import EncodedEvent, encode
from pagerduty_logging.events_api.events import Event, Severity, Trigger, this_host
from pagerduty_logging.events_api.text import cut
from pagerduty_logging.page import alert, figures
from pagerduty_logging.state.lock import ReentrantLock
from pagerduty_logging.state.problem import History, Problem

MAX_EVENTS, MAX_BYTES = 500, 2_000_000
"""How many events, and about how many bytes, are kept whole; the least recently sent are reduced first."""
MAX_ORIGINS = 1_000
MAX_SUMMARY_CHARS = 200
"""Characters kept of a problem's summary: ten thousand problems may be known."""
_OF_THE_MOMENT = ("last_seen", "delayed")
"""Details of an event that do not hold for the next one."""


class Origin(NamedTuple):
    """What all events of a call site have in common."""

    logger: str
    source: str | None
    component: str | None
    group: str | None
    event_class: str | None


class Gist(NamedTuple):
    """The minimum that is kept of the last event of a problem."""

    summary: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Considered:
    """The arguments of `before_send`.

    Attributes:
        trigger: before it was changed.
        record: the plain attributes of the record.
        size: bytes of memory that they take, about.
    """

    trigger: Trigger
    record: Mapping[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class _Whole:
    """The last event of a problem.

    Attributes:
        sent: as it was sent.
        everywhere: whether it says how often the problem happened in all processes.
        before: as it was before `before_send` changed it; None: that was not asked.
        record: the plain attributes of its record.
        size: bytes of memory that all of it takes, about.
    """

    sent: EncodedEvent
    everywhere: bool
    before: EncodedEvent | None
    record: Mapping[str, Any]
    size: int


class LastEvents:
    """Keeps the last events, bounded in number and memory. Safe to share between threads.

    Args:
        given: the fields of every alert.
    """

    def __init__(self, given: alert.Fields) -> None:
        self._given = given
        self.reset()

    def reset(self) -> None:
        """Forget everything, in a forked child."""
        self._origins: dict[Origin, Origin] = {}
        self._whole: LRUCache[str, _Whole] = LRUCache(MAX_BYTES, getsizeof=_size)
        self._lock = ReentrantLock()

    def note(self, problem: Problem, event: Event, logger: str) -> None:
        """Keep the minimum of a problem's event, which is about to be sent."""
        if isinstance(event, Trigger):
            origin = Origin(logger, event.source, event.component, event.group, event.event_class)
            if len(self._origins) >= MAX_ORIGINS:
                self._origins.clear()
            origin = self._origins.setdefault(origin, origin)
            problem.said = Gist(cut(event.summary, MAX_SUMMARY_CHARS), origin)

    def keep(
        self, problem: Problem, history: History, considered: Considered | None, encoded: EncodedEvent
    ) -> None:
        """Keep a problem's event whole, after it was encoded."""
        before: EncodedEvent | None = None
        record: Mapping[str, Any] = {}
        size = len(encoded.json)
        if considered is not None:
            before, record = encode(considered.trigger), considered.record
            size += len(before.json) + considered.size
        whole = _Whole(encoded, history.everywhere is not None, before, record, size)
        self._lock.run(self._keep, problem.key, whole, or_else=_left_out)

    def _keep(self, key: str, whole: _Whole) -> None:
        self._whole.pop(key, None)
        if whole.size <= MAX_BYTES:
            self._whole[key] = whole
        if len(self._whole) > MAX_EVENTS:
            self._whole.popitem()

    def _recalled(self, key: str) -> _Whole | None:
        return self._lock.run(self._whole.get, key, or_else=_not_now)

    def trigger(self, problem: Problem, gist: Gist, history: History, seen: float) -> Trigger:
        """Return an event like the last one, as it was sent, with new figures.

        Args:
            problem: the problem.
            gist: the least that is known of its last event.
            history: the figures.
            seen: now, in seconds since the epoch.
        """
        whole = self._recalled(problem.key)
        if whole is None:
            return self._least(problem, gist, history, seen)
        return _updated(cast("Trigger", decode(whole.sent)), whole, problem, history, seen)

    def considered(
        self, problem: Problem, gist: Gist, history: History, seen: float
    ) -> tuple[Trigger, logging.LogRecord]:
        """Return the same as before `before_send` changed it, and a record like that of the last event.

        The record has the attributes that are plain data, and no exception.
        """
        whole = self._recalled(problem.key)
        if whole is None or whole.before is None:
            level = logging.CRITICAL if problem.last.severity is Severity.CRITICAL else logging.ERROR
            plain = {"name": gist.origin.logger, "msg": gist.summary, "levelno": level}
            plain["levelname"] = logging.getLevelName(level)
            return self._least(problem, gist, history, seen), logging.makeLogRecord(plain)
        record = logging.makeLogRecord(dict(whole.record))
        return _updated(cast("Trigger", decode(whole.before)), whole, problem, history, seen), record

    def _least(self, problem: Problem, gist: Gist, history: History, seen: float) -> Trigger:
        given = self._given
        details = {
            "logger": gist.origin.logger,
            **figures.details(history),
            "release": given.release,
            "environment": given.environment,
            "host": this_host(),
            "process": os.getpid(),
        }
        return Trigger(
            gist.summary,
            severity=problem.last.severity,
            dedup_key=problem.key if problem.key.strip() else None,
            timestamp=alert.time(seen),
            source=gist.origin.source,
            component=gist.origin.component,
            group=gist.origin.group,
            event_class=gist.origin.event_class,
            client=given.client,
            client_url=given.client_url,
            custom_details=given.custom_details | {n: v for n, v in details.items() if v not in (None, "")},
        )


def _updated(before: Trigger, whole: _Whole, problem: Problem, history: History, seen: float) -> Trigger:
    details = dict(before.custom_details or {})
    for name in (*_OF_THE_MOMENT, *(figures.KNOWN_EVERYWHERE if whole.everywhere else ())):
        details.pop(name, None)
    severity, timestamp = problem.last.severity, alert.time(seen)
    renewed = replace(before, severity=severity, timestamp=timestamp, custom_details=details)
    return figures.renewed(history, renewed)


def _size(whole: _Whole) -> int:
    return whole.size


def _left_out(key: str, whole: _Whole) -> None:
    """Keep nothing of what a signal handler or a finaliser sends while this very thread keeps something."""


def _not_now(key: str) -> None:
    return
