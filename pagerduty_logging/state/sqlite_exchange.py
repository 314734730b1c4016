"""One exchange with a SQLite file: what is decided, from what was read to what is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

from pagerduty_logging.state import decide
from pagerduty_logging.state.protocol import (
    GIVE_BACK,
    MAX_NAMES,
    RESERVED_SHARE,
    Anothers,
    Claim,
    Count,
    Later,
    Mine,
    Outcome,
    Reply,
    Request,
    Sender,
    Silence,
    Standing,
)
from pagerduty_logging.state.records import Record
from pagerduty_logging.state.sqlite_draft import Draft, LastWritten, Name, names
from pagerduty_logging.state.store import KnownProblem

CHANGES = "/changes"
"""What is added to a space: there, change events are claimed."""
SENDER_REMEMBERED = 3_600.0
"""Seconds at least that a sender's sequence number is kept."""


def all_silences(step: sqlite3.Connection, now: float) -> list[Silence]:
    """Return the silences that have not ended."""
    rows = step.execute("SELECT silence FROM silences WHERE until > ? ORDER BY until", (now,)).fetchall()
    return [Silence(**json.loads(text)) for (text,) in rows]


def known_problem(step: sqlite3.Connection, space: str, key: str, record: Record, now: float) -> KnownProblem:
    """Return an open problem as people are shown it."""
    shown, hosts, processes = names(step, space, key, record)
    return KnownProblem(
        space=space,
        key=key,
        summary=record.summary,
        severity=record.worst,
        occurrences=record.n,
        suppressed=max(record.n - record.told, 0),
        silenced=record.silenced,
        first_seen=record.first,
        last_seen=record.last,
        hosts=hosts,
        host_names=shown,
        processes=processes,
        more=max(hosts, processes) >= MAX_NAMES,
        events=record.events,
        told_severity=record.told_severity,
        told_at=max(record.told_at, record.sent_at) or None,
        window_left=record.window_left(now),
        leased=record.lease_left(now) > 0.0,
        first_release=record.release,
        logger=record.logger,
    )


class Exchange:
    """Requests that are answered together, of what is known at one moment.

    Args:
        connection: reads and writes.
        requests: all of them.
        clock: seconds since the epoch.
        written: what the connection wrote last.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        requests: list[Request],
        clock: Callable[[], float],
        written: LastWritten,
    ) -> None:
        problems: list[Name] = []
        senders, spaces = set(), set()
        for request in requests:
            sender, claim = request.sender, request.claim
            senders.add(sender.name)
            for count in request.counts:
                problems.append((sender.space, _stored(count.key)))
            for outcome in request.outcomes:
                problems.append(_name(sender, outcome))
                if outcome.what == "release":
                    spaces.add(sender.space)
            if claim is not None:
                problems.append(_name(sender, claim))
            if claim is not None or request.spend is not None:
                spaces.add(sender.space)
        self._connection = connection
        self._draft = Draft(connection, clock, written, problems=problems, senders=senders, spaces=spaces)
        self._now = self._draft.now

    def looked(self, request: Request) -> Reply | None:
        """Return the reply to a claim for which nothing need be written; None: it takes more.

        Of many processes that meet a problem at one moment most have their answer so, and wait for no lock.
        """
        claim, sender = request.claim, request.sender
        if claim is None or request.outcomes:
            return None
        if self._draft.silences != request.silences:
            return self._with_silences()
        record = self._draft.records.get(_name(sender, claim))
        answer = (
            None if record is None else decide.others(record, claim, sender.name, self._now, _ends(request))
        )
        return None if answer is None else Reply(self._now, answer=answer)

    def applied(self, request: Request) -> Reply:
        """Apply a request, and return its reply: it holds once `write` returns True."""
        sender = request.sender
        if sender.release is not None:
            started, expires = self._now - request.started, self._now + sender.remember
            self._draft.note_release(sender.space, sender.release, started, expires)
        remember = max(sender.remember, SENDER_REMEMBERED)
        if self._draft.is_next(sender.name, request.sequence, remember):
            for count in request.counts:
                self._count(request, count)
            for outcome in request.outcomes:
                self._conclude(sender, outcome)
        standings = {}
        for count in request.counts:
            record = self._draft.records.get((sender.space, _stored(count.key)))
            standings[count.key] = decide.standing(record, self._now, _ends(request))
        if self._draft.silences != request.silences:
            return self._with_silences(standings, handed_in=request.sequence)
        answer = None if request.claim is None else self._claim(request, request.claim)
        wait = None if request.spend is None else self._spend(sender, request.spend)
        return Reply(self._now, standings, answer, wait, handed_in=request.sequence)

    def write(self) -> LastWritten | None:
        """Write it, all or nothing, and return what is known then; None: others are writing, or just have."""
        return self._draft.written if self._draft.write() else None

    def _with_silences(self, standings: dict[str, Standing] | None = None, handed_in: int = 0) -> Reply:
        silences = (self._draft.silences, tuple(all_silences(self._connection, self._now)))
        return Reply(self._now, standings or {}, silences=silences, handed_in=handed_in)

    def _count(self, request: Request, count: Count) -> None:
        sender, draft = request.sender, self._draft
        name = (sender.space, _stored(count.key))
        before = draft.records.get(name)
        record = decide.counted(before, count, sender.release, self._now, sender.process, ends=request.ends)
        if record is None:
            return
        if record is not before:
            draft.begin(name)
        draft.store(name, record, sender.remember)
        if not record.over:
            draft.add_names(name, record, _stored(sender.host), sender.process)

    def _conclude(self, sender: Sender, outcome: Outcome) -> None:
        name = _name(sender, outcome)
        before = self._draft.records.get(name)
        if outcome.what == "release" and before is not None and before.held_by(sender.name, self._now):
            self._draft.take_back(sender.space)
        record = decide.concluded(before, outcome, sender.name, self._now)
        if record is not None:
            self._draft.store(name, record, sender.remember)

    def _claim(self, request: Request, claim: Claim) -> Mine | Anothers | Later:
        sender, draft = request.sender, self._draft
        name, release = _name(sender, claim), sender.release
        record, answer = decide.claimed(
            draft.records.get(name),
            claim,
            sender.name,
            release,
            self._now,
            lambda severity: self._spend(sender, severity),
            _ends(request),
        )
        if answer is not None or record is None:
            return answer or Anothers(True, 0.0)
        draft.store(name, record, sender.remember)
        shown, hosts, processes = draft.names(name, record)
        started = None if release is None else draft.started(sender.space, release)
        return decide.figures(record, claim, release, started, (hosts, shown), processes, MAX_NAMES)

    def _spend(self, sender: Sender, severity: int) -> float:
        if severity == GIVE_BACK:
            self._draft.take_back(sender.space)
            return 0.0
        most = decide.most_in_a_minute(sender.per_minute, severity, RESERVED_SHARE)
        wait = decide.budget_wait(self._draft.sent(sender.space), most, self._now)
        if not wait:
            self._draft.spend(sender.space, most)
        return wait


def _ends(request: Request) -> str:
    return request.sender.process if request.ends else ""


def _name(sender: Sender, about: Claim | Outcome) -> Name:
    return (sender.space + CHANGES if about.change else sender.space, _stored(about.key))


def _stored(text: str) -> str:
    """Return a text without what SQLite does not take, or takes for its end."""
    if text.isprintable():
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
