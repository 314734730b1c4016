"""What goes next, when, and what follows an error: with a clock and dice that the tests hold."""

import heapq
import math
import random
from collections import Counter

import pytest

from pagerduty_logging.delivery.body import BodyOf
from pagerduty_logging.delivery.event import Kind, Named, Pending, nobody_waits
from pagerduty_logging.delivery.overflow import Overflow
from pagerduty_logging.delivery.schedule import FLOODING, After, Backlog, Budget, after
from pagerduty_logging.events_api.errors import ApiError, BadRequest, NetworkError, RateLimited, ServerError
from pagerduty_logging.events_api.events import Severity, Trigger
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.sandbox.limits import WINDOW, RateLimit
from pagerduty_logging.state.problem import EventOutcome

HIGHEST = 0.999
DAY = 86_400.0


def backlog(dice: float = HIGHEST, **retry: float) -> Backlog:
    return Backlog(Retry(**retry), random=lambda: dice)


def pending(key: str, severity: str = "error", at: float = 0.0, **fields: object) -> Pending:
    return Pending(
        dedup_key=key,
        severity=Severity(severity),
        kind=Kind.REMINDER if fields.pop("known", False) else Kind.NEWS,
        accepted_at=at,
        body=BodyOf(lambda: Trigger(key)),
        settle=nobody_waits,
        caller=Named(str(fields.pop("line", f"line of {key}"))),
        **fields,  # type: ignore[arg-type]
    )


def keys(waiting: Backlog, now: float = 100.0) -> list[str]:
    """Deliver everything; return the dedup keys in the order in which they went."""
    order = []
    while (head := waiting.next(now)) is not None:
        order.append(head.dedup_key)
        waiting.delivered(head, now)
    return order


def test_the_most_severe_go_first_then_the_unknown_then_the_oldest() -> None:
    waiting = backlog()
    waiting.add(pending("reminder", at=1, known=True))
    waiting.add(pending("second", at=3))
    waiting.add(pending("first", at=2))
    waiting.add(pending("critical", "critical", at=4))
    waiting.add(pending("info", "info", at=0))
    assert keys(waiting) == ["critical", "first", "second", "reminder", "info"]


def test_events_of_one_key_keep_their_order_and_a_critical_one_pulls_the_others() -> None:
    waiting = backlog()
    waiting.add(pending("other", at=0))
    for at, severity in enumerate(["error", "critical"], start=1):
        waiting.add(pending("key", severity, at=at))
    head = waiting.next(5)
    assert head is not None
    assert (head.dedup_key, head.severity) == ("key", Severity.ERROR)
    assert waiting.urgency(head) is Severity.CRITICAL


def test_an_older_event_from_the_spool_goes_before_the_younger_of_its_key() -> None:
    waiting = backlog()
    young, old = pending("key", at=5), pending("key", at=-50)
    waiting.add(young)
    waiting.add(old)
    assert waiting.next(10) is old


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (NetworkError("no"), After.WAIT),
        (ServerError("no", status=503), After.WAIT),
        (RateLimited("no", status=429), After.WAIT),
        (ApiError("a captive portal", status=200), After.WAIT),
        (ApiError("a redirect", status=302), After.WAIT),
        (ApiError("a revoked key", status=403), After.WAIT),
        (BadRequest("no", status=400), After.BARE),
        (BadRequest("too large", status=413), After.BARE),
    ],
)
def test_only_a_refusal_of_the_event_itself_is_not_tried_again(error: ApiError, then: After) -> None:
    event = pending("key")
    assert after(error, event) is then
    event.body.bare = True
    assert after(error, event) is (After.DEAD if then is After.BARE else After.WAIT)


@pytest.mark.parametrize("asked", [None, 7.0])
def test_a_429_pauses_everything_for_as_long_as_was_asked(asked: float | None) -> None:
    waiting = backlog(dice=0.0)
    refused = pending("refused")
    waiting.add(refused)
    waiting.failed(refused, RateLimited("slow down", status=429, retry_after=asked), now=0.0)
    if asked:
        waiting.add(pending("critical", "critical"))
    least = asked or 1.0
    assert waiting.next(least - 0.01) is None
    assert waiting.wait(0.0) == least
    waiting.retry_now()
    assert waiting.next(least - 0.01) is None
    assert waiting.next(least) is not None


def test_after_a_429_the_pauses_shrink_as_they_grew() -> None:
    waiting = backlog()
    events = [pending(str(n)) for n in range(10)]
    for event in events:
        waiting.add(event)
    now = 0.0
    for _ in range(4):
        waiting.failed(events[0], RateLimited("slow down", status=429), now)
        now += waiting.wait(now) or 0.0
    pauses = []
    for event in events:
        waiting.delivered(event, now)
        pauses.append(waiting.wait(now))
    assert pauses == pytest.approx([4 * HIGHEST, 2 * HIGHEST, HIGHEST, 0, 0, 0, 0, 0, 0, None])


def test_a_critical_event_does_not_wait_out_the_long_pauses_of_others() -> None:
    waiting = backlog()
    error = pending("error")
    waiting.add(error)
    now = 0.0
    for _ in range(8):
        waiting.failed(error, RateLimited("slow down", status=429), now)
        now += waiting.wait(now) or 0.0
    waiting.failed(error, RateLimited("slow down", status=429), now)
    assert waiting.wait(now) == pytest.approx(1 + 60 * HIGHEST)
    critical = pending("critical", "critical", at=now)
    waiting.add(critical)
    assert waiting.next(now) is critical, "at once: nothing says that there is no room by now"
    pauses = []
    for _ in range(5):
        waiting.failed(critical, RateLimited("slow down", status=429), now)
        assert waiting.next(now) is None, "the others wait for it"
        pauses.append(waiting.wait(now) or 0.0)
        now += pauses[-1]
        assert waiting.next(now) is critical
    assert pauses == pytest.approx([1 + steps * HIGHEST for steps in (1, 2, 4, 4, 4)])
    waiting.delivered(critical, now)
    assert waiting.next(now) is None


def test_at_the_end_of_the_process_what_was_refused_is_tried_again_in_a_moment() -> None:
    waiting = backlog()
    error = pending("error")
    waiting.add(error)
    for _ in range(8):
        waiting.failed(error, RateLimited("slow down", status=429), now=0.0)
    waiting.retry_now()
    assert waiting.wait(0.0) == 1.0
    waiting.failed(error, RateLimited("slow down", status=429), now=1.0)
    assert waiting.wait(1.0) == pytest.approx(1 + HIGHEST)


def test_an_event_that_fails_for_itself_alone_delays_no_other() -> None:
    waiting = backlog()
    poison = pending("poison")
    waiting.add(poison)
    now = 0.0
    for _ in range(8):
        waiting.failed(poison, ServerError("500", status=500), now)
        now += waiting.wait(now) or 0.0
    waiting.failed(poison, ServerError("500", status=500), now)
    waiting.add(pending("other", at=now))
    head = waiting.next(now + 1.0)
    assert head is not None
    assert head.dedup_key == "other"
    assert poison.due > now + 30


def test_in_an_outage_the_attempts_grow_rare_and_at_its_end_all_go_at_once() -> None:
    waiting = backlog()
    events = [pending(str(n), at=n) for n in range(50)]
    for event in events:
        waiting.add(event)
    now, attempts = 0.0, 0
    while now < 3_600:
        head = waiting.next(now)
        if head is None:
            now += waiting.wait(now) or 1.0
            continue
        waiting.failed(head, NetworkError("unplugged"), now)
        attempts += 1
    assert attempts < 300  # of 50 events, in an hour
    now += 60
    head = waiting.next(now)
    assert head is not None
    waiting.delivered(head, now)
    assert len(keys(waiting, now)) == 49


def test_a_day_without_network_loses_nothing_and_a_longer_one_says_so() -> None:
    waiting = backlog()
    event = pending("key")
    waiting.add(event)
    now = 0.0
    while now < DAY - 120:
        head = waiting.next(now)
        assert head is event
        waiting.failed(event, NetworkError("unplugged"), now)
        now += waiting.wait(now) or 0.0
    assert waiting.expired(now) == []
    assert waiting.expired(DAY) == [event]


def test_no_two_processes_retry_in_step() -> None:
    waits = set()
    for _ in range(50):
        waiting = Backlog(Retry(), random=__import__("random").random)
        event = pending("key")
        waiting.add(event)
        waiting.failed(event, NetworkError("unplugged"), 0.0)
        waits.add(waiting.wait(0.0))
    assert len(waits) == 50


def test_what_there_is_no_room_for_is_the_least_severe_and_the_youngest() -> None:
    waiting = backlog()
    for at, severity in enumerate(["error", "critical", "warning", "error"]):
        waiting.add(pending(f"{severity} {at}", severity, at=at))
    gone = []
    while (victim := waiting.least()) is not None:
        gone.append(victim.dedup_key)
        waiting.remove(victim)
    assert gone == ["warning 2", "error 3", "error 0", "critical 1"]
    assert (waiting.count, waiting.size) == (0, 0)


def test_no_minute_has_more_than_its_budget_and_a_share_is_kept_for_critical() -> None:
    budget = Budget(100)
    sent: list[float] = []
    now = 0.0
    while now < 300:
        wait = budget.wait(Severity.ERROR, now)
        if wait:
            now += wait
            continue
        budget.spend(now)
        sent.append(now)
    assert all(len([t for t in sent if since <= t < since + 60]) <= 80 for since in sent)
    critical = 0
    while budget.wait(Severity.CRITICAL, now) == 0.0:
        budget.spend(now)
        critical += 1
    assert critical >= 20
    assert len([t for t in sent if t > now - 60]) + critical == 100


def test_half_of_the_critical_share_is_for_lines_that_have_sent_nothing_for_a_minute() -> None:
    budget = Budget(100)
    for _ in range(80):
        budget.spend(0.0, "busy")
    assert budget.wait(Severity.ERROR, 1.0) == 59.0
    assert not budget.is_quiet("busy")
    quiet = 0
    while budget.wait(Severity.ERROR, 1.0, quiet=True) == 0.0:
        assert budget.is_quiet(f"quiet {quiet}")
        budget.spend(1.0, f"quiet {quiet}")
        quiet += 1
    assert quiet == 10
    assert budget.wait(Severity.CRITICAL, 1.0) == 0.0
    assert budget.wait(Severity.ERROR, 60.0) == 0.0
    assert budget.is_quiet("busy")
    assert budget._lines.total() == 10


def test_a_small_budget_keeps_no_share() -> None:
    budget = Budget(1)
    assert budget.wait(Severity.INFO, 0.0) == 0.0
    budget.spend(0.0)
    assert budget.wait(Severity.CRITICAL, 59.0) == 1.0
    assert budget.wait(Severity.CRITICAL, 60.0) == 0.0


def leave_out(overflow: Overflow, key: str, severity: str = "error", *, records: int, now: float) -> None:
    overflow.add(key, Severity(severity), f"label of {key}", records, now)


def test_what_is_left_out_is_reported_once_it_is_calm_with_exact_numbers() -> None:
    overflow = Overflow()
    assert overflow.due() == float("inf")
    for n in range(20):
        leave_out(overflow, f"key {n % 4}", records=3, now=float(n) / 10)
    assert overflow.due() == pytest.approx(1.9 + 5)
    told = overflow.pending(now=7.0)
    assert not overflow
    event = told.body.compose()
    assert isinstance(event, Trigger)
    assert event.custom_details["left_out_problems"] == 4
    assert event.custom_details["left_out_records"] == 60
    assert event.custom_details["most_frequent"][0] == "15 x label of key 0"


def test_what_is_dropped_while_it_is_reported_is_in_the_next_running_totals() -> None:
    overflow = Overflow()
    leave_out(overflow, "a", records=1, now=0.0)
    told = overflow.pending(now=5.0)
    told.body.compose()
    leave_out(overflow, "b", "critical", records=2, now=6.0)
    told.settle(EventOutcome.DELIVERED)
    assert overflow.due() == 11.0
    again = overflow.pending(now=11.0)
    event = again.body.compose()
    assert isinstance(event, Trigger)
    assert event.custom_details["left_out_records"] == 3
    assert event.severity is Severity.CRITICAL
    assert again.dedup_key == told.dedup_key
    again.settle(EventOutcome.DELIVERED)
    leave_out(overflow, "c", records=1, now=100.0)
    assert overflow.pending(now=105.0).body.compose().custom_details["left_out_records"] == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("retry_after", [None, 5.0])
def test_a_fleet_that_shares_a_key_gets_all_through_with_few_refusals(retry_after: float | None) -> None:
    """Twenty processes, each with fifty problems and at last a critical one, at PagerDuty's limit."""
    now, sent, refused = 0.0, 0, 0
    critical_through: list[float] = []
    limit = RateLimit(120, clock=lambda: now)
    dice = random.Random(1).random
    fleet = [(Backlog(Retry(), dice), Budget(100)) for _ in range(20)]
    for number, (waiting, _) in enumerate(fleet):
        for n in range(50):
            waiting.add(pending(f"{number} {n}", at=n / 1000))
        waiting.add(pending(f"{number} critical", "critical", at=1))
    turns = [(dice(), number) for number in range(len(fleet))]
    while turns:
        now, number = heapq.heappop(turns)
        waiting, budget = fleet[number]
        head = waiting.next(now)
        wait = waiting.wait(now) if head is None else budget.wait(waiting.urgency(head), now)
        if head is not None and wait == 0.0:
            budget.spend(now)
            wait = 0.05  # an exchange takes its time
            if limit.admits("the fleet's key"):
                sent += 1
                waiting.delivered(head, now)
                if head.severity is Severity.CRITICAL:
                    critical_through.append(now)
            else:
                refused += 1
                waiting.failed(head, RateLimited("slow down", status=429, retry_after=retry_after), now)
        if wait is not None:
            heapq.heappush(turns, (now + wait, number))
    assert sent == 20 * 51
    assert refused < sent / 2
    assert max(critical_through) < WINDOW + 15  # the first second of the twenty takes a whole minute's share
    assert now < 1.5 * WINDOW * sent / 120


def test_a_new_critical_event_of_a_fleet_that_is_refused_is_through_soon_after_there_is_room() -> None:
    """Twelve processes with fifteen faults each, at once: the first minute has room for two thirds."""
    now, lit, through = 0.0, 30.0, math.inf
    limit, dice = RateLimit(120, clock=lambda: now), random.Random(2).random
    fleet = [Backlog(Retry(), dice) for _ in range(12)]
    for number, waiting in enumerate(fleet):
        for n in range(15):
            waiting.add(pending(f"{number} {n}", at=n / 1000))
    fire = pending("on fire", "critical", at=lit)
    turns = [(dice(), number) for number in range(len(fleet))] + [(lit, -1)]
    while turns:
        now, number = heapq.heappop(turns)
        if number < 0:
            fleet[0].add(fire)
            heapq.heappush(turns, (now, 0))
            continue
        waiting = fleet[number]
        head, wait = waiting.next(now), waiting.wait(now)
        if head is not None:
            wait = 0.05  # an exchange takes its time
            if not limit.admits("the fleet's key"):
                waiting.failed(head, RateLimited("slow down", status=429), now)
            else:
                through = now if head is fire else through
                waiting.delivered(head, now)
        if wait is not None:
            heapq.heappush(turns, (now + wait, number))
    assert all(waiting.count == 0 for waiting in fleet)
    assert through < WINDOW + 6.0, "the first second of the twelve takes the whole minute's share"


Line = tuple[Severity, Kind, str]
"""Events that take turns with those of other lines of the same severity and kind."""


def line_of(event: Pending) -> Line:
    return (event.severity, event.kind, event.caller.label)


@pytest.mark.parametrize("lines", [2, 7, 1_000])
def test_the_next_event_and_the_wait_are_those_that_a_look_at_all_events_would_find(lines: int) -> None:
    """Through additions, successes, failures and 429s: lanes of a key, turns, due times and pauses."""
    dice = random.Random(lines)
    waiting = Backlog(Retry(initial=1.0, maximum=60.0), dice.random)
    now, told = 0.0, 0
    turns: dict[Line, float] = {}
    for _ in range(1_500):
        now += dice.random()
        for _ in range(dice.randrange(3)):
            severity = dice.choice(["critical", "error", "warning"])
            at = now - dice.choice([0.0, 0.0, 0.5]) * dice.random() - dice.random() / 1_000
            key, line, known = dice.randrange(40), dice.randrange(lines), dice.random() < 0.3
            waiting.add(pending(f"key {key}", severity, at=at, known=known, line=f"line {line}"))
        expected, wait = looked_for(waiting, now, turns)
        head = waiting.next(now)
        assert head is expected
        assert waiting.wait(now) == wait
        assert waiting.least() in looked_for_least(waiting)
        if head is None:
            continue
        told += 1
        match dice.randrange(5):
            case 0:
                waiting.failed(head, RateLimited("no", status=429), now)
            case 1 | 2:
                waiting.failed(head, ServerError("no", status=503), now)
                turns[line_of(head)] = now
            case _:
                waiting.delivered(head, now)
                turns[line_of(head)] = now
        left = {line_of(event) for event in waiting}
        turns = {line: turn for line, turn in turns.items() if line in left}
    assert told > 100
    assert waiting.count == len(list(waiting))
    while (victim := waiting.least()) is not None:
        assert victim in looked_for_least(waiting)
        waiting.remove(victim)
    assert waiting.count == 0


def looked_for(waiting: Backlog, now: float, turns: dict[Line, float]) -> tuple[Pending | None, float | None]:
    """Return what `Backlog.next` and `Backlog.wait` are to return, by looking at every event.

    `turns` says when each line that still has events had its last turn.
    """
    lanes: dict[str, list[Pending]] = {}
    oldest: dict[Line, float] = {}
    for event in waiting:
        lanes.setdefault(event.dedup_key, []).append(event)
        oldest[line_of(event)] = min(oldest.get(line_of(event), float("inf")), event.accepted_at)
    ready, dues = [], []
    for lane in lanes.values():
        for place, event in enumerate(lane):
            assert place == 0 or lane[place - 1].accepted_at <= event.accepted_at
            critical = event.severity is Severity.CRITICAL
            pause = waiting._critical_paused_until if critical else waiting.paused_until
            dues.append(max(lane[0].due, pause))
            if dues[-1] <= now:
                since = turns.get(line_of(event), oldest[line_of(event)])
                ready.append(((event.severity.rank, event.kind, since, event.accepted_at), lane[0]))
    first = min((turn for turn, _ in ready), default=None)
    heads = [head for turn, head in ready if turn == first]
    return (heads[0] if heads else None), (max(min(dues) - now, 0.0) if dues else None)


def looked_for_least(waiting: Backlog) -> list[Pending | None]:
    """Return the events of which `Backlog.least` is to return one, by looking at every event."""
    events = list(waiting)
    counts = Counter((event.severity.rank, event.kind, event.caller.label) for event in events)
    flooding = [name[:2] for name, count in counts.items() if count > FLOODING]
    worst = max(flooding or [(event.severity.rank, event.kind) for event in events], default=None)
    lines: dict[str, list[Pending]] = {}
    for event in events:
        if (event.severity.rank, event.kind) == worst:
            lines.setdefault(event.caller.label, []).append(event)
    most = max(map(len, lines.values()), default=0)
    found = [max(line, key=lambda event: event.accepted_at) for line in lines.values() if len(line) == most]
    return [*found] or [None]


def test_a_line_that_logs_ever_other_words_waits_its_turn_behind_one_event_of_another() -> None:
    waiting = backlog()
    for n in range(1_000):
        waiting.add(pending(f"word {n}", at=n / 1_000, line="the flood"))
    for n in range(3):
        waiting.add(pending(f"disk {n}", at=2 + n, line="the disk"))
    waiting.add(pending("the database is down", at=9, line="the database"))
    order = []
    for _ in range(8):
        head = waiting.next(10.0)
        assert head is not None
        order.append(head.dedup_key)
        waiting.delivered(head, 10.0)
    assert order == [
        "word 0", "disk 0", "the database is down", "word 1", "disk 1", "word 2", "disk 2", "word 3",
    ]  # fmt: skip


def test_a_line_that_is_never_silent_does_not_push_back_one_that_waits() -> None:
    waiting = backlog()
    waiting.add(pending("old 0", at=0.0, line="old"))
    waiting.add(pending("old 1", at=0.1, line="old"))
    now, order = 1.0, []
    for n in range(4):
        waiting.add(pending(f"new {n}", at=now, line="new"))
        head = waiting.next(now)
        assert head is not None
        order.append(head.dedup_key)
        waiting.delivered(head, now)
        now += 1.0
    assert order == ["old 0", "new 0", "old 1", "new 1"]


def test_reminders_of_one_line_wait_for_the_news_of_all_and_criticals_for_none() -> None:
    waiting = backlog()
    for n in range(5):
        waiting.add(pending(f"news {n}", at=n, line="the flood"))
    waiting.add(pending("reminder", at=0, known=True, line="quiet"))
    waiting.add(pending("critical", "critical", at=9, line="the flood"))
    assert keys(waiting) == ["critical", *(f"news {n}" for n in range(5)), "reminder"]


def test_what_there_is_no_room_for_is_taken_from_the_line_with_the_most_events() -> None:
    waiting = backlog()
    for n in range(5):
        waiting.add(pending(f"word {n}", at=n, line="the flood"))
    quiet = pending("the database is down", at=9, line="quiet")
    assert not waiting.would_be_least(quiet)
    assert waiting.would_be_least(pending("word 5", at=9, line="the flood"))
    assert not waiting.would_be_least(pending("critical", "critical", at=9, line="the flood"))
    assert waiting.would_be_least(pending("info", "info", at=9, line="quiet"))
    waiting.add(quiet)
    gone = []
    for _ in range(4):
        victim = waiting.least()
        assert victim is not None
        gone.append(victim.dedup_key)
        waiting.remove(victim)
    assert gone == ["word 4", "word 3", "word 2", "word 1"]


def test_thousands_of_events_of_few_keys_go_in_their_order() -> None:
    waiting = backlog()
    for n in range(5_000):
        waiting.add(pending(f"key {n % 3}", "critical" if n == 4_999 else "error", at=n))
    waiting.failed(waiting._lanes["key 1"][0], ServerError("no", status=503), 0.0)
    assert waiting.next(0.0) is None  # a pause for all, as there is no other event that got through
    assert waiting.wait(0.0) is not None
    order = []
    while (head := waiting.next(DAY)) is not None:
        order.append(head)
        waiting.remove(head)
    assert len(order) == 5_000
    for key in range(3):
        of_key = [event.accepted_at for event in order if event.dedup_key == f"key {key}"]
        assert of_key == sorted(of_key)
    assert order[-1].dedup_key != "key 1"  # 4,999 % 3: the critical one pulled all before it
