"""The template read back from the source line that logged.

A record carries `pathname` and `lineno`. The calls on that line are parsed once, and every
way their arguments can build a text becomes a `Template`: its literal pieces, with a hole
between each two. A template counts only if those pieces fit the message that was logged, so
after a stale file, another call on the line or a wrong guess just the next rule applies.

Neither path nor line is part of a template. Only syntax is read; nothing is imported or run. A file that
cannot be read because descriptors, memory or stack have run out is tried again; the relative names in frozen
programs are not searched for in the working directory.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from dataclasses import dataclass
from typing import Final, TypeAlias

from .expressions import templates_in
from .masking import MASKED, mask
from .statements import Lines
from .templates import OPAQUE, Template

MAX_SOURCE_BYTES: Final = 4_000_000
MAX_SITES: Final = 8_192
LOOK_AGAIN: Final = 1.0
"""Seconds between two checks of a source file for a call without a template: each is a system call."""
MAX_FILES: Final = 64
MAX_CACHED_CHARS: Final = 8_000_000
_MAX_SPLIT: Final = 20_000
_STARTED: Final = time.time_ns()

_Signature: TypeAlias = tuple[int, int]

_ENCODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


@dataclass(slots=True)
class Site:
    """What was read about a line that logs."""

    templates: tuple[Template, ...]
    signature: _Signature | None
    looked_at: float
    bare: tuple[Template, ...] = ()
    """Templates without a word, and with more than one hole."""
    is_read: bool = False
    """Whether the line has calls."""
    missed_at: float = float("-inf")
    """The last time when no template fitted although the file was unchanged."""
    over: bool = False
    """Whether this is outdated: the line was read again, or forgotten."""


# Plain dicts: reads and writes of one entry are atomic, and a race costs a second parse at
# worst. When full they are cleared, which costs each site a millisecond once.
sites: dict[tuple[str, int], Site] = {}
"""The lines read so far, by path and line."""
_files: dict[str, tuple[_Signature, Lines]] = {}
_cached_chars = 0


def template_of(pathname: object, lineno: object, message: str) -> Template | None:
    """Return the template of the call at `pathname`:`lineno` that `message` was made from, or None.

    If nothing fits, a file that has changed is read again.
    """
    if type(pathname) is not str or type(lineno) is not int:
        return None
    site = sites.get((pathname, lineno))
    if site is None:
        site = _load(pathname, lineno, _signature(pathname))
    else:
        if not site.templates:
            now = time.monotonic()
            if now - site.looked_at < LOOK_AGAIN:
                return None
            site.looked_at = now
        found = _fitting(site, message)
        if found is not None:
            return found
        signature = _signature(pathname)
        if signature != site.signature:
            site = _load(pathname, lineno, signature)
    found = _fitting(site, message)
    if found is None:
        site.missed_at = time.monotonic()
    return found


def part_of(pathname: object, lineno: object, message: str) -> Template | None:
    """Return the template at `pathname`:`lineno` that a part of `message` was made from, or None.

    An adapter or a wrapper has added something before or after it.
    """
    site = sites.get((pathname, lineno))  # type: ignore[arg-type]
    return next((t for t in site.templates if t.is_in(message)), None) if site is not None else None


def is_own(pathname: object, lineno: object, template: str, *, alone: bool) -> bool:
    """Return whether a `template` that no text at `pathname`:`lineno` fits is its record's own, as it stands.

    It is if that line could not be read; else if it has nothing of the line, and nothing like a value.

    Args:
        pathname, lineno: of the line that logged.
        template: the message before its arguments are put in.
        alone: whether the record has no exception.
    """
    if not is_read(pathname, lineno):
        return True
    return alone and part_of(pathname, lineno, template) is None and MASKED not in mask(template)


def values_at(pathname: object, lineno: object, message: str) -> tuple[str, ...]:
    """Return the values in `message`, made from a template without a word at `pathname`:`lineno`."""
    site = sites.get((pathname, lineno))  # type: ignore[arg-type]
    return () if site is None else values_in(site.bare, message)


def values_in(bare: tuple[Template, ...], message: str) -> tuple[str, ...]:
    """Return the values that the first of these templates that fits was filled with to make `message`."""
    if len(message) > _MAX_SPLIT:
        return ()
    found = next((template for template in bare if template.fits(message)), None)
    return found.values_in(message) if found is not None else ()


def is_read(pathname: object, lineno: object) -> bool:
    """Whether the call at `pathname`:`lineno` could be read, from a file unchanged since the start."""
    site = sites.get((pathname, lineno))  # type: ignore[arg-type]
    return site is not None and site.is_read and site.signature is not None and site.signature[0] < _STARTED


def templates_at(pathname: str, lineno: int) -> tuple[Template, ...]:
    """Return every template the calls at `pathname`:`lineno` can build, the likeliest first."""
    return _load(pathname, lineno, _signature(pathname)).templates


def _fitting(site: Site, message: str) -> Template | None:
    for template in site.templates:
        if template.fits(message):
            return template
    return None


def _signature(pathname: str) -> _Signature | None:
    """Size and time of a regular file; None for anything else: reading it may never end."""
    if pathname[:1] == "<":  # <stdin>, <string>, <frozen importlib._bootstrap>
        return None
    if getattr(sys, "frozen", False) and not os.path.isabs(pathname):
        return None
    try:
        info = os.stat(pathname)
    except (OSError, ValueError):
        return None
    # Devices and pipes block; files under /proc claim to be empty and some of them block too.
    if not stat.S_ISREG(info.st_mode) or not 0 < info.st_size <= MAX_SOURCE_BYTES:
        return None
    return info.st_mtime_ns, info.st_size


def _load(pathname: str, lineno: int, signature: _Signature | None) -> Site:
    site = Site((), signature, time.monotonic())
    if signature is not None:
        try:
            site.signature, lines = _file(pathname, signature)
            if 0 < lineno <= len(lines):
                found = templates_in(lines, lineno)
                site.is_read = bool(found)
                site.templates = tuple(t for t in found if not t.bare)
                site.bare = tuple(t for t in found if t.bare and t.pieces != OPAQUE and len(t.pieces) > 1)
        except (OSError, MemoryError, RecursionError):
            return site  # it may be readable next time
        except Exception:  # the content may break the parser; the next rule applies
            pass
    before = sites.get((pathname, lineno))
    if before is not None:
        before.over = True
    if len(sites) >= MAX_SITES:
        for known in list(sites.values()):
            known.over = True
        sites.clear()
    sites[pathname, lineno] = site
    return site


def _file(pathname: str, signature: _Signature) -> tuple[_Signature, Lines]:
    """Return the lines of a file with this signature, and the signature as the one object that is kept."""
    global _cached_chars
    known = _files.get(pathname)
    if known is not None and known[0] == signature:
        return known
    try:
        text = _decoded(_read(pathname))
    except (PermissionError, ValueError, LookupError):  # no permission, or an unknown encoding
        text = ""
    # Not splitlines(): Python ends a line at \n, \r\n and \r only.
    lines = Lines(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    if len(_files) >= MAX_FILES or _cached_chars + len(text) > MAX_CACHED_CHARS:
        _files.clear()
        _cached_chars = 0
    _cached_chars += len(text)
    known = _files[pathname] = signature, lines
    return known


def _read(pathname: str) -> bytes:
    # The file may have become a pipe since it was looked at; O_NONBLOCK then opens it all the same.
    descriptor = os.open(pathname, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return file.read(MAX_SOURCE_BYTES)


def _decoded(data: bytes) -> str:
    declared = next(filter(None, map(_ENCODING.match, data.split(b"\n", 2)[:2])), None)
    if declared is None:
        return data.decode("utf-8-sig")
    return data.decode(declared[1].decode("ascii")).removeprefix("\ufeff")
