"""What an exchange reads of a SQLite file, and what it writes: one statement each.

SQLite's lock is held only while SQLite itself works. A transaction of several statements would hold it
while its thread waits for Python's lock or for a CPU, which takes a busy process a hundred times as long;
everybody else would wait for that process. Instead, what was read is compared again as it is written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable

from pagerduty_logging.state.decide import Record
from pagerduty_logging.state.protocol import FIRST_HOSTS, LEASE, MAX_NAMES, MINUTE

CHANGED = "changed since it was read"

_READ = """
SELECT
(SELECT version FROM versions WHERE what = 'silences'),
(SELECT json_group_array(json_array(wanted.key, problems.record, problems.expires))
    FROM json_each(:problems) AS wanted CROSS JOIN problems
    WHERE problems.space = json_extract(wanted.value, '$[0]')
    AND problems.key = json_extract(wanted.value, '$[1]')),
(SELECT json_group_array(json_array(wanted.key, senders.sequence))
    FROM json_each(:senders) AS wanted CROSS JOIN senders WHERE senders.name = wanted.value),
(SELECT json_group_array(json_array(wanted.key, sent.at))
    FROM json_each(:spaces) AS wanted CROSS JOIN sent WHERE sent.space = wanted.value)
"""
"""One row: fetching each row lets go of Python's lock. What is wanted is named by its place in the list."""

_WRITE = "INSERT INTO drafts VALUES (:draft)"

PREPARE = f"""
CREATE TEMP VIEW drafts AS SELECT NULL AS draft;
CREATE TEMP TRIGGER written INSTEAD OF INSERT ON drafts BEGIN
SELECT RAISE(ABORT, '{CHANGED}') FROM json_each(NEW.draft, '$.problems') AS new LEFT JOIN problems
    ON problems.space = json_extract(new.value, '$[0]') AND problems.key = json_extract(new.value, '$[1]')
    WHERE problems.record IS NOT json_extract(new.value, '$[2]');
SELECT RAISE(ABORT, '{CHANGED}') FROM json_each(NEW.draft, '$.senders') AS new LEFT JOIN senders
    ON senders.name = json_extract(new.value, '$[0]')
    WHERE senders.sequence IS NOT json_extract(new.value, '$[1]');
SELECT RAISE(ABORT, '{CHANGED}') FROM json_each(NEW.draft, '$.spent') AS new
    WHERE json_extract(new.value, '$[1]') IS NOT (
        SELECT count(*) FROM sent WHERE sent.space = json_extract(new.value, '$[0]')
    );
INSERT OR REPLACE INTO problems
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[3]'),
        json_extract(value, '$[4]')
    FROM json_each(NEW.draft, '$.problems') WHERE json_extract(value, '$[3]') IS NOT NULL;
INSERT OR REPLACE INTO senders
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[2]'), json_extract(value, '$[3]')
    FROM json_each(NEW.draft, '$.senders') WHERE json_extract(value, '$[2]') IS NOT NULL;
DELETE FROM sent WHERE rowid IN (
    SELECT sent.rowid FROM json_each(NEW.draft, '$.spent') AS new CROSS JOIN sent
    WHERE sent.space = json_extract(new.value, '$[0]')
    AND (sent.at <= json_extract(new.value, '$[2]') OR sent.at > json_extract(new.value, '$[3]'))
);
INSERT INTO sent
    SELECT json_extract(new.value, '$[0]'), json_extract(new.value, '$[3]')
    FROM json_each(NEW.draft, '$.spent') AS new CROSS JOIN json_each(new.value, '$[4]');
DELETE FROM names WHERE (space, key) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(NEW.draft, '$.begun')
);
INSERT OR IGNORE INTO names
    SELECT space, key, kind, name, place FROM (
        SELECT json_extract(value, '$[0]') AS space, json_extract(value, '$[1]') AS key,
            json_extract(value, '$[2]') AS kind, json_extract(value, '$[3]') AS name, (
                SELECT count(*) FROM names AS known WHERE known.space = json_extract(value, '$[0]')
                AND known.key = json_extract(value, '$[1]') AND known.kind = json_extract(value, '$[2]')
            ) AS place
        FROM json_each(NEW.draft, '$.names')
    ) WHERE place < {MAX_NAMES};
INSERT INTO releases
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]')
    FROM json_each(NEW.draft, '$.releases') WHERE true
    ON CONFLICT (space, release)
    DO UPDATE SET started = min(started, excluded.started), expires = max(expires, excluded.expires);
END;
"""
"""What a connection needs to write: a trigger of its own, which is no part of the file."""

_FIELDS = frozenset(Record.__dataclass_fields__)


def prepare(connection: sqlite3.Connection) -> None:
    """Let a connection write drafts."""
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.executescript(PREPARE)


def record_in(text: str) -> Record:
    """Read a record; a newer version of the same format may have added fields to it."""
    return Record(**{name: value for name, value in json.loads(text).items() if name in _FIELDS})


def names(connection: sqlite3.Connection, space: str, key: str) -> tuple[tuple[int, tuple[str, ...]], int]:
    """Return how many hosts have seen a problem, the names of the first, and how many processes have."""
    rows = connection.execute(
        "SELECT kind, count(*), group_concat(CASE WHEN place < :most THEN place || ' ' || name END, char(10))"
        " FROM names WHERE space = :space AND key = :key GROUP BY kind",
        {"most": FIRST_HOSTS, "space": space, "key": key},
    ).fetchall()
    found = {kind: (count, first or "") for kind, count, first in rows}
    hosts, first = found.get("host", (0, ""))
    shown = tuple(line.partition(" ")[2] for line in sorted(first.splitlines()))
    return (hosts, shown), found.get("process", (0, ""))[0]


def sweep(connection: sqlite3.Connection, now: float) -> None:
    """Delete what has expired, a table at a time."""
    for table in ("problems", "senders", "releases"):
        connection.execute(f"DELETE FROM {table} WHERE expires <= :now", {"now": now})
    connection.execute("DELETE FROM silences WHERE until <= :now", {"now": now})
    connection.execute("DELETE FROM sent WHERE at <= :before", {"before": now - MINUTE})
    connection.execute(
        "DELETE FROM names WHERE NOT EXISTS (SELECT 1 FROM problems"
        " WHERE problems.space = names.space AND problems.key = names.key)"
    )


class Draft:
    """What was read at one moment, and what is to be written; nothing is, until `write`.

    Args:
        connection: one that was prepared.
        clock: seconds since the epoch.
        problems: the spaces and keys of those that are wanted.
        senders: the names of those that are wanted.
        spaces: whose budgets are wanted.

    Attributes:
        now: when it was read, or a moment later: what was read is never of a time to come.
        silences: the version of the silences.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Callable[[], float],
        *,
        problems: Iterable[tuple[str, str]],
        senders: Iterable[str],
        spaces: Iterable[str],
    ) -> None:
        self._connection = connection
        keys, asked, budgets = list(dict.fromkeys(problems)), list(dict.fromkeys(senders)), list(set(spaces))
        wanted = {"problems": keys, "senders": asked, "spaces": budgets}
        listed = {name: json.dumps(value) for name, value in wanted.items()}
        row = connection.execute(_READ, listed).fetchone()
        now = self.now = clock()
        self.silences = str(row[0])
        self._before = {keys[place]: text for place, text, _ in json.loads(row[1])}
        self._records = {
            keys[place]: record_in(text) if expires > now else None
            for place, text, expires in json.loads(row[1])
        }
        self._sequences = {asked[place]: sequence for place, sequence in json.loads(row[2])}
        self._sent: dict[str, list[float]] = {space: [] for space in budgets}
        for place, at in json.loads(row[3]):
            self._sent[budgets[place]].append(at)
        self._kept: dict[tuple[str, str], float] = dict.fromkeys(keys, 0.0)
        self._noted: dict[str, tuple[int, float]] = {}
        self._spent: dict[str, list[int]] = {}
        self._begun: set[tuple[str, str]] = set()
        self._names: dict[tuple[str, str, str, str], None] = {}
        self._releases: dict[tuple[str, str], tuple[float, float]] = {}

    # --- problems ---------------------------------------------------------------------------------

    def record(self, space: str, key: str) -> Record | None:
        """Return what is known of a problem."""
        return self._records.get((space, key))

    def store(self, space: str, key: str, record: Record, remember: float) -> None:
        """Know it so from now on, for so many seconds at least."""
        self._records[space, key] = record
        kept = max(remember, record.window_left(self.now), LEASE)
        self._kept[space, key] = max(self._kept[space, key], kept)

    def begin(self, space: str, key: str) -> None:
        """Another problem of a key begins: nobody has seen it so far."""
        self._begun.add((space, key))
        for name in [name for name in self._names if name[:2] == (space, key)]:
            del self._names[name]

    def add_names(self, space: str, key: str, host: str, process: str) -> None:
        """Note who has seen a problem."""
        self._names[space, key, "host", host] = self._names[space, key, "process", process] = None

    def names(self, space: str, key: str) -> tuple[tuple[int, tuple[str, ...]], int]:
        """Return how many hosts have seen a problem, the names of the first, and how many processes have."""
        begun = (space, key) in self._begun
        (hosts, shown), processes = ((0, ()), 0) if begun else names(self._connection, space, key)
        for _, _, kind, name in [new for new in self._names if new[:2] == (space, key)]:
            if not begun and self._is_named(space, key, kind, name):
                continue
            if kind == "process":
                processes = min(processes + 1, MAX_NAMES)
            else:
                hosts, shown = min(hosts + 1, MAX_NAMES), (*shown, name)[:FIRST_HOSTS]
        return (hosts, shown), processes

    def _is_named(self, space: str, key: str, kind: str, name: str) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM names WHERE space = :space AND key = :key AND kind = :kind AND name = :name",
            {"space": space, "key": key, "kind": kind, "name": name},
        )
        return found.fetchone() is not None

    # --- senders, budgets, releases ---------------------------------------------------------------

    def sequence(self, sender: str) -> int:
        """Return the number of the last hand-in of a sender."""
        noted = self._noted.get(sender)
        return self._sequences.get(sender, 0) if noted is None else noted[0]

    def note_sequence(self, sender: str, sequence: int, remember: float) -> None:
        """Note the number of the last hand-in of a sender, for so many seconds."""
        self._noted[sender] = (sequence, self.now + remember)

    def sent(self, space: str) -> list[float]:
        """Return when the events of the last minute were sent, in order."""
        return sorted(at for at in self._sent[space] if self.now - MINUTE < at <= self.now)

    def spend(self, space: str) -> None:
        """Note that an event is sent."""
        self._spent.setdefault(space, [len(self._sent[space])]).append(0)
        self._sent[space].append(self.now)

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
        """Write it, all or nothing; False: what was read has changed, or another process is writing."""
        if not self._noted:
            return True
        try:
            self._connection.execute(_WRITE, {"draft": json.dumps(self._draft())})
        except sqlite3.IntegrityError as error:
            if CHANGED in str(error):
                return False
            raise
        except sqlite3.OperationalError as error:
            if is_busy(error):
                return False
            raise
        return True

    def _draft(self) -> dict[str, list[tuple[object, ...]]]:
        return {
            "problems": [(*key, self._before.get(key), *self._after(key)) for key in self._kept],
            "senders": [(name, self._sequences.get(name), *noted) for name, noted in self._noted.items()],
            "spent": [
                (space, count, self.now - MINUTE, self.now, events)
                for space, (count, *events) in self._spent.items()
            ],
            "begun": list(self._begun),
            "names": list(self._names),
            "releases": [(*name, *times) for name, times in self._releases.items()],
        }

    def _after(self, key: tuple[str, str]) -> tuple[str | None, float]:
        record, kept = self._records.get(key), self._kept[key]
        if record is None or not kept:
            return None, 0.0
        return json.dumps({name: getattr(record, name) for name in _FIELDS}), self.now + kept


def is_busy(error: Exception) -> bool:
    """Whether another process is writing."""
    return "locked" in str(error) or "busy" in str(error)
