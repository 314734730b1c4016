"""Counts what was read, and what was not understood."""

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
        bytes_read: bytes of the files.
        lines: the number of lines.
        counted_bytes: bytes of the lines that were read one by one.
        skimmed_bytes: bytes of the lines that were only searched for the words of levels.
        records: lines that begin a record.
        severe: records at or above the level that pages.
        without_level: records without a level.
        without_time: severe records without a time.
        continued: lines that belong to the record before them.
        not_understood: lines that are none of these.
        cut: lines that were too long to be read whole.
        turned_back: severe records that are older than the one before them in their file.
        examples: lines that were not understood: the file, and the line, cut.
        formats: records by the format that they were read by.
        unknown_levels: words in the place of a level that are not known levels, and how many lines have them.
        unknown_zones: names of time zones that mean several; their times were read as if they named none.
        unclear_day: a date of which it is unclear which number is the day.
        damaged: files that could not be read to their end, and why.
        earliest, latest: the times of the first and last record, in seconds since the epoch.
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
        """Count a word that is not a known level."""
        word = word[:30]
        if word in self.unknown_levels or len(self.unknown_levels) < MAX_KINDS:
            self.unknown_levels[word] += 1

    def at(self, time: float) -> None:
        """Record the time of a record."""
        if self.earliest is None or time < self.earliest:
            self.earliest = time
        if self.latest is None or time > self.latest:
            self.latest = time

    @property
    def all_lines(self) -> int:
        """The number of lines: exact, unless some were only searched."""
        if not self.skimmed_bytes or not self.lines:
            return self.lines
        return round(self.lines * (1 + self.skimmed_bytes / max(self.counted_bytes, 1)))
