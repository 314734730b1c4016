"""A traceback as rows to read from the top: the application's innermost line first, libraries folded."""

from __future__ import annotations

import linecache
import os
import stat
from collections import deque
from collections.abc import Iterator
from itertools import groupby

from pagerduty_logging.events_api.text import cut, plain
from pagerduty_logging.record.exceptions import Frame, Raised
from pagerduty_logging.record.places import looks_like_library, short_path

MAX_ROW = 300
"""Characters of one row."""
MAX_CAUSE_ROWS = 20
"""Rows for the traceback of a cause or a group's member."""
LIBRARY_FRAMES = 8
"""Frames shown of a traceback that is a library's from end to end."""
MAX_SOURCE_BYTES = 5_000_000
"""Files greater than this are not read for the sake of one line."""
MAX_FILES = 300
"""Files that `linecache` keeps because a page needed them: a program may make ever new ones."""

_read: deque[str] = deque()


def rows(raised: Raised) -> list[str]:
    """Return the rows that show where an exception came from, innermost first."""
    return [cut(plain(row).replace("\n", " "), MAX_ROW) for row in _rows(raised.frames[::-1])]


def rows_of_causes(chain: tuple[Raised, ...]) -> list[str]:
    """Return the rows for all exceptions of a chain but the first, which was logged."""
    shown: list[str] = []
    for raised in chain[1:]:
        shown += _entry(f"{raised.relation} {raised.headline}", raised)
    return shown


def rows_of_members(raised: Raised) -> list[str]:
    """Return the rows for the exceptions that a group holds."""
    total = len(raised.members) + raised.more_members
    shown: list[str] = []
    for number, member in enumerate(raised.members, 1):
        shown += _entry(f"{number} of {total}: {member.headline}", member)
    if raised.more_members:
        shown.append(f"… and {raised.more_members} more")
    return shown


def location(frame: Frame) -> str:
    """Return where a frame is, in one row: `app/views.py:42 in charge`."""
    place = f"{short_path(frame.path)}:{frame.line}" if frame.line else short_path(frame.path)
    return f"{place} in {frame.function}" if frame.function else place


def _entry(headline: str, raised: Raised) -> list[str]:
    first, *others = plain(headline).split("\n")
    notes = [line for note in raised.notes for line in plain(f"note: {note}").splitlines()]
    below = [*others, *notes, *rows(raised)]
    left_out = len(below) - MAX_CAUSE_ROWS
    if left_out > 0:
        below = [*below[:MAX_CAUSE_ROWS], f"… {left_out} more rows"]
    return [cut(first, MAX_ROW * 2), *(f"    {cut(row, MAX_ROW)}" for row in below)]


def _rows(frames: tuple[Frame, ...]) -> Iterator[str]:
    """Yield the rows for frames that come innermost first."""
    if not any(_is_own(frame) for frame in frames):
        for frame in frames[:LIBRARY_FRAMES]:
            yield from _shown(frame, 1)
        if len(frames) > LIBRARY_FRAMES:
            yield f"… {_folded(frames[LIBRARY_FRAMES:])}"
        return
    raised_within: tuple[Frame, ...] = ()
    for index, (own, run) in enumerate(groupby(frames, _is_own)):
        if not own and index == 0:
            raised_within = tuple(run)  # shown below the application's line that led there
        elif not own:
            yield f"… {_folded(tuple(run))}"
        else:
            for _, same in groupby(run, lambda frame: frame[:3]):
                repeated = list(same)
                yield from _shown(repeated[0], len(repeated))
                if raised_within:
                    more = len(raised_within)
                    deeper = f", {more} library frames further in" if more > 1 else ""
                    yield f"    raised in {location(raised_within[0])}{deeper}"
                    raised_within = ()


def _is_own(frame: Frame) -> bool:
    return bool(frame.path) and not looks_like_library(frame.path)


def _shown(frame: Frame, times: int) -> Iterator[str]:
    yield location(frame) + (f" ({times} times)" if times > 1 else "")
    source = _source(frame)
    if source:
        yield f"    {source}"


def _folded(frames: tuple[Frame, ...]) -> str:
    shown = [frame for frame in frames if frame.path]
    if len(frames) == 1:
        return location(frames[0]) if shown else f"{frames[0].line} frames left out"
    count = sum(1 if frame.path else frame.line for frame in frames)
    names = [short_path(frame.path).partition("/")[0].removesuffix(".py") for frame in shown]
    return f"{count} library frames: {', '.join(dict.fromkeys(names))}"


def _source(frame: Frame) -> str:
    if frame.source is not None:
        return frame.source
    if frame.path == "<string>":
        return ""  # the name of all code without a file; Python 3.13 knows the lines of `-c` by it
    try:
        is_new = frame.path not in linecache.cache and not frame.path.startswith("<")
        if is_new:
            # A file by its name only: what is not a regular file, or endless, is not read.
            status = os.stat(frame.path)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SOURCE_BYTES:
                return ""
        line = linecache.getline(frame.path, frame.line).strip()
        if is_new:
            _let_go_of_others(frame.path)
        return line
    except Exception:
        return ""


def _let_go_of_others(path: str) -> None:
    """Note that `linecache`, which forgets nothing, has a file because of us; have it forget the oldest."""
    _read.append(path)
    if len(_read) > MAX_FILES:
        linecache.cache.pop(_read.popleft(), None)
