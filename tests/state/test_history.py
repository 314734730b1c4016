"""How big a problem is, and that events report each occurrence once: histories on a turned clock."""

import logging
import math
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pagerduty_logging.events_api.errors import BadRequest
from pagerduty_logging.events_api.events import Trigger
from pagerduty_logging.page.follow_ups import FollowUps
from pagerduty_logging.state.problem import Problem
from pagerduty_logging.state.why import Why, duration
from tests.turned import Program, details


def test_the_size_of_a_problem_is_reported_fifteen_seconds_after_its_first_event() -> None:
    program = Program()
    program.log(times=2)
    program.turn(1.0)
    program.log(times=99_998)
    program.turn(12.9)
    assert program.reasons == ["first"]
    program.turn(1.2)
    assert program.reasons == ["first", "size: 99,999 more in 15 s"]
    first, size = program.events
    assert details([size])[0]["occurrences"] == 100_000
    assert {first["dedup_key"], first["payload"]["summary"], first["payload"]["severity"]} == {
        size["dedup_key"],
        size["payload"]["summary"],
        size["payload"]["severity"],
    }
    program.turn(100_000.0)
    assert len(program.events) == 2


def test_the_size_is_reported_even_if_the_process_ends_before() -> None:
    program = Program()
    program.log(times=100_000)
    program.end()
    assert program.reasons == ["first", "end of the process"]
    assert details(program.events)[1]["occurrences"] == 100_000
    assert details(program.events)[1]["suppressed"] == 99_999
    program.end()
    assert len(program.events) == 2, "told twice"


def test_fewer_than_ten_repeats_have_no_event_of_their_own() -> None:
    program = Program()
    program.log(times=10)
    program.turn(299.0)
    assert program.reasons == ["first"]


def test_a_problem_that_goes_on_slowly_is_followed_up_within_its_window() -> None:
    program = Program()
    for _ in range(12):
        program.log()
        program.turn(20.0)
    assert program.reasons == ["first", "size: 11 more in 4 minutes"]


def test_follow_up_0_has_no_follow_up() -> None:
    program = Program(follow_up=0.0)
    program.log(times=1_000)
    program.turn(400.0)
    assert program.reasons == ["first"]
    assert program.pipeline.follow_ups.wait(program.now) is None


def test_the_worker_sleeps_when_there_is_nothing_to_report() -> None:
    program = Program()
    program.log(times=50)
    program.turn(400.0)
    assert program.pipeline.follow_ups.wait(program.now) is None


def test_reminders_grow_rarer_until_the_problem_is_quiet_for_a_window() -> None:
    program = Program(follow_up=0.0)
    times = []
    for second in range(0, 6 * 3600, 60):
        before = len(program.events)
        program.log()
        if len(program.events) > before:
            times.append(second)
        program.turn(60.0)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:6] == [300, 600, 1200, 2400, 3600, 3600]
    assert program.reasons[1] == "again: 5 minutes later, 4 held back"
    program.turn(8_000.0)
    for _ in range(6):
        program.log()
        program.turn(60.0)
    assert len(program.events) == len(times) + 2, "the window is the first one again"


@pytest.mark.parametrize(("chance", "window"), [(0.0, 540.0), (0.999999, 660.0)])
def test_the_window_of_a_reminder_is_up_to_a_tenth_longer_or_shorter(chance: float, window: float) -> None:
    program = Program(random=lambda: chance, follow_up=0.0)
    program.log(times=2)
    program.turn(299.9)
    program.log()
    assert len(program.events) == 1, "the first window is as long as it says"
    program.turn(0.2)
    program.log()
    assert len(program.events) == 2
    program.turn(window - 1)
    program.log()
    assert len(program.events) == 2
    program.turn(2)
    program.log()
    assert len(program.events) == 3


def test_every_event_says_why_it_was_sent() -> None:
    program = Program(follow_up=0.0)
    program.refuse_next()
    program.log()
    program.log()
    program.log(level=logging.CRITICAL)
    program.turn(301.0)
    program.log()
    assert program.reasons == [
        "the event before was lost",
        "worse: error → critical",
        "again: 5 minutes later",
    ]
    assert details(program.events)[0]["suppressed"] == 1, "the lost event's own"


def test_nothing_is_reported_after_a_resolve() -> None:
    program = Program()
    program.log(times=50)
    program.resolve(program.events[0]["dedup_key"])
    program.turn(20.0)
    program.end()
    assert program.reasons == ["first"]


def test_what_was_held_back_long_ago_opens_no_incident_when_the_process_ends() -> None:
    program = Program(max_repeat_interval=3600.0)
    program.log(times=5)
    program.turn(300.0 + 3601.0)
    program.end()
    assert program.reasons == ["first"]


def test_the_most_severe_is_reported_first_when_the_process_ends() -> None:
    program = Program()
    program.log("often", times=9)
    program.log("seldom", times=3)
    program.log("severe", logging.CRITICAL, times=2)
    program.end()
    assert [event["payload"]["summary"] for event in program.events[3:]] == ["severe", "often", "seldom"]


def test_what_min_occurrences_held_back_is_counted_once() -> None:
    program = Program(min_occurrences=(3, 60.0))
    program.log(times=10)
    program.end()
    assert details(program.events)[-1]["occurrences"] == 10


def test_a_problem_that_made_way_for_others_is_reported_all_the_same() -> None:
    program = Program(max_fingerprints=2)
    for message in ("disk full", "timed out", "no route"):
        program.log(message, times=5)
    program.end()
    assert [program.told(message) for message in ("disk full", "timed out", "no route")] == [5, 5, 5]


def test_durations_are_said_as_people_say_them() -> None:
    assert [duration(s) for s in (0.4, 12, 119, 300, 7_300, 200_000)] == [
        "0 s",
        "12 s",
        "119 s",
        "5 minutes",
        "2 hours",
        "2 days",
    ]


def test_a_reason_is_known_by_what_the_page_says() -> None:
    assert [Why.of(why.said("with details")) for why in Why] == list(Why)
    assert [Why.of(said) for said in ("", "because", None, 3)] == [None] * 4


def test_an_event_of_which_only_the_least_was_accepted_says_how_many_all_the_same() -> None:
    program = Program()
    program.log(times=13)
    program.client.refusals.append(BadRequest("refused"))
    program.turn(15.0)
    (size,) = details(program.events[1:])
    assert size["reduced"]
    assert (size["occurrences"], size["suppressed"]) == (13, 12)
    assert program.told("problem") == 13


def test_what_nobody_came_to_report_at_the_end_is_known_to_be_left() -> None:
    program = Program()
    program.log("disk full", times=5)
    program.log("timed out", times=2)
    program.log("no route")
    follow_ups = program.pipeline.follow_ups
    follow_ups.end()
    assert follow_ups.left == 2
    program.end()
    assert follow_ups.left == 0


def test_a_handler_that_is_closed_while_the_process_ends_reports_everything() -> None:
    program = Program()
    program.log(times=5)
    program.delivery.retry_now()
    program.delivery.close()
    program.delivery.finish(5.0)
    assert program.reasons == ["first", "end of the process"]


def test_an_end_that_is_asked_for_while_reports_are_made_is_not_missed() -> None:
    class Unreported:
        due = math.inf
        looks = 0

        def held_back(self, now: float, least: int) -> list[Problem]:
            self.looks += 1
            if self.looks == 1:
                follow_ups.end()  # as the main thread does while the worker is in here
            return []

    class Throttle:
        unreported = Unreported()

    follow_ups = FollowUps(Throttle(), lambda problem, why, now: None)  # type: ignore[arg-type]
    follow_ups.close()
    assert follow_ups.next(0.0) is None
    assert follow_ups.ending
    assert follow_ups.next(0.0) is None
    assert not follow_ups.ending
    assert Throttle.unreported.looks == 2


MESSAGES = ("disk full", "timed out", "no route", "refused")
WINDOWS = {"max_repeat_interval": 1e6}
STEPS = st.one_of(
    st.tuples(
        st.just("log"),
        st.sampled_from(MESSAGES),
        st.sampled_from([30, 40, 40, 50]),
        st.integers(1, 30),
        st.sampled_from([None, None, OSError, ValueError]),
    ),
    st.tuples(st.just("turn"), st.sampled_from([0.1, 1.0, 7.0, 15.0, 60.0, 299.0, 301.0, 1000.0])),
    st.tuples(st.just("refuse")),
    st.tuples(st.just("resolve"), st.sampled_from(MESSAGES)),
    st.tuples(st.just("drop"), st.sampled_from(["nothing", "records", "follow-ups"])),
    st.tuples(st.just("close")),
)


class Account:
    """What was logged, and what nobody is to be told of.

    Attributes:
        program: logs it.
        logged: occurrences of each problem.
        dropped: those for which `before_send` returned None.
        resolved: those that a resolve came upon, when no event had reported them.
        drops: what `before_send` drops: "nothing", "records" or "follow-ups".
    """

    def __init__(self, **options: Any) -> None:
        self.logged: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.resolved: Counter[str] = Counter()
        self.drops = "nothing"
        self.program = Program(before_send=self._before_send, **WINDOWS, **options)

    def _before_send(self, trigger: Trigger, record: logging.LogRecord) -> Trigger | None:
        reason = Why.of((trigger.custom_details or {})["why"])
        assert reason is not None
        if reason.follows_up:
            return None if self.drops == "follow-ups" else trigger
        if self.drops == "records":
            self.dropped[record.getMessage()] += 1
            return None
        return trigger

    def refused(self, message: str) -> int:
        """Return the occurrences that PagerDuty refused to hear of, and nothing came since."""
        known = self.program.throttle._known.all()
        mine = [problem for problem in known if problem.key in self.program.keys.get(message, ())]
        return sum(p.unreported for p in mine if p.last.refused == p.occurrences)

    def unreported(self, message: str) -> int:
        done = self.program.told(message) + self.dropped[message] + self.resolved[message]
        return self.logged[message] - done

    def take(self, step: tuple) -> None:
        program = self.program
        match step:
            case ("log", message, level, times, error):
                program.log(message, level, times, error)
                self.logged[message] += times
            case ("turn", seconds):
                program.turn(seconds)
            case ("refuse",):
                program.refuse_next()
            case ("resolve", message):
                program.client.refuse_no_more()
                for key in program.keys.get(message, ()):
                    program.resolve(key)
                self.resolved[message] += self.unreported(message)
            case ("drop", what):
                self.drops = what
            case ("close",):
                program.delivery.close()

    def end(self) -> None:
        self.program.client.refuse_no_more()
        self.drops = "nothing"
        self.program.end()
        self.program.end()  # two hooks call it


@settings(max_examples=300, deadline=None)
@given(
    st.lists(STEPS, max_size=40),
    st.sampled_from([0.0, 15.0]),
    st.floats(0, 0.999),
    st.sampled_from([None, 10.0]),
)
def test_events_report_what_was_logged_once_the_process_has_ended(
    steps: list[tuple], follow_up: float, chance: float, escalation_rate: float | None
) -> None:
    account = Account(follow_up=follow_up, random=lambda: chance, escalation_rate=escalation_rate)
    for step in steps:
        account.take(step)
    account.end()
    for message in account.logged:
        assert account.unreported(message) == account.refused(message)
    program = account.program
    for event in program.events:
        message = next(name for name in MESSAGES if name in event["payload"]["summary"])
        assert details([event])[0]["occurrences"] <= account.logged[message]


@settings(max_examples=50, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_events_report_what_happened_often_enough_once_the_process_has_ended(steps: list[tuple]) -> None:
    account = Account(min_occurrences=(3, 1e9))
    for step in steps:
        if step[0] in ("log", "turn", "refuse") and step[2:3] != (50,):
            account.take(step)
    account.end()
    for message, times in account.logged.items():
        assert account.unreported(message) == (times if times < 3 else account.refused(message))
