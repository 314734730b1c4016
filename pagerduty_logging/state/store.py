"""What a place for the state must be able to do: SQLite and Redis are two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pagerduty_logging.state.helper import Guard
from pagerduty_logging.state.protocol import Figures, Reply, Request, Silence


@dataclass(slots=True, kw_only=True)
class KnownProblem(Figures):
    """One open problem, as `pagerduty-logging problems` shows it.

    Attributes:
        space: digest of its routing key.
        key: the dedup key.
        summary: of its last event.
        severity: of its worst occurrence.
        window_left: seconds left of its window.
        leased: a process is about to send an event.
        logger: that it comes of.
    """

    space: str
    key: str
    summary: str
    severity: int
    window_left: float
    leased: bool
    logger: str = ""


class UnderWay(Protocol):
    """An exchange that has begun.

    Attributes:
        others_wait: until its answer was read.
    """

    others_wait: bool

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it has ended."""

    def result(self) -> Reply:
        """Return the reply of one that has ended; raises `StateError`."""


class Store(Protocol):
    """Where the state lives. Every method raises `StateError`, and is called by one thread at a time."""

    kind: str
    """For people: "SQLite" or "Redis"."""

    def exchange(self, request: Request, seconds: float) -> Reply:
        """Do one exchange; it should take no longer than `seconds`."""

    def begin(self, request: Request) -> UnderWay | None:
        """Begin an exchange, where that holds up nobody; None: call `exchange`, which may hang."""

    def hand_over(self, request: Request, guard: Guard) -> UnderWay | None:
        """Leave a hand-in to a thread, which enters `guard`, for all handlers; None: there is no other."""

    def beside(self) -> Store:
        """Return a store for the same place, to be used on another thread."""

    def problems(self) -> tuple[float, list[KnownProblem]]:
        """Return the store's clock and all open problems."""

    def silences(self) -> tuple[float, list[Silence]]:
        """Return the store's clock and the silences that have not ended."""

    def silence(self, silence: Silence, seconds: float) -> Silence:
        """Add a silence from now on, for so many seconds; return it as it is stored."""

    def unsilence(self, silence_id: str) -> bool:
        """End a silence; return whether there was one."""

    def leave(self) -> None:
        """Be none of those any more who use the place: another store is used, for its call does not end."""

    def close(self) -> None:
        """Let go of connections that are our own."""

    def abandon(self) -> None:
        """Forget the connection, unclosed: this is a child of the process that made it."""
