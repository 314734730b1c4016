"""Too many of a kind share an alert until it calms; the tests set the clock."""

import random

from pagerduty_logging.state.floods import Flood, Floods, WhichAlert, judge

FIVE_MINUTES = 300.0


def floods(**options: int) -> Floods:
    return Floods(**{"limit": 50, "seconds": FIVE_MINUTES, "examples": 10} | options)


def logged(known: Floods, words: int, now: float = 0.0, kind: str = "web.py:10") -> list[Flood | None]:
    return [known.note(kind, f"key {n}", f"word {n}", now) for n in range(words)]


def test_fifty_messages_of_a_line_have_their_own_alerts_and_the_rest_share_one() -> None:
    alerts = logged(floods(), 3_300)
    assert alerts[:50] == [None] * 50
    assert None not in alerts[50:]
    flood = alerts[-1]
    assert flood is not None
    assert (flood.different, flood.exact) == (3_250, True)
    assert flood.examples == tuple(f"word {n}" for n in range(3_290, 3_300))


def test_a_problem_that_has_its_own_alert_keeps_it_in_the_flood() -> None:
    known = floods()
    logged(known, 1_000)
    assert known.note("web.py:10", "key 7", "word 7", 10.0) is None


def test_a_message_that_comes_again_is_no_other_message() -> None:
    known = floods()
    flood = logged(known, 60)[-1]
    logged(known, 60)
    assert flood is not None
    assert flood.different == 10


def test_another_line_has_its_own_alert_while_one_floods() -> None:
    known = floods()
    logged(known, 1_000)
    assert known.note("db.py:5", "the database is down", "the database is down", 0.0) is None


def test_many_messages_in_a_longer_time_are_no_flood() -> None:
    known = floods()
    alerts = [known.note("web.py:10", f"key {n}", "", n * 6.1) for n in range(1_000)]
    assert alerts == [None] * 1_000


def test_a_flood_that_goes_on_is_one_for_days_and_over_when_it_calms() -> None:
    known = floods()
    alerts = [known.note("web.py:10", f"key {n}", "", float(n)) for n in range(2 * 86_400)]
    assert alerts[:50] == [None] * 50
    first = alerts[50]
    assert {id(flood) for flood in alerts[50:]} == {id(first)}
    assert first is not None
    assert not first.exact  # ten thousand are counted one by one
    assert first.different == 10_000
    now = 2 * 86_400 + FIVE_MINUTES
    assert known.note("web.py:10", "a new problem", "", now) is None
    again = logged(known, 51, now)[-1]
    assert again is not None
    assert again is not first
    assert (again.different, again.exact) == (2, True)


def test_a_flood_of_the_same_few_messages_calms() -> None:
    known = floods(limit=3)
    logged(known, 5)
    assert known.note("web.py:10", "key 9", "", 200.0) is not None
    assert known.note("web.py:10", "key 9", "", 301.0) is None


def test_it_is_decided_as_a_look_at_all_that_was_seen_would() -> None:
    """A member shares an alert only if as many others as are allowed were seen in the time before."""
    dice = random.Random(3)
    flood, seen, now = Flood(), dict[str, float](), 0.0
    answers = set()
    for step in range(20_000):
        now += dice.expovariate(1.0 if (step // 500) % 2 else 0.05)
        member = str(dice.randrange(200))
        others = [one for one, at in seen.items() if one != member and at > now - 60]
        alert = judge(flood, member, now, limit=10, seconds=60.0)
        answers.add(alert)
        if alert is WhichAlert.SHARED:
            assert len(others) >= 10
        else:
            assert len(flood.alone) <= 10
        assert len(flood.sharing) <= 10
        if len(others) < 10:
            assert alert is WhichAlert.OWN
        seen[member] = now
    assert answers == {WhichAlert.OWN, WhichAlert.SHARED}


def test_what_is_known_is_bounded() -> None:
    known = floods(max_kinds=100, max_counted=1_000)
    for line in range(300):
        logged(known, 100, kind=f"web.py:{line}")
    assert len(known._floods) == 100
    assert known._count <= 1_000
    assert sum(len(flood._counted) for flood in known._floods.values()) == known._count


def test_what_is_under_way_keeps_its_numbers_when_the_line_is_forgotten() -> None:
    known = floods(max_kinds=1)
    flood = logged(known, 60)[-1]
    logged(known, 1, kind="db.py:5")
    assert flood is not None
    assert flood.different == 10
    known.forget()
    assert logged(known, 1) == [None]
