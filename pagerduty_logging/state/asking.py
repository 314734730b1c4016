"""How a state is asked: in time or not at all, by a thread that can be left behind.

For one thread at a time, and under no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace

from pagerduty_logging.events_api.clock import monotonic, time_of_day
from pagerduty_logging.events_api.forking import fork_gate
from pagerduty_logging.state.breaker import PATIENCE, Breaker
from pagerduty_logging.state.helper import Call, Helper
from pagerduty_logging.state.protocol import Reply, Request, StateError, Store

HUNG = 60.0
"""Seconds after which a call that does not end is left behind, and another one tried."""
UNHURRIED = 3.0
"""Seconds that a call may take for whose answer nobody waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStats:
    """How the shared state does.

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


class Asker:
    """Asks a store, and says so if it does not answer. Nothing here raises.

    Args:
        make_store: imports what the store needs, and makes it; called when it is first needed.
        where: the place of the state, for people, without a secret.
        say: tells a topic and a line to whoever operates the program.
        guard: is entered around each call, on the thread that makes it.
        aside: make calls on a thread that can be left behind; False where threads do not run.
        clock: seconds, monotonic.
        wall: seconds since the epoch.

    Attributes:
        make_store, guard: as given; others may be set.
        store: the store, once it was needed.
        breaker: says when a state that failed is asked again.
        stats: how the state does; may be read by any thread.
    """

    def __init__(
        self,
        make_store: Callable[[], Store],
        *,
        where: str,
        say: Callable[[str, str], object] = lambda topic, text: None,
        guard: Callable[[], AbstractContextManager[object]] = nullcontext,
        aside: bool = True,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time_of_day,
    ) -> None:
        self.make_store = make_store
        self.guard = guard
        self.store: Store | None = None
        self._say = say
        self._aside = aside
        self._clock = clock
        self._wall = wall
        self._helper = Helper()
        self.stats = StateStats(where=where, answers=True, since=wall())
        self._begin()

    def _begin(self) -> None:
        self.breaker = Breaker()
        self._under_way: Call[Reply] | None = None
        self._under_way_since = 0.0
        self.stats = StateStats(where=self.stats.where, answers=True, since=self._wall())

    def begin_anew(self) -> None:
        """Begin anew in a child: the calls that are under way, and their thread, are the parent's."""
        self._helper.forget()
        if self.store is not None:
            self.store.abandon()
        self._begin()

    def prepare(self, hello: Request | None) -> None:
        """Import what the store needs; what is wrong is said when the state is first asked.

        Args:
            hello: sent too, to connect, on the thread that makes the calls; nobody waits for the answer.
        """
        with suppress(Exception):
            store = self.store = self.make_store()
            if hello is not None and self._aside:
                self._helper.start(lambda: self._greeting(store, hello))

    def _greeting(self, store: Store, hello: Request) -> None:
        with fork_gate(), self.guard():
            store.exchange(hello, PATIENCE)

    @property
    def behind(self) -> bool:
        """Whether `catch_up` comes before the next `ask`."""
        return self.breaker.open or self._under_way is not None

    def ask(self, request: Request, wait: float | None = None) -> Reply | None:
        """Do one exchange; None: the state did not answer, or not yet.

        Args:
            request: what is asked.
            wait: seconds to wait for an answer that nobody needs now: it may come later, see `catch_up`.
                None: it is needed now, and the state has failed if it does not answer in time.
        """
        began = self._clock()
        patience = self.breaker.patience(began)
        if patience <= 0.0:
            return None
        unhurried = wait is not None and self._aside
        try:
            call = self._call(request, UNHURRIED if unhurried else patience)
            began = self._clock()  # what had to be imported first does not count
            if not call.wait(wait if wait is not None else patience):
                if unhurried:
                    self._under_way, self._under_way_since = call, began
                    self.breaker.held(self._clock(), self._clock() - began)
                    return None
                self._abandon()
                raise StateError(f"no answer within {patience:.2g} s")
            reply = call.result()
        except Exception as error:
            self._failed(_words(error), self._clock() - began)
            return None
        self._answered()
        return reply

    def catch_up(self, hello: Request, wait: float | None = None) -> Reply | None:
        """Return the answer to the call that is under way, else to `hello`, which asks a state that failed
        whether it is back; None: there is none so far, or it is not time to ask.

        Args:
            hello: changes nothing.
            wait: as in `ask`.
        """
        now = self._clock()
        call, patience = self._under_way, self.breaker.patience(now)
        if call is None:
            if now < self.breaker.until or (not patience and not self._aside):
                return None
            try:
                call = self._under_way = self._call(hello, patience or PATIENCE)
            except Exception as error:
                self._failed(_words(error), 0.0)
                return None
            self._under_way_since = now = self._clock()
        if not call.wait(patience if wait is None or self.breaker.open else wait):
            self._still_under_way(now, needed=wait is None)
            return None
        self._under_way = None
        try:
            reply = call.result()
        except Exception as error:
            self._failed(_words(error), self._clock() - now)
            return None
        self._answered()
        return reply

    def _still_under_way(self, since: float, *, needed: bool) -> None:
        now = self._clock()
        if now - self._under_way_since > (HUNG if self.breaker.open else 2 * UNHURRIED):
            self._abandon()
            self._failed("no answer", now - since)
        elif needed and not self.breaker.open:
            self._failed(f"no answer within {now - self._under_way_since:.2g} s", now - since)
        else:
            self.breaker.held(now, now - since)

    def close(self) -> None:
        """Let go of the connection and the thread."""
        store, self.store = self.store, None
        if store is not None and self._under_way is None:
            if self._aside:
                self._helper.start(store.close).wait(PATIENCE)
            else:
                store.close()
        self._helper.leave()

    def _call(self, request: Request, patience: float) -> Call[Reply]:
        if self.store is None:
            with self.guard():
                self.store = self.make_store()
        store = self.store

        def work() -> Reply:
            with self.guard():
                return store.exchange(request, patience)

        if self._aside:
            return self._helper.start(work)
        call = Call(work)
        call.run()
        return call

    def _abandon(self) -> None:
        """Leave a call behind that does not end, with its thread and its connection."""
        self._under_way = None
        if self.store is not None:
            self._helper.start(self.store.close)  # should it end one day
            self.store = None
        self._helper.leave()

    def _failed(self, why: str, held: float) -> None:
        if not self.breaker.open:
            where = self.stats.where
            self.stats = StateStats(where=where, answers=False, since=self._wall(), why=why)
            self._say("state", f"{where} does not answer: {why}. Pages go out as without state")
        else:
            self.stats = replace(self.stats, why=why)
        self.breaker.failed(self._clock(), held)

    def _answered(self) -> None:
        if self.breaker.open:
            self.stats = StateStats(where=self.stats.where, answers=True, since=self._wall())
            self._say("state again", f"{self.stats.where} answers again")
        self.breaker.answered()


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, StateError) else f"{type(error).__name__}: {error}"
