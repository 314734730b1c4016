"""What goes next, when, and what follows an error: with a clock and dice that the tests hold."""

import heapq
import random

import pytest

from pagerduty_logging.delivery.event import Kind, Pending, nobody_waits
from pagerduty_logging.delivery.overflow import Overflow
from pagerduty_logging.delivery.schedule import After, Backlog, Budget, after
from pagerduty_logging.events_api.errors import ApiError, BadRequest, NetworkError, RateLimited, ServerError
from pagerduty_logging.events_api.events import Severity, Trigger
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.sandbox.limits import WINDOW, RateLimit
from pagerduty_logging.state.throttle import Outcome

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
        compose=lambda: Trigger(key),
        settle=nobody_waits,
        label=f"label of {key}",
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
    event.bare = True
    assert after(error, event) is (After.DEAD if then is After.BARE else After.WAIT)


@pytest.mark.parametrize("asked", [None, 7.0])
def test_a_429_pauses_everything_for_as_long_as_was_asked(asked: float | None) -> None:
    waiting = backlog(dice=0.0)
    refused = pending("refused")
    waiting.add(refused)
    waiting.failed(refused, RateLimited("slow down", status=429, retry_after=asked), now=0.0)
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
    assert waiting.wait(now) == pytest.approx(1 + 8 * HIGHEST)
    assert waiting.next(now) is None
    now += waiting.wait(now) or 0.0
    assert waiting.next(now) is critical
    waiting.remove(critical)
    assert waiting.next(now) is None


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
    event = told.compose()
    assert isinstance(event, Trigger)
    assert event.custom_details["left_out_problems"] == 4
    assert event.custom_details["left_out_records"] == 60
    assert event.custom_details["most_frequent"][0] == "15 x label of key 0"


def test_what_is_left_out_while_it_is_reported_is_told_next_in_running_totals() -> None:
    overflow = Overflow()
    leave_out(overflow, "a", records=1, now=0.0)
    told = overflow.pending(now=5.0)
    told.compose()
    leave_out(overflow, "b", "critical", records=2, now=6.0)
    told.settle(Outcome.DELIVERED)
    assert overflow.due() == 11.0
    again = overflow.pending(now=11.0)
    event = again.compose()
    assert isinstance(event, Trigger)
    assert event.custom_details["left_out_records"] == 3
    assert event.severity is Severity.CRITICAL
    assert again.dedup_key == told.dedup_key
    again.settle(Outcome.DELIVERED)
    leave_out(overflow, "c", records=1, now=100.0)
    assert overflow.pending(now=105.0).compose().custom_details["left_out_records"] == 1  # type: ignore[union-attr]


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


def test_the_next_event_and_the_wait_are_those_that_a_look_at_all_events_would_find() -> None:
    """Through additions, successes, failures and 429s: lanes of one key, due times and pauses."""
    dice = random.Random(7)
    waiting = Backlog(Retry(initial=1.0, maximum=60.0), dice.random)
    now, told = 0.0, 0
    for _ in range(1_500):
        now += dice.random()
        for _ in range(dice.randrange(3)):
            severity = dice.choice(["critical", "error", "warning"])
            at = now - dice.choice([0.0, 0.0, 0.5]) * dice.random() - dice.random() / 1_000
            waiting.add(pending(f"key {dice.randrange(40)}", severity, at=at, known=dice.random() < 0.3))
        expected, wait = looked_for(waiting, now)
        head = waiting.next(now)
        assert head is expected
        assert waiting.wait(now) == wait
        if head is None:
            continue
        told += 1
        match dice.randrange(5):
            case 0:
                waiting.failed(head, RateLimited("no", status=429), now)
            case 1 | 2:
                waiting.failed(head, ServerError("no", status=503), now)
            case _:
                waiting.delivered(head, now)
    assert told > 100
    assert waiting.count == len(list(waiting))


def looked_for(waiting: Backlog, now: float) -> tuple[Pending | None, float | None]:
    """Return what `Backlog.next` and `Backlog.wait` are to return, by looking at every event."""
    lanes: dict[str, list[Pending]] = {}
    for event in waiting:
        lanes.setdefault(event.dedup_key, []).append(event)
    turns, dues = [], []
    for lane in lanes.values():
        for place, event in enumerate(lane):
            assert place == 0 or lane[place - 1].accepted_at <= event.accepted_at
            critical = event.severity is Severity.CRITICAL
            pause = waiting._critical_paused_until if critical else waiting.paused_until
            dues.append(max(lane[0].due, pause))
            if dues[-1] <= now:
                turns.append(((event.severity.rank, event.kind, event.accepted_at), lane[0]))
    least = min((turn for turn, _ in turns), default=None)
    heads = [head for turn, head in turns if turn == least]
    return (heads[0] if heads else None), (max(min(dues) - now, 0.0) if dues else None)


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
