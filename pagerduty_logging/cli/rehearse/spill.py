"""Keeps the records on disk while the command runs, so that they can be rehearsed again."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.fingerprinting import Identity

AT_ONCE: Final = 500
"""Records that are written, and read, together."""
_values: Final = attrgetter(*(field.name for field in fields(Entry)))


class Spill:
    """Keeps entries in a temporary file, each with its problem."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as this)
        self._latest: list[Any] = []
        self.count = 0

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def keep(self, entry: Entry, identity: Identity | None) -> None:
        """Keep an entry, and its problem if that does not depend on others."""
        self._latest.append((_values(entry), None if identity is None else tuple(identity)))
        self.count += 1
        if len(self._latest) == AT_ONCE:
            self._write()

    def _write(self) -> None:
        marshal.dump(self._latest, self._file)
        self._latest.clear()

    def entries(self, with_problems: bool) -> Iterator[tuple[Entry, Identity | None]]:
        """Yield the entries, each with its problem if that was kept and is wanted."""
        if self._latest:
            self._write()
        self._file.seek(0)
        read = 0
        while read < self.count:
            for values, identity in marshal.load(self._file):
                read += 1
                known = Identity(*identity) if with_problems and identity is not None else None
                yield Entry(*values), known
