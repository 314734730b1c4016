"""What an exchange knows of a SQLite file, and what it writes there.

What it knows is compared as it is written. So nothing need be read where the same connection wrote
last: if others have since, nothing is written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import attrgetter, ne
from typing import TypeAlias

from pagerduty_logging.state.protocol import FIRST_HOSTS, LEASE, MAX_NAMES, MINUTE
from pagerduty_logging.state.records import Record
from pagerduty_logging.state.sqlite_file import CHANGED, NOTHING, READ, WRITE, WRITE_ONE, is_busy

Name: TypeAlias = tuple[str, str]
"""Of a problem: its space and its key."""
MOST = 1_000
"""Problems of which a connection remembers what it wrote."""

_FIELDS = tuple(Record.__dataclass_fields__)
_values = attrgetter(*_FIELDS)
_DEFAULTS = _values(Record())
_encode = json.JSONEncoder(check_circular=False).encode


def record_in(text: str) -> Record:
    """Read a record; a newer version of the same format may have added fields to it."""
    return Record(**{name: value for name, value in json.loads(text).items() if name in _FIELDS})


def _text_of(record: Record) -> str:
    values = _values(record)
    return _encode(dict(compress(zip(_FIELDS, values, strict=True), map(ne, values, _DEFAULTS))))


def names(
    connection: sqlite3.Connection, space: str, key: str, record: Record
) -> tuple[tuple[str, ...], int, int]:
    """Return names of hosts that have seen a problem, how many have, and how many processes.

    The first host and process are in the record: of most problems there is no other.
    """
    rows = connection.execute(
        "SELECT kind, count(*), group_concat(CASE WHEN place < :most THEN place || ' ' || name END, char(10))"
        " FROM names WHERE space = :space AND key = :key"
        " AND name IS NOT CASE kind WHEN 'host' THEN :host ELSE :process END GROUP BY kind",
        {
            "most": FIRST_HOSTS,
            "space": space,
            "key": key,
            "host": record.host or None,
            "process": record.process or None,
        },
    ).fetchall()
    found = {kind: (count, first or "") for kind, count, first in rows}
    hosts, first = found.get("host", (0, ""))
    shown = tuple(line.partition(" ")[2] for line in sorted(first.splitlines()))
    if not record.process:
        return shown, hosts, found.get("process", (0, ""))[0]
    return (record.host, *shown)[:FIRST_HOSTS], hosts + 1, found.get("process", (0, ""))[0] + 1


@dataclass(slots=True)
class LastWritten:
    """What a connection wrote last, where that is known.

    Attributes:
        silences: the version of the silences; None: nothing is known.
        problems: as text, as a record, and when it expires.
        sequences: the number of the last hand-in by sender.
    """

    silences: str | None = None
    problems: dict[Name, tuple[str, Record, float]] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)


class Draft:
    """What is known at one moment, and what is to be written; nothing is, until `write`.

    Args:
        connection: one that was prepared.
        clock: seconds since the epoch.
        written: what the connection wrote last, which is taken over. Nothing is read if all `senders` are in
            it; a problem that is not is taken for new.
        problems, senders, spaces: those that are wanted; spaces for their budgets.

    Attributes:
        now: when it was read, or a moment later: what was read is never of a time to come.
        silences: the version of the silences.
        records: what is known of the problems.
        written: what the connection wrote last, once this is written.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Callable[[], float],
        written: LastWritten,
        *,
        problems: Iterable[Name],
        senders: Collection[str],
        spaces: Iterable[str],
    ) -> None:
        self._connection = connection
        self._kept: dict[Name, float] = dict.fromkeys(problems, 0.0)
        self._sent: dict[str, list[float]] = {space: [] for space in spaces}
        if written.silences is None or not written.sequences.keys() >= set(senders):
            written = self._read(list(self._kept), list(senders), clock() - MINUTE)
        now = self.now = clock()
        self.written = written
        self.silences = written.silences or ""
        self._before: dict[Name, str] = {}
        self.records: dict[Name, Record] = {}
        for name in self._kept:
            found = written.problems.get(name)
            if found is not None:
                self._before[name], record, expires = found
                if expires > now:
                    self.records[name] = record
        self._noted: dict[str, tuple[int, float]] = {}
        self._spent: dict[str, tuple[int, int]] = {}
        self._unsent: dict[str, int] = {}
        self._begun: set[Name] = set()
        self._names: dict[tuple[Name, str | None, str | None], None] = {}
        self._releases: dict[tuple[str, str], tuple[float, float]] = {}

    def _read(self, problems: list[Name], senders: list[str], since: float) -> LastWritten:
        spaces = list(self._sent)
        wanted = {"problems": problems, "senders": senders, "spaces": spaces}
        listed: dict[str, object] = {name: _encode(value) for name, value in wanted.items()}
        row = self._connection.execute(READ, {**listed, "since": since}).fetchone()
        for place, at in json.loads(row[3]):
            self._sent[spaces[place]].append(at)
        return LastWritten(
            row[0],
            {problems[at]: (text, record_in(text), expires) for at, text, expires in json.loads(row[1])},
            {senders[at]: sequence for at, sequence in json.loads(row[2])},
        )

    # --- problems ---------------------------------------------------------------------------------

    def store(self, name: Name, record: Record, remember: float) -> None:
        """Know a problem so from now on, for so many seconds at least."""
        self.records[name] = record
        self._kept[name] = max(self._kept[name], remember, record.window, LEASE)

    def begin(self, name: Name) -> None:
        """Another problem of a key begins: nobody has seen it so far."""
        if name in self._before:
            self._begun.add(name)
        for known in [known for known in self._names if known[0] == name]:
            del self._names[known]

    def add_names(self, name: Name, record: Record, host: str, process: str) -> None:
        """Note who has seen a problem."""
        if not record.process:
            record.host, record.process = host, process
        elif host != record.host or process != record.process:
            another = process if process != record.process else None
            self._names[name, host if host != record.host else None, another] = None

    def names(self, name: Name, record: Record) -> tuple[tuple[str, ...], int, int]:
        """Return names of hosts that have seen a problem, how many have, and how many processes."""
        if name not in self._before and not self._names:
            return ((record.host,), 1, 1) if record.process else ((), 0, 0)
        begun = name in self._begun or name not in self._before
        own = ((record.host,), 1, 1) if record.process else ((), 0, 0)
        shown, hosts, processes = own if begun else names(self._connection, *name, record)
        seen = [(host, process) for known, host, process in self._names if known == name]
        for host in dict.fromkeys(host for host, _ in seen if host is not None):
            if begun or not self._is_named(name, "host", host):
                hosts, shown = min(hosts + 1, MAX_NAMES), (*shown, host)[:FIRST_HOSTS]
        for process in dict.fromkeys(process for _, process in seen if process is not None):
            if begun or not self._is_named(name, "process", process):
                processes = min(processes + 1, MAX_NAMES)
        return shown, hosts, processes

    def _is_named(self, problem: Name, kind: str, name: str) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM names WHERE space = :space AND key = :key AND kind = :kind AND name = :name",
            {"space": problem[0], "key": problem[1], "kind": kind, "name": name},
        )
        return found.fetchone() is not None

    # --- senders, budgets, releases ---------------------------------------------------------------

    def is_next(self, sender: str, sequence: int, remember: float) -> bool:
        """Whether a hand-in of this number was not applied; note the number for so many seconds.

        It is noted always: an exchange that cannot write is to fail.
        """
        noted = self._noted.get(sender)
        before = self.written.sequences.get(sender, 0) if noted is None else noted[0]
        self._noted[sender] = (max(before, sequence), self.now + remember)
        return sequence > before

    def sent(self, space: str) -> list[float]:
        """Return when the events of the last minute were sent, in order, as far as that is known."""
        sent, now = self._sent[space], self.now
        return sorted([at for at in sent if now - MINUTE < at <= now]) if sent else sent

    def spend(self, space: str, most: int) -> None:
        """Note that an event is sent, if that makes no more than so many in the last minute."""
        room, events = self._spent.get(space, (most, 0))
        self._spent[space] = (min(room, most - events - 1), events + 1)
        self._sent[space].append(self.now)

    def take_back(self, space: str) -> None:
        """Note that an event was not taken: its share is for the next attempt, whoever makes it."""
        self._unsent[space] = self._unsent.get(space, 0) + 1
        if self._sent[space]:
            self._sent[space].remove(max(self._sent[space]))

    def note_release(self, space: str, release: str, started: float, expires: float) -> None:
        """Note that a release runs."""
        before = self._releases.get((space, release), (started, expires))
        self._releases[space, release] = (min(started, before[0]), max(expires, before[1]))

    def started(self, space: str, release: str) -> float | None:
        """Return when a release was started first."""
        row = self._connection.execute(
            "SELECT started FROM releases WHERE space = :space AND release = :release",
            {"space": space, "release": release},
        ).fetchone()
        noted = self._releases.get((space, release))
        known = [at for at in (row and row[0], noted and noted[0]) if at is not None]
        return min(known, default=None)

    # --- the end ----------------------------------------------------------------------------------

    def write(self) -> bool:
        """Write it, all or nothing; False: what is known has changed, or another process is writing."""
        if not self._noted:
            return True
        rows = self._rows()
        try:
            if len(rows) == 1:
                self._connection.execute(WRITE_ONE, rows[0])
            else:
                self._connection.execute(WRITE, {"rows": _encode(rows)})
        except sqlite3.IntegrityError as error:
            if CHANGED in str(error):
                return False
            raise
        except sqlite3.OperationalError as error:
            if is_busy(error):
                return False
            raise
        return True

    def _rows(self) -> list[list[object]]:
        sequences = self.written.sequences
        senders = [(name, sequences.get(name), *noted) for name, noted in self._noted.items()]
        for name, (sequence, _) in self._noted.items():
            sequences[name] = sequence
        parts: tuple[Sequence[Iterable[object]], ...] = (
            [self._problem(name, kept) for name, kept in self._kept.items()],
            [
                *((*name, True, None, None) for name in self._begun),
                *((*name, False, host, process) for name, host, process in self._names),
            ],
            senders,
            [
                *((space, None, None, None) for space, times in self._unsent.items() for _ in range(times)),
                *(row for space, spent in self._spent.items() for row in self._budget(space, *spent)),
            ],
            [(*name, *times) for name, times in self._releases.items()],
            [(self.silences,)],
        )
        rows = []
        for place in range(max(map(len, parts))):
            row: list[object] = []
            for part, nothing in zip(parts, NOTHING, strict=True):
                row += part[place] if place < len(part) else nothing
            rows.append(row)
        return rows

    def _problem(self, name: Name, kept: float) -> tuple[object, ...]:
        before, record, problems = self._before.get(name), self.records.get(name), self.written.problems
        if record is None or not kept:
            return (*name, before, None, None)
        text, expires = _text_of(record), self.now + kept
        problems.pop(name, None)
        problems[name] = text, record, expires
        if len(problems) > MOST:
            del problems[next(iter(problems))]
        return (*name, before, text, expires)

    def _budget(self, space: str, room: int, events: int) -> list[tuple[object, ...]]:
        more: list[tuple[object, ...]] = [(space, None, None, self.now)] * (events - 1)
        return [(space, room, self.now - MINUTE, self.now), *more]
