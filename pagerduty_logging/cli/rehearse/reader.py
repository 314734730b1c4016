"""One log file becomes the records that may page; what is below their level costs next to nothing."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from typing import Any, Final

from pagerduty_logging.cli.rehearse import levels, structured
from pagerduty_logging.cli.rehearse.blocks import STDIN, blocks
from pagerduty_logging.cli.rehearse.containers import Line, Unwrapper
from pagerduty_logging.cli.rehearse.counts import Counts
from pagerduty_logging.cli.rehearse.documents import begins_document, objects
from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.cli.rehearse.formats import FORMATS, Format, read_fields
from pagerduty_logging.cli.rehearse.joining import Joiner
from pagerduty_logging.cli.rehearse.times import Clock

MAX_TEXT_CHARS: Final = 65_536
"""Characters of a line of text that are looked at."""
ATTENTIVE_BLOCKS: Final = 4
"""Blocks at a log's beginning of which every line is read."""
ATTENTIVE_EVERY: Final = 16
"""One in so many blocks after them is read likewise: what it shows to be different is read everywhere."""
MAX_STRANGE: Final = 0.05
"""Share of lines in another format than most, up to which a log may be looked through."""

_COLOUR: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MAY_BEGIN: Final = re.compile(r".{0,100}?\d\d:?\d\d|.{0,100}?\d\d\.\d\d\.\d\d|[\[<]?[A-Z]{3,}|[IWEF]\d")
_HAS_TIME: Final = "time"


class LogReader:
    """Reads one log.

    Args:
        path: of the file; "-": standard input.
        counts: takes what was read, also of other logs.
        level: records below it are not wanted.
        zone: of times that name none.
        given: the log's format; None: found out.
        told: is called after each block.
        now: seconds since the epoch, where the file does not tell when it was written.
    """

    def __init__(
        self,
        path: str,
        counts: Counts,
        *,
        level: int,
        zone: tzinfo,
        given: Format | None = None,
        told: Callable[[], object] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._counts = counts
        self._level = level
        self._given = given
        self._told = told
        self._clock = Clock(zone, _written(path, now), given.layout if given else None)
        self._outer = Clock(zone, _written(path, now))
        self._json_when = Clock(zone, _written(path, now))
        self._unwrapper = Unwrapper(self._outer)
        from pagerduty_logging.cli.rehearse.times import reader_of

        self._when = reader_of(self._json_when)
        self._formats = list(FORMATS) if given is None else [given]
        self._joiners: dict[str, Joiner] = {}
        self._kinds: dict[str, int] = {}
        self._newest: float | None = None
        self._quiet: Callable[..., re.Match[bytes]] | None = None
        self._quiet_format: Format | None = None

    def entries(self) -> Iterator[Entry]:
        """Yield the records of the level or worse that say when they were made, in their order."""
        number = 0
        last = b""
        for block in blocks(self._path, self._counts, self._told):
            if number == 0 and begins_document(block):
                yield from self._document(block)
                return
            skim = number >= ATTENTIVE_BLOCKS and number % ATTENTIVE_EVERY != 0 and self._may_skim(block)
            yield from self._skimmed(block) if skim else self._read(block)
            number += 1
            last = block
        if last:
            self._note_end(last)
        for joiner in self._joiners.values():
            yield from self._timed(joiner.end())

    # --- every line -------------------------------------------------------------------------------

    def _read(self, block: bytes) -> Iterator[Entry]:
        counts = self._counts
        counts.counted_bytes += len(block)
        position, end = 0, len(block)
        joiner = self._joiner("")
        while position < end:
            quiet = self._quiet
            if quiet is not None and counts.earliest is not None and not joiner._broken:
                stop = quiet(block, position).end()
                if stop > position:
                    lines = block.count(b"\n", position, stop)
                    counts.lines += lines
                    counts.records += lines
                    self._note(self._quiet_format.name if self._quiet_format else "", lines)
                    yield from self._timed(joiner.below())
                    position = stop
                    continue
            stop = block.find(b"\n", position)
            counts.lines += 1
            yield from self._line(block[position:stop])
            position = stop + 1

    def _line(self, raw: bytes) -> Iterator[Entry]:
        text = raw.decode("utf-8", "replace").rstrip("\r").replace("\x00", "")
        if "\x1b" in text:
            text = _COLOUR.sub("", text)
        if text.startswith("\ufeff"):
            text = text[1:]
        line = self._unwrapper.unwrap(text)
        if line is None:
            return
        first, *rest = line.text.split("\n") if line.said is None and "\n" in line.text else [line.text]
        line.text = first[:MAX_TEXT_CHARS]
        joiner = self._joiner(line.source)
        heads = self._heads(line, joiner)
        if heads is None:
            if not joiner.rest(line.text):
                self._counts.missed(self._path, line.text)
            else:
                self._counts.continued += 1
        else:
            for head in heads:
                yield from self._taken(head, joiner)
        for more in rest:  # of an event that holds several lines
            joiner.rest(more)

    def _taken(self, head: Entry, joiner: Joiner) -> Iterator[Entry]:
        counts = self._counts
        counts.records += 1
        if head.time is not None:
            counts.at(head.time)
        if head.level is None:
            counts.without_level += 1
        if head.level is None or head.level < self._level:
            yield from self._timed(joiner.below())
            return
        counts.severe += 1
        if head.time is None:
            counts.without_time += 1
        yield from self._timed(joiner.head(head))

    def _timed(self, entries: list[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if entry.time is None:
                continue
            if self._newest is not None and entry.time < self._newest:
                self._counts.turned_back += 1
            self._newest = entry.time
            yield entry

    # --- what begins a record ---------------------------------------------------------------------

    def _heads(self, line: Line, joiner: Joiner) -> list[Entry] | None:
        """Return the records that a line begins; None if it goes on with one, or is not understood."""
        if line.said is not None:
            found = self._of_json(line.said, line)
            if found:
                return found
        text = line.text
        if text[:1] in " \t" or not text:
            return self._of_wrapper(line) if line.wrapper == "journald" else None
        head = self._of_text(text, line, joiner) if self._given or _MAY_BEGIN.match(text) else None
        if head is not None:
            return [head]
        if not line.wrapper and self._given is None:
            inner = self._unwrapper.of_cloudwatch(text)
            if inner is not None:
                return self._heads(inner, joiner)
        return self._of_wrapper(line)

    def _of_wrapper(self, line: Line) -> list[Entry] | None:
        """Return what the wrapper alone tells: journald and syslog know of levels, all others of lines only."""
        if line.wrapper not in ("journald", "syslog"):
            return None
        self._note(line.wrapper)
        return [
            Entry(
                time=line.time,
                level=line.level,
                logger=line.logger,
                message=line.text,
                process=line.process,
                path=line.path,
                line=line.line,
                function=line.function,
            )
        ]

    def _of_json(self, said: Mapping[str, Any], line: Line) -> list[Entry]:
        found = list(structured.read(said, self._when))
        for entry in found:
            self._outside(entry, line)
        if found:
            self._note(structured.JSON, wrapper=line.wrapper)
        return found

    def _of_text(self, text: str, line: Line, joiner: Joiner) -> Entry | None:
        for place, row in enumerate(self._formats):
            found = row.match(text)
            if found is None:
                continue
            timed = _HAS_TIME in found.re.groupindex
            if not timed and joiner.expects_error():
                continue
            if place > 0 and self._given is None:
                self._promote(row, line)
            return self._entry(row, found, line)
        return None

    def _entry(self, row: Format, found: re.Match[str], line: Line) -> Entry | None:
        said = read_fields(row, found)
        word = said.get("level")
        level = row.level_of(word) if word is not None else None
        when = self._clock.read(said["time"]) if _HAS_TIME in said else None
        if when is None and _HAS_TIME in said and said["time"].strip() and self._given is None:
            return None
        if word is not None and level is None:
            self._counts.strange_level(word)
        number = said.get("line", "")
        process = said.get("process", "")
        entry = Entry(
            time=when,
            level=level,
            level_name=(word or "").strip(),
            logger=said["logger"].strip(),
            message=said["message"],
            path=said.get("path") or said.get("file") or said.get("module") or "",
            line=int(number) if number.isdigit() and len(number) < 9 else 0,
            function=said.get("function", "").strip(),
            process=int(process) if process.isdigit() and len(process) < 12 else None,
        )
        if level is None and line.wrapper and line.level is None and line.time is not None and not said.get("level"):
            line.level = None
        self._outside(entry, line)
        self._note(row.name, wrapper=line.wrapper)
        return entry

    def _outside(self, entry: Entry, line: Line) -> None:
        """Let the wrapper tell what the line does not."""
        if entry.time is None:
            entry.time = line.time
        if entry.level is None:
            entry.level = line.level
        entry.logger = entry.logger or line.logger
        entry.process = entry.process if entry.process is not None else line.process
        entry.path, entry.line = entry.path or line.path, entry.line or line.line

    def _promote(self, row: Format, line: Line) -> None:
        """Try the format that most lines have first; those without a level come last all the same."""
        if row.has_words or row.logger:
            leader = self._kinds.get(self._formats[0].name, 0)
            if self._kinds.get(row.name, 0) >= leader and self._formats.index(row) > 0 and _is_sure(row):
                self._formats.remove(row)
                self._formats.insert(0, row)
                self._settle(row)

    def _settle(self, row: Format) -> None:
        self._quiet = row.quiet(self._level) if row.has_words else None
        self._quiet_format = row

    def _note(self, kind: str, lines: int = 1, wrapper: str = "") -> None:
        self._kinds[kind] = self._kinds.get(kind, 0) + lines
        if wrapper:
            self._kinds[wrapper] = self._kinds.get(wrapper, 0) + lines
        name = f"{kind} in {wrapper}" if wrapper and wrapper != kind else kind
        self._counts.formats[name] += lines

    def _joiner(self, source: str) -> Joiner:
        joiner = self._joiners.get(source)
        if joiner is None:
            joiner = self._joiners[source] = Joiner()
        return joiner

    # --- only lines with a level's word -----------------------------------------------------------

    def _may_skim(self, block: bytes) -> bool:
        """Tell whether nearly all lines so far have one format, whose levels are words, and time goes on."""
        total = sum(self._kinds.values())
        if not total or self._clock_may_turn(block):
            return False
        kind = max(self._kinds, key=lambda name: self._kinds[name])
        if self._kinds[kind] < (1 - MAX_STRANGE) * total:
            return False
        if kind == structured.JSON:
            self._words = _JSON_WORDS(self._level)
            return self._json_words
        row = next((row for row in self._formats if row.name == kind), None)
        if row is None or not row.has_words:
            return False
        self._words = row.words(self._level)
        return True
