"""How much was read, and what of it was not understood."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

MAX_EXAMPLES: Final = 3
MAX_EXAMPLE_CHARS: Final = 200
MAX_KINDS: Final = 20


@dataclass(slots=True)
class Counts:
    """What was read so far.

    Attributes:
        bytes_read: as they are in the files.
        lines: how many there were.
        counted_bytes: of the lines that were counted one by one.
        skimmed_bytes: of those that were only looked through for levels' words.
        records: lines that begin a record.
        severe: records of the level that pages, or worse.
        without_level, without_time: records that do not say; those of the second kind are severe ones.
        continued: lines that belong to the record before them.
        not_understood: lines that are none of these.
        cut: lines longer than what is read of one.
        turned_back: severe records that are older than the one before them in their file.
        examples: of lines that were not understood: the file, and the line, cut.
        formats: records by the format that they were read by.
        unknown_levels: words at a level's place that are no known level, and how many lines have them.
        unknown_zones: names of time zones that mean several; their times were read as if they named none.
        unclear_day: a date of which it could not be known whether the day or the month comes first.
        damaged: files that could not be read to their end, and why.
        earliest, latest: of all records that say when they were made, in seconds since the epoch.
    """

    bytes_read: int = 0
    lines: int = 0
    counted_bytes: int = 0
    skimmed_bytes: int = 0
    records: int = 0
    severe: int = 0
    without_level: int = 0
    without_time: int = 0
    continued: int = 0
    not_understood: int = 0
    cut: int = 0
    turned_back: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)
    formats: Counter[str] = field(default_factory=Counter)
    unknown_levels: Counter[str] = field(default_factory=Counter)
    unknown_zones: set[str] = field(default_factory=set)
    unclear_day: str = ""
    damaged: list[str] = field(default_factory=list)
    earliest: float | None = None
    latest: float | None = None

    def missed(self, file: str, line: str) -> None:
        """Count a line that was not understood."""
        self.not_understood += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append((file, line[:MAX_EXAMPLE_CHARS]))

    def strange_level(self, word: str) -> None:
        """Count a word that is no known level."""
        word = word[:30]
        if word in self.unknown_levels or len(self.unknown_levels) < MAX_KINDS:
            self.unknown_levels[word] += 1

    def at(self, time: float) -> None:
        """Note when a record was made."""
        if self.earliest is None or time < self.earliest:
            self.earliest = time
        if self.latest is None or time > self.latest:
            self.latest = time

    @property
    def all_lines(self) -> int:
        """How many lines there were: exact, unless some were only looked through."""
        if not self.skimmed_bytes or not self.lines:
            return self.lines
        return round(self.lines * (1 + self.skimmed_bytes / max(self.counted_bytes, 1)))
