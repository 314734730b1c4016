"""The exchange that the handlers of one process share: fifty of them cost a state little more than one does.

Of the threads that ask at one moment one asks for all of them.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.state.among import MANY, Among
from pagerduty_logging.state.helper import Guard, Helper, waited_at_once, waited_by_many
from pagerduty_logging.state.protocol import Reply, Request, StateError
from pagerduty_logging.state.request_queue import LINGER, PROMPT, Do, HandedOver, RequestQueue


class User:
    """One handler, with all its stores."""


@dataclass(frozen=True, slots=True)
class SharedConnection:
    """The connection of a queue's requests, and the thread on which a call may hang.

    Attributes:
        exchange: does one for several requests, within so many seconds.
        close: lets go of the connection.
        helper: the thread.
    """

    exchange: Callable[[list[Request], float], list[Reply]]
    close: Callable[[], object]
    helper: Helper = field(default_factory=Helper)

    def leave(self, seconds: float = 0.0) -> None:
        """Let go of connection and thread, after the call that is under way; wait so long for that."""
        closing = self.helper.start(self.close, waited_at_once)
        self.helper.leave()
        closing.wait(seconds)


class Joined:
    """A request that is asked with others: as soon as somebody waits, on a thread that can be left behind.

    Args:
        queue: where it waits.
        request: what is asked.
        connection: returns what the queue speaks on.
    """

    others_wait = True

    def __init__(
        self, queue: RequestQueue, request: Request, connection: Callable[[], SharedConnection]
    ) -> None:
        self._queue = queue
        self._connection = connection
        self._mine = queue.join(request)

    def wait(self, seconds: float) -> bool:
        def do(requests: list[Request]) -> list[Reply]:
            connection = self._connection()
            call = connection.helper.start(lambda: connection.exchange(requests, seconds), waited_by_many)
            if not call.wait(seconds):
                self._queue.connection = None
                connection.leave()
                raise StateError(f"no answer within {seconds:.2g} s")
            return call.result()

        return self._queue.run(self._mine, seconds, do, prompt=True)

    def result(self) -> Reply:
        return self._mine.result()


class SharedExchange:
    """Gathers what the handlers of one process ask of one state.

    Args:
        clock: seconds, monotonic.

    Attributes:
        claims, hand_ins: what is asked, and what is handed in.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._users: set[int] = set()  # by `id`: a set of weak references takes many calls
        self._among = Among()
        self.claims = RequestQueue(clock)
        self.hand_ins = RequestQueue(clock)

    def alone(self, user: User) -> bool:
        """Whether there is no other user, with whom something might be asked."""
        name = id(user)
        if name not in self._users:
            self._users.add(name)
            weakref.finalize(user, self._dropped, name).atexit = False
        self.claims.many = len(self._users) > 1
        return not self.claims.many

    def among(self, user: User) -> Among | None:
        """Return what the users know among themselves; None: there is no other."""
        if self._users == {id(user)} or self.alone(user):
            return None
        self._among.decides = len(self._users) >= MANY
        return self._among

    def _dropped(self, name: int) -> None:
        """Keep no connection and no thread if their users were deleted without being closed."""
        self._users.discard(name)
        if not self._users:
            self.claims.connection = self.hand_ins.connection = None

    def leave(self, user: User) -> bool:
        """Let a user go, until it asks again; return whether nobody is left."""
        self._users.discard(id(user))
        return not self._users

    def ask(self, user: User, request: Request, do: Do) -> Reply:
        """Do an exchange, perhaps with others, and return the reply.

        Args:
            user: the handler that asks.
            request: what it asks, or hands in.
            do: does an exchange for several requests.
        """
        alone, queue = self.alone(user), self.queue_for(request)
        mine = queue.join(request)
        if queue is self.hand_ins and not alone:
            with suppress(Empty):
                mine.signal.get(timeout=LINGER)
        queue.run(mine, PROMPT, do)
        return mine.result()

    def hand_over(self, user: User, request: Request, do: Do, guard: Guard) -> HandedOver | None:
        """Leave a hand-in to a thread that does those of all users; None: there are no others.

        Args:
            user, request, do: as for `ask`.
            guard: is entered around the exchange, on that thread.
        """
        if self.alone(user):
            return None

        def guarded(requests: list[Request]) -> list[Reply]:
            try:
                with guard():
                    return do(requests)
            except BaseException as error:
                if isinstance(error, Exception):
                    raise
                raise StateError(f"its client raised {type(error).__name__}") from None

        return self.hand_ins.hand_over(request, guarded)

    def queue_for(self, request: Request) -> RequestQueue:
        """Return where a request waits."""
        return self.claims if request.claim is not None or not is_hand_in(request) else self.hand_ins


_all: dict[tuple[int, Hashable], SharedExchange] = {}


def of(place: Hashable) -> SharedExchange:
    """Return the exchange that the handlers of this process share for the state in this place."""
    key = (os.getpid(), place)
    return _all.get(key) or _all.setdefault(key, SharedExchange())


def is_hand_in(request: Request) -> bool:
    """Whether a request only hands in counts, for whose reply nobody waits."""
    return bool(request.counts) and not request.outcomes and request.claim is None and request.spend is None
