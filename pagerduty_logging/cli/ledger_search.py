"""Find the lines of a ledger that match a text: words, a whole message, a logger or a dedup key."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

Decision = dict[str, Any]

_LATEST = 2.0**35
"""The latest time, in seconds since the epoch, that can be shown as a date."""
_WORD = re.compile(r"[^\W_]+")


class Search:
    """Finds the decisions that match a text, with all others about the same problems.

    Args:
        path: the ledger; the rotated file before it is read too.
        text: what is looked for.

    Attributes:
        templates: the template of each problem whose key is known.
        oldest: time of the oldest decision in the ledger, in seconds since the epoch; None: it holds none.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._fits = _Fits(text)
        self.templates: dict[str, str] = {}
        self.oldest: float | None = None
        self._keys: set[str] = set()
        for decision in _decisions(path):
            self._note(decision)

    def _note(self, decision: Decision) -> None:
        at, key = float(decision["time"]), decision.get("key", "")
        self.oldest = at if self.oldest is None else min(at, self.oldest)
        if key and decision.get("template"):
            self.templates[key] = decision["template"]
        if key and self._fits(decision):
            self._keys.add(key)

    def decisions(self, oldest: float) -> list[Decision]:
        """Return the decisions, newest first, without those that are older.

        Raises:
            OSError: the file cannot be read.
        """
        found = [
            decision
            for decision in _decisions(self._path)
            if decision["time"] >= oldest and (decision.get("key") in self._keys or self._fits(decision))
        ]
        return sorted(found, key=lambda decision: float(decision["time"]), reverse=True)


class _Fits:
    """Says whether a decision matches a text."""

    def __init__(self, text: str) -> None:
        self._exact = text.strip()
        self._text = _plain(text)
        self._words = set(_WORD.findall(self._text))

    def __call__(self, decision: Decision) -> bool:
        if self._exact in (decision.get("key"), decision.get("event")):
            return True
        template, summary = decision.get("template", ""), decision.get("summary", "")
        around = _plain(f"{decision.get('logger', '')} {template} {summary}")
        if self._text in around or (self._words and all(word in around for word in self._words)):
            return True
        return self._is_made_of(template, around)

    def _is_made_of(self, template: str, around: str) -> bool:
        """Whether the text, or most of it, is the template with other values."""
        from pagerduty_logging.fingerprinting.templates import Template, format_pieces, percent_pieces

        for pieces in (percent_pieces(_plain(template)), format_pieces(_plain(template))):
            made = Template("", pieces)
            if len(pieces) == 1 or made.bare:
                continue
            if made.fits(self._text) or made.is_in(self._text):
                return True
            words = {word for word in self._words if word not in around}
            said = self._words - words
            # Values contain digits; a different word is a different message.
            if any(map(str.isalpha, said)) and all(any(map(str.isdigit, word)) for word in words):
                return True
        return False


def _plain(text: str) -> str:
    """Return a text in the form in which texts are compared: one line, in lower case, not cut."""
    return " ".join(text.casefold().split()).removesuffix("…").rstrip()


def _decisions(path: str) -> Iterator[Decision]:
    """Yield the decisions of the file and of the rotated one before it; other lines are skipped.

    Raises:
        OSError: the file cannot be read.
    """
    before = f"{path}.1"
    for name in (before, path) if os.path.exists(before) else (path,):
        with open(name, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if isinstance(found, dict) and _is_whole(found):
                    yield found


def _is_whole(decision: Decision) -> bool:
    texts = ("verdict", "reason", "key", "event", "logger", "template", "summary")
    time_of_it = decision.get("time")
    return (
        all(isinstance(decision.get(name, ""), str) for name in texts)
        and all(isinstance(decision.get(name, 0), int) for name in ("repeats", "times"))
        and isinstance(time_of_it, (int, float))
        and 0 <= time_of_it <= _LATEST
    )
