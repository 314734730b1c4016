"""The records that were read, kept on disk for as long as the command runs, to be rehearsed again."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from pagerduty_logging.cli.rehearse.entries import Entry

_NAMES: Final = tuple(field.name for field in fields(Entry))
_values: Final = attrgetter(*_NAMES)


class Spill:
    """Keeps entries in a file that no one else sees."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as this)
        self.count = 0

    def close(self) -> None:
        """Keep them no longer."""
        self._file.close()

    def keeping(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the entries, each kept before."""
        for entry in entries:
            marshal.dump(_values(entry), self._file)
            self.count += 1
            yield entry

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries that were kept."""
        self._file.seek(0)
        for _ in range(self.count):
            values: tuple[Any, ...] = marshal.load(self._file)
            yield Entry(**dict(zip(_NAMES, values, strict=True)))
