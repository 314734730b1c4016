"""A shared state is asked before each event, and told what was logged: here by one that only writes it down.

And with real ones, between two handlers of one process, which are as strange to each other as two hosts.
"""

import json
import logging
import math
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler, Resolve, Trigger
from pagerduty_logging.delivery.body import BodyOf
from pagerduty_logging.delivery.claims import A_MOMENT, GATHER, SOON, Claims, Windows
from pagerduty_logging.delivery.delivery import Delivery
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.event import Kind, Named, Pending, nobody_waits
from pagerduty_logging.delivery.roles import Roles
from pagerduty_logging.events_api.encoding import EncodedEvent
from pagerduty_logging.events_api.errors import EventsError, NetworkError
from pagerduty_logging.events_api.events import Acknowledge, Change, Event, Severity
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from pagerduty_logging.state.outbox import HAND_IN
from pagerduty_logging.state.protocol import Anothers, Later, Mine, Silence, Silenced, Standing, Unknown
from pagerduty_logging.state.throttle import Throttle

WINDOW = 300.0
PATIENCE = 60.0
"""Seconds for what a page needs to be loaded by a process that hardly gets any CPU, and for the page."""
EPOCH = 1_800_000_000.0
"""When the tests begin, in seconds since the epoch."""


def mine(occurrences: int = 1, **figures: Any) -> Mine:
    return Mine(occurrences=occurrences, suppressed=0, first_seen=EPOCH, last_seen=EPOCH, **figures)


@dataclass
class State:
    """Stands in for a shared state: gives the answers it was given, the last one again and again."""

    answers: list[Any] = field(default_factory=lambda: [mine()])
    wait: float | None = 0.0
    quiet: Silenced | None = None
    counts: dict[str, int] = field(default_factory=dict)
    summaries: dict[str, str] = field(default_factory=dict)
    said: list[tuple[Any, ...]] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    due_in: float | None = None
    pauses: float = 0.0
    remember: float = 604_800.0
    guard: Any = None
    ends: bool = False

    def set_guard(self, guard: Any) -> None:
        self.guard = guard

    def pause(self) -> float:
        return self.due_in or self.pauses

    def count(self, key: str, n: int, **more: Any) -> None:
        self.counts[key] = self.counts.get(key, 0) + n
        self.first[key] = min(self.first.get(key, math.inf), more["first"])
        if more.get("summary"):
            self.summaries[key] = more["summary"]
        self.due_in = 0.0 if n else self.due_in

    def claim(self, key: str, severity: int, **more: Any) -> Any:
        self.said.append(("claim", key, severity, more))
        self.due_in = None  # whatever is asked hands in too
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def commit(self, key: str, severity: int, **more: Any) -> None:
        self.said.append(("commit", key, severity, more))
        self.due_in = None

    def release(self, key: str, **more: Any) -> None:
        self.said.append(("release", key, more))

    def resolve(self, key: str, **more: Any) -> None:
        self.said.append(("resolve", key, more))

    def spend(self, severity: int) -> float | None:
        self.said.append(("spend", severity))
        return self.wait

    def give_back(self) -> None:
        self.said.append(("give back",))

    def silenced(self, key: str, logger: str, severity: int) -> Silenced | None:
        return self.quiet

    def due(self) -> float | None:
        return self.due_in

    def hand_in(self) -> bool:
        self.said.append(("hand in",))
        self.due_in = None
        return True

    def hand_in_all(self) -> None:
        if self.due_in is not None:
            self.hand_in()

    def take_standings(self) -> dict[str, Standing]:
        standings, self.standings = self.standings, {}
        return standings

    def end(self) -> None:
        self.ends = True

    def close(self, seconds: float) -> bool:
        self.said.append(("close",))
        return True


class Client:
    """Stands in for the network."""

    timeout = 10.0
    retry = Retry(initial=1.0, maximum=8.0, max_age=3600.0)

    def __init__(self) -> None:
        self.failures: list[EventsError] = []
        self.posted: list[EncodedEvent] = []

    def post(self, event: EncodedEvent, timeout: float) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.posted.append(event)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Logged:
    """An item of the inbox: what it calls for."""

    pending: Pending
    keeps_place = False
    size = 100


class Fleet:
    """One process of a fleet, at a time that stands until it is turned."""

    def __init__(self, state: State, *, release: str | None = None, per_minute: int = 100) -> None:
        self.now = 0.0
        self.state = state
        self.client = Client()
        self.reopened: list[str] = []
        self.sizes: list[tuple[str, float]] = []
        self.throttle = Throttle(WINDOW, 100, clock=lambda: self.now)
        self.throttle.fresh = deque()

        def make_claims(**options: Any) -> Claims:
            return Claims(
                state,  # type: ignore[arg-type]
                throttle=self.throttle,
                again=self._again,
                size=self._report_size,
                windows=Windows(WINDOW, 4 * WINDOW),
                release=release,
                wall=lambda: EPOCH + self.now,
                **options,
            )

        self.delivery = Delivery(
            self.client,  # type: ignore[arg-type]
            decide=lambda logged: logged.pending,
            max_pending=10,
            max_events_per_minute=per_minute,
            diagnostics=Diagnostics(write=lambda line: None),
            make_claims=make_claims,
            clock=lambda: self.now,
            random=lambda: 0.999,
        )

    def _report_size(self, key: str, elapsed: float) -> None:
        self.sizes.append((key, elapsed))

    def _again(self, key: str) -> bool:
        self.reopened.append(key)
        return self.throttle.unreported.reopened(key) is not None

    def log(self, key: str = "disk", severity: str = "error", times: int = 1) -> bool:
        """Log something; return whether an event came of it."""
        called = False
        for _ in range(times):
            settle = self.throttle.settlement()
            rank = Severity(severity)
            sighting = self.throttle.sight(key, rank, EPOCH + self.now, settle, self.now)
            if sighting.why is None:
                continue
            called = True
            history = sighting.history

            def take(figures: Mine, composed: Trigger | None, history: Any = history) -> None:
                history.occurrences = figures.occurrences

            def compose(history: Any = history, rank: Severity = rank) -> Event:
                details = {"occurrences": history.occurrences}
                return Trigger(f"{key} broke", severity=rank, dedup_key=key, custom_details=details)

            self._accept(
                Pending(
                    dedup_key=key,
                    severity=rank,
                    kind=Kind.NEWS,
                    accepted_at=self.now,
                    body=BodyOf(compose, take=take),
                    settle=settle,
                    caller=Named(key, "shop"),
                )
            )
        return called

    def order(self, event: Event, key: str = "") -> None:
        self._accept(
            Pending(
                dedup_key=key,
                severity=Severity.ERROR,
                kind=Kind.NEWS,
                accepted_at=self.now,
                body=BodyOf(lambda: event, bare=True),
                settle=nobody_waits,
                caller=Named("order"),
            )
        )

    def _accept(self, pending: Pending) -> None:
        self.delivery.worker.queue.enter(pending)

    def steps(self) -> float | None:
        """Do what can be done now; return the seconds until there is more."""
        for _ in range(50):
            wait = self.delivery.step(10.0)
            if wait != 0.0:
                return wait
        raise AssertionError("it does not come to rest")

    def turn(self, seconds: float) -> None:
        self.now += seconds
        self.steps()

    @property
    def sent(self) -> list[str]:
        return [json.loads(event.json)["dedup_key"] for event in self.client.posted]

    @property
    def said(self) -> list[str]:
        return [what for what, *_ in self.state.said]

    @property
    def stats(self) -> Any:
        stats = self.delivery.worker.queue.stats()
        undone = stats.pending + stats.dead_lettered + sum(stats.dropped.values())
        assert stats.accepted == stats.delivered + undone + stats.told_elsewhere
        return stats


# --- what an answer means ------------------------------------------------------------------------


def test_what_is_mine_is_sent_with_the_figures_of_all_and_committed_once_it_has_arrived():
    fleet = Fleet(State([mine(17)]))
    fleet.log(times=3)
    fleet.steps()
    details = json.loads(fleet.client.posted[0].json)["payload"]["custom_details"]
    assert details["occurrences"] == 17
    assert fleet.state.counts == {"disk": 3}
    claim, commit = (said for said in fleet.state.said if said[0] in ("claim", "commit"))
    assert claim[1:3] == ("disk", 1)
    assert commit == ("commit", "disk", 1, {"occurrences": 17, "window": WINDOW, "follow_up": False})


def test_one_event_costs_two_round_trips():
    fleet = Fleet(State())
    fleet.log()
    fleet.steps()
    assert fleet.said == ["claim", "commit"]


def test_an_attempt_that_fails_is_released_and_the_next_one_is_claimed_again():
    fleet = Fleet(State())
    fleet.client.failures = [NetworkError("gone")]
    fleet.log()
    fleet.steps()
    assert fleet.said == ["claim", "release"]
    fleet.turn(10.0)
    assert fleet.said == ["claim", "release", "claim", "commit"]
    assert fleet.sent == ["disk"]
    assert fleet.state.counts == {"disk": 1}


def test_an_event_that_another_process_sent_is_dropped_and_its_window_is_taken_over():
    fleet = Fleet(State([Anothers(True, 100.0)]))
    fleet.log()
    fleet.steps()
    assert fleet.sent == []
    assert fleet.stats.told_elsewhere == 1
    fleet.now = 99.0
    assert not fleet.log()
    fleet.now = 101.0
    assert fleet.log()


def test_what_was_resolved_since_opens_no_window():
    fleet = Fleet(State([Anothers(True, 0.0)]))
    fleet.log()
    fleet.steps()
    assert fleet.log()


@pytest.mark.parametrize(("untold", "asked"), [(10, True), (9, False)])
def test_the_size_of_what_another_process_told_is_reported_if_nobody_has(untold: int, asked: bool):
    fleet = Fleet(State([Anothers(True, 200.0, 100.0, untold)]))
    fleet.log()
    fleet.steps()
    assert fleet.stats.told_elsewhere == 1
    assert fleet.sizes == ([("disk", 100.0)] if asked else [])


def test_what_another_process_is_sending_is_kept_until_it_is_sent():
    fleet = Fleet(State([Anothers(False, 30.0), Anothers(True, 290.0)]))
    fleet.log()
    assert fleet.steps() is not None
    assert (fleet.stats.pending, fleet.stats.told_elsewhere) == (1, 0)
    fleet.turn(HAND_IN)
    assert (fleet.stats.pending, fleet.stats.told_elsewhere) == (0, 1)
    assert fleet.sent == []


def test_what_another_process_died_with_is_sent():
    fleet = Fleet(State([Anothers(False, 30.0), mine()]))
    fleet.log()
    fleet.steps()
    fleet.turn(30.0)
    assert fleet.sent == ["disk"]


def test_an_event_is_dropped_at_once_when_a_hand_in_shows_that_the_other_has_sent_it():
    fleet = Fleet(State([Anothers(False, 30.0), Anothers(True, 290.0)]))
    fleet.log()
    fleet.steps()
    fleet.state.standings = {"disk": Standing(told=True, leased=False, window_left=290.0)}
    fleet.state.due_in = 0.0
    fleet.turn(0.1)
    assert fleet.stats.told_elsewhere == 1


def test_a_critical_occurrence_does_not_wait_behind_what_another_process_is_sending():
    fleet = Fleet(State([Anothers(False, 30.0), mine()]))
    fleet.log()
    fleet.steps()
    fleet.log(severity="critical")
    fleet.turn(0.1)
    (event,) = fleet.client.posted
    assert json.loads(event.json)["payload"]["severity"] == "critical"
    assert fleet.stats.pending == 1


def test_a_resolve_waits_behind_what_another_process_is_sending():
    fleet = Fleet(State([Anothers(False, 30.0), Anothers(True, 0.0)]))
    fleet.log()
    fleet.steps()
    fleet.order(Resolve("disk"), "disk")
    fleet.turn(0.1)
    assert fleet.sent == []
    fleet.turn(30.0)
    assert fleet.said[-2:] == ["spend", "resolve"]


def test_what_the_budget_of_all_has_no_room_for_waits_and_a_critical_one_goes_first():
    fleet = Fleet(State([Later(20.0), mine()]))
    fleet.log()
    fleet.steps()
    fleet.log("fire", "critical")
    fleet.turn(0.1)
    assert fleet.sent == ["fire"]
    fleet.turn(20.0)
    assert fleet.sent == ["fire", "disk"]


def test_what_is_not_sent_costs_nothing_of_the_budget_of_this_process():
    fleet = Fleet(State([Anothers(True, 0.0)]), per_minute=5)
    for _ in range(20):
        fleet.log()
        fleet.steps()
    assert fleet.stats.told_elsewhere == 20


def test_a_silence_keeps_an_event_back_and_the_first_occurrence_after_it_pages():
    quiet = Silence(id="1", by="key", what="disk", since=EPOCH, until=EPOCH + 60, reason="moving", who="ann")
    fleet = Fleet(State([Silenced(quiet, 3.0), mine()]))
    fleet.log()
    fleet.steps()
    assert fleet.sent == []
    assert fleet.stats.dropped == {"silenced": 1}
    assert fleet.state.summaries == {"disk": "disk broke"}, "it is listed by its summary"
    fleet.state.quiet = None
    fleet.now = 2.9
    assert not fleet.log()
    fleet.now = 3.1
    assert fleet.log()
    fleet.steps()
    assert fleet.sent == ["disk"]


def test_while_the_state_does_not_answer_events_go_out_as_without_and_are_committed():
    fleet = Fleet(State([Unknown()]))
    fleet.log(times=4)
    fleet.steps()
    assert fleet.sent == ["disk"]
    told = {"occurrences": 4, "window": WINDOW, "follow_up": False}
    assert fleet.state.said[-1] == ("commit", "disk", 1, told)
    assert not fleet.log()
    fleet.now = WINDOW + 1
    assert fleet.log()


def test_where_several_handlers_ask_an_event_waits_a_moment_for_a_state_that_may_only_be_late():
    fleet = Fleet(State([Unknown(many_handlers=True)]))
    fleet.log()
    fleet.steps()
    assert fleet.sent == []
    fleet.turn(A_MOMENT)
    assert fleet.sent == ["disk"]


def test_a_critical_event_does_not_wait_for_a_state_that_may_only_be_late():
    fleet = Fleet(State([Unknown(many_handlers=True)]))
    fleet.log(severity="critical")
    fleet.steps()
    assert fleet.sent == ["disk"]


# --- events without a problem ------------------------------------------------------------------


def test_a_resolve_counts_for_all_once_delivered_from_the_time_of_the_call():
    fleet = Fleet(State())
    fleet.client.failures = [NetworkError("gone")]
    fleet.order(Resolve("disk"), "disk")
    fleet.steps()
    assert fleet.said == ["spend", "give back"]
    fleet.turn(10.0)
    assert fleet.state.said[2:] == [("spend", 1), ("resolve", "disk", {"at": EPOCH})]


def test_an_acknowledge_changes_nothing_but_takes_its_share_of_the_budget():
    fleet = Fleet(State(wait=5.0))
    fleet.order(Acknowledge("disk"), "disk")
    fleet.steps()
    assert fleet.sent == []
    fleet.state.wait = None
    fleet.turn(5.0)
    assert fleet.sent == ["disk"]
    assert fleet.said == ["spend", "spend"]


def test_a_resolve_for_which_the_state_was_not_asked_gives_no_share_of_its_budget_back():
    fleet = Fleet(State(wait=None))
    fleet.client.failures = [NetworkError("gone")]
    fleet.order(Resolve("disk"), "disk")
    fleet.steps()
    assert fleet.said == ["spend"]


def test_the_change_of_a_release_is_sent_once_for_all():
    fleet = Fleet(State([mine(), Anothers(True, 1_000.0)]), release="1.4.2")
    for _ in range(2):
        fleet.order(Change("Deployed 1.4.2"))
        fleet.steps()
    assert len(fleet.client.posted) == 1
    assert fleet.said == ["claim", "commit", "claim"]
    assert fleet.stats.told_elsewhere == 1


def test_a_change_that_does_not_name_the_release_is_always_sent():
    fleet = Fleet(State([Anothers(True, 1_000.0)]), release="1.4.2")
    for _ in range(2):
        fleet.order(Change("Prices of 2026 are in force"))
        fleet.steps()
    assert len(fleet.client.posted) == 2


def test_a_change_of_a_release_that_is_no_text_has_a_name_that_can_be_sent():
    fleet = Fleet(State([mine()]), release="1.4.2")
    fleet.order(Change("Deployed 1.4.2 \ud800"))
    fleet.steps()
    assert [said[1] for said in fleet.state.said if said[0] in ("claim", "commit")] == [
        "release Deployed 1.4.2 \ufffd"
    ] * 2


@pytest.mark.parametrize(
    ("release", "summary", "names"),
    [
        ("1.4.2", "Deployed 1.4.2.", True),
        ("1.4.2", "shop-v1.4.2 is live", True),
        ("1.4", "Deployed 1.4.2", False),
        ("4.2", "Deployed 1.4.2", False),
        ("2", "Prices of 2026 are in force", False),
        ("3", "Deployed 3.0", False),
        ("v7", "Deployed (v7)", True),
        ("v7", "Deployed v70", False),
        ("bcd", "abcd", False),
    ],
)
def test_a_change_names_a_release_only_where_that_stands_alone(release: str, summary: str, names: bool):
    fleet = Fleet(State([mine()]), release=release)
    fleet.order(Change(summary))
    fleet.steps()
    assert (fleet.said == ["claim", "commit"]) is names


# --- counts --------------------------------------------------------------------------------------


def test_repeats_are_handed_in_every_few_seconds_and_nothing_if_there_are_none():
    fleet = Fleet(State())
    fleet.log()
    fleet.steps()
    fleet.log(times=999)
    fleet.turn(HAND_IN)
    assert fleet.state.counts == {"disk": 1_000}
    assert fleet.said.count("hand in") == 1
    for _ in range(10):
        fleet.turn(HAND_IN)
    assert fleet.said.count("hand in") == 1


def test_a_problem_of_a_process_that_was_quiet_for_long_has_not_begun_before_its_first_occurrence():
    fleet = Fleet(State(pauses=HAND_IN))  # what is asked hands in too: the next time is later
    fleet.steps()
    fleet.turn(3_600.0)
    fleet.log()
    fleet.steps()
    fleet.log(times=9)
    fleet.state.pauses = 0.0
    fleet.turn(HAND_IN)
    assert fleet.state.counts == {"disk": 10}
    assert fleet.state.first == {"disk": EPOCH + 3_600.0}


def test_nothing_is_looked_at_once_all_windows_are_over():
    fleet = Fleet(State())
    fleet.log()
    fleet.steps()
    claims = fleet.delivery.worker.sending.claims
    assert claims is not None
    assert claims.wait() is not None
    fleet.turn(WINDOW + 1)
    assert claims.wait() is None


def test_a_problem_that_comes_back_after_a_quiet_time_is_counted_again():
    fleet = Fleet(State())
    fleet.log()
    fleet.steps()
    fleet.turn(WINDOW + 1)
    fleet.log()
    fleet.steps()
    fleet.log(times=8)
    fleet.turn(HAND_IN)
    assert fleet.state.counts == {"disk": 10}


def test_a_problem_that_was_resolved_elsewhere_pages_with_its_next_occurrence():
    fleet = Fleet(State())
    fleet.log()
    fleet.steps()
    fleet.log()
    fleet.state.standings = {"disk": Standing(told=False, leased=False)}
    fleet.turn(HAND_IN)
    assert fleet.log()


def test_a_problem_that_was_sent_elsewhere_meanwhile_has_the_window_from_there():
    fleet = Fleet(State())
    fleet.log()
    fleet.steps()
    fleet.now = 200.0
    fleet.log()
    fleet.state.standings = {"disk": Standing(told=True, leased=False, window_left=WINDOW)}
    fleet.turn(0.0)
    fleet.now = WINDOW + 100.0
    assert not fleet.log()


class Watched(State):
    """Notes what is counted."""

    def __init__(self, answers: list[Any]) -> None:
        super().__init__(answers)
        self.told: list[tuple[int, int]] = []

    def count(self, key: str, n: int, **more: Any) -> None:
        super().count(key, n, **more)
        self.told.append((n, more.get("silenced", 0)))


QUIET = Silence(id="1", by="key", what="disk", since=EPOCH, until=EPOCH + 60, reason="moving", who="ann")


def test_occurrences_of_a_silenced_problem_are_counted_as_silenced():
    state = Watched([Silenced(QUIET, 60.0)])
    fleet = Fleet(state)
    fleet.log()
    fleet.steps()
    state.quiet = Silenced(QUIET, 60.0)
    fleet.log(times=5)
    fleet.turn(HAND_IN)
    assert state.told[-1] == (5, 5)


def test_a_silence_that_has_ended_meanwhile_has_not_kept_back_what_pages():
    state = Watched([mine()])
    state.quiet = Silenced(QUIET, 60.0)  # as far as this process knows
    fleet = Fleet(state)
    fleet.log()
    fleet.steps()
    assert fleet.sent == ["disk"]
    assert state.told[0] == (1, 0)


# --- reports of repeats, and the end of the process ----------------------------------------------


def reporting(*answers: Any, times: int = 1) -> Fleet:
    """Return a process that has paged, and is about to report repeats; answers to the claims for that."""
    fleet = Fleet(State())
    fleet.log()
    fleet.steps()
    fleet.log(times=times)
    fleet.state.said.clear()
    fleet.state.answers[:] = answers or fleet.state.answers
    fleet._accept(
        Pending(
            dedup_key="disk",
            severity=Severity.ERROR,
            kind=Kind.FOLLOW_UP,
            accepted_at=fleet.now,
            body=BodyOf(
                lambda: Trigger("disk broke", severity=Severity.ERROR, dedup_key="disk"),
                take=lambda figures, composed: None,
            ),
            settle=nobody_waits,
            caller=Named("report"),
        )
    )
    return fleet


def ends(fleet: Fleet, seconds: float) -> None:
    """Let the process end in so many seconds."""
    claims = fleet.delivery.worker.sending.claims
    assert claims is not None
    claims.end(seconds)
    fleet.delivery.worker.queue.retry_now()


def test_the_size_of_a_problem_waits_for_what_the_others_hand_in_at_that_moment():
    fleet = reporting()
    wait = fleet.steps()
    assert fleet.said == [], "it is not claimed yet"
    assert wait == pytest.approx(GATHER)
    fleet.turn(GATHER)
    assert fleet.said == ["claim", "commit"]
    assert fleet.sent == ["disk", "disk"]


def test_the_report_at_the_end_waits_for_what_others_hand_in_that_end_too():
    fleet = reporting(times=20)
    ends(fleet, 5.0)
    assert fleet.steps() == pytest.approx(GATHER)
    assert fleet.said == ["hand in"]
    assert fleet.state.counts["disk"] == 21, "what the others are to report"
    fleet.delivery.worker.queue.retry_now()
    fleet.steps()
    assert "claim" not in fleet.said, "it waits however often somebody flushes"
    fleet.turn(GATHER)
    assert fleet.sent == ["disk", "disk"]


def test_the_report_at_the_end_waits_for_an_event_of_another_process_and_not_for_long():
    fleet = reporting(Anothers(False, 30.0))
    ends(fleet, 5.0)
    fleet.steps()
    fleet.turn(GATHER)
    assert fleet.stats.pending == 1
    fleet.state.answers[:] = [mine()]
    fleet.turn(SOON)
    assert fleet.sent == ["disk", "disk"]


def test_the_report_at_the_end_leaves_it_to_the_event_of_another_process_that_takes_too_long():
    fleet = reporting(Anothers(False, 30.0))
    ends(fleet, 5.0)
    for _ in range(20):
        fleet.turn(SOON)
    assert fleet.sent == ["disk"]
    assert fleet.stats.told_elsewhere == 1


@pytest.mark.parametrize("at_the_end", [True, False])
def test_the_size_of_a_problem_waits_a_while_for_a_state_that_does_not_answer(at_the_end: bool):
    fleet = reporting(Unknown(), Unknown(), mine(5_000))
    if at_the_end:
        ends(fleet, 5.0)
    for _ in range(4):
        fleet.turn(SOON)
    assert fleet.sent == ["disk", "disk"]
    assert fleet.said.count("claim") == 3


def test_the_size_of_a_problem_waits_for_a_state_that_is_asked_again_within_half_a_minute():
    fleet = reporting(Unknown())
    first_pauses = [1.0, 2.0, 4.0, 8.0, 16.0]  # of its breaker
    fleet.state.pause = lambda: first_pauses[-1]  # type: ignore[method-assign]
    fleet.turn(GATHER)
    assert fleet.sent == ["disk"]
    fleet.state.answers[:] = [mine(5_000)]
    fleet.turn(first_pauses[-1])
    assert fleet.sent == ["disk", "disk"]


@pytest.mark.parametrize("at_the_end", [True, False])
def test_the_size_of_a_problem_is_sent_without_a_state_that_stays_away(at_the_end: bool):
    fleet = reporting(Unknown())
    if at_the_end:
        ends(fleet, 5.0)
    for _ in range(4):
        fleet.turn(SOON)
    assert fleet.sent == ["disk"]
    fleet.state.pause = lambda: 60.0  # type: ignore[method-assign] # it is not asked before
    fleet.turn(SOON)
    assert fleet.sent == ["disk", "disk"]


def test_the_end_does_not_wait_for_a_thread_that_was_ending_by_itself():
    fleet = Fleet(State())
    fleet.log()
    fleet.steps()
    worker = fleet.delivery.worker
    worker.thread = threading.Thread(target=worker._wake_ups.worker.get)
    worker.thread.start()
    worker.end(5.0)
    assert not worker.thread.is_alive(), "it was woken, and handed in nothing"


def test_an_event_that_another_process_has_not_sent_by_half_of_the_last_seconds_is_sent():
    fleet = Fleet(State([Anothers(False, 30.0)]))
    fleet.log()
    fleet.steps()
    claims = fleet.delivery.worker.sending.claims
    assert claims is not None
    claims.end(5.0)
    fleet.delivery.worker.queue.retry_now()
    fleet.turn(1.0)
    assert fleet.sent == []
    fleet.turn(2.0)
    assert fleet.sent == ["disk"]


# --- two handlers, one state ---------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> str:
    return os.fspath(tmp_path / "state.sqlite")


Make = Callable[..., PagerDutyHandler]


def logger(handler: logging.Handler) -> logging.Logger:
    made = logging.Logger("shop")
    made.addHandler(handler)
    return made


def test_what_one_handler_paged_the_other_does_not(sandbox: Sandbox, make_handler: Make, state: str):
    one, other = make_handler(state=state), make_handler(state=state)
    logger(one).error("disk full")
    assert one.flush(PATIENCE)
    for _ in range(3):
        logger(other).error("disk full")
    assert other.flush(PATIENCE)
    assert len(sandbox.events) == 1
    assert (other.stats.accepted, other.stats.told_elsewhere, other.stats.delivered) == (1, 1, 0)
    assert other.stats.state is not None
    assert other.stats.state.answers


def test_a_resolve_by_one_handler_lets_the_other_page_again(sandbox: Sandbox, make_handler: Make, state: str):
    one, other = make_handler(state=state), make_handler(state=state)
    logger(one).error("disk full")
    assert one.flush(PATIENCE)
    one.resolve(sandbox.events[0]["dedup_key"])
    assert one.flush(PATIENCE)
    logger(other).error("disk full")
    assert other.flush(PATIENCE)
    assert [event["event_action"] for event in sandbox.events] == ["trigger", "resolve", "trigger"]
    assert sandbox.events[2]["payload"]["custom_details"]["occurrences"] == 1


def test_a_higher_severity_in_another_process_pages(sandbox: Sandbox, make_handler: Make, state: str):
    one, other = make_handler(state=state), make_handler(state=state)
    logger(one).error("disk full")
    assert one.flush(PATIENCE)
    logger(other).critical("disk full", extra={"pagerduty": {"dedup_key": sandbox.events[0]["dedup_key"]}})
    assert other.flush(PATIENCE)
    assert [event["payload"]["severity"] for event in sandbox.events] == ["error", "critical"]
    assert sandbox.events[1]["payload"]["custom_details"]["occurrences"] == 2


def test_an_event_that_before_send_saw_has_the_figures_too(sandbox: Sandbox, make_handler: Make, state: str):
    def before_send(trigger: Trigger, record: logging.LogRecord) -> Trigger:
        return trigger

    one = make_handler(state=state, repeat_interval=0.0, before_send=before_send)
    other = make_handler(state=state, repeat_interval=0.0, before_send=before_send)
    for number, handler in enumerate((one, other)):
        logger(handler).error("disk full", extra={"hosts": ["a", "b"]})
        assert handler.flush(PATIENCE)
        details = sandbox.events[number]["payload"]["custom_details"]
        assert details["occurrences"] == number + 1
        assert details["hosts"] == 1
        assert details["hosts (logged)"] == ["a", "b"]


def test_an_event_in_a_spool_has_the_counts_and_leaves_no_file_when_another_process_sends_it(
    sandbox: Sandbox, make_handler: Make, state: str, tmp_path: Path
):
    spool = tmp_path / "spool"
    one = make_handler(state=state, spool=spool)
    other = make_handler(state=state, spool=spool)
    for handler in (one, other):
        logger(handler).error("disk full")
        assert handler.flush(PATIENCE)
    (event,) = sandbox.events
    assert event["payload"]["custom_details"]["hosts"] == 1
    assert other.stats.told_elsewhere == 1
    assert [path for path in spool.rglob("*.json") if path.is_file()] == []


def test_what_before_send_drops_is_counted_nowhere(sandbox: Sandbox, make_handler: Make, state: str):
    handler = make_handler(
        state=state, before_send=lambda trigger, record: None if record.levelno < 50 else trigger
    )
    logger(handler).error("disk full", extra={"pagerduty": {"dedup_key": "disk"}})
    logger(handler).critical("disk full", extra={"pagerduty": {"dedup_key": "disk"}})
    assert handler.flush(PATIENCE)
    assert sandbox.events[0]["payload"]["custom_details"]["occurrences"] == 1


def test_what_min_occurrences_held_back_is_counted(sandbox: Sandbox, make_handler: Make, state: str):
    handler = make_handler(state=state, min_occurrences=(3, 60.0))
    for _ in range(3):
        logger(handler).error("disk full")
    assert handler.flush(PATIENCE)
    assert sandbox.events[0]["payload"]["custom_details"]["occurrences"] == 3


def test_what_the_libraries_of_the_state_log_is_not_paged():
    roles = Roles()
    with roles.as_sender():
        assert roles.covers("redis.connection")
        assert roles.covers("valkey")
        with roles.as_sender():
            """As a call of the state on the thread that sends."""
        assert roles.covers("urllib3.connectionpool"), "it goes on sending"
    assert not roles.covers("redis.connection")


def test_a_handler_without_background_asks_the_state_too(sandbox: Sandbox, make_handler: Make, state: str):
    one = make_handler(state=state, background=False)
    other = make_handler(state=state, background=False)
    for handler in (one, other):
        logger(handler).error("disk full")
    assert len(sandbox.events) == 1
    assert other.stats.told_elsewhere == 1


def test_an_event_without_an_answer_says_that_one_process_has_counted(
    sandbox: Sandbox, make_handler: Make, tmp_path: Path
):
    handler = make_handler(state=os.fspath(tmp_path))
    logger(handler).error("disk full")
    assert handler.flush(PATIENCE)
    details = sandbox.events[0]["payload"]["custom_details"]
    assert (details["occurrences"], details["counted_by"]) == (1, "this process alone")


def test_an_event_says_what_the_state_answered_and_not_what_was_likely(
    sandbox: Sandbox, make_handler: Make, state: str
):
    handler = make_handler(state=state, min_occurrences=(2, 60.0))
    said = [("disk full", 2), ("network down", 2), ("fan broken", 1), ("memory full", 2)]
    for message, times in said:
        log = logger(handler).error if times > 1 else logger(handler).critical
        for _ in range(times):
            log(message)
        assert handler.flush(PATIENCE)
    details = [event["payload"]["custom_details"] for event in sandbox.events]
    assert [one["occurrences"] for one in details] == [times for _, times in said]
    assert [one.get("suppressed", 0) for one in details] == [times - 1 for _, times in said]
    with closing(sqlite3.connect(state)) as other:
        other.execute("BEGIN EXCLUSIVE")
        logger(handler).critical("door open")
        assert handler.flush(PATIENCE)
    details_alone = sandbox.events[-1]["payload"]["custom_details"]
    assert (details_alone["occurrences"], details_alone["counted_by"]) == (1, "this process alone")
    assert "hosts" not in details_alone


def test_an_event_with_the_figures_of_all_says_nothing_of_who_has_counted(
    sandbox: Sandbox, make_handler: Make, state: str
):
    for handler in (make_handler(state=state), make_handler()):
        logger(handler).error("disk full")
        assert handler.flush(PATIENCE)
    assert all("counted_by" not in event["payload"]["custom_details"] for event in sandbox.events)


@pytest.mark.parametrize("option", ["mysql://db/1", "redis://", 5, ""])
def test_a_state_that_cannot_be_one_is_an_error_at_construction(option: object):
    with pytest.raises((TypeError, ValueError), match="state"):
        PagerDutyHandler(EXAMPLE_ROUTING_KEY, state=option)


@pytest.mark.parametrize("remember", [0, -1.0, "week", 1e300])
def test_a_time_to_remember_that_means_nothing_is_an_error(remember: object):
    with pytest.raises((TypeError, ValueError), match="remember"):
        PagerDutyHandler(EXAMPLE_ROUTING_KEY, remember=remember)  # type: ignore[arg-type]


def test_a_state_of_the_environment_is_used(make_handler: Make, state: str, monkeypatch: pytest.MonkeyPatch):
    assert make_handler().stats.state is None
    monkeypatch.setenv("PAGERDUTY_STATE", state)
    stats = make_handler().stats
    assert stats.state is not None
    assert state in stats.state.where
