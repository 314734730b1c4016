"""What the handlers of one process ask of one state, together: fifty of them cost it little more than one.

Their hand-ins go in one exchange. Of the same claims at one moment one is made, and answered for all.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.state.helper import SLICES
from pagerduty_logging.state.protocol import LEASE, Anothers, Claim, Mine, Reply, Request, StateError

LINGER = 0.02
"""Seconds in which others may join a hand-in: theirs are due at nearly the same moments."""
MOST = 50
"""Hand-ins in one exchange."""
KNOWN_FOR = 0.5
"""Seconds for which the answer to a claim holds for others of the process."""
MAX_KNOWN = 1_000
STUCK = 10.0
"""Seconds after which an exchange that does not end holds up no other any more."""

BUSY = "no answer: another call of this process has none"

Do = Callable[[list[Request]], list[Reply]]


class _Waiting:
    """One hand-in that waits for its reply."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.done = threading.Event()
        self.reply: Reply | None = None
        self.error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What a claim was answered: by whom it was made, how severe it was, when it was answered."""

    answer: Anothers
    sender: str
    severity: int
    at: float


class Together:
    """Gathers what is asked of one state in one process. Safe to share between threads.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._users: weakref.WeakSet[object] = weakref.WeakSet()
        self._waiting: deque[_Waiting] = deque()
        self._known: dict[tuple[str, str, bool, bool], _Known] = {}
        self._turn = threading.Lock()
        self._since = clock()

    def alone(self, user: object) -> bool:
        """Whether there is no other user, with whom something might be asked together."""
        self._users.add(user)
        return len(self._users) == 1

    def hand_in(self, user: object, request: Request, seconds: float, do: Do) -> Reply:
        """Hand in, alone or with others, and return the reply.

        Args:
            user: the handler that hands in.
            request: that hands in counts and asks nothing.
            seconds: to wait for its turn.
            do: does an exchange for several requests.
        """
        self._users.add(user)
        mine = _Waiting(request)
        self._waiting.append(mine)
        if len(self._users) > 1:
            mine.done.wait(LINGER)
        for _ in range(SLICES):
            if mine.done.is_set():
                break
            turn = self.turn(seconds / SLICES)
            if turn is None:
                continue
            try:
                while not mine.done.is_set():
                    self._hand_in_next(do)
            finally:
                turn.release()
        if not mine.done.is_set():
            with suppress(ValueError):  # it was asked at this very moment, and counts once all the same
                self._waiting.remove(mine)
            raise StateError(BUSY)
        if mine.error is not None:
            raise mine.error
        assert mine.reply is not None
        return mine.reply

    def _hand_in_next(self, do: Do) -> None:
        entries = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST))]
        try:
            replies = do([entry.request for entry in entries])
            for entry, reply in zip(entries, replies, strict=True):
                entry.reply = reply
        except BaseException as error:
            for entry in entries:
                entry.error = error
        finally:
            for entry in entries:
                entry.done.set()

    def ask(self, user: object, request: Request, seconds: float, do: Do) -> Reply:
        """Do an exchange; if others are at it, do without where they were just answered what is asked.

        See `hand_in`.
        """
        self.forget(request)
        if self.alone(user) or request.claim is None:
            return do([request])[0]
        turn, reply = self.turn_or_answer(request, seconds / SLICES, SLICES)
        try:
            if reply is None and turn is None:
                raise StateError(BUSY)
            if reply is None:
                reply = do([request])[0]
                self.learn(request, reply)
            return reply
        finally:
            if turn is not None:
                turn.release()

    def turn_or_answer(
        self, request: Request, seconds: float, times: int
    ) -> tuple[threading.Lock | None, Reply | None]:
        """Wait for the turn to ask, or for the answer to another who asks the same; seconds, some times."""
        turn, reply = self.turn(0.0), None
        while turn is None and reply is None and times > 0:
            turn, reply = self.turn(seconds), self.as_known(request)
            times -= 1
        return turn, reply

    def turn(self, seconds: float) -> threading.Lock | None:
        """Wait for the turn to ask; return what is to be released after it, None: it did not come."""
        turn = self._turn
        if not turn.acquire(timeout=seconds):
            if self._clock() - self._since > STUCK:
                self._turn = threading.Lock()
            return None
        self._since = self._clock()
        return turn

    def as_known(self, request: Request) -> Reply | None:
        """Return what another user was answered a moment ago to the same claim; None: ask."""
        claim = request.claim
        if claim is None or request.outcomes:
            return None
        known, now = self._known.get(_name(request, claim)), self._clock()
        if known is None or now - known.at > KNOWN_FOR:
            return None
        if known.sender == request.sender.name or claim.severity < known.severity:
            return None
        passed = now - known.at
        answer = Anothers(known.answer.told, known.answer.again_in - passed, known.answer.since + passed)
        return Reply(0.0, answer=answer) if answer.again_in > 0.0 else None

    def forget(self, request: Request) -> None:
        """Forget what is known of problems with which something else is about to happen."""
        for outcome in request.outcomes:
            for follow_up in (False, True):
                self._known.pop((request.sender.space, outcome.key, outcome.change, follow_up), None)

    def learn(self, request: Request, reply: Reply) -> None:
        """Know an answer, for the other users."""
        claim, answer = request.claim, reply.answer
        if isinstance(answer, Mine):
            answer = Anothers(False, LEASE)
        if claim is None or not isinstance(answer, Anothers):
            return
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[_name(request, claim)] = _Known(
            answer, request.sender.name, claim.severity, self._clock()
        )


def _name(request: Request, claim: Claim) -> tuple[str, str, bool, bool]:
    return (request.sender.space, claim.key, claim.change, claim.follow_up)


_all: dict[tuple[int, Hashable], Together] = {}


def those_of(place: Hashable) -> Together:
    """Return what gathers that which this process asks of one state."""
    key = (os.getpid(), place)
    return _all.get(key) or _all.setdefault(key, Together())


def is_hand_in(request: Request) -> bool:
    """Whether a request only hands in counts, for whose reply nobody waits."""
    return bool(request.counts) and not request.outcomes and request.claim is None and request.spend is None
