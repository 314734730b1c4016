"""The SQLite file of a state: its tables, and the statements that read them and write to them.

SQLite's lock is held only while SQLite itself works. A transaction of several statements would hold it
while its thread waits for Python's lock or for a CPU, which takes a busy process a hundred times as long;
everybody else would wait for that process. So an exchange writes in one statement, which triggers others.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from typing import Any

from pagerduty_logging.state.protocol import FORMAT, MAX_NAMES, MINUTE

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

CHANGED = "changed since it was read"

READ = """
SELECT
coalesce((SELECT version FROM versions WHERE what = 'silences'), ''),
(SELECT json_group_array(json_array(wanted.key, problems.record, problems.expires))
    FROM json_each(:problems) AS wanted CROSS JOIN problems
    WHERE problems.space = json_extract(wanted.value, '$[0]')
    AND problems.key = json_extract(wanted.value, '$[1]')),
(SELECT json_group_array(json_array(wanted.key, senders.sequence))
    FROM json_each(:senders) AS wanted CROSS JOIN senders WHERE senders.name = wanted.value),
(SELECT json_group_array(json_array(wanted.key, sent.at))
    FROM json_each(:spaces) AS wanted CROSS JOIN sent WHERE sent.space = wanted.value AND sent.at > :since)
"""
"""One row: fetching each row lets go of Python's lock. What is wanted is named by its place in the list."""

_PROBLEM = ("space", "key", "before", "after", "expires")
_NAME = ("name_space", "name_key", "begins", "host", "process")
_SENDER = ("sender", "sequence_before", "sequence", "sender_expires")
_BUDGET = ("budget", "room", "since", "at")
_RELEASE = ("release_space", "release", "started", "release_expires")
_PARTS = (_PROBLEM, _NAME, _SENDER, _BUDGET, _RELEASE, ("silences",))
_COLUMNS = tuple(column for part in _PARTS for column in part)
NOTHING = tuple((None,) * len(part) for part in _PARTS)
"""One row has a place for one of each: most exchanges write one row."""

WRITE_ONE = f"INSERT INTO drafts VALUES ({', '.join('?' * len(_COLUMNS))})"
WRITE = (
    "INSERT INTO drafts SELECT "
    + ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(_COLUMNS)))
    + " FROM json_each(:rows)"
)

_CHANGED = f"SELECT RAISE(ABORT, '{CHANGED}') WHERE"
_PROBLEM_CHANGED = f"""
{_CHANGED} NEW.before IS NOT (SELECT record FROM problems WHERE space = NEW.space AND key = NEW.key);
"""
_NOTE_NAME = f"""
INSERT OR IGNORE INTO names SELECT NEW.name_space, NEW.name_key, '%(kind)s', NEW.%(kind)s, (
    SELECT count(*) FROM names WHERE space = NEW.name_space AND key = NEW.name_key AND kind = '%(kind)s'
) AS place WHERE NEW.%(kind)s IS NOT NULL AND place < {MAX_NAMES - 1};
"""
_TRIGGERS = {
    "NEW.key IS NOT NULL AND NEW.after IS NULL": _PROBLEM_CHANGED,
    "NEW.after IS NOT NULL": f"""
{_PROBLEM_CHANGED}
INSERT OR REPLACE INTO problems VALUES (NEW.space, NEW.key, NEW.after, NEW.expires);
""",
    "NEW.name_key IS NOT NULL": f"""
DELETE FROM names WHERE NEW.begins AND space = NEW.name_space AND key = NEW.name_key;
{_NOTE_NAME % {"kind": "host"}}
{_NOTE_NAME % {"kind": "process"}}
""",
    "NEW.sender IS NOT NULL": f"""
{_CHANGED} NEW.sequence_before IS NOT (SELECT sequence FROM senders WHERE name = NEW.sender);
INSERT OR REPLACE INTO senders VALUES (NEW.sender, NEW.sequence, NEW.sender_expires);
""",
    "NEW.budget IS NOT NULL AND NEW.at IS NULL": """
DELETE FROM sent WHERE rowid = (SELECT rowid FROM sent WHERE space = NEW.budget ORDER BY at DESC LIMIT 1);
""",
    "NEW.at IS NOT NULL": f"""
{_CHANGED} NEW.room < (
    SELECT count(*) FROM sent WHERE space = NEW.budget AND at > NEW.since AND at <= NEW.at
);
INSERT INTO sent VALUES (NEW.budget, NEW.at);
""",
    "NEW.release IS NOT NULL": """
INSERT INTO releases VALUES (NEW.release_space, NEW.release, NEW.started, NEW.release_expires)
    ON CONFLICT (space, release)
    DO UPDATE SET started = min(started, excluded.started), expires = max(expires, excluded.expires);
""",
    "NEW.silences IS NOT NULL": f"""
{_CHANGED} NEW.silences IS NOT coalesce((SELECT version FROM versions WHERE what = 'silences'), '');
""",
}
"""What becomes of each part of a row, if it is there: compared, and written."""

_PREPARE = (
    f"CREATE TEMP VIEW drafts AS SELECT {', '.join(f'NULL AS {column}' for column in _COLUMNS)};"
    + "".join(
        f"CREATE TEMP TRIGGER written_{place} INSTEAD OF INSERT ON drafts WHEN {when} BEGIN {what} END;"
        for place, (when, what) in enumerate(_TRIGGERS.items())
    )
)
"""What a connection needs to write: triggers of its own, which are no part of the file."""


class _Connection(sqlite3.Connection):
    """Closes itself in the end: Python 3.13 and later warn of a connection that nobody closed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pid = os.getpid()

    def __del__(self) -> None:
        with suppress(Exception):
            if self._pid == os.getpid():
                self.close()


def opened(path: str, seconds: float) -> sqlite3.Connection:
    """Return a connection that reads and writes drafts, and waits for nobody; fill a new file."""
    connection = sqlite3.connect(
        path, timeout=seconds, isolation_level=None, check_same_thread=False, factory=_Connection
    )
    try:
        connection.execute("BEGIN")  # or what is read first may be from before another process fills the file
        known = _has_format(connection)
        connection.execute("COMMIT")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":  # a copy by VACUUM INTO is not
            connection.execute("PRAGMA journal_mode = WAL")
        if not known:
            connection.execute("BEGIN IMMEDIATE")
            if not _has_format(connection):
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
            connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.executescript(_PREPARE)
        connection.execute("PRAGMA busy_timeout = 0")
    except BaseException:
        connection.close()
        raise
    return connection


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
    if version or application or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise ValueError("the database of another program: give the state a file of its own")
    return False


def sweep(connection: sqlite3.Connection, now: float) -> None:
    """Delete what has expired, a table at a time: names first, for a new problem has none."""
    connection.execute(
        "DELETE FROM names WHERE NOT EXISTS (SELECT 1 FROM problems"
        " WHERE problems.space = names.space AND problems.key = names.key AND problems.expires > :now)",
        {"now": now},
    )
    for table in ("problems", "senders", "releases"):
        connection.execute(f"DELETE FROM {table} WHERE expires <= :now", {"now": now})
    connection.execute("DELETE FROM silences WHERE until <= :now", {"now": now})
    connection.execute("DELETE FROM sent WHERE at <= :before", {"before": now - MINUTE})


def is_busy(error: Exception) -> bool:
    """Whether another process is writing."""
    return "locked" in str(error) or "busy" in str(error)
