"""Requests that wait to be asked together, and one who asks for all of them."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from typing import Any

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.state.helper import Helper
from pagerduty_logging.state.protocol import LEASE, Anothers, Claim, Mine, Reply, Request, StateError

LINGER = 0.02
"""Seconds in which others may join a hand-in: theirs are due at nearly the same moments."""
MOST = 50
"""Requests in one exchange."""
KNOWN_FOR = 2.0
"""Seconds for which the answer to a claim holds for others of the process."""
MAX_KNOWN = 1_000
PROMPT = 5.0
"""Seconds to wait for one who asks and gives up by itself in time; so long only if it gets no CPU."""
LOOK = 0.25
"""Seconds after which one looks for itself: between a thread and gevent's greenlets nothing wakes it."""
STUCK = 10.0
"""Seconds after which an exchange that does not end holds up no other any more."""

BUSY = "no answer: another call of this process has none"

_request = attrgetter("request")
Do = Callable[[list[Request]], list[Reply]]


class Waiting:
    """One request that waits for its reply.

    Attributes:
        request: as given.
        late: whether another one was asking when it came.
        ended: whether there is a reply, or will never be.
        reply, error: what came of it.
        signal: is given something when it has ended, or when it may ask.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.late = False
        self.ended = False
        self.reply: Reply | None = None
        self.error: BaseException | None = None
        self.signal: queue.SimpleQueue[None] = queue.SimpleQueue()

    def end(self) -> None:
        """Let the one who waits go on."""
        self.ended = True
        self.signal.put(None)

    def result(self) -> Reply:
        """Return the reply, or raise why there is none."""
        if self.reply is None:
            raise self.error or StateError(BUSY)
        return self.reply


_Name = tuple[str, str, bool, int]


class Known:
    """What claims were answered a moment ago: the same claim by another user need not be asked."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        # What it was answered, by whom it was made, how severe it was, and when it was answered.
        self._known: dict[_Name, tuple[Mine | Anothers, str, int, float]] = {}

    def answer(self, request: Request) -> Reply | None:
        """Return what another user was answered to the same claim; None: ask."""
        claim = request.claim
        if claim is None or request.outcomes:
            return None
        known = self._known.get(_name(request, claim))
        if known is None:
            return None
        answer, sender, severity, at = known
        passed = self._clock() - at
        if passed > KNOWN_FOR or sender == request.sender.name or claim.severity < severity:
            return None
        if isinstance(answer, Mine):
            answer = Anothers(False, LEASE)
        answer = Anothers(answer.told, answer.again_in - passed, answer.since + passed)
        return Reply(0.0, answer=answer) if answer.again_in > 0.0 else None

    def forget(self, request: Request) -> None:
        """Forget what is known of problems with which something else is about to happen."""
        for outcome in request.outcomes:
            for follow_up in range(3):
                self._known.pop((request.sender.space, outcome.key, outcome.change, follow_up), None)

    def learn(self, request: Request, reply: Reply) -> None:
        """Know an answer."""
        claim, answer = request.claim, reply.answer
        if claim is None or not isinstance(answer, Mine | Anothers):
            return
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[_name(request, claim)] = (answer, request.sender.name, claim.severity, self._clock())


def _name(request: Request, claim: Claim) -> _Name:
    follow_up = 1 + request.ends if claim.follow_up else 0  # the last process to end is answered otherwise
    return (request.sender.space, claim.key, claim.change, follow_up)


class Handed(Waiting):
    """A hand-in that is left to a thread which does so for all: whoever is interested looks at it."""

    others_wait = True

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._done: queue.SimpleQueue[None] = queue.SimpleQueue()

    def end(self) -> None:
        super().end()
        self._done.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it has ended."""
        if not self.ended and seconds > 0.0:
            with suppress(queue.Empty):
                self._done.get(timeout=seconds)
        return self.ended


class Line:
    """Requests that are asked together, by one of those who wait. Safe to share between threads.

    Nobody looks again and again whether it is its turn: each is woken once, by the one who asked. A signal
    handler may come in between.

    Args:
        clock: seconds, monotonic.

    Attributes:
        known: what was just answered.
        link: what the one speaks on who asks; None: nothing so far.
        many: whether several ask here, so that an answer is kept for others.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.known = Known(clock)
        self.link: Any = None
        self.many = False
        self._clock = clock
        self._waiting: deque[Waiting] = deque()
        self._turn = threading.Lock()
        self._since = clock()
        self._prompt = self._gathers = False

    def hand_over(self, request: Request, do: Do) -> Handed:
        """Leave a hand-in to a thread that does it in a moment, with those of others."""
        mine = Handed(request)
        self._waiting.append(mine)
        if not self._gathers:
            self._gathers = True
            helper = Helper()
            helper.start(lambda: self._done_for_all(do))
            helper.leave()
        return mine

    def _done_for_all(self, do: Do) -> None:
        time.sleep(LINGER)
        self._gathers = False  # who comes from now on has it done once more
        for mine in list(self._waiting):
            self.run(mine, PROMPT, do)

    def join(self, request: Request) -> Waiting:
        """Let a request wait; to be followed by `run`."""
        mine = Waiting(request)
        mine.late = self._turn.locked()
        self._waiting.append(mine)
        return mine

    def enter(self, request: Request) -> tuple[Waiting, Batch | None]:
        """Let a request of one that gives up in time wait; return what is to be asked now, as `lead` does."""
        turn = self._turn
        if self._waiting or not turn.acquire(blocking=False):
            mine = self.join(request)
            return mine, self.lead(prompt=True)
        self._since, self._prompt = self._clock(), True
        if request.outcomes:
            self.known.forget(request)
        mine = Waiting(request)
        return mine, Batch(self, turn, [mine], [])

    def lead(self, *, prompt: bool = False) -> Batch | None:
        """Return what is to be asked now, if nobody else is asking.

        Args:
            prompt: it is certain that this one gives up in time.
        """
        turn = self._turn
        if not turn.acquire(blocking=False):
            return None
        self._since, self._prompt = self._clock(), prompt
        return Batch(self, turn, *self._taken())

    def run(self, mine: Waiting, seconds: float, do: Do, *, prompt: bool = False) -> bool:
        """Ask for all who wait, or wait until another has; return whether it has ended.

        Args:
            mine: what `join` returned.
            seconds: to wait for another one who asks, if it is not certain to give up in time.
            do: does an exchange for several requests.
            prompt: `do` is certain to.
        """
        while not mine.ended:
            batch = self.lead(prompt=prompt)
            if batch is not None:
                batch.ask(do)
            elif not self._woken(mine, seconds):
                with suppress(ValueError):  # it was asked at this very moment, and counts once all the same
                    self._waiting.remove(mine)
                if self._clock() - self._since > STUCK:
                    self._turn, self.link = threading.Lock(), None
                self.wake_next()  # it may have been this one's turn
                return mine.ended
        return True

    def _woken(self, mine: Waiting, seconds: float) -> bool:
        left, part = PROMPT, max(seconds, 0.0)
        while not mine.ended:
            try:
                mine.signal.get(timeout=part)
                return True
            except queue.Empty:
                left, part = left - part, max(part, LOOK)
            if left <= 0.0 or not self._prompt:
                break
        return mine.ended

    def wake_next(self) -> None:
        if self._waiting:
            with suppress(IndexError):
                self._waiting[0].signal.put(None)

    def wait_again(self, entries: list[Waiting]) -> None:
        """Let requests wait before all others."""
        self._waiting.extendleft(reversed(entries))

    def who_waited_as_long(self) -> list[Waiting]:
        """Return those who came while one asked that gave up in time: they are not to wait once more."""
        return [self._waiting.popleft() for _ in range(len(self._waiting) if self._prompt else 0)]

    def _taken(self) -> tuple[list[Waiting], list[Waiting]]:
        """Take what waits; return what is to be asked, and what this will be the answer to."""
        entries: dict[object, Waiting] = {}
        alike = []
        number = min(len(self._waiting), MOST)
        for _ in range(number):
            entry = self._waiting.popleft()
            request, claim = entry.request, entry.request.claim
            if request.outcomes:
                self.known.forget(request)
            entry.reply = self.known.answer(request) if entry.late else None
            name = entry if number == 1 or claim is None or request.outcomes else _name(request, claim)
            if entry.reply is not None:
                entry.end()
            elif name in entries:
                alike.append(entry)
            else:
                entries[name] = entry
        return list(entries.values()), alike


class Batch:
    """What one asks, for itself and others; it ends with `ask`, whatever happens."""

    def __init__(
        self, line: Line, turn: threading.Lock, entries: list[Waiting], alike: list[Waiting]
    ) -> None:
        self.requests = list(map(_request, entries))
        self._line = line
        self._turn = turn
        self._entries, self._alike = entries, alike

    def leave(self, mine: Waiting) -> None:
        """Ask nothing, and wait no more."""
        self._line.wait_again([entry for entry in (*self._entries, *self._alike) if entry is not mine])
        self._turn.release()
        self._line.wake_next()

    def ask(self, do: Do) -> None:
        """Do the exchange, and let those go on who waited for it."""
        entries = self._entries
        try:
            replies = do(self.requests) if entries else []
            for entry, reply in zip(entries, replies, strict=True):
                entry.reply = reply
                if self._line.many:
                    self._line.known.learn(entry.request, reply)
            if self._alike:
                for entry in self._alike:
                    entry.late = True
                self._line.wait_again(self._alike)
        except BaseException as error:
            entries += self._alike + self._line.who_waited_as_long()
            for entry in entries:
                entry.error = error
        finally:
            for entry in entries:
                entry.end()
            self._turn.release()
            self._line.wake_next()
