"""Calls of a shared state: answered in time or given up, on a thread that can be abandoned.

For one thread at a time, and under no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from pagerduty_logging.events_api.clock import monotonic, time_of_day
from pagerduty_logging.events_api.forking import fork_gate
from pagerduty_logging.state.among import Among
from pagerduty_logging.state.breaker import LATE, LOCKED, NO_ANSWER, PATIENCE, UNHURRIED, Breaker, CutOff
from pagerduty_logging.state.helper import Call, Helper, waited_at_once
from pagerduty_logging.state.protocol import Reply, Request, StateError
from pagerduty_logging.state.store import Store, UnderWay

HUNG = 60.0
"""Seconds after which a call that does not end is abandoned, and another one tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStats:
    """Whether the shared state answers, since when, and why not.

    Attributes:
        where: the place of the state, without a secret.
        answers: whether the last call was answered; True before the first one.
        since: since when that is so, in seconds since the epoch.
        why: the reason why it does not answer; None: it does.
    """

    where: str
    answers: bool
    since: float
    why: str | None = None


Meanwhile: TypeAlias = Callable[[bool], object]
"""Is called while an answer is under way, with whether this thread would only wait for it: False where a
thread of this process asks, which takes turns with this one."""


def nothing(waits: bool) -> None:
    """Do nothing meanwhile."""


class _HandIns:
    """Calls for whose answers nobody waits: on a thread and by a connection of their own.

    Attributes:
        call: the one that is under way, since `since`; None: there is none.
    """

    def __init__(self) -> None:
        self.call: UnderWay | None = None
        self.since = 0.0
        self._helper = Helper()
        self._store: Store | None = None

    def start(self, store: Store, work: Callable[[Store], Reply]) -> UnderWay:
        """Begin a call; `store` is the one that others use."""
        used = self._store = self._store or store.beside()
        return self._helper.start(lambda: work(used), waited_at_once)

    def leave(self) -> None:
        """Let go of connection and thread, once the call has ended that is under way."""
        if self._store is not None:
            self._helper.start(self._store.close)
        self._helper.leave()
        self._store = self.call = None

    def forget(self) -> None:
        """Know nothing: in a child process all is the parent's."""
        self._helper.forget()
        if self._store is not None:
            self._store.abandon()
        self._store = self.call = None


class Asker:
    """Asks a store, and says so if it does not answer. Nothing here raises.

    Args:
        make_store: imports what the store needs, and makes it; called when it is first needed.
        where: the place of the state, for people, without a secret.
        say: writes a line on a topic to stderr.
        guard: is entered around each call of a client, on the thread that makes it.
        in_background: whether this process makes calls on a thread that can be abandoned; False where
            threads do not run.
        clock: seconds, monotonic.
        wall: seconds since the epoch.

    Attributes:
        make_store, guard: as given; others may be set.
        store: the store, once it was needed.
        hand_ins: whose `call` is the one under way for whose answer nobody waits.
        breaker: decides when a state that failed is called again.
        stats: see `StateStats`; may be read by any thread.
    """

    def __init__(
        self,
        make_store: Callable[[], Store],
        *,
        where: str,
        say: Callable[[str, str], object] = lambda topic, text: None,
        guard: Callable[[], AbstractContextManager[object]] = nullcontext,
        in_background: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time_of_day,
    ) -> None:
        self.make_store = make_store
        self.guard = guard
        self.store: Store | None = None
        self._last_store: Store | None = None
        self._say = say
        self._in_background = in_background
        self._clock = clock
        self._wall = wall
        self._helper = Helper()
        self.hand_ins = _HandIns()
        self.stats = StateStats(where=where, answers=True, since=wall())
        self._begin()

    def _begin(self) -> None:
        self.breaker = Breaker()
        self._probe: UnderWay | None = None
        self._probe_began = 0.0
        self.stats = StateStats(where=self.stats.where, answers=True, since=self._wall())

    def begin_anew(self) -> None:
        """Forget, in a child, the calls that are under way and their thread: they are the parent's."""
        self._helper.forget()
        self.hand_ins.forget()
        if self.store is not None:
            self.store.abandon()
            self.store = self._last_store = None  # this process may need another one
        self._begin()

    def among(self) -> Among | None:
        """Return what the handlers of this process know among themselves; None: there is but one."""
        self._last_store = self.store or self._last_store
        return getattr(self._last_store, "among", None)

    def prepare(self, hello: Request | None) -> None:
        """Import what the store needs.

        Args:
            hello: sent too, to connect, on the thread that makes the calls; nobody waits for the answer. A
                state that cannot be used is reported then, and not with the first outage. None: what is
                wrong is said when the state is first asked.
        """
        with suppress(Exception):
            store = self.store = self.make_store()
            if hello is not None and self._in_background():
                self._helper.start(lambda: self._greeting(store, hello))

    def _greeting(self, store: Store, hello: Request) -> None:
        try:
            with fork_gate(), self.guard():
                store.exchange(hello, PATIENCE)  # what others ask at this moment goes with it
        except Exception as error:
            why = _words(error)
            if _is_known(why) and LATE not in why and self.stats.answers:
                self._say_why(why)

    def ask(
        self, request: Request, wait: float | None = None, meanwhile: Meanwhile = nothing
    ) -> Reply | None:
        """Do one exchange; None: the state did not answer, or not yet.

        Args:
            request: what is asked.
            wait: seconds to wait for an answer that nobody needs now: it may come later, see `late`.
                None: it is needed now, and the state has failed if it does not answer in time.
            meanwhile: is called while the answer is under way, unless others wait for it.
        """
        began = self._clock()
        patience = self.breaker.patience(began)
        if patience <= 0.0:
            return None
        unhurried = wait is not None and self._in_background()
        try:
            call = self._call(request, patience, unhurried=unhurried)
            if not call.others_wait:
                meanwhile(not isinstance(call, Call))
            began = self._clock()  # what had to be imported first does not count, nor what was done since
            wait = patience if wait is None else wait
            if not call.wait(wait if unhurried else max(wait, patience)):  # else it cannot come later
                if unhurried:
                    self.breaker.held(self._clock(), min(self._clock() - began, wait))
                    return None
                self._abandon()
                raise StateError(f"{NO_ANSWER} within {patience:.2g} s")
            self.hand_ins.call = None if unhurried else self.hand_ins.call
            reply = call.result()
        except Exception as error:
            held = min(self._clock() - began, patience)
            if self._cut_off(error, held):
                return None if unhurried else self.ask(request)
            self._failed(_words(error), held)
            return None
        if self.breaker.was_cut_off or not self.stats.answers:
            self._answered()
        return reply

    def late(self, wait: float) -> Reply | None:
        """Return the answer to the hand-in that is under way; None: there is none, or it has none so far."""
        began, call = self._clock(), self.hand_ins.call
        if call is None:
            return None
        if not call.wait(wait):
            now = self._clock()
            if now - self.hand_ins.since > 2 * UNHURRIED:
                self.hand_ins.leave()
                self._failed(NO_ANSWER, now - began)
            elif wait:
                self.breaker.held(now, min(now - began, wait))
            return None
        self.hand_ins.call = None
        return self._result(call, began)

    def probe(self, hello: Request) -> Reply | None:
        """Ask a state that failed whether it is back; None: it is not, or it is not time to ask."""
        now = self._clock()
        probe, patience = self._probe, self.breaker.patience(now)
        if probe is None:
            if now < self.breaker.until or (not patience and not self._in_background()):
                return None
            try:
                probe = self._probe = self._call(hello, patience or PATIENCE, here=False)
            except Exception as error:
                self._failed(_words(error), 0.0)
                return None
            self._probe_began = now = self._clock()
        if not probe.wait(patience):
            held = self._clock() - now
            if self._clock() - self._probe_began > HUNG:
                self._abandon()
                self._failed(NO_ANSWER, held)
            elif held > 0.0:
                self.breaker.held(now, held)
            return None
        self._probe = None
        return self._result(probe, now)

    def _result(self, call: UnderWay, began: float) -> Reply | None:
        try:
            reply = call.result()
        except Exception as error:
            held = self._clock() - began
            if not self._cut_off(error, held):
                self._failed(_words(error), held)
            return None
        if self.breaker.was_cut_off or not self.stats.answers:
            self._answered()
        return reply

    def close(self) -> None:
        """Let go of the connection and the thread."""
        store, self.store = self.store, None
        self.hand_ins.leave()
        if store is not None and self._probe is None:
            if self._in_background():
                self._helper.start(store.close).wait(PATIENCE)
            else:
                store.close()
        self._helper.leave()

    def _call(
        self, request: Request, patience: float, *, unhurried: bool = False, here: bool = True
    ) -> UnderWay:
        """Begin a call: on this thread, if it may be and that holds up nobody."""
        store = self.store
        if store is None:
            with self.guard():
                store = self.store = self.make_store()
            if self._last_store is not None:
                self._last_store.leave()  # or it would be taken for another handler's
            self._last_store = store

        def work(store: Store) -> Reply:
            try:
                with self.guard():
                    return store.exchange(request, UNHURRIED if unhurried else patience)
            except BaseException as error:
                if isinstance(error, Exception) or not self._in_background():
                    raise
                raise StateError(f"its client raised {type(error).__name__}") from None  # not at the worker

        if unhurried:
            handed = store.hand_over(request, self.guard) or self.hand_ins.start(store, work)
            self.hand_ins.call, self.hand_ins.since = handed, self._clock()
            return handed
        begun = store.begin(request) if here else None
        if begun is not None:
            return begun
        if self._in_background():
            return self._helper.start(lambda: work(store))
        call = Call(lambda: work(store))
        call.run()
        return call

    def _abandon(self) -> None:
        """Leave a call behind that does not end, with its thread and its connection."""
        self._probe = None
        if self.store is not None:
            self._helper.start(self.store.close)  # should it end one day
            self._last_store, self.store = self.store, None
        self._helper.leave()

    def _cut_off(self, error: Exception, held: float) -> bool:
        """Whether to ask once more before it is a failure: whatever is handed in again counts once."""
        return isinstance(error, CutOff) and self.breaker.cut_off(self._clock(), held)

    def _failed(self, why: str, held: float) -> None:
        if not self.breaker.open:
            if self.stats.answers:  # else it was said when the program started
                self._say_why(why)
            elif _is_known(why):
                self.stats = replace(self.stats, why=why)
        else:
            if _is_known(why) and str(self.stats.why).startswith(NO_ANSWER):
                self._say("why no state", f"{self.stats.where} does not answer: {why}")
            self.stats = replace(self.stats, why=why)
        self.breaker.failed(self._clock(), held)

    def _say_why(self, why: str) -> None:
        where = self.stats.where
        self.stats = StateStats(where=where, answers=False, since=self._wall(), why=why)
        stop = "" if why.endswith((".", "?", "!")) else "."
        self._say("state", f"{where} does not answer: {why}{stop} Pages go out as without state")

    def _answered(self) -> None:
        if not self.stats.answers:
            self.stats = StateStats(where=self.stats.where, answers=True, since=self._wall())
            self._say("state again", f"{self.stats.where} answers again")
        self.breaker.answered()


def _is_known(why: str) -> bool:
    """Whether a reason says more than that the answer is late."""
    return not why.startswith(NO_ANSWER) and not why.endswith((LATE, LOCKED))


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, StateError) else f"{type(error).__name__}: {error}"
