"""Requests of one process's handlers that are sent together: one thread asks for all that wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from queue import Empty, SimpleQueue
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
"""Seconds after which a waiting thread checks by itself: a greenlet of gevent's cannot wake it."""
STUCK = 10.0
"""Seconds after which an exchange that does not end holds up no other any more."""

BUSY = "no answer: another call of this process has none"

_request = attrgetter("request")
Do = Callable[[list[Request]], list[Reply]]


class QueuedRequest:
    """One request that waits for its reply.

    Attributes:
        request: as given.
        late: whether an exchange was under way when it came.
        ended: whether it has a reply, or will never have one.
        reply, error: the result; one of them, once it has ended.
        signal: gets an item when it has ended, or when it is its turn to ask.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.late = False
        self.ended = False
        self.reply: Reply | None = None
        self.error: BaseException | None = None
        self.signal: SimpleQueue[None] = SimpleQueue()

    def end(self) -> None:
        """Wake the thread that waits for it."""
        self.ended = True
        self.signal.put(None)

    def result(self) -> Reply:
        """Return the reply, or raise why there is none."""
        if self.reply is None:
            raise self.error or StateError(BUSY)
        return self.reply


_Name = tuple[str, str, bool, int]


class RecentAnswers:
    """The latest answers to claims: the same claim of another handler need not be sent."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        # The answer, the sender, the severity of the claim, and the time of the answer.
        self._known: dict[_Name, tuple[Mine | Anothers, str, int, float]] = {}

    def answer(self, request: Request) -> Reply | None:
        """Return the answer that another handler got to the same claim; None: ask."""
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
        """Forget the answers about problems of which an outcome is handed in."""
        for outcome in request.outcomes:
            for follow_up in range(3):
                self._known.pop((request.sender.space, outcome.key, outcome.change, follow_up), None)

    def learn(self, request: Request, reply: Reply) -> None:
        """Remember an answer."""
        claim, answer = request.claim, reply.answer
        if claim is None or not isinstance(answer, Mine | Anothers):
            return
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[_name(request, claim)] = (answer, request.sender.name, claim.severity, self._clock())


def _name(request: Request, claim: Claim) -> _Name:
    follow_up = 1 + request.ends if claim.follow_up else 0  # the last process to end is answered otherwise
    return (request.sender.space, claim.key, claim.change, follow_up)


class HandedOver(QueuedRequest):
    """A hand-in that a thread makes for all handlers; its handler may wait for it here."""

    others_wait = True

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._done: SimpleQueue[None] = SimpleQueue()

    def end(self) -> None:
        super().end()
        self._done.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it has ended."""
        if not self.ended and seconds > 0.0:
            with suppress(Empty):
                self._done.get(timeout=seconds)
        return self.ended


class RequestQueue:
    """Requests that are sent together, by one of the threads that wait. Safe to share between threads.

    No thread polls for its turn: each is woken once, by the one that asked before. A signal handler may run
    in between.

    Args:
        clock: seconds, monotonic.

    Attributes:
        known: the latest answers.
        connection: what the asking thread uses; None: there is none yet.
        many: whether several handlers ask here, so that answers are kept for others.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.known = RecentAnswers(clock)
        self.connection: Any = None
        self.many = False
        self._clock = clock
        self._waiting: deque[QueuedRequest] = deque()
        self._turn = threading.Lock()
        self._since = clock()
        self._prompt = self._gathers = False

    def hand_over(self, request: Request, do: Do) -> HandedOver:
        """Leave a hand-in to a thread that does it in a moment, with those of others."""
        mine = HandedOver(request)
        self._waiting.append(mine)
        if not self._gathers:
            self._gathers = True
            helper = Helper()
            helper.start(lambda: self._done_for_all(do))
            helper.leave()
        return mine

    def _done_for_all(self, do: Do) -> None:
        time.sleep(LINGER)
        self._gathers = False  # a later one starts another thread
        for mine in list(self._waiting):
            self.run(mine, PROMPT, do)

    def join(self, request: Request) -> QueuedRequest:
        """Queue a request; to be followed by `run`."""
        mine = QueuedRequest(request)
        mine.late = self._turn.locked()
        self._waiting.append(mine)
        return mine

    def enter(self, request: Request) -> tuple[QueuedRequest, JointExchange | None]:
        """Queue a request of a thread that gives up in time; return also what `lead` returns."""
        turn = self._turn
        if self._waiting or not turn.acquire(blocking=False):
            mine = self.join(request)
            return mine, self.lead(prompt=True)
        self._since, self._prompt = self._clock(), True
        if request.outcomes:
            self.known.forget(request)
        mine = QueuedRequest(request)
        return mine, JointExchange(self, turn, [mine], [])

    def lead(self, *, prompt: bool = False) -> JointExchange | None:
        """Return the exchange that this thread is to make; None: another thread is making one.

        Args:
            prompt: this thread is certain to give up in time.
        """
        turn = self._turn
        if not turn.acquire(blocking=False):
            return None
        self._since, self._prompt = self._clock(), prompt
        return JointExchange(self, turn, *self._taken())

    def run(self, mine: QueuedRequest, seconds: float, do: Do, *, prompt: bool = False) -> bool:
        """Ask for all that wait, or wait until another thread has; return whether it has ended.

        Args:
            mine: what `join` returned.
            seconds: to wait for another thread, if that is not certain to give up in time.
            do: does an exchange for several requests.
            prompt: `do` is certain to.
        """
        while not mine.ended:
            joint = self.lead(prompt=prompt)
            if joint is not None:
                joint.ask(do)
            elif not self._woken(mine, seconds):
                with suppress(ValueError):  # it was sent at this very moment, and counts once
                    self._waiting.remove(mine)
                if self._clock() - self._since > STUCK:
                    self._turn, self.connection = threading.Lock(), None
                self.wake_next()  # it may have been this one's turn
                return mine.ended
        return True

    def _woken(self, mine: QueuedRequest, seconds: float) -> bool:
        left, part = PROMPT, max(seconds, 0.0)
        while not mine.ended:
            try:
                mine.signal.get(timeout=part)
                return True
            except Empty:
                left, part = left - part, max(part, LOOK)
            if left <= 0.0 or not self._prompt:
                break
        return mine.ended

    def wake_next(self) -> None:
        """Wake the thread whose turn it is."""
        if self._waiting:
            with suppress(IndexError):
                self._waiting[0].signal.put(None)

    def wait_again(self, entries: list[QueuedRequest]) -> None:
        """Put requests back at the head."""
        self._waiting.extendleft(reversed(entries))

    def waited_as_long(self) -> list[QueuedRequest]:
        """Take those that came during an exchange that gave up in time: they do not wait once more."""
        return [self._waiting.popleft() for _ in range(len(self._waiting) if self._prompt else 0)]

    def _taken(self) -> tuple[list[QueuedRequest], list[QueuedRequest]]:
        """Take what waits; return what is to be sent, and the requests that get the same answers."""
        entries: dict[object, QueuedRequest] = {}
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


class JointExchange:
    """One exchange for several requests, which a thread ends by `ask` or `leave`, whatever happens."""

    def __init__(
        self,
        queue: RequestQueue,
        turn: threading.Lock,
        entries: list[QueuedRequest],
        alike: list[QueuedRequest],
    ) -> None:
        self.requests = list(map(_request, entries))
        self._queue = queue
        self._turn = turn
        self._entries, self._alike = entries, alike

    def leave(self, mine: QueuedRequest) -> None:
        """Send nothing, and put the other requests back."""
        self._queue.wait_again([entry for entry in (*self._entries, *self._alike) if entry is not mine])
        self._turn.release()
        self._queue.wake_next()

    def ask(self, do: Do) -> None:
        """Make the exchange, and wake the threads that waited for it."""
        entries = self._entries
        try:
            replies = do(self.requests) if entries else []
            for entry, reply in zip(entries, replies, strict=True):
                entry.reply = reply
                if self._queue.many:
                    self._queue.known.learn(entry.request, reply)
            if self._alike:
                for entry in self._alike:
                    entry.late = True
                self._queue.wait_again(self._alike)
        except BaseException as error:
            entries += self._alike + self._queue.waited_as_long()
            for entry in entries:
                entry.error = error
        finally:
            for entry in entries:
                entry.end()
            self._turn.release()
            self._queue.wake_next()
