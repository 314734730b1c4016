"""One exchange with a SQLite file, within one transaction: what is read, decided and written."""

from __future__ import annotations

import json
import sqlite3

from pagerduty_logging.state import decide
from pagerduty_logging.state.decide import Record
from pagerduty_logging.state.protocol import (
    FIRST_HOSTS,
    LEASE,
    MAX_NAMES,
    MINUTE,
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

CHANGES = "/changes"
"""What is added to a space: there, change events are claimed."""
SENDER_REMEMBERED = 3_600.0
"""Seconds at least that a sender's sequence number is kept."""


_NOTE_NAMES = """
    INSERT OR IGNORE INTO names
    SELECT :space, :key, new.kind, new.name, (
        SELECT count(*) FROM names WHERE space = :space AND key = :key AND kind = new.kind
    ) AS place
    FROM (SELECT 'host' AS kind, :host AS name UNION ALL SELECT 'process', :process) AS new
    WHERE place < :most
"""
"""Adds a host and a process to those of a problem, up to so many of each; their place is their number."""


def all_silences(step: sqlite3.Connection, now: float) -> list[Silence]:
    """Return the silences that have not ended."""
    rows = step.execute("SELECT silence FROM silences WHERE until > ? ORDER BY until", (now,)).fetchall()
    return [Silence(**json.loads(text)) for (text,) in rows]


def _names(step: sqlite3.Connection, space: str, key: str) -> tuple[tuple[int, tuple[str, ...]], int]:
    rows = step.execute(
        "SELECT kind, count(*), group_concat(CASE WHEN place < ? THEN place || ' ' || name END, char(10))"
        " FROM names WHERE space = ? AND key = ? GROUP BY kind",
        (FIRST_HOSTS, space, key),
    ).fetchall()
    found = {kind: (count, names or "") for kind, count, names in rows}
    hosts, first = found.get("host", (0, ""))
    names = tuple(line.partition(" ")[2] for line in sorted(first.splitlines()))
    return (hosts, names), found.get("process", (0, ""))[0]


def known_problem(step: sqlite3.Connection, space: str, key: str, record: Record, now: float) -> KnownProblem:
    """Return an open problem as people are shown it."""
    hosts, processes = _names(step, space, key)
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


def looked(step: sqlite3.Connection, request: Request, now: float) -> Reply | None:
    """Return the reply to a claim for which nothing need be written; None: it takes an exchange.

    Of many processes that meet a problem at one moment most have their answer so, and wait for no lock.
    """
    claim, sender = request.claim, request.sender
    if claim is None or request.outcomes:
        return None
    version = _silences_version(step)
    if version != request.silences:
        return Reply(now, silences=(version, tuple(all_silences(step, now))))
    record = _load(step, _space(sender, claim.change), claim.key, now)
    answer = None if record is None else decide.others(record, claim, sender.name, now)
    return None if answer is None else Reply(now, answer=answer)


class Exchange:
    """One request, within a transaction."""

    def __init__(self, step: sqlite3.Connection, request: Request, now: float) -> None:
        self._step = step
        self._request = request
        self._sender: Sender = request.sender
        self._now = now
        self._records: dict[tuple[str, str], Record | None] = {}
        self._changed: set[tuple[str, str]] = set()

    def run(self, *, sweep: bool) -> Reply:
        """Do it; each record is read once, and written once."""
        if sweep:
            self._sweep()
        self._note_release()
        reply = self._answered()
        for space, key in self._changed:
            self._write(space, key)
        return reply

    def _answered(self) -> Reply:
        request = self._request
        if self._is_new():
            for count in request.counts:
                self._count(count)
            for outcome in request.outcomes:
                space = _space(self._sender, outcome.change)
                record = decide.concluded(
                    self._load(space, outcome.key), outcome, self._sender.name, self._now
                )
                self._store(space, outcome.key, record)
        keys = dict.fromkeys(count.key for count in request.counts)
        standings: dict[str, Standing] = {
            key: decide.standing(self._load(self._sender.space, key), self._now) for key in keys
        }
        version = _silences_version(self._step)
        if version != request.silences:
            silences = (version, tuple(all_silences(self._step, self._now)))
            return Reply(self._now, standings, silences=silences, handed_in=request.sequence)
        answer = None if request.claim is None else self._claim(request.claim)
        wait = None if request.spend is None else self._spend(request.spend)
        return Reply(self._now, standings, answer, wait, handed_in=request.sequence)

    def _is_new(self) -> bool:
        """Note the sequence number, always: an exchange that cannot write is to fail."""
        sender, sequence = self._sender, self._request.sequence
        row = self._step.execute("SELECT sequence FROM senders WHERE name = ?", (sender.name,)).fetchone()
        before = row[0] if row else 0
        self._step.execute(
            "INSERT OR REPLACE INTO senders VALUES (?, ?, ?)",
            (sender.name, max(before, sequence), self._now + max(sender.remember, SENDER_REMEMBERED)),
        )
        return bool(sequence > before)

    def _count(self, count: Count) -> None:
        sender = self._sender
        before = self._load(sender.space, count.key)
        record = decide.counted(before, count, sender.release, self._now)
        if record is not before:
            self._step.execute("DELETE FROM names WHERE space = ? AND key = ?", (sender.space, count.key))
        self._store(sender.space, count.key, record)
        if not record.over:
            names = {"host": sender.host, "process": sender.process, "most": MAX_NAMES}
            self._step.execute(_NOTE_NAMES, {"space": sender.space, "key": count.key, **names})

    def _claim(self, claim: Claim) -> Mine | Anothers | Later:
        sender = self._sender
        space = _space(self._sender, claim.change)
        record, answer = decide.claimed(
            self._load(space, claim.key), claim, sender.name, sender.release, self._now, self._spend
        )
        if answer is not None or record is None:
            return answer or Anothers(True, 0.0)
        self._store(space, claim.key, record)
        hosts, processes = _names(self._step, space, claim.key)
        started = None
        if sender.release is not None:
            started = self._step.execute(
                "SELECT started FROM releases WHERE space = ? AND release = ?", (sender.space, sender.release)
            ).fetchone()
        return decide.figures(
            record, claim, sender.release, started and started[0], hosts, processes, MAX_NAMES
        )

    def _spend(self, severity: int) -> float:
        space, now = self._sender.space, self._now
        rows = self._step.execute("SELECT at FROM sent WHERE space = ? ORDER BY at", (space,)).fetchall()
        sent = [at for (at,) in rows if now - MINUTE < at <= now]
        if len(sent) < len(rows):
            self._step.execute(
                "DELETE FROM sent WHERE space = ? AND (at <= ? OR at > ?)", (space, now - MINUTE, now)
            )
        wait = decide.budget_wait(sent, self._sender.per_minute, severity, RESERVED_SHARE, now)
        if not wait:
            self._step.execute("INSERT INTO sent VALUES (?, ?)", (space, now))
        return wait

    def _note_release(self) -> None:
        sender = self._sender
        if sender.release is not None:
            self._step.execute(
                "INSERT INTO releases VALUES (?, ?, ?, ?) ON CONFLICT (space, release)"
                " DO UPDATE SET started = min(started, excluded.started), expires = excluded.expires",
                (
                    sender.space,
                    sender.release,
                    self._now - self._request.started,
                    self._now + sender.remember,
                ),
            )

    def _load(self, space: str, key: str) -> Record | None:
        if (space, key) not in self._records:
            self._records[space, key] = _load(self._step, space, key, self._now)
        return self._records[space, key]

    def _store(self, space: str, key: str, record: Record | None) -> None:
        if record is not None:
            self._records[space, key] = record
            self._changed.add((space, key))

    def _write(self, space: str, key: str) -> None:
        record = self._records[space, key]
        assert record is not None
        kept = max(self._sender.remember, record.window_left(self._now), LEASE)
        text = json.dumps({name: getattr(record, name) for name in _FIELDS})
        self._step.execute(
            "INSERT OR REPLACE INTO problems VALUES (?, ?, ?, ?)", (space, key, text, self._now + kept)
        )

    def _sweep(self) -> None:
        for table in ("problems", "senders", "releases"):
            self._step.execute(f"DELETE FROM {table} WHERE expires <= ?", (self._now,))
        self._step.execute("DELETE FROM silences WHERE until <= ?", (self._now,))
        self._step.execute("DELETE FROM sent WHERE at <= ?", (self._now - MINUTE,))
        self._step.execute(
            "DELETE FROM names WHERE NOT EXISTS (SELECT 1 FROM problems"
            " WHERE problems.space = names.space AND problems.key = names.key)"
        )


def _space(sender: Sender, change: bool) -> str:
    return sender.space + (CHANGES if change else "")


def _silences_version(step: sqlite3.Connection) -> str:
    return str(step.execute("SELECT version FROM versions WHERE what = 'silences'").fetchone()[0])


def _load(step: sqlite3.Connection, space: str, key: str, now: float) -> Record | None:
    row = step.execute(
        "SELECT record FROM problems WHERE space = ? AND key = ? AND expires > ?", (space, key, now)
    ).fetchone()
    return None if row is None else record_in(row[0])


_FIELDS = frozenset(Record.__dataclass_fields__)


def record_in(text: str) -> Record:
    """Read a record; a newer version of the same format may have added fields to it."""
    return Record(**{name: value for name, value in json.loads(text).items() if name in _FIELDS})
