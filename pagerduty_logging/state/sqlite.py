"""The state of one host's processes, and of their next lives: a SQLite file.

Every exchange writes in one statement, and reads in another what it does not know, see `sqlite_draft.py`.
The file is in WAL mode, where a commit waits for no disk: a crash of the machine, not of a program, may
forget the last exchanges.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from random import uniform

from pagerduty_logging.events_api.forking import fork_gate
from pagerduty_logging.state import shared_exchange
from pagerduty_logging.state.among import Among
from pagerduty_logging.state.breaker import LOCKED, UNHURRIED
from pagerduty_logging.state.helper import Guard
from pagerduty_logging.state.protocol import Reply, Request, Silence, StateError
from pagerduty_logging.state.request_queue import RequestQueue
from pagerduty_logging.state.sqlite_draft import LastWritten, record_in
from pagerduty_logging.state.sqlite_exchange import (
    CHANGES,
    Exchange,
    all_silences,
    known_problem,
)
from pagerduty_logging.state.sqlite_file import is_busy, opened, sweep
from pagerduty_logging.state.store import KnownProblem, UnderWay

PATIENCE = 0.2
"""Seconds to wait for others who write, where no more is said."""
SHARE = 0.5
"""Of the seconds for an exchange, those to wait for others who write."""
BUSY_PAUSE = (0.0005, 0.003, 0.012)
"""Seconds between two looks whether it is our turn: at least, at most, and at most after some looks."""
SWEEP = 500
"""One exchange in so many deletes what has expired."""

_BROKEN = ("not a database", "malformed", "no such table", "no such column")


_inherited: dict[str, list[sqlite3.Connection]] = {}
"""By path, what a fork in the middle of a call has left open: never closed, for the file is the parent's."""


class SqliteStore:
    """A `Store` in a file, made when it is first needed.

    Args:
        path: of the file.
        clock: seconds since the epoch.
        keeps_open: between exchanges; False where Python may not notice a fork.
    """

    kind = "SQLite"

    def __init__(self, path: str, clock: Callable[[], float] = time.time, *, keeps_open: bool = True) -> None:
        self.path = path
        self._clock = clock
        self._keeps_open = keeps_open
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._last_written = LastWritten()
        self._exchanges = 0
        self._user = shared_exchange.User()

    @property
    def among(self) -> Among | None:
        """What the handlers of this process know among themselves; None: no other one uses the place."""
        return shared_exchange.of(self.path).among(self._user)

    def exchange(self, request: Request, seconds: float) -> Reply:
        users = shared_exchange.of(self.path)
        if users.alone(self._user):
            return self._exchange([request], seconds)[0]
        queue = users.queue_for(request)

        def do(requests: list[Request]) -> list[Reply]:
            return self._shared_connection(queue).exchange(requests, seconds)

        return users.ask(self._user, request, do)

    def _shared_connection(self, queue: RequestQueue) -> shared_exchange.SharedConnection:
        """Return what the handlers of this process speak on: one connection."""
        if queue.connection is None:
            store = SqliteStore(self.path, self._clock, keeps_open=self._keeps_open)
            queue.connection = shared_exchange.SharedConnection(store._exchange, store._close)
        connection: shared_exchange.SharedConnection = queue.connection
        return connection

    def _exchange(self, requests: list[Request], seconds: float) -> list[Reply]:
        looked: list[Reply | None] = [None] * len(requests)
        try:
            replies = self._try(requests, looked) or self._try(
                requests, looked
            )  # at first nothing may be read
            if replies is not None:
                return replies
            for _ in _looks(SHARE * seconds):
                replies = self._try(requests, looked, look=True)
                if replies is not None:
                    return replies
            raise sqlite3.OperationalError("locked")
        except BaseException as error:
            raise self._undone(error) from None

    def _try(
        self, requests: list[Request], looked: list[Reply | None], *, look: bool = False
    ) -> list[Reply] | None:
        """Answer requests; None: others are writing, or have written, and it is to be tried again.

        Args:
            requests: all of them.
            looked: those replies for which nothing need be written.
            look: add to them.
        """
        with fork_gate().joined():  # SQLite has locks of its own, which a child would find taken
            connection = self._open(PATIENCE)
            last, self._last_written = self._last_written, LastWritten()
            exchange = Exchange(connection, requests, self._clock, last)
            if look:
                looked[:] = [
                    reply or exchange.looked(request) for request, reply in zip(requests, looked, strict=True)
                ]
            replies = [
                reply or exchange.applied(request.as_of_now())
                for request, reply in zip(requests, looked, strict=True)
            ]
            written = exchange.write()
            if written is None:
                return None
            self._last_written = written
            self._sweep(connection)
            if not self._keeps_open:
                self._close()
            return replies

    def begin(self, request: Request) -> UnderWay | None:
        users = shared_exchange.of(self.path)
        queue = users.queue_for(request)
        if users.alone(self._user) or queue.connection is None:
            return None
        return shared_exchange.Joined(queue, request, lambda: self._shared_connection(queue))

    def hand_over(self, request: Request, guard: Guard) -> UnderWay | None:
        users = shared_exchange.of(self.path)

        def do(requests: list[Request]) -> list[Reply]:
            return self._shared_connection(users.hand_ins).exchange(requests, UNHURRIED)

        return users.hand_over(self._user, request, do, guard)

    def beside(self) -> SqliteStore:
        other = SqliteStore(self.path, self._clock, keeps_open=self._keeps_open)
        other._user = self._user
        return other

    def problems(self) -> tuple[float, list[KnownProblem]]:
        now = self._clock()
        with self._transaction(PATIENCE, writes=False) as step:
            rows = step.execute(
                "SELECT space, key, record FROM problems WHERE expires > ? AND space NOT LIKE ?",
                (now, f"%{CHANGES}"),
            ).fetchall()
            open_problems = [(space, key, record_in(text)) for space, key, text in rows]
            return now, [
                known_problem(step, space, key, record, now)
                for space, key, record in open_problems
                if not record.over
            ]

    def silences(self) -> tuple[float, list[Silence]]:
        now = self._clock()
        with self._transaction(PATIENCE, writes=False) as step:
            return now, all_silences(step, now)

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

    def leave(self) -> None:
        shared_exchange.of(self.path).leave(self._user)

    def close(self) -> None:
        self._close()
        users = shared_exchange.of(self.path)
        if users.leave(self._user):
            for queue in (users.claims, users.hand_ins):
                connection, queue.connection = queue.connection, None
                if connection is not None:
                    connection.leave(PATIENCE)  # its files may be deleted next

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def abandon(self) -> None:
        if self._connection is not None:
            _inherited.setdefault(self.path, []).append(self._connection)
            self._connection = None

    def _sweep(self, connection: sqlite3.Connection) -> None:
        self._exchanges += 1
        if self._exchanges % SWEEP == 1:
            with suppress(sqlite3.OperationalError):  # another process is writing: the next time will do
                sweep(connection, self._clock())

    @contextmanager
    def _transaction(self, seconds: float, *, writes: bool = True) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._open(seconds)
            for _ in _looks(seconds):
                if _began(connection, writes=writes):
                    yield connection
                    connection.execute("COMMIT")
                    return
            raise sqlite3.OperationalError("locked")
        except BaseException as error:
            raise self._undone(error) from None

    def _undone(self, error: BaseException) -> BaseException:
        """Leave nothing half done behind; return what is to be raised."""
        if isinstance(error, (sqlite3.Error, OSError, ValueError, TypeError)):
            self._undo(keep=is_busy(error))
            return StateError(self._words(error))
        self._undo()
        return error

    def _undo(self, *, keep: bool = False) -> None:
        with suppress(sqlite3.Error):
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
                return
        if not keep:
            self._close()

    def _open(self, seconds: float) -> sqlite3.Connection:
        if self._connection is not None and self._is_the_same_file():
            return self._connection
        self._close()
        if self.path in _inherited:  # SQLite would take the parent's locks for ours, and break the file
            raise StateError(f"{self.path} was in use when this process was forked: fork earlier")
        fork_gate().closing[self] = SqliteStore._close
        if os.path.isdir(self.path) or self.path.endswith(os.sep):
            raise StateError(f"{self.path} is a directory: name a file in it")
        if os.path.exists(self.path) and not os.path.isfile(self.path):
            raise StateError(f"{self.path} is a device, a pipe or a socket: name a file")
        with suppress(FileExistsError):
            file = os.path.realpath(self.path)
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            os.chmod(file, 0o600)  # a umask may have taken even the owner's rights
        _keep_from_others(self.path)
        self._is_the_same_file()  # before it is opened: one that takes its place now is noticed the next time
        connection = self._connection = opened(self.path, seconds)
        return connection

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
        if isinstance(error, FileNotFoundError):
            return f"{self.path} cannot be made: its directory does not exist ({error.strerror})"
        if isinstance(error, PermissionError):
            return f"{self.path} cannot be made: this user may not write there ({error.strerror})"
        if isinstance(error, OSError):
            return f"{self.path}: {error.strerror or error}"
        if isinstance(error, StateError):
            return str(error)
        text = str(error)
        if is_busy(error):
            return f"{self.path} {LOCKED}"
        if any(mark in text for mark in _BROKEN) or isinstance(error, json.JSONDecodeError):
            return f"{self.path} is no SQLite database, or a broken one: move it away, a new one is made"
        if "full" in text:
            return f"{self.path}: the disk is full"
        if "disk I/O" in text:
            return f"{self.path}: {text}: is there room on the disk?"
        if "readonly" in text:
            return f"{self.path} cannot be written: the file, or its directory, is read-only"
        if "unable to open" in text:
            return f"{self.path} cannot be opened: does its directory exist, and may this user write there?"
        return f"{self.path}: {text}"


def _keep_from_others(path: str) -> None:
    """Let only the owner read a file that somebody made in advance, and what SQLite keeps beside it."""
    for part in (path, f"{path}-wal", f"{path}-shm"):
        with suppress(OSError):  # it is another user's, or is not there
            if stat.S_IMODE(os.stat(part).st_mode) & 0o077:
                os.chmod(part, 0o600)


def _looks(seconds: float) -> Iterator[None]:
    """Yield now and then, for so many seconds of waiting; time in which we get no CPU is not counted.

    SQLite itself would wait ever longer, and let latecomers go first.
    """
    least, most, longest = BUSY_PAUSE
    waited = 0.0
    while waited <= seconds:
        yield
        pause = uniform(least, most)
        time.sleep(pause)
        waited += pause
        most = min(1.2 * most, longest)


def _began(connection: sqlite3.Connection, *, writes: bool) -> bool:
    """Begin a transaction; False: it would write, and another process does."""
    try:
        connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    except sqlite3.OperationalError as error:
        if is_busy(error):
            return False
        raise
    return True


def _note_change(step: sqlite3.Connection, now: float) -> None:
    """Give the silences a version that they never had, also if the file is a new one."""
    version = f"{now:.6f}-{uuid.uuid4().hex[:6]}"
    step.execute("UPDATE versions SET version = ? WHERE what = 'silences'", (version,))
