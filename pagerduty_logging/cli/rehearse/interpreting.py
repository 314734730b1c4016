"""Finds the records that begin in a line, by trying the formats, the most frequent one first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pagerduty_logging.cli.rehearse import structured
from pagerduty_logging.cli.rehearse.columns import Columns
from pagerduty_logging.cli.rehearse.containers import Line, Unwrapper
from pagerduty_logging.cli.rehearse.counts import Counts
from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.cli.rehearse.format import Fields, Format, read_fields
from pagerduty_logging.cli.rehearse.formats import FORMATS
from pagerduty_logging.cli.rehearse.joining import goes_on
from pagerduty_logging.cli.rehearse.other_formats import WITHOUT_LEVEL
from pagerduty_logging.cli.rehearse.skimming import level_key
from pagerduty_logging.cli.rehearse.times import Clock, reader_of

_MAY_BEGIN: Final = re.compile(
    r".{0,100}?(?:\d\d[:.]?\d\d|INFO|ERROR|WARNING|DEBUG|CRITICAL)|[\[<]?[A-Z]{3,}|[DIWEFC]\d"
)
"""Matches the beginning of any line that could have a format: a time, or the word of a level."""
_NO_WRAPPER: Final = ("", "CloudWatch")  # the second may be a time that the application wrote
_SELF_LEVELLED: Final = ("journald", "syslog", "Google Cloud", "Fly.io", "a log shipper")


class Interpreter:
    """Reads the lines of one log.

    Args:
        counts: counts the formats.
        clock: reads the times of lines.
        unwrapper: for CloudWatch's export, which is recognised only by its content.
        formats: formats to try before the known ones.
        only: try no others.

    Attributes:
        kinds: number of lines by format or wrapper.
        words: the words for levels in lines of text.
        level_keys: keys of JSON lines under which levels are words; None: a level was found elsewhere.
    """

    def __init__(
        self, counts: Counts, clock: Clock, unwrapper: Unwrapper, formats: Sequence[Format], only: bool
    ) -> None:
        self.kinds: Counter[str] = Counter()
        self.level_keys: set[str | None] = set()
        self.words: dict[str, int] = {}
        self._counts = counts
        self._clock = clock
        self._when = reader_of(clock)
        self._unwrapper = unwrapper
        self._given = only
        self._columns = Columns()
        self._formats = [*formats, *(() if only else FORMATS)]

    @property
    def indent(self) -> int:
        """How far the continuation lines of the latest record are indented."""
        return self._columns.message

    @property
    def first(self) -> Format:
        """The format that is tried first."""
        return self._formats[0]

    def heads(self, line: Line, expects_error: bool) -> list[Entry] | None:
        """Return the records that begin in a line; None if it continues one, or is not understood.

        Args:
            line: the line without its wrapper.
            expects_error: the last line of a traceback is expected, which may look like a line without time.
        """
        if line.said is not None:
            found = self._of_json(line.said, line)
            if found:
                return found
        text = self._columns.whole(line.text)
        if not text or (text[0] in " \t" and not self._given):
            return None
        if self._given or _MAY_BEGIN.match(text):
            head = self._of_text(text, line, expects_error)
            if head is not None:
                return [head]
        return None if expects_error or goes_on(text) else self._of_wrapper(line)

    def _of_wrapper(self, line: Line) -> list[Entry] | None:
        """Return a record by its wrapper alone: journald and syslog have levels, other wrappers do not."""
        if line.wrapper not in _SELF_LEVELLED:
            return None
        self._note(line.wrapper)
        entry = Entry(time=None, level=None, message=line.text)
        _outside(entry, line)
        return [entry]

    def _of_json(self, said: Mapping[str, Any], line: Line) -> list[Entry]:
        found = list(structured.read(said, self._when))
        for entry in found:
            _outside(entry, line)
        if found:
            self._note(structured.JSON if line.text[:1] in ("{", "") else "key=value", line.wrapper)
            self.level_keys.add(level_key(said))
        return found

    def _of_text(self, text: str, line: Line, expects_error: bool) -> Entry | None:
        if not line.wrapper and not self._given:
            inner = self._unwrapper.of_cloudwatch(text)
            if inner is not None:
                found = self.heads(inner, expects_error)
                if found is not None and found[0].level is not None:
                    return found[0]
        for place, row in enumerate(self._formats):
            if row.wrapped and line.wrapper in _NO_WRAPPER:
                continue
            fitting = row.match(text)
            if fitting is None or (expects_error and "time" not in fitting.re.groupindex):
                continue
            entry = self._entry(row, fitting, line)
            if entry is None:
                continue
            self._columns.note(row, fitting)
            if place > 0 and row not in WITHOUT_LEVEL and self.kinds[row.name] > self.kinds[self.first.name]:
                self._formats.remove(row)
                self._formats.insert(0, row)
            return entry
        return None

    def _entry(self, row: Format, fitting: re.Match[str], line: Line) -> Entry | None:
        said = read_fields(row, fitting)
        word = said.get("level")
        level = None if word is None else row.level_of(word)
        when = self._clock.read(said["time"], row.layout) if "time" in said else None
        if "time" in said and when is None and not self._given:
            return None
        if word is not None:
            if level is None:
                self._counts.strange_level(word)
            else:
                self.words.setdefault(word.strip(), level)
        entry = Entry(
            time=when,
            level=level,
            level_name=(word or "").strip(),
            logger=said["logger"].strip(),
            message=said["message"],
            path=said.get("path") or said.get("file") or said.get("module") or "",
            line=_number(said, "line") or 0,
            function=said.get("function", "").strip(),
            process=_number(said, "process"),
        )
        _outside(entry, line)
        self._note(row.name, line.wrapper)
        return entry

    def _note(self, kind: str, wrapper: str = "") -> None:
        self.kinds[kind] += 1
        self._counts.formats[f"{kind} in {wrapper}" if wrapper and wrapper != kind else kind] += 1

    def note_quiet(self, lines: int) -> None:
        """Count lines of the first format that were skipped."""
        self.kinds[self.first.name] += lines
        self._counts.formats[self.first.name] += lines


def _outside(entry: Entry, line: Line) -> None:
    """Complete a record with fields of the wrapper."""
    if entry.time is None:
        entry.time = line.time
    if entry.level is None:
        entry.level = line.level
    entry.logger = entry.logger or line.logger
    entry.path = entry.path or line.path
    entry.line = entry.line or line.line
    entry.function = entry.function or line.function
    if entry.process is None:
        entry.process = line.process


def _number(said: Fields, name: str) -> int | None:
    text = said.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
