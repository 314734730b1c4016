"""The state as the worker of one handler uses it: it answers in time, or *unknown*, and never raises.

Everything here is called by one thread at a time, and under no lock. See README.md for what is called when.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from pagerduty_logging.events_api.clock import monotonic, time_of_day
from pagerduty_logging.events_api.forking import fork_gate
from pagerduty_logging.state import silences
from pagerduty_logging.state.among import process_name
from pagerduty_logging.state.asking import Asker, Meanwhile, StateStats, nothing
from pagerduty_logging.state.breaker import LastTries
from pagerduty_logging.state.outbox import ENDING, HAND_IN, IN_STEP, Outbox, apart, next_hand_in
from pagerduty_logging.state.protocol import (
    GIVE_BACK,
    Anothers,
    Answer,
    Claim,
    Mine,
    Outcome,
    Reply,
    Request,
    Sender,
    Silence,
    Silenced,
    Standing,
    Unknown,
)
from pagerduty_logging.state.store import Store

AWAY = 60.0
"""Seconds without an answer after which the end of the process is not held up for long."""
LOOK = 1.0
"""Seconds between looks at a call that does not end."""
_ROUNDS = 3  # silences may change again while the claim is repeated for them


class SharedState:
    """What is known of problems beyond this process.

    Args:
        make_store: imports what the store needs, and makes it; called when it is first needed.
        where: the place of the state, for people, without a secret.
        space: digest of the routing key.
        host: this host's name.
        release: what runs; None: unknown.
        clean: takes secrets out of the name of a logger, which is stored.
        remember: seconds that a problem is known after its last occurrence.
        per_minute: events that the routing key takes in a minute.
        say: writes a line on a topic to stderr.
        guard: is entered around each call, on the thread that makes it.
        in_background: whether this process makes calls on a thread that can be left behind.
        clock, wall: seconds: monotonic, and since the epoch.

    Attributes:
        remember, standings: as given; see `take_standings`.
    """

    def __init__(
        self,
        make_store: Callable[[], Store],
        *,
        where: str,
        space: str,
        host: str,
        release: str | None = None,
        clean: Callable[[str], str] = str,
        remember: float = 604_800.0,
        per_minute: int = 100,
        say: Callable[[str, str], object] = lambda topic, text: None,
        guard: Callable[[], AbstractContextManager[object]] = nullcontext,
        in_background: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time_of_day,
    ) -> None:
        self.remember = remember
        self._asker = Asker(
            make_store, where=where, say=say, guard=guard, in_background=in_background, clock=clock, wall=wall
        )
        self._clock = clock
        self._wall = wall
        who = {"name": "", "process": "", "host": host, "space": space}
        self._sender = Sender(**who, release=release, remember=remember, per_minute=per_minute)
        self._started = wall()
        self._outbox = Outbox(clean)
        self._begin()

    def _begin(self) -> None:
        process = process_name()
        self._pid = os.getpid()
        self._sender = replace(self._sender, name=f"{process}.{uuid.uuid4().hex[:6]}", process=process)
        self._outbox = Outbox(self._outbox.clean)
        self.standings: dict[str, Standing] = {}
        self._silences: tuple[str, tuple[tuple[Silence, float], ...]] = ("", ())
        self._answered_at = self._hand_in_at = self._next_look = float("-inf")
        self._in_step_until = float("-inf")

    @property
    def stats(self) -> StateStats:
        """How the state does; may be read by any thread."""
        return self._asker.stats

    @property
    def program(self) -> str | None:
        """The release that runs, as it is stored; None: unknown."""
        return self._sender.release

    def set_guard(self, guard: Callable[[], AbstractContextManager[object]]) -> None:
        """Let another guard be entered around each call."""
        self._asker.guard = guard

    def prepare(self, *, greet: bool = False) -> None:
        """Import what the store needs; to be called while the program starts: its end may be too late.

        Args:
            greet: connect too, on the thread of the calls, and wait for nothing: processes of a fleet that
                all connect in an outage would wait for each other. What is wrong is said then, not later.
        """
        self._asker.prepare(self._request() if greet else None)

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
        self._outbox.count(key, n, (first, last), severity, silenced, summary, logger)

    def claim(
        self,
        key: str,
        severity: int,
        *,
        at: float,
        logger: str = "",
        follow_up: bool = False,
        change: bool = False,
        meanwhile: Meanwhile = nothing,
    ) -> Answer:
        """Ask whether to send an event; what was counted goes with the question, in one round trip.

        Args:
            key: the dedup key; of a change event, its name.
            severity: rank of what the event tells.
            at: when the newest occurrence that it reports happened, in seconds since the epoch.
            logger: for silences.
            follow_up: the event tells the size of a known problem within its window.
            change: it is a change event.
            meanwhile: raises nothing; is called while the answer is under way, if the state is asked.
        """
        self._notice_fork()
        known, waiting = None, self._outbox.waiting(key)
        if self._silences[1] and not change:
            known = self._silence_of(key, logger, severity)
        if known is not None and self._clock() - self._answered_at > HAND_IN:
            self._exchange()  # it may have been ended
            known = self._silence_of(key, logger, severity)
        if known is not None:
            self._outbox.count(key, 0, (at, at), severity, waiting)
            return self._silenced(known)
        for _ in range(_ROUNDS):
            claim = Claim(key, severity, max(self._wall() - at, 0.0), follow_up, change)
            again = self._outbox.sent is not None
            reply = self._exchange(claim, meanwhile=meanwhile)
            meanwhile = nothing
            if again and reply is not None and isinstance(reply.answer, Mine):
                reply = self._exchange(claim)  # with what was counted since
            if reply is None:
                break
            if reply.answer is not None:
                self.standings.pop(key, None)
                if (among := self._asker.among()) is not None:
                    among.learn(self._sender, claim, reply.answer)
                return reply.answer
            known = None if change else self._silence_of(key, logger, severity)
            if known is not None:
                self._outbox.count(key, 0, (at, at), severity, waiting)
                return self._silenced(known)
        among = self._asker.among()
        if among is None:
            return Unknown()
        return among.claim(self._sender, claim) or Unknown(many_handlers=among.decides)

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

    def give_back(self) -> None:
        """An event for which `spend` has asked was not taken: its share is free again."""
        self._exchange(spend=GIVE_BACK)

    def hand_in(self) -> bool:
        """Hand in what was noted, and learn of silences; return whether the state answered."""
        self._notice_fork()
        again = self._outbox.sent is not None
        wait = self._asker.breaker.spare(self._clock())
        answered = self._exchange(wait=wait) is not None
        if answered and again and len(self._outbox):
            answered = self._exchange(wait=wait) is not None
        if not answered:
            self._next_look = self._clock() + random.uniform(LOOK / 2, LOOK)
        return answered

    def hand_in_all(self) -> None:
        """Hand in all that was noted, as long as the state answers in time, also if it has just failed."""
        self._notice_fork()
        before, breaker = 0, self._asker.breaker
        with breaker.lifted():
            while (left := len(self._outbox)) and left != before:
                before = left
                if self._exchange(wait=breaker.patience(self._clock())) is None:
                    return

    def due(self) -> float | None:
        """Return the seconds until `hand_in` is to be called; None: nothing is new."""
        return self.pause() if len(self._outbox) else None

    def pause(self) -> float:
        """Return the seconds until `hand_in` may be called, if there is something to hand in."""
        breaker = self._asker.breaker
        at = breaker.until if breaker.open else self._hand_in_at
        return max(max(at, self._next_look) - self._clock(), 0.0)

    def take_standings(self) -> dict[str, Standing]:
        """Return how the problems that were handed in since the last call stand for all, and forget it."""
        standings, self.standings = self.standings, {}
        return standings

    def silenced(self, key: str, logger: str, severity: int) -> Silenced | None:
        """Return the silence that keeps an event back, as far as is known; no call is made."""
        known = self._silence_of(key, logger, severity) if self._silences[1] else None
        return None if known is None else self._silenced(known)

    def end(self) -> None:
        """This process is ending: of those that meet a problem the last one reports what is left."""
        self._outbox.ends_until = self._asker.breaker.ends_until = self._clock() + ENDING

    def close(self, seconds: float) -> bool:
        """Hand in the rest, within so many seconds, and let go; return whether all was handed in."""
        self._notice_fork()
        tries = LastTries(seconds, self._clock, away=self._clock() - self._answered_at > AWAY)
        while len(self._outbox) and (wait := tries.wait()):
            self._asker.breaker.allow_once_more()
            if self._exchange(wait=wait, last=True) is None and self._asker.hand_ins.call is None:
                tries.rest()
        self._asker.close()
        return not len(self._outbox)

    # --- how it is asked --------------------------------------------------------------------------

    def _conclude(self, outcome: Outcome) -> None:
        self._notice_fork()
        self._outbox.conclude(outcome)
        if (among := self._asker.among()) is not None:
            among.conclude(self._sender, outcome, max(self._wall() - outcome.age, 0.0))
        self._exchange()

    def _notice_fork(self) -> None:
        """Forget, in a child, what was noted and what is under way: it is the parent's."""
        if self._pid != os.getpid():
            self._asker.begin_anew()
            self._begin()

    def _exchange(
        self,
        claim: Claim | None = None,
        spend: int | None = None,
        wait: float | None = None,
        meanwhile: Meanwhile = nothing,
        last: bool = False,
    ) -> Reply | None:
        """Do one exchange with what is to be handed in; None: the state did not answer, or not yet.

        Args:
            claim, spend: what is asked.
            wait: seconds to wait for an answer that may also come later; None: it is needed now.
            meanwhile: is called while the answer is under way.
            last: there is no time to find out first whether a state that failed is back.
        """
        with fork_gate():
            late = self._asker.late(wait or 0.0) if self._asker.hand_ins.call is not None else None
            if late is not None:
                self._take(late)
                if wait is not None and not len(self._outbox):
                    return late
            if self._asker.breaker.open and not last:
                back = self._asker.probe(self._request())
                if back is None:
                    return None
                self._take(back)
            if wait is not None and self._asker.hand_ins.call is not None:
                return None
            is_new = self._outbox.sent is None
            batch = self._outbox.batch(claim.key if claim is not None else None)
            counts, outcomes = batch.aged(self._wall())
            request = self._request(
                sequence=batch.sequence, counts=counts, outcomes=outcomes, claim=claim, spend=spend
            )
            reply = self._asker.ask(request, wait, meanwhile)
            if reply is None:
                return None
            if is_new and not reply.handed_in:
                self._outbox.take_back()
            self._take(reply)
            return reply

    def _take(self, reply: Reply) -> None:
        self._outbox.answered(reply.handed_in)
        self._plan(reply)
        now = self._answered_at = self._clock()
        self.standings.update(reply.standings)
        if reply.silences is not None:
            version, all_of_them = reply.silences
            self._silences = (version, tuple((one, now + one.until - reply.now) for one in all_of_them))

    def _request(self, **more: Any) -> Request:
        started = max(self._wall() - self._started, 0.0)
        ends, silences = self._outbox.ends_until, self._silences[0]
        ending = ends is not None and self._clock() < ends
        return Request(sender=self._sender, started=started, silences=silences, ends=ending, **more)

    def _plan(self, reply: Reply) -> None:
        """Set the time of the next hand-in: every few seconds after a problem was told for the first time.

        The process that reports its size then, or a moment later, reports what all others have seen by then.
        """
        now, answer = self._clock(), reply.answer
        if isinstance(answer, Anothers | Mine) and now >= self._in_step_until:
            since = answer.since if isinstance(answer, Anothers) else 0.0
            self._in_step_until = now - since + IN_STEP
            self._hand_in_at = now + HAND_IN - since % HAND_IN + apart(self._sender.process)
        elif reply.handed_in and self._hand_in_at <= now:
            self._hand_in_at = next_hand_in(self._hand_in_at, now)

    def _silence_of(self, key: str, logger: str, severity: int) -> tuple[Silence, float] | None:
        return silences.which(self._silences[1], key, logger, severity, self._clock())

    def _silenced(self, known: tuple[Silence, float]) -> Silenced:
        return Silenced(known[0], known[1] - self._clock())
