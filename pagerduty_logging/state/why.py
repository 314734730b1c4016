"""Why an event is sent: one closed set of reasons, for code, pages, ledger and sandbox."""

from __future__ import annotations

import enum

DETAIL = ": "
"""Stands between a reason and what is said about it."""


class Why(enum.StrEnum):
    """A reason to send an event; the text is what the page says, alone or before a colon and details."""

    FIRST = "first"
    """The problem is new, or new since it was resolved."""
    WORSE = "worse"
    """More severe, ten times as frequent, or another exception than what was sent before."""
    AGAIN = "again"
    """It goes on after the quiet window: a reminder."""
    SIZE = "size"
    """It went on after its first event; no further record is needed for this one."""
    LOST = "the event before was lost"
    """It was refused, or expired; this one pages in its place."""
    END = "end of the process"
    """What was held back, and what no event would report any more."""
    NO_ROOM = "no room"
    """The summary of events that were dropped because too many waited."""

    @property
    def follows_up(self) -> bool:
        """Whether no record calls for the event: it only reports what was held back."""
        return self in (Why.SIZE, Why.END)

    def said(self, detail: str = "") -> str:
        """Return the reason as a page says it."""
        return f"{self}{DETAIL}{detail}" if detail else str(self)

    @staticmethod
    def of(said: object) -> Why | None:
        """Return the reason that a page says; None if it says none of ours."""
        return _BY_TEXT.get(said.partition(DETAIL)[0]) if isinstance(said, str) else None


_BY_TEXT = {str(why): why for why in Why}


def duration(seconds: float) -> str:
    """Say how long something took: "12 s", "5 minutes", "3 hours", "2 days"."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"


def again(seconds: float, suppressed: int) -> str:
    """Return why a reminder is sent, so long after the event before."""
    held = f", {suppressed:,} held back" if suppressed else ""
    return Why.AGAIN.said(f"{duration(seconds)} later{held}")


def worse(before: str, now: str) -> str:
    """Return why a more severe event is sent than the one before."""
    return Why.WORSE.said(f"{before} → {now}")


def size(suppressed: int, seconds: float) -> str:
    """Return why a follow-up is sent, so long after the event before."""
    return Why.SIZE.said(f"{suppressed:,} more in {duration(max(seconds, 1.0))}")
