"""Whether an event is sent by this process: asked of the shared state before each attempt."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace

from pagerduty_logging.delivery.body import Body, Take
from pagerduty_logging.delivery.counting import Counting
from pagerduty_logging.delivery.event import Kind, Pending
from pagerduty_logging.delivery.queue import Queue
from pagerduty_logging.events_api.clock import time_of_day
from pagerduty_logging.events_api.decoding import summary_of
from pagerduty_logging.events_api.errors import EventsError
from pagerduty_logging.events_api.events import Change, Event, Resolve, Severity, Trigger
from pagerduty_logging.events_api.safejson import valid_text
from pagerduty_logging.state.asking import nothing
from pagerduty_logging.state.outbox import HAND_IN
from pagerduty_logging.state.problem import WORTH_A_FOLLOW_UP
from pagerduty_logging.state.protocol import Anothers, Answer, Later, Mine, Silenced, Unknown
from pagerduty_logging.state.shared import SharedState
from pagerduty_logging.state.throttle import Throttle
from pagerduty_logging.state.why import Why, duration

SOON = 0.5
"""Seconds after which an event that another process is sending is asked for again, while somebody waits."""
A_MOMENT = 3.0
"""Seconds for which other events wait for one that may only be late."""
CHANGE_SEVERITY = 3
GATHER = 0.45
"""Seconds by which the size of a problem is reported later, so that what the others hand in now is in it."""
COMES_BACK = 20.0
"""Seconds for which the size of a problem waits for a state that does not answer: nothing else knows it. For
half a minute such a state is asked more often than that."""


@dataclass(slots=True)
class _Haste:
    """Whether somebody waits until nothing is pending, or the process ends; times on the queue's clock.

    Attributes:
        until: somebody waits.
        send_anyway_at: when to send what another process is about to; infinity: the process does not end.
        gather: seconds for which a report waits for what others hand in.
        finishing: what was counted is to be handed in with the next look.
    """

    until: float = -math.inf
    send_anyway_at: float = math.inf
    gather: float = GATHER
    finishing: bool = False

    @property
    def ends(self) -> bool:
        return self.send_anyway_at < math.inf


@dataclass(frozen=True, slots=True)
class Windows:
    """For how many seconds after an event repeats are counted, not sent.

    Attributes:
        shortest: after the first event.
        longest: up to which reminders double it.
    """

    shortest: float
    longest: float

    def after(self, answer: Answer, severity: int) -> float:
        """Return the seconds of the window that an event opens; reminders double it until all is quiet."""
        if not isinstance(answer, Mine) or answer.told_severity is None or answer.quiet or not answer.window:
            return self.shortest
        worse = severity < answer.told_severity
        return answer.window if worse else max(min(2 * answer.window, self.longest), self.shortest)


@dataclass(slots=True)
class _Attempt:
    """What may be sent, as allowed last.

    Attributes:
        event: what is sent; None: it is composed when its bytes are made.
        answer: of the state.
        spent: it has had a share of the budget that no lease remembers.
    """

    event: Event | None = None
    answer: Answer = field(default_factory=Unknown)
    spent: bool = False


class Claims:
    """Asks, sends nothing itself, and never raises. For one thread at a time: the one that sends.

    Args:
        state: answers claims, and gets counts and outcomes.
        throttle: counts what was logged, and learns what others did.
        queue: the events.
        again: reports a problem once more that went on in a window which is no longer open for all.
        size: reports the size of a problem, so many seconds after its event, if no other process has.
        adopted: takes what the state knows for an event of a dead process; None: it says what that knew.
        windows: for how long repeats are counted, not sent.
        release: the program's; None: unknown.
        guard: is entered while the state is asked, on the thread that does so.
        clock: the queue's, in seconds.
        in_call: no thread hands in what is counted, but the calls that log.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        state: SharedState,
        *,
        throttle: Throttle,
        queue: Queue,
        again: Callable[[str], bool],
        size: Callable[[str, float], object],
        adopted: Take | None = None,
        windows: Windows,
        release: str | None,
        guard: Callable[[], AbstractContextManager[object]],
        clock: Callable[[], float],
        in_call: bool = False,
        wall: Callable[[], float] = time_of_day,
    ) -> None:
        self._state = state
        self._counting = Counting(state, throttle, clock, wall)
        self._throttle = throttle
        self._queue = queue
        self._again, self._size, self._adopted = again, size, adopted
        self._windows = windows
        self._release = None if release is None else _standing_alone(release)
        self._clock, self._wall = clock, wall
        self._allowed, self._haste = _Attempt(), _Haste()
        state.set_guard(guard)
        throttle.in_call = in_call

    # --- counts -----------------------------------------------------------------------------------

    def look(self) -> bool:
        """Hand in what was counted, if it is time; return whether a waiting event may go now."""
        at_once, self._haste.finishing = self._haste.finishing, False
        if at_once:
            self._counting.note_end()
        else:
            self._counting.note_all()
        due = self._state.due()
        if due is None or (due > 0.0 and not at_once):
            return False
        self._state.hand_in()
        return self._learn()

    def wait(self) -> float | None:
        """Return the seconds until `look` is to be called; None: there is nothing to hand in."""
        check, due = self._counting.wait(), self._state.due()
        if check is None or due is None:
            return due if check is None else check
        return min(check, due)

    def hurry(self, seconds: float) -> None:
        """For so many seconds somebody waits until nothing is pending."""
        self._haste.until = self._clock() + seconds

    def end(self, seconds: float) -> None:
        """The process ends in so many seconds: what no other has reported by half of that is sent here."""
        now = self._clock()
        self._haste = _Haste(now + seconds, now + seconds / 2, min(GATHER, seconds / 4))
        self.finish()

    def finish(self) -> None:
        """Hand in what was counted with the next look: other processes are likely to end now, too."""
        self._state.end()
        self._haste.finishing = True

    @property
    def finishing(self) -> bool:
        """Whether the next look hands in what was counted, and may find something to report."""
        return self._haste.finishing

    def hand_in_now(self) -> None:
        """Hand in all that was counted, if the state answers."""
        self._counting.note_all(at_once=True)
        self._state.hand_in_all()
        self._learn()

    def hand_in(self, seconds: float) -> None:
        """Hand in all that was counted, within so many seconds, and let go of the state."""
        self._counting.note_all(at_once=True)
        self._state.close(seconds)

    def _learn(self) -> bool:
        """Update the throttle by the standings of what was handed in; return whether there was news."""
        known = False
        for key, standing in self._state.take_standings().items():
            if standing.leased and not standing.told:
                continue
            if standing.told:
                self._throttle.set_window(key, standing.window_left)
                if standing.untold >= WORTH_A_FOLLOW_UP:
                    self._report_the_rest(key)
            else:
                self._again(key)
            self._queue.let_claim(key)
            known = True
        return known

    def _report_the_rest(self, key: str) -> None:
        """Report what no event has, and no other process will, if no report of the problem waits already."""
        if not any(pending.dedup_key == key for pending in self._queue.waiting()):
            self._size(key, math.inf)

    # --- before an attempt ------------------------------------------------------------------------

    def allows(self, pending: Pending) -> bool:
        """Whether the event whose turn it is may be sent now; if not, it waits, or is gone."""
        if pending.kind is Kind.FOLLOW_UP and (gathering := self._gathering(pending)) > 0.0:
            self._queue.put_off(pending, gathering)
            return False
        takes, spent = pending.body.take is not None, False
        event = None if takes else _composed(pending)
        if takes or isinstance(event, Trigger):
            answer = self._claim(pending)
        elif isinstance(event, Change) and self._names_release(event):
            name = _name(event)
            answer = self._state.claim(name, CHANGE_SEVERITY, at=self._at(pending), change=True)
        else:
            wait = self._state.spend(pending.severity.rank)
            answer, spent = Later(wait) if wait else Unknown(), wait == 0.0
        self._allowed = _Attempt(event, answer, spent)
        if self._state.standings:
            self._learn()
        pending.held = False
        if isinstance(answer, Mine):
            pending.body.add_figures(answer, self._adopted)
            return True
        return self._follows(pending, answer)

    def _gathering(self, pending: Pending) -> float:
        """Return for how many seconds a report is to wait for what others hand in now."""
        now, haste = self._clock(), self._haste
        if now < haste.until and not haste.ends:
            return 0.0
        return pending.accepted_at + haste.gather - now

    def _claim(self, pending: Pending) -> Answer:
        logger, body = pending.caller.logger, pending.body
        last = self._counting.note(pending.dedup_key, logger)
        at = max(self._at(pending), last or 0.0)
        return self._state.claim(
            pending.dedup_key,
            pending.severity.rank,
            at=at,
            logger=logger,
            follow_up=pending.kind is Kind.FOLLOW_UP,
            meanwhile=nothing
            if pending.held
            else lambda waits: body.compose_ahead(self._likely(body, at) if waits else None),
        )

    def _likely(self, body: Body, at: float) -> Mine | None:
        """Return what the answer is likely to be: for a new problem, the same as for the one before."""
        before = self._allowed.answer
        if body.why != Why.FIRST or not isinstance(before, Mine) or before.events:
            return None
        return replace(before, first_seen=at, last_seen=at)

    def _follows(self, pending: Pending, answer: Answer) -> bool:
        match answer:
            case Anothers(told=told, again_in=seconds) if told or self._is_late(pending):
                _compose_all_the_same(pending)
                self._queue.let_go(pending)
                if told:
                    self._throttle.set_window(pending.dedup_key, seconds)
                if answer.untold >= WORTH_A_FOLLOW_UP and pending.kind is not Kind.FOLLOW_UP:
                    self._size(pending.dedup_key, answer.since)
                return False
            case Anothers(again_in=seconds) if self._clock() < self._haste.send_anyway_at:
                hurried = self._throttle.in_call or self._clock() < self._haste.until
                pending.body.compose_later()
                self._queue.hold(pending, min(seconds, SOON if hurried else HAND_IN))
                return False
            case Unknown(many_handlers=many) if self._comes_back(pending, many):
                pending.body.compose_later()
                self._queue.hold(pending, max(self._state.pause(), SOON))
                return False
            case Later(again_in=seconds):
                pending.body.compose_later()
                self._queue.hold(pending, seconds)
                return False
            case Silenced(silence=silence, left=seconds):
                _compose_all_the_same(pending)
                self._note_summary(pending)  # or it would be listed without one
                words = f"silenced by {silence.who} for another {duration(seconds)}: {silence.reason}"
                self._queue.let_go(pending, "silenced", words)
                self._throttle.set_window(pending.dedup_key, min(seconds, HAND_IN))
                return False
        return True

    def _is_late(self, pending: Pending) -> bool:
        """Whether a report waits no longer for what another process sends: that is a report, too."""
        waits = self._haste.ends and self._clock() < self._haste.send_anyway_at
        return pending.kind is Kind.FOLLOW_UP and not waits

    def _comes_back(self, pending: Pending, many: bool) -> bool:
        """Whether a state that does not answer is asked again while the event may wait for it.

        A report may, and in a process with many handlers what is not critical, for a moment: there all of
        them ask at once, and what is short is most likely the CPU.
        """
        reports = pending.kind is Kind.FOLLOW_UP
        wait = COMES_BACK if reports else A_MOMENT
        if not reports and (pending.severity is Severity.CRITICAL or not many):
            return False
        until = min(pending.accepted_at + wait, self._haste.send_anyway_at)
        return self._clock() + max(self._state.pause(), SOON) <= until

    # --- after it ---------------------------------------------------------------------------------

    def conclude(self, pending: Pending, error: EventsError | None) -> None:
        """Say what came of the attempt that was allowed last."""
        event, key = self._allowed.event, pending.dedup_key
        if error is not None and self._allowed.spent:
            self._state.give_back()
        elif isinstance(event, Change):
            if self._names_release(event):
                self._conclude_change(event, error)
        elif pending.kind is Kind.SUMMARY or not (event is None or isinstance(event, (Trigger, Resolve))):
            return
        elif isinstance(event, Resolve):
            if error is None:
                self._state.resolve(key, at=self._at(pending))
        elif error is None:
            self._commit(pending)
        elif isinstance(self._allowed.answer, Mine):
            self._state.release(key)
        if self._state.standings:
            self._learn()

    def _commit(self, pending: Pending) -> None:
        key, answer, severity = pending.dedup_key, self._allowed.answer, pending.severity.rank
        self._note_summary(pending)
        known = answer.occurrences if isinstance(answer, Mine) else self._counting.known_here(key)
        follow_up, window = pending.kind is Kind.FOLLOW_UP, self._windows.after(answer, severity)
        self._state.commit(key, severity, occurrences=known, window=window, follow_up=follow_up)

    def _note_summary(self, pending: Pending) -> None:
        at = self._at(pending)
        encoded = pending.body.encoded
        self._state.count(
            pending.dedup_key,
            0,
            first=at,
            last=at,
            severity=pending.severity.rank,
            summary="" if encoded is None else summary_of(encoded),
            logger=pending.caller.logger,
        )

    def _conclude_change(self, event: Change, error: EventsError | None) -> None:
        name = _name(event)
        if error is None:
            window = self._state.remember
            self._state.commit(name, CHANGE_SEVERITY, occurrences=1, window=window, change=True)
        else:
            self._state.release(name, change=True)

    def _names_release(self, event: Change) -> bool:
        return self._release is not None and self._release.search(event.summary) is not None

    def _at(self, pending: Pending) -> float:
        """Return when an event was asked for, in seconds since the epoch."""
        return self._wall() - max(self._clock() - pending.accepted_at, 0.0)


def _composed(pending: Pending) -> Event | None:
    """Return an event that no record of this process made; None for the summary of a storm."""
    if pending.kind is Kind.SUMMARY:
        return None
    return pending.body.shown


def _compose_all_the_same(pending: Pending) -> None:
    """Let what is kept of a problem's last event be kept of one that is not sent: a later one may need it."""
    with suppress(Exception):
        pending.body.packed()
        pending.body.release()


def _standing_alone(release: str) -> re.Pattern[str]:
    """Return what finds a release in a text, and not as a part of another one or of a number."""
    before = r"(?<![0-9])(?<![0-9]\.)" if release[:1].isdigit() else r"(?<![^\W_])"
    return re.compile(rf"{before}{re.escape(release)}(?![^\W_]|\.[0-9])")


def _name(event: Change) -> str:
    return f"release {valid_text(event.summary)}"
