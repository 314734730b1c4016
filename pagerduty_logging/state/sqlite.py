"""The state of one host's processes, and of their next lives: a SQLite file.

Every exchange is one transaction that takes the write lock at its beginning. The file is in WAL mode, where a
commit waits for no disk: a crash of the machine, not of a program, may forget the last exchanges.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from random import uniform

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.state import decide
from pagerduty_logging.state.decide import Record
from pagerduty_logging.state.protocol import (
    FIRST_HOSTS,
    FORMAT,
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
    StateError,
)

PATIENCE = 0.2
"""Seconds to wait for the lock of another process."""
BUSY_PAUSE = (0.0005, 0.003)
"""Seconds between two looks whether it is free: most exchanges take less."""
CHANGES = "/changes"
"""What is added to a space: there, change events are claimed."""
SENDER_REMEMBERED = 3_600.0
"""Seconds at least that a sender's sequence number is kept."""
SWEEP = 500
"""One exchange in so many deletes what has expired."""

_SCHEMA = f"""
CREATE TABLE problems (
    space TEXT, key TEXT, record TEXT NOT NULL, expires REAL NOT NULL, PRIMARY KEY (space, key)
) WITHOUT ROWID;
CREATE TABLE names (
    space TEXT, key TEXT, kind TEXT, name TEXT, place INTEGER, PRIMARY KEY (space, key, kind, name)
) WITHOUT ROWID;
CREATE TABLE senders (name TEXT PRIMARY KEY, sequence INTEGER NOT NULL, expires REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE sent (space TEXT, at REAL);
CREATE INDEX sent_by_time ON sent (space, at);
CREATE TABLE releases (
    space TEXT, release TEXT, started REAL NOT NULL, expires REAL NOT NULL, PRIMARY KEY (space, release)
) WITHOUT ROWID;
CREATE TABLE silences (id TEXT PRIMARY KEY, silence TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE versions (what TEXT PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO versions VALUES ('silences', '');
PRAGMA application_id = 1346651209;
PRAGMA user_version = {FORMAT};
"""
_APPLICATION = 1346651209
_turns: dict[tuple[int, str], threading.Lock] = {}
_inherited: list[sqlite3.Connection] = []  # never closed: that would meddle with the parent's file


class SqliteStore:
    """A `Store` in a file, made when it is first needed.

    Args:
        path: of the file.
        clock: seconds since the epoch.
    """

    kind = "SQLite"

    def __init__(self, path: str, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._exchanges = 0

    def exchange(self, request: Request, seconds: float) -> Reply:
        with self._transaction(min(seconds, PATIENCE)) as step:
            return _Exchange(step, request, self._clock()).run(sweep=self._is_time_to_sweep())

    def problems(self) -> tuple[float, list[KnownProblem]]:
        now = self._clock()
        with self._transaction(PATIENCE) as step:
            rows = step.execute(
                "SELECT space, key, record FROM problems WHERE expires > ? AND space NOT LIKE ?",
                (now, f"%{CHANGES}"),
            ).fetchall()
            open_problems = [(space, key, Record(**json.loads(text))) for space, key, text in rows]
            return now, [
                _known(step, space, key, record, now)
                for space, key, record in open_problems
                if not record.over
            ]

    def silences(self) -> tuple[float, list[Silence]]:
        now = self._clock()
        with self._transaction(PATIENCE) as step:
            return now, _silences(step, now)

    def silence(self, silence: Silence, seconds: float) -> Silence:
        now = self._clock()
        stored = replace(silence, id=silence.id or uuid.uuid4().hex[:8], since=now, until=now + seconds)
        with self._transaction(PATIENCE) as step:
            step.execute(
                "INSERT OR REPLACE INTO silences VALUES (?, ?, ?)",
                (stored.id, json.dumps(asdict(stored)), stored.until),
            )
            _note_change(step, now)
        return stored

    def unsilence(self, silence_id: str) -> bool:
        with self._transaction(PATIENCE) as step:
            ended = step.execute("DELETE FROM silences WHERE id = ?", (silence_id,)).rowcount > 0
            _note_change(step, self._clock())
        return ended

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def abandon(self) -> None:
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None

    def _is_time_to_sweep(self) -> bool:
        self._exchanges += 1
        return self._exchanges % SWEEP == 1

    @contextmanager
    def _transaction(self, seconds: float) -> Iterator[sqlite3.Connection]:
        connection: sqlite3.Connection | None = None
        end = monotonic() + seconds
        try:
            with _turn(self.path, seconds):
                connection = self._open(seconds)
                _begin(connection, end)
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            self._undo(connection)
            raise StateError(self._words(error)) from None
        except BaseException:
            self._undo(connection)
            raise

    def _undo(self, connection: sqlite3.Connection | None) -> None:
        with suppress(sqlite3.Error):
            if connection is not None and connection.in_transaction:
                connection.execute("ROLLBACK")
                return
        self.close()

    def _open(self, seconds: float) -> sqlite3.Connection:
        if self._connection is not None and self._is_the_same_file():
            return self._connection
        self.close()
        if os.path.isdir(self.path):
            raise StateError(f"{self.path} is a directory: name a file in it")
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=seconds, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._is_the_same_file()
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if not _has_format(connection):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if not _has_format(connection):
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
            connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA busy_timeout = 0")  # `_begin` waits instead

    def _is_the_same_file(self) -> bool:
        """Whether the file is still the one that was opened: somebody may have deleted or replaced it."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            self._file = None
            return False
        before, self._file = self._file, (status.st_dev, status.st_ino)
        return before == self._file

    def _words(self, error: Exception) -> str:
        if isinstance(error, OSError):
            return f"{self.path}: {error.strerror or error}"
        if isinstance(error, StateError):
            return str(error)
        text = str(error)
        if _is_busy(error):
            return f"{self.path} is locked by another program"
        if "not a database" in text or "malformed" in text:
            return f"{self.path} is no SQLite database, or a broken one: move it away, a new one is made"
        if "full" in text:
            return f"{self.path}: the disk is full"
        if "readonly" in text:
            return f"{self.path} cannot be written: the file, or its directory, is read-only"
        if "unable to open" in text:
            return f"{self.path} cannot be opened: does its directory exist, and may this user write there?"
        return f"{self.path}: {text}"


@contextmanager
def _turn(path: str, seconds: float) -> Iterator[None]:
    """Let the threads of this process go one after the other, as they come; only one waits for the file."""
    turn = _turns.setdefault((os.getpid(), path), threading.Lock())
    if not turn.acquire(timeout=seconds):
        raise sqlite3.OperationalError("locked")
    try:
        yield
    finally:
        turn.release()


def _begin(connection: sqlite3.Connection, end: float) -> None:
    """Take the write lock. SQLite itself would wait ever longer, and let latecomers go first."""
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or monotonic() >= end:
                raise
        time.sleep(uniform(*BUSY_PAUSE))


def _is_busy(error: Exception) -> bool:
    return "locked" in str(error) or "busy" in str(error)


def _has_format(connection: sqlite3.Connection) -> bool:
    """Whether the file is one of ours; False: it is empty."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application == _APPLICATION:
        if version > FORMAT:
            raise ValueError(
                "written by a newer pagerduty-logging: update this program, or give it a file of its own"
            )
        return True
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise ValueError("the database of another program: give the state a file of its own")
    return False


def _note_change(step: sqlite3.Connection, now: float) -> None:
    """Give the silences a version that they never had, also if the file is a new one."""
    version = f"{now:.6f}-{uuid.uuid4().hex[:6]}"
    step.execute("UPDATE versions SET version = ? WHERE what = 'silences'", (version,))


def _silences(step: sqlite3.Connection, now: float) -> list[Silence]:
    rows = step.execute("SELECT silence FROM silences WHERE until > ? ORDER BY until", (now,)).fetchall()
    return [Silence(**json.loads(text)) for (text,) in rows]


def _names(step: sqlite3.Connection, space: str, key: str) -> tuple[tuple[int, tuple[str, ...]], int]:
    counts = dict(
        step.execute(
            "SELECT kind, count(*) FROM names WHERE space = ? AND key = ? GROUP BY kind", (space, key)
        ).fetchall()
    )
    first = step.execute(
        "SELECT name FROM names WHERE space = ? AND key = ? AND kind = 'host' ORDER BY place, name LIMIT ?",
        (space, key, FIRST_HOSTS),
    ).fetchall()
    return (counts.get("host", 0), tuple(name for (name,) in first)), counts.get("process", 0)


def _known(step: sqlite3.Connection, space: str, key: str, record: Record, now: float) -> KnownProblem:
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
        told_at=record.told_at or None,
        window_left=record.window_left(now),
        leased=record.lease_left(now) > 0.0,
        first_release=record.release,
        logger=record.logger,
    )


class _Exchange:
    """One request, within a transaction."""

    def __init__(self, step: sqlite3.Connection, request: Request, now: float) -> None:
        self._step = step
        self._request = request
        self._sender: Sender = request.sender
        self._now = now

    def run(self, *, sweep: bool) -> Reply:
        request = self._request
        if sweep:
            self._sweep()
        self._note_release()
        if self._is_new():
            for count in request.counts:
                self._count(count)
            for outcome in request.outcomes:
                space = self._space(outcome.change)
                record = decide.concluded(
                    self._load(space, outcome.key), outcome, self._sender.name, self._now
                )
                self._store(space, outcome.key, record)
        keys = dict.fromkeys(count.key for count in request.counts)
        standings: dict[str, Standing] = {
            key: decide.standing(self._load(self._sender.space, key), self._now) for key in keys
        }
        version = self._step.execute("SELECT version FROM versions WHERE what = 'silences'").fetchone()[0]
        if version != request.silences:
            silences = (version, tuple(_silences(self._step, self._now)))
            return Reply(self._now, standings, silences=silences)
        answer = None if request.claim is None else self._claim(request.claim)
        wait = None if request.spend is None else self._spend(request.spend)
        return Reply(self._now, standings, answer, wait)

    def _space(self, change: bool) -> str:
        return self._sender.space + (CHANGES if change else "")

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
            self._note_name(count.key, "host", sender.host)
            self._note_name(count.key, "process", sender.process)

    def _note_name(self, key: str, kind: str, name: str) -> None:
        names = self._step.execute(
            "SELECT count(*), coalesce(sum(name = ?), 0) FROM names WHERE space = ? AND key = ? AND kind = ?",
            (name, self._sender.space, key, kind),
        ).fetchone()
        if not names[1] and names[0] < MAX_NAMES:
            row = (self._sender.space, key, kind, name, names[0])
            self._step.execute("INSERT INTO names VALUES (?, ?, ?, ?, ?)", row)

    def _claim(self, claim: Claim) -> Mine | Anothers | Later:
        sender = self._sender
        space = self._space(claim.change)
        record, answer = decide.claimed(
            self._load(space, claim.key), claim, sender.name, sender.release, self._now, self._spend
        )
        if answer is not None or record is None:
            return answer or Anothers(True, 0.0)
        self._store(space, claim.key, record)
        hosts, processes = _names(self._step, space, claim.key)
        started = self._step.execute(
            "SELECT started FROM releases WHERE space = ? AND release = ?", (sender.space, sender.release)
        ).fetchone()
        return decide.figures(
            record, claim, sender.release, started and started[0], hosts, processes, MAX_NAMES
        )

    def _spend(self, severity: int) -> float:
        space, now = self._sender.space, self._now
        self._step.execute(
            "DELETE FROM sent WHERE space = ? AND (at <= ? OR at > ?)", (space, now - MINUTE, now)
        )
        rows = self._step.execute("SELECT at FROM sent WHERE space = ? ORDER BY at", (space,)).fetchall()
        wait = decide.budget_wait(
            [at for (at,) in rows], self._sender.per_minute, severity, RESERVED_SHARE, now
        )
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
        row = self._step.execute(
            "SELECT record FROM problems WHERE space = ? AND key = ? AND expires > ?", (space, key, self._now)
        ).fetchone()
        return None if row is None else _record(row[0])

    def _store(self, space: str, key: str, record: Record | None) -> None:
        if record is not None:
            kept = max(self._sender.remember, record.window_left(self._now), LEASE)
            self._step.execute(
                "INSERT OR REPLACE INTO problems VALUES (?, ?, ?, ?)",
                (space, key, json.dumps(asdict(record)), self._now + kept),
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


_FIELDS = frozenset(Record.__dataclass_fields__)


def _record(text: str) -> Record:
    """Read a record; a newer version of the same format may have added fields to it."""
    return Record(**{name: value for name, value in json.loads(text).items() if name in _FIELDS})
