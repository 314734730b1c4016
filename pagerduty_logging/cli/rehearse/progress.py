"""Shows the progress of reading: one line that is updated at a terminal; nothing in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

from pagerduty_logging.cli.rehearse.counts import Counts

EVERY: Final = 0.3
"""Seconds between two updates."""


class Progress:
    """Shows bytes read, lines a second and the remaining time.

    Args:
        counts: what was read so far.
        total: bytes in total; None: unknown.
        stream: where it is shown, if that is a terminal.
        clock: returns monotonic seconds.
    """

    def __init__(
        self,
        counts: Counts,
        total: int | None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counts = counts
        self._total = total
        self._stream = stream or sys.stderr
        self._shows = self._stream.isatty()
        self._clock = clock
        self._begun = self._last = clock()

    def __call__(self) -> None:
        """Show the progress, if an update is due."""
        now = self._clock()
        if self._shows and now - self._last >= EVERY:
            self._last = now
            self._stream.write(f"\r\x1b[K{self.words(now)}")
            self._stream.flush()

    def words(self, now: float) -> str:
        """Return the progress in words."""
        counts, taken = self._counts, max(now - self._begun, 0.001)
        said = [f"{counts.bytes_read / 1e6:,.0f} MB", f"{counts.all_lines / taken:,.0f} lines/s"]
        if self._total:
            share = min(counts.bytes_read / self._total, 1.0)
            said.insert(0, f"{share:.0%}")
            if share > 0.01:
                said.append(f"{taken / share - taken:,.0f} s left")
        return "rehearse: " + ", ".join(said)

    def end(self) -> None:
        """Remove the line."""
        if self._shows:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
