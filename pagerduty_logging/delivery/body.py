"""An event from the function that makes it to its bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from pagerduty_logging.events_api.decoding import decode
from pagerduty_logging.events_api.encoding import EncodedEvent, encode
from pagerduty_logging.events_api.events import Event, Trigger
from pagerduty_logging.state.protocol import Mine

Take = Callable[[Mine, Trigger | None], Trigger | None]


class Body(ABC):
    """Makes an event when it is its turn, and its bytes once. Without a dict: a thousand may wait.

    Args:
        why: the reason it is sent, in words; "" for what is no alert.
        size: bytes of memory that it takes, about.
        encoded: the bytes, if they are made already.

    Attributes:
        why, size, encoded: as given, or as it is now.
        bare: whether this is the barest form already.
        refused: the bytes that PagerDuty refused before, if this is the barest form of them.
        take: adds what a shared state knows to the event; returns the trigger that was composed before, if
            there is one, with that in it. None: the event does not show it.
    """

    __slots__ = ("_ahead", "_composed", "encoded", "size", "why")
    bare: bool
    refused: EncodedEvent | None

    def __init__(self, why: str, size: int, encoded: EncodedEvent | None = None) -> None:
        self.why = why
        self.size = size
        self.encoded = encoded
        self._composed: Event | None = None
        self._ahead: tuple[Trigger, EncodedEvent] | None = None

    @abstractmethod
    def compose(self) -> Event:
        """Make the event from plain data. Not called once there are bytes."""

    @property
    @abstractmethod
    def take(self) -> Take | None: ...

    @abstractmethod
    def on_bytes(self, encoded: EncodedEvent) -> None:
        """Release what the event was made from: these are its bytes, maybe others than before."""

    def packed(self) -> EncodedEvent:
        """Return the bytes, made once; what they were made from is kept until `release`."""
        return self.encoded or self._pack(self._composed or self.compose())

    def _pack(self, event: Event) -> EncodedEvent:
        ahead = self._ahead
        encoded = ahead[1] if ahead is not None and ahead[0] == event else encode(event)
        self.encoded, self._composed, self._ahead = encoded, None, None
        return encoded

    def release(self) -> None:
        """Release what the bytes were made from, once there are any and it is time for it."""
        if self.encoded is not None:
            with suppress(Exception):  # it is sent all the same
                self.on_bytes(self.encoded)

    def compose_ahead(self, likely: Mine | None = None) -> None:
        """Make an event that is likely to be sent in a moment; what fails here fails again then.

        Args:
            likely: what `add_figures` is likely to be given, for which the bytes are made too; None: unknown.
        """
        if self.encoded is None:
            with suppress(Exception):
                composed = self._composed = self.compose()
                foreseen = None if likely is None else self.foreseen(likely, composed)
                self._ahead = None if foreseen is None else (foreseen, encode(foreseen))

    def foreseen(self, likely: Mine, composed: Event) -> Trigger | None:
        """Return what `take` would return, and change nothing; None: that is not known before."""
        return None

    def compose_later(self) -> None:
        """Compose the event again when it is sent: more may be known by then."""
        self._composed = self._ahead = None

    def add_figures(self, mine: Mine, adopted: Take | None = None) -> None:
        """Add what the shared state knows of the problem to the event, also if it was composed before.

        Args:
            mine: what it knows.
            adopted: takes that for an event that another process has made.
        """
        take = self.take or adopted
        if take is None:
            return
        composed = self._composed if self.encoded is None else decode(self.encoded)
        taken = take(mine, composed if isinstance(composed, Trigger) else None)
        if taken is not None:
            self._pack(taken)

    @property
    def shown(self) -> Event:
        """The event as its bytes say it; before there are any it is made, and not kept."""
        return self.compose() if self.encoded is None else decode(self.encoded)


class BodyOf(Body):
    """The event that a function makes.

    Args:
        compose: makes the event, from plain data.
        why, size, take, encoded, bare, refused: see `Body`.
    """

    __slots__ = ("_compose", "_take", "bare", "refused")

    def __init__(
        self,
        compose: Callable[[], Event],
        *,
        why: str = "",
        size: int = 1_000,
        take: Take | None = None,
        encoded: EncodedEvent | None = None,
        bare: bool = False,
        refused: EncodedEvent | None = None,
    ) -> None:
        super().__init__(why, size, encoded)
        self.bare = bare
        self.refused = refused
        self._compose = compose
        self._take = take

    def compose(self) -> Event:
        return self._compose()

    @property
    def take(self) -> Take | None:
        return self._take

    def on_bytes(self, encoded: EncodedEvent) -> None:
        self._compose = partial(decode, encoded)
