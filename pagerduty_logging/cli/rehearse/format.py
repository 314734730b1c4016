"""Defines a format of text logs, and matches lines with it.

A pattern's groups are fields of `Entry`. `{level}` stands for any level's word, `{LEVEL}` for one in capital
letters, `{small}` for one in small letters, `{time}` for any time that has a year.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from pagerduty_logging.cli.rehearse import levels, times

Fields = dict[str, str]


class Sample(NamedTuple):
    """A line, and what must be read from it."""

    line: str
    level: int | None
    message: str
    logger: str = ""


@dataclass(frozen=True)
class Format:
    """How the lines of one kind of log look.

    Attributes:
        name: its name in the result.
        pattern: see above.
        samples: example lines.
        level_of: returns the level of a word, if this log has its own words or letters.
        refine: splits the fields further.
        logger: the logger, if the line does not name it.
        is_python: whether Python's `logging` wrote it, whose levels are words in capital letters.
        layout: how its times look, as `time.strftime` takes it; None: one of the known ways.
        columns: whether the log is in columns: a repeated time is left out, and continuation lines are
            indented.
        wrapped: whether only lines within a wrapper that notes their times have this format; elsewhere such
            lines continue another.
    """

    name: str
    pattern: str
    samples: tuple[Sample, ...] = ()
    level_of: Callable[[str], int | None] = levels.of_word
    refine: Callable[[Fields], None] | None = None
    logger: str = ""
    is_python: bool = False
    layout: str | None = field(default=None, kw_only=True)
    columns: bool = field(default=False, kw_only=True)
    wrapped: bool = field(default=False, kw_only=True)

    @cached_property
    def match(self) -> Callable[[str], re.Match[str] | None]:
        """Match a line without its line end."""
        return re.compile(_filled(self.pattern, _NAMES)).match

    def quiet(self, level: int) -> Callable[..., re.Match[bytes]] | None:
        """Return a pattern that matches as many lines as possible below a level; None: there is none."""
        slot = next((slot for slot in _SLOTS if slot in self.pattern), "")
        before, _, after = self.pattern.partition(slot) if slot else (self.pattern, "", "")
        if not slot or "<message>" in before or self.columns:
            return None
        names = levels.SMALL if slot == "{small}" else levels.NAMES
        words = "|".join(name for name in names if levels.WORDS[name] < level)
        words = {"{LEVEL}": f"(?:{words.upper()})", "{small}": f"(?:{words})"}.get(slot, f"(?i:{words})")
        closing = after.partition("(")[0]
        try:
            re.compile(closing)
        except re.error:
            closing = ""
        head = _UNNAMED.sub("(?:", _filled(before, "")) + words + r"(?![^\W_])" + closing
        try:
            # Possessive: no backtracking.
            return re.compile(rf"(?:{head}[^\n]*\n)*+".encode()).match  # type: ignore[return-value]
        except re.error:
            return None

    def words(self, level: int, seen: Iterable[str] = ()) -> tuple[bytes, ...]:
        """Return words of which a line of this level or above has at least one.

        Args:
            level: as `logging` counts.
            seen: words that lines have for levels so far: others than Python's may come with still others.
        """
        worse = [name for name in levels.NAMES if levels.WORDS[name] >= level]
        if self.is_python and all(word.lower() in _PYTHON_NAMES or " " in word for word in seen):
            worse = [name for name in worse if name in _PYTHON_NAMES]
        if "{LEVEL}" in self.pattern or self.is_python:
            cases = [str.upper]
        elif "{small}" in self.pattern:
            cases = [str.lower]
        else:
            cases = [str.upper, str.lower, str.capitalize]
        found = {case(name).encode() for name in worse for case in cases}
        return tuple(sorted(w for w in found if not any(o != w and o in w for o in found)))

    @property
    def has_words(self) -> bool:
        """Whether a level is a word that can be searched for."""
        return not self.columns and any(slot in self.pattern for slot in _SLOTS)


NOT_SEVERE: Final = r"(?!\W{0,2}(?:ERRO?R?|CRIT(?:I|ICAL)?|FATAL|SEVERE|PANIC|ALERT|EMERG)(?![^\W_]))"
"""Put before a field that may come before the level, so that it does not match the level itself."""
NO_LEVEL: Final = NOT_SEVERE.replace("(?:", "(?:DEBUG|INFO|WARN(?:ING)?|", 1)
"""The same, where no level may come before the level: the first one counts."""
_PYTHON_NAMES: Final = frozenset({"debug", "info", "warning", "error", "critical"})
_SLOTS: Final = ("{LEVEL}", "{small}", "{level}", "{any}")
_UNNAMED: Final = re.compile(r"\(\?P<\w+>")
_NAMES: Final = "|".join(levels.NAMES)


def _filled(pattern: str, names: str) -> str:
    return (
        pattern.replace("{time}", f"(?P<time>{times.ANY})")
        .replace("{level}", rf"(?P<level>(?i:{names}|level \d{{1,5}}))(?![^\W_])")
        .replace("{any}", rf"(?P<level>(?i:{names}|level \d{{1,5}})|[A-Z][A-Z_]+)(?![^\W_])")
        .replace("{small}", rf"(?P<level>{'|'.join(levels.SMALL)})(?![^\W_])")
        .replace("{LEVEL}", rf"(?P<level>{names.upper()}|Level \d{{1,5}})(?![^\W_])")
    )


def read_fields(row: Format, found: re.Match[str]) -> Fields:
    """Return the fields of a line, by name."""
    said: Any = {name: text for name, text in found.groupdict().items() if text is not None}
    said.setdefault("message", "")
    if row.refine is not None:
        row.refine(said)
    return {**said, "logger": said.get("logger") or row.logger}
