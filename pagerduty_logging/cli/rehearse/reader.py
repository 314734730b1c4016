"""Reads the records that may page from one log; lines below their level cost next to nothing."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

from pagerduty_logging.cli.rehearse import blocks, day_order, journal_export, skimming, structured
from pagerduty_logging.cli.rehearse.blocks import BLOCK, STDIN, Block
from pagerduty_logging.cli.rehearse.containers import Line, Unwrapper, without_time
from pagerduty_logging.cli.rehearse.counts import Counts
from pagerduty_logging.cli.rehearse.documents import begins_document, objects
from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.cli.rehearse.format import Format
from pagerduty_logging.cli.rehearse.interpreting import Interpreter
from pagerduty_logging.cli.rehearse.joining import Joiner, looks_like_head
from pagerduty_logging.cli.rehearse.times import Clock

MAX_TEXT_CHARS: Final = 65_536
"""Characters of a line of text that are read."""
ATTENTIVE_BLOCKS: Final = 2
"""Blocks at the beginning of a log in which every line is read."""
ATTENTIVE_EVERY: Final = 128
"""One in so many of the later blocks is read so too; if it differs, every line is read from there on."""
MAX_STRANGE: Final = 0.05
"""Share of lines in other formats up to which only the words of the most frequent one are searched for."""
DOCUMENT_BYTES: Final = 4_096
"""Bytes that show whether a log is one JSON document."""
SAMPLE: Final = 8
SAMPLE_BYTES: Final = 4_096
"""Bytes that are checked of each block that is not read line by line."""
MAX_SOURCES: Final = 1_000
"""How many streams and processes are distinguished."""

_UTF16: Final = "\ufffd" * 2  # what is left of a byte order mark; NUL bytes are taken out
_COLOUR: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class LogReader:
    """Reads one log.

    Args:
        path: the file; "-": standard input.
        counts: counts what was read; shared with other logs.
        level: records below it are not wanted.
        zone: the zone of times that name none.
        formats: formats to try before the known ones.
        only: try no others.
        on_block: called after each block.
        now: seconds since the epoch, used if no file shows when it was written.
    """

    def __init__(
        self,
        path: str,
        counts: Counts,
        *,
        level: int,
        zone: tzinfo,
        formats: Sequence[Format] = (),
        only: bool = False,
        on_block: Callable[[], object] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._counts = counts
        self._level = level
        self._on_block = on_block
        newest = _written(path, now)
        self._written = datetime.fromtimestamp(newest)
        self._clocks = self._clock, inner = Clock(zone, newest), Clock(zone, newest)
        self._unwrapper = Unwrapper(inner)
        self._interpreter = Interpreter(counts, self._clock, self._unwrapper, formats, only)
        self._joiners: dict[str, Joiner] = {}
        self._plain = self._latest = self._joiner("")
        self._newest: float | None = None
        self._quiet_format: Format | None = None
        self._quiet: Callable[..., re.Match[bytes]] | None = None

    def entries(self) -> Iterator[Entry]:
        """Yield the records with a time that are at or above the level."""
        stream = blocks.blocks(self._path, self._counts, self._on_block)
        seen = 0
        for number, block in enumerate(stream):
            if number == 0:
                self._learn_order(block.data)
            if number == 0 and begins_document(block.lines[:DOCUMENT_BYTES]):
                whole = (each.lines for each in itertools.chain((block,), stream))
                yield from self._document(objects(whole))
                break
            if number == 0 and journal_export.begins_export(block.data):
                whole = (each.lines for each in itertools.chain((block,), stream))
                yield from self._document(journal_export.objects(whole))
                break
            attentive = seen < ATTENTIVE_BLOCKS * BLOCK or number % ATTENTIVE_EVERY == 0
            seen += block.end
            find = None if attentive else self._finder()
            if find is not None and (self._turns_back(block) or not self._is_usual(block)):
                find = None
            if find is None:
                yield from self._read(block)
            else:
                yield from self._skim(block, find)
                self._note_times(block)
        for line in self._unwrapper.end():
            yield from self._unwrapped(line)
        self._counts.unknown_zones |= self._clock.unknown_names
        for clock in self._clocks:
            self._counts.unclear_day = self._counts.unclear_day or clock.unclear_day
        for joiner in self._joiners.values():
            yield from self._timed(joiner.end())

    def _learn_order(self, beginning: bytes) -> None:
        """Find out whether dates such as 03/04/2026 name the day first, if the log has such dates."""
        if day_order.has_dates(beginning):
            samples = itertools.chain((beginning,), blocks.samples(self._path))
            order = day_order.day_first(samples, self._written)
            for clock in self._clocks:
                clock.day_first = order

    # --- every line -------------------------------------------------------------------------------

    def _read(self, whole: Block) -> Iterator[Entry]:
        counts = self._counts
        (block, end), position = whole, 0
        counts.counted_bytes += end
        may_pass: bool | None = None
        while position < end:
            quiet = self._quiet_of_first() if may_pass is not False else None
            if quiet is not None and may_pass is None and counts.earliest is not None:
                may_pass = not self._turns_back(whole)
                continue
            if quiet is not None and counts.earliest is not None and not self._plain.resumes:
                stop = quiet(block, position).end()
                if stop > position:
                    lines = block.count(b"\n", position, stop)
                    counts.lines += lines
                    counts.records += lines
                    self._interpreter.note_quiet(lines)
                    yield from self._timed(self._plain.below())
                    position = stop
                    continue
            stop = block.find(b"\n", position)
            counts.lines += 1
            yield from self._line(block[position:stop])
            position = stop + 1
        self._note_times(whole)

    def _quiet_of_first(self) -> Callable[..., re.Match[bytes]] | None:
        first = self._interpreter.first
        if first is not self._quiet_format:
            self._quiet_format = first
            self._quiet = first.quiet(self._level)
        return self._quiet

    def _line(self, raw: bytes) -> Iterator[Entry]:
        self._counts.cut += len(raw) > MAX_TEXT_CHARS
        text = raw.decode("utf-8", "replace").rstrip("\r")
        if "\x00" in text:  # a log may have been cut while it was written
            text = text.replace("\x00", "")
        line = self._unwrapper.unwrap(text.removeprefix("\ufeff").removeprefix(_UTF16))
        if line is not None:
            yield from self._unwrapped(line)

    def _unwrapped(self, line: Line) -> Iterator[Entry]:
        if "\x1b" in line.text:
            line.text = _COLOUR.sub("", line.text)
        joiner = self._joiner(line.source)
        if not (line.wrapper or line.source):
            joiner = self._latest  # the rest of a record may come without the wrapper of its first line
        more: list[str] = []
        if line.said is None and "\n" in line.text:
            line.text, *more = line.text.split("\n")
        if len(line.text) > MAX_TEXT_CHARS:
            self._counts.cut += line.said is None and bool(line.wrapper)
            line.text = line.text[:MAX_TEXT_CHARS]
        if line.said is None and joiner.repeats_head(line.text):
            self._counts.continued += 1
            return
        if joiner.expects_error:
            line.text = without_time(line.text)
        heads = self._interpreter.heads(line, joiner.expects_error)
        if heads is not None:
            joiner = self._latest = self._joiner(line.source)
            for head in heads:
                yield from self._taken(head, joiner, line.text)
        elif line.text[:1] == "{" and self._interpreter.kinds[structured.JSON]:
            # An object of another kind, or a part of one, does not continue a record.
            self._counts.missed(self._path, line.text)
        elif looks_like_head(line.text):
            self._counts.missed(self._path, line.text)
        elif joiner.rest(line.text) or not line.text.strip(" -"):
            self._counts.continued += 1
        else:
            self._counts.missed(self._path, line.text)
        for text in more:
            joiner.rest(text)

    def _taken(self, head: Entry, joiner: Joiner, text: str) -> Iterator[Entry]:
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
        yield from self._timed(joiner.head(head, text, self._interpreter.indent))

    def _timed(self, entries: list[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if entry.time is None:
                continue
            if self._newest is not None and entry.time < self._newest:
                self._counts.turned_back += 1
            self._newest = entry.time
            yield entry

    def _joiner(self, source: str) -> Joiner:
        joiner = self._joiners.get(source)
        if joiner is None:
            if len(self._joiners) >= MAX_SOURCES:
                return self._plain
            joiner = self._joiners[source] = Joiner()
        return joiner

    # --- a document -------------------------------------------------------------------------------

    def _document(self, objects: Iterator[dict[str, Any] | str]) -> Iterator[Entry]:
        for said in objects:
            self._counts.lines += 1
            if isinstance(said, str):
                self._counts.missed(self._path, said)
                continue
            line = self._unwrapper.of_json(said)
            if line is not None:
                yield from self._unwrapped(line)

    # --- only lines that may be severe ------------------------------------------------------------

    def _finder(self) -> skimming.Finder | None:
        """Return a finder of severe lines, if nearly all lines have one format; None: read all lines."""
        kinds = self._interpreter.kinds
        total = sum(kinds.values())
        if not total or len(self._joiners) > 1:
            return None
        kind, lines = kinds.most_common(1)[0]
        if lines < (1 - MAX_STRANGE) * total:
            return None
        if kind == structured.JSON:
            keys = self._interpreter.level_keys
            key = next(iter(keys)) if len(keys) == 1 else None
            return None if key is None else skimming.by_key(key, self._level)
        first = self._interpreter.first
        return skimming.by_words(first, self._level, self._interpreter.words) if first.name == kind else None

    def _is_usual(self, block: Block) -> bool:
        """Return whether the first lines of a block have the most frequent format."""
        lines = block.data[: min(block.end, SAMPLE_BYTES)].split(b"\n")[:-1][:SAMPLE]
        first = self._interpreter.first.match
        is_json = self._interpreter.kinds.most_common(1)[0][0] == structured.JSON
        strange = sum(
            not (line.startswith(b"{") if is_json else first(line.decode("utf-8", "replace")) is not None)
            for line in lines
            if line and line[:1] not in b" \t"
        )
        return strange * 4 <= len(lines)

    def _skim(self, whole: Block, find: skimming.Finder) -> Iterator[Entry]:
        block, end = whole
        self._counts.skimmed_bytes += end
        following = find(block)
        quiet = self._quiet_of_first()
        position = 0
        while position < end:
            if not self._plain.busy:
                place = following(position)
                if not 0 <= place < end:
                    return
                position = block.rfind(b"\n", position, place) + 1 or position
                self._plain.below()
            if (
                quiet is not None
                and not self._plain.resumes
                and quiet(block, position, block.find(b"\n", position) + 1).end() > position
            ):
                yield from self._timed(self._plain.below())
                position = block.find(b"\n", position) + 1
                continue
            stop = block.find(b"\n", position)
            yield from self._line(block[position:stop])
            position = stop + 1

    def _note_times(self, whole: Block) -> None:
        """Record the time of the last line of a block, which may have been skipped."""
        block, end = whole
        self._note_time(block[block.rfind(b"\n", 0, end - 1) + 1 : end - 1])

    def _note_time(self, raw: bytes) -> None:
        when = self._peek(raw)
        if when is not None:
            self._counts.at(when)

    def _peek(self, raw: bytes) -> float | None:
        found = self._interpreter.first.match(raw[:MAX_TEXT_CHARS].decode("utf-8", "replace"))
        if found is None or "time" not in found.re.groupindex or len(self._joiners) > 1:
            return None
        return self._clock.peek(found["time"], self._interpreter.first.layout)

    def _turns_back(self, whole: Block) -> bool:
        """Return whether local time is set back within a block: then the time of every line must be read."""
        if not self._clock.may_turn_back:
            return False
        block, end = whole
        first = self._peek(block[: block.find(b"\n")])
        last = self._peek(block[block.rfind(b"\n", 0, end - 1) + 1 : end - 1])
        return first is None or last is None or self._clock.is_unsure(first, last)


def _written(path: str, now: Callable[[], float]) -> float:
    try:
        return now() if path == STDIN else os.stat(path).st_mtime
    except OSError:
        return now()
