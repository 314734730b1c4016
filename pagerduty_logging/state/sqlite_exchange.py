"""One exchange with a SQLite file: what is decided, from what was read to what is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

from pagerduty_logging.state import decide
from pagerduty_logging.state.decide import Record
from pagerduty_logging.state.protocol import (
    MAX_NAMES,
    RESERVED_SHARE,
    Anothers,
    Claim,
    Count,
    KnownProblem,
    Later,
    Mine,
    Reply,
    Request,
    Sender,
    Silence,
    Standing,
)
from pagerduty_logging.state.sqlite_draft import Draft, names

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
    hosts, processes = names(step, space, key)
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
        hosts=hosts[0],
        host_names=hosts[1],
        processes=processes,
        more=max(hosts[0], processes) >= MAX_NAMES,
        events=record.events,
        told_severity=record.told_severity,
        told_at=max(record.told_at, record.sent_at) or None,
        window_left=record.window_left(now),
        leased=record.lease_left(now) > 0.0,
        first_release=record.release,
        logger=record.logger,
    )


def draft_for(connection: sqlite3.Connection, requests: list[Request], clock: Callable[[], float]) -> Draft:
    """Return a draft with all that requests need, read at one moment."""
    problems: list[tuple[str, str]] = []
    spaces: list[str] = []
    for request in requests:
        sender, claim = request.sender, request.claim
        problems += [(sender.space, count.key) for count in request.counts]
        problems += [(_space(sender, outcome.change), outcome.key) for outcome in request.outcomes]
        if claim is not None:
            problems.append((_space(sender, claim.change), claim.key))
        if claim is not None or request.spend is not None:
            spaces.append(sender.space)
    senders = [request.sender.name for request in requests]
    return Draft(connection, clock, problems=problems, senders=senders, spaces=spaces)


class Exchange:
    """Requests that are answered together, of what was read at one moment.

    Args:
        connection: reads.
        requests: all of them.
        clock: seconds since the epoch.
    """

    def __init__(
        self, connection: sqlite3.Connection, requests: list[Request], clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._draft = draft_for(connection, requests, clock)
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
        record = self._draft.record(_space(sender, claim.change), claim.key)
        answer = None if record is None else decide.others(record, claim, sender.name, self._now)
        return None if answer is None else Reply(self._now, answer=answer)

    def applied(self, request: Request) -> Reply:
        """Apply a request, and return its reply: it holds once `write` returns True."""
        sender = request.sender
        if sender.release is not None:
            started, expires = self._now - request.started, self._now + sender.remember
            self._draft.note_release(sender.space, sender.release, started, expires)
        if self._is_new(request):
            for count in request.counts:
                self._count(sender, count)
            for outcome in request.outcomes:
                space = _space(sender, outcome.change)
                before = self._draft.record(space, outcome.key)
                self._store(
                    sender, space, outcome.key, decide.concluded(before, outcome, sender.name, self._now)
                )
        standings = {
            count.key: decide.standing(self._draft.record(sender.space, count.key), self._now)
            for count in request.counts
        }
        if self._draft.silences != request.silences:
            return self._with_silences(standings, handed_in=request.sequence)
        answer = None if request.claim is None else self._claim(sender, request.claim)
        wait = None if request.spend is None else self._spend(sender, request.spend)
        return Reply(self._now, standings, answer, wait, handed_in=request.sequence)

    def write(self) -> bool:
        """Write it, all or nothing; False: nothing is, for another process is writing, or just has."""
        return self._draft.write()

    def _with_silences(self, standings: dict[str, Standing] | None = None, handed_in: int = 0) -> Reply:
        silences = (self._draft.silences, tuple(all_silences(self._connection, self._now)))
        return Reply(self._now, standings or {}, silences=silences, handed_in=handed_in)

    def _is_new(self, request: Request) -> bool:
        """Note the sequence number, always: an exchange that cannot write is to fail."""
        sender, sequence = request.sender, request.sequence
        before = self._draft.sequence(sender.name)
        remember = max(sender.remember, SENDER_REMEMBERED)
        self._draft.note_sequence(sender.name, max(before, sequence), remember)
        return sequence > before

    def _count(self, sender: Sender, count: Count) -> None:
        draft, space = self._draft, sender.space
        before = draft.record(space, count.key)
        record = decide.counted(before, count, sender.release, self._now)
        if record is not before:
            draft.begin(space, count.key)
        self._store(sender, space, count.key, record)
        if not record.over:
            draft.add_names(space, count.key, sender.host, sender.process)

    def _claim(self, sender: Sender, claim: Claim) -> Mine | Anothers | Later:
        space = _space(sender, claim.change)
        record, answer = decide.claimed(
            self._draft.record(space, claim.key),
            claim,
            sender.name,
            sender.release,
            self._now,
            lambda severity: self._spend(sender, severity),
        )
        if answer is not None or record is None:
            return answer or Anothers(True, 0.0)
        self._store(sender, space, claim.key, record)
        hosts, processes = self._draft.names(space, claim.key)
        release = sender.release
        started = None if release is None else self._draft.started(sender.space, release)
        return decide.figures(record, claim, release, started, hosts, processes, MAX_NAMES)

    def _spend(self, sender: Sender, severity: int) -> float:
        sent = self._draft.sent(sender.space)
        wait = decide.budget_wait(sent, sender.per_minute, severity, RESERVED_SHARE, self._now)
        if not wait:
            self._draft.spend(sender.space)
        return wait

    def _store(self, sender: Sender, space: str, key: str, record: Record | None) -> None:
        if record is not None:
            self._draft.store(space, key, record, sender.remember)


def _space(sender: Sender, change: bool) -> str:
    return sender.space + (CHANGES if change else "")
