"""The state as the worker of one handler uses it: it answers in time, or *unknown*, and never raises.

Everything here is called by one thread at a time, and under no lock. See README.md for what is called when.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace

from pagerduty_logging.events_api.clock import monotonic, time_of_day
from pagerduty_logging.events_api.forking import fork_gate
from pagerduty_logging.state import silences
from pagerduty_logging.state.breaker import PATIENCE, Breaker
from pagerduty_logging.state.helper import Call, Helper
from pagerduty_logging.state.ledger import Ledger
from pagerduty_logging.state.protocol import (
    Answer,
    Claim,
    Outcome,
    Reply,
    Request,
    Sender,
    Silence,
    Silenced,
    Standing,
    StateError,
    Store,
    Unknown,
)

HAND_IN = 5.0
"""Seconds between hand-ins: counts elsewhere are behind by so much, and silences take effect within it."""
FINAL_WAIT = 0.01
"""Seconds at least that each call at the end of the process may take."""
LOOK = 1.0
"""Seconds between looks at a call that does not end."""
HUNG = 60.0
"""Seconds after which a call that does not end is left behind, and another one tried."""
_ROUNDS = 3  # silences may change again while a claim is asked anew for them

_process: tuple[int, str] | None = None


def process_name() -> str:
    """Return a name of this process that no other one has or had."""
    global _process
    if _process is None or _process[0] != os.getpid():
        _process = (os.getpid(), uuid.uuid4().hex[:12])
    return _process[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStats:
    """How the shared state does.

    Attributes:
        where: it is, without a secret.
        answers: whether the last call was answered; True before the first one.
        since: since when that is so, in seconds since the epoch.
        why: it does not answer; None: it does.
    """

    where: str
    answers: bool
    since: float
    why: str | None = None


class SharedState:
    """What is known of problems beyond this process.

    Args:
        make_store: imports what the store needs, and makes it; called when it is first needed.
        where: the state is, for people, without a secret.
        space: digest of the routing key.
        host: this host's name.
        release: what runs; None: unknown.
        remember: seconds that a problem is known after its last occurrence.
        per_minute: events that the routing key takes in a minute.
        say: tells a topic and a line to whoever operates the program.
        guard: is entered around each call, on the thread that makes it.
        aside: make calls on a thread that can be left behind; False where threads do not run.
        clock: seconds, monotonic.
        wall: seconds since the epoch.

    Attributes:
        guard, remember: as given; another guard may be set.
    """

    def __init__(
        self,
        make_store: Callable[[], Store],
        *,
        where: str,
        space: str,
        host: str,
        release: str | None = None,
        remember: float = 604_800.0,
        per_minute: int = 100,
        say: Callable[[str, str], object] = lambda topic, text: None,
        guard: Callable[[], AbstractContextManager[object]] = nullcontext,
        aside: bool = True,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time_of_day,
    ) -> None:
        self._make_store = make_store
        self._where = where
        self._say = say
        self.guard = guard
        self.remember = remember
        self._aside = aside
        self._clock = clock
        self._wall = wall
        self._sender = Sender(
            name="",
            process="",
            host=host,
            space=space,
            release=release,
            remember=remember,
            per_minute=per_minute,
        )
        self._started = wall()
        self._store: Store | None = None
        self._helper = Helper()
        self._begin()

    def _begin(self) -> None:
        process = process_name()
        self._pid = os.getpid()
        self._sender = replace(self._sender, name=f"{process}.{uuid.uuid4().hex[:6]}", process=process)
        self._ledger = Ledger()
        self._breaker = Breaker()
        self._probe: Call[Reply] | None = None
        self._probe_began = 0.0
        self._standings: dict[str, Standing] = {}
        self._silences: tuple[str, tuple[tuple[Silence, float], ...]] = ("", ())
        self._answered_at = self._next_look = float("-inf")
        self._stats = StateStats(where=self._where, answers=True, since=self._wall())

    @property
    def stats(self) -> StateStats:
        """How the state does; may be read by any thread."""
        return self._stats

    def prepare(self, *, greet: bool = False) -> None:
        """Import what the store needs; to be called while the program starts: its end may be too late.

        What is wrong is said when the state is first asked.

        Args:
            greet: connect too, on the thread that makes the calls, and wait for nothing: processes of a fleet
                that all connect with the first record of an outage would wait for each other.
        """
        with suppress(Exception):
            store = self._store = self._make_store()
            if greet and self._aside:
                self._helper.start(lambda: self._greeting(store, self._hello()))

    def _greeting(self, store: Store, hello: Request) -> None:
        with fork_gate(), self.guard():
            store.exchange(hello, PATIENCE)

    # --- what the worker says ---------------------------------------------------------------------

    def count(
        self,
        key: str,
        n: int,
        *,
        first: float,
        last: float,
        severity: int,
        summary: str = "",
        logger: str = "",
        silenced: int = 0,
    ) -> None:
        """Note occurrences, to be handed in; no call is made.

        Args:
            key: the dedup key.
            n: how many.
            first, last: when the first and the last happened, in seconds since the epoch (`record.created`).
            severity: rank of the worst.
            summary: what a page says of the problem, redacted; empty: as before.
            logger: that they come of; empty: as before.
            silenced: how many of them a silence kept back.
        """
        self._notice_fork()
        self._ledger.count(key, n, (first, last), severity, silenced, summary, logger)

    def claim(
        self,
        key: str,
        severity: int,
        *,
        at: float,
        logger: str = "",
        follow_up: bool = False,
        change: bool = False,
    ) -> Answer:
        """Ask whether to send an event; what was counted goes with the question, in one round trip.

        Args:
            key: the dedup key; of a change event, its name.
            severity: rank of what the event tells.
            at: when the newest occurrence that it tells of happened, in seconds since the epoch.
            logger: for silences.
            follow_up: the event tells the size of a known problem within its window.
            change: it is a change event.
        """
        self._notice_fork()
        known = None if change else self._silence_of(key, logger, severity)
        if known is not None and self._clock() - self._answered_at > HAND_IN:
            self._exchange()  # it may have been ended
            known = self._silence_of(key, logger, severity)
        if known is not None:
            self._ledger.count(key, 0, (at, at), severity, self._ledger.waiting(key))
            return self._silenced(known)
        if self._ledger.unanswered and self._exchange() is None:
            return Unknown()
        waiting = self._ledger.waiting(key)
        for _ in range(_ROUNDS):
            claim = Claim(key, severity, max(self._wall() - at, 0.0), follow_up, change)
            reply = self._exchange(claim)
            if reply is None:
                break
            if reply.answer is not None:
                self._standings.pop(key, None)
                return reply.answer
            known = None if change else self._silence_of(key, logger, severity)
            if known is not None:
                self._ledger.count(key, 0, (at, at), severity, waiting)
                return self._silenced(known)
        return Unknown()

    def commit(
        self,
        key: str,
        severity: int,
        *,
        occurrences: int,
        window: float,
        follow_up: bool = False,
        change: bool = False,
    ) -> None:
        """PagerDuty has taken an event: hold repeats back for `window` seconds, everywhere.

        Also after *unknown*: it is handed in when the state answers again.
        """
        self._conclude(Outcome("commit", key, self._wall(), severity, occurrences, window, follow_up, change))

    def release(self, key: str, *, change: bool = False) -> None:
        """The event was not taken, and may be another's."""
        self._conclude(Outcome("release", key, self._wall(), change=change))

    def resolve(self, key: str, *, at: float) -> None:
        """The problem is over for all, since `at` (seconds since the epoch): when that was asked for."""
        self._conclude(Outcome("resolve", key, at))

    def spend(self, severity: int) -> float | None:
        """Ask the budget for an event that has no problem; return the seconds to wait, None for *unknown*."""
        self._notice_fork()
        for _ in range(_ROUNDS):
            reply = self._exchange(spend=severity)
            if reply is None:
                return None
            if reply.wait is not None:
                return reply.wait
        return None

    def hand_in(self) -> bool:
        """Hand in what was noted, and learn of silences; return whether the state answered."""
        self._notice_fork()
        again = self._ledger.unanswered
        answered = self._exchange() is not None
        if answered and again and len(self._ledger):
            answered = self._exchange() is not None
        if not answered:
            self._next_look = self._clock() + LOOK
        return answered

    def due(self) -> float | None:
        """Return the seconds until `hand_in` is to be called; None: there is nothing to hand in."""
        if not len(self._ledger):
            return None
        asked = self._breaker.until if self._breaker.open else self._answered_at + HAND_IN
        at = max(asked, self._next_look)
        return max(at - self._clock(), 0.0)

    def take_standings(self) -> dict[str, Standing]:
        """Return how the problems that were handed in since the last call stand for all, and forget it."""
        standings, self._standings = self._standings, {}
        return standings

    def silenced(self, key: str, logger: str, severity: int) -> Silenced | None:
        """Return the silence that keeps an event back, as far as is known; no call is made."""
        known = self._silence_of(key, logger, severity)
        return None if known is None else self._silenced(known)

    def close(self, seconds: float) -> bool:
        """Hand in the rest, within so many seconds, and let go; return whether all was handed in."""
        self._notice_fork()
        end = self._clock() + seconds
        while len(self._ledger) and (left := end - self._clock()) > FINAL_WAIT:
            if self._exchange(limit=left) is None:
                break
        done = not len(self._ledger)
        store, self._store = self._store, None
        if store is not None and self._probe is None:
            self._leave(store.close)
        self._helper.leave()
        return done

    # --- how it is asked --------------------------------------------------------------------------

    def _conclude(self, outcome: Outcome) -> None:
        self._notice_fork()
        self._ledger.conclude(outcome)
        self._exchange()

    def _notice_fork(self) -> None:
        """Begin anew in a child: what was noted, and what is under way, is the parent's."""
        if self._pid == os.getpid():
            return
        self._helper.forget()
        if self._store is not None:
            self._store.abandon()
        self._begin()

    def _exchange(
        self, claim: Claim | None = None, spend: int | None = None, limit: float = PATIENCE
    ) -> Reply | None:
        """Do one exchange with what is to be handed in; None: the state did not answer."""
        with fork_gate():
            if self._breaker.open and not self._is_back():
                return None
            batch = self._ledger.batch(claim.key if claim is not None else None)
            counts, outcomes = batch.aged(self._wall())
            request = replace(
                self._hello(),
                sequence=batch.sequence,
                counts=counts,
                outcomes=outcomes,
                claim=claim,
                spend=spend,
            )
            reply = self._ask(request, limit)
            if reply is None:
                return None
            self._ledger.answered()
            self._learn(reply)
            return reply

    def _hello(self) -> Request:
        started = max(self._wall() - self._started, 0.0)
        return Request(sender=self._sender, started=started, silences=self._silences[0])

    def _ask(self, request: Request, limit: float) -> Reply | None:
        began = self._clock()
        patience = min(self._breaker.patience(began), limit)
        if patience <= 0.0:
            return None
        try:
            call = self._call(request, patience)
            began = self._clock()  # what had to be imported first does not count
            if not call.wait(patience):
                self._abandon()
                raise StateError(f"no answer within {patience:.2g} s")
            return call.result()
        except StateError as error:
            self._failed(str(error), self._clock() - began)
        except Exception as error:
            self._failed(f"{type(error).__name__}: {error}", self._clock() - began)
        return None

    def _call(self, request: Request, patience: float) -> Call[Reply]:
        if self._store is None:
            with self.guard():
                self._store = self._make_store()
        store = self._store

        def work() -> Reply:
            with self.guard():
                return store.exchange(request, patience)

        if self._aside:
            return self._helper.start(work)
        call = Call(work)
        call.run()
        return call

    def _is_back(self) -> bool:
        """Whether the state answers again: asked aside, so that the worker waits no longer than it may."""
        now = self._clock()
        probe, patience = self._probe, self._breaker.patience(now)
        if probe is None:
            if now < self._breaker.until or (not patience and not self._aside):
                return False
            try:
                probe = self._probe = self._call(self._hello(), patience or PATIENCE)
            except Exception as error:
                self._failed(f"{type(error).__name__}: {error}", 0.0)
                return False
            self._probe_began = now = self._clock()
        if not probe.wait(patience):
            held = self._clock() - now
            if self._clock() - self._probe_began > HUNG:
                self._abandon()
                self._failed("no answer", held)
            elif held > 0.0:
                self._breaker.held(now, held)
            return False
        self._probe = None
        try:
            reply = probe.result()
        except Exception as error:
            self._failed(str(error), self._clock() - now)
            return False
        self._learn(reply)
        return True

    def _abandon(self) -> None:
        """Leave a call behind that does not end, with its thread and its connection."""
        self._helper.leave()
        self._probe = None
        if self._store is not None:
            self._store.abandon()
            self._store = None

    def _leave(self, close: Callable[[], None]) -> None:
        if self._aside:
            self._helper.start(close).wait(PATIENCE)
        else:
            close()

    def _failed(self, why: str, held: float) -> None:
        if not self._breaker.open:
            self._stats = StateStats(where=self._where, answers=False, since=self._wall(), why=why)
            self._say("state", f"{self._where} does not answer: {why}. Pages go out as without state")
        else:
            self._stats = replace(self._stats, why=why)
        self._breaker.failed(self._clock(), held)

    def _learn(self, reply: Reply) -> None:
        now = self._clock()
        if self._breaker.open:
            self._stats = StateStats(where=self._where, answers=True, since=self._wall())
            self._say("state again", f"{self._where} answers again")
        self._breaker.answered()
        self._answered_at = now
        self._standings.update(reply.standings)
        if reply.silences is not None:
            version, all_of_them = reply.silences
            self._silences = (version, tuple((one, now + one.until - reply.now) for one in all_of_them))

    def _silence_of(self, key: str, logger: str, severity: int) -> tuple[Silence, float] | None:
        known = self._silences[1]
        return silences.which(known, key, logger, severity, self._clock()) if known else None

    def _silenced(self, known: tuple[Silence, float]) -> Silenced:
        return Silenced(known[0], known[1] - self._clock())
