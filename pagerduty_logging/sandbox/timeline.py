"""Selects the alerts and change events that the inbox lists, by its address. Pure functions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from pagerduty_logging.sandbox.rules import SEVERITIES
from pagerduty_logging.sandbox.values import Alert, ChangeEvent, Reading

PAGE_ENTRIES = 100
SHOWN = ("all", "triggered", "acknowledged", "resolved", "changes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters in the address; values that are not valid are ignored."""

    words: str = ""
    show: str = "all"
    severities: frozenset[str] = frozenset()
    page: int = 1

    @classmethod
    def of(cls, query: "MultiDict[str, str]") -> "Filters":
        """Read the filters from the query of an address."""
        show = query.get("show", "all")
        page = query.get("page", "1")
        return cls(
            words=query.get("q", "").strip(),
            show=show if show in SHOWN else "all",
            severities=frozenset(query.getlist("severity")) & frozenset(SEVERITIES),
            page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1,
        )

    @property
    def active(self) -> bool:
        """Whether any entry is hidden by the filters."""
        return replace(self, page=1) != Filters()

    def address(self, page: int) -> str:
        """Return the address of another page of the same list."""
        asked: list[tuple[str, Any]] = [("q", self.words)] if self.words else []
        asked += [("show", self.show)] if self.show != "all" else []
        asked += [("severity", severity) for severity in sorted(self.severities)]
        asked += [("page", page)] if page > 1 else []
        return "/?" + urlencode(asked) if asked else "/"

    def within(self, found: int) -> "Filters":
        """Return the same filters, with a page no later than the last one of so many entries."""
        return replace(self, page=min(self.page, max(1, -(-found // PAGE_ENTRIES))))

    def select(self, reading: Reading) -> list[Alert | ChangeEvent]:
        """Return the alerts and change events that match, the one with the latest event first."""
        words = self.words.casefold().split()
        found = (
            [entry for entry in self._kinds(reading) if all(word in _text(entry) for word in words)]
            if words
            else list(self._kinds(reading))
        )
        return sorted(found, key=when, reverse=True)

    def _kinds(self, reading: Reading) -> Iterator[Alert | ChangeEvent]:
        if self.show != "changes":
            for alert in reading.alerts:
                fits = not self.severities or alert.severity in self.severities
                if fits and self.show in ("all", alert.state):
                    yield alert
        if self.show == "changes" or (self.show == "all" and not self.severities):
            yield from reading.changes


def when(entry: Alert | ChangeEvent) -> datetime:
    """Return the time of an entry's latest event."""
    return entry.last_seen if isinstance(entry, Alert) else entry.at


def counts(reading: Reading) -> dict[str, int]:
    """Return the number of entries for each value of `show`, without other filters."""
    states = [alert.state for alert in reading.alerts]
    found = {state: states.count(state) for state in ("triggered", "acknowledged", "resolved")}
    return {"all": len(states) + len(reading.changes), **found, "changes": len(reading.changes)}


def _text(entry: Alert | ChangeEvent) -> str:
    parts = [entry.summary, entry.source]
    if isinstance(entry, Alert):
        parts += [entry.dedup_key, entry.component, entry.group, entry.event_class, entry.client]
    details = json.dumps(entry.custom_details, ensure_ascii=False)
    return "\n".join([part for part in parts if part] + [details]).casefold()
