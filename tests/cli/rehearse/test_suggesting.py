"""A change is suggested only where a rehearsal with it shows what it saves."""

import random
from collections.abc import Mapping
from typing import Any

from pagerduty_logging.cli.rehearse.result import Result
from pagerduty_logging.cli.rehearse.suggesting import alike, suggestions
from tests.cli.rehearse.logs import entry, rehearsed

NOON = 1_795_953_600.0


def suggested(entries: list[Any], **options: Any) -> list[str]:
    def rerun(changes: Mapping[str, Any]) -> Result:
        return rehearsed(entries, **{**options, **changes})

    return suggestions(rehearsed(entries, **options), rerun, options)


def test_reminders_are_worth_a_longer_interval():
    entries = [entry(NOON + 400 * n) for n in range(20)]
    (said,) = [s for s in suggested(entries) if "repeat_interval" in s]
    after = rehearsed(entries, repeat_interval=3_600)
    assert f"saves {20 - after.events} of 20 events" in said


def test_what_happens_seldom_is_worth_min_occurrences():
    entries = [
        entry(NOON + 5_000 * n, f"kind {'x' * (n + 1)} of fault", logger="shop.feed") for n in range(7)
    ]
    entries += [entry(NOON + 40_000 + n * 100, "really broken", logger="shop.db") for n in range(3)]
    (said,) = [s for s in suggested(entries) if "min_occurrences" in s]
    assert "`min_occurrences=(3, 300)` saves 7 of 8 events, all of `shop.feed`" in said
    assert "7 problems would not page at all" in said
    assert "200 seconds later" in said or "3 minutes later" in said


def test_noise_is_named_with_its_share():
    messages = [
        "wrong host", "a header is missing", "too long", "no port given", "bad name in request",
        "an address is no name", "two of them", "empty value", "not allowed here",
    ]  # fmt: skip
    entries = [
        entry(NOON + n, message, logger="django.security.DisallowedHost")
        for n, message in enumerate(messages)
    ] + [entry(NOON, "order failed"), entry(NOON, "no database")]
    said = [s for s in suggested(entries) if "django.security.DisallowedHost" in s and "gnore" in s]
    assert "9 of 11 alerts" in said[0]


def test_alerts_that_look_like_one_problem():
    entries = [
        entry(NOON + n, f"feed {name} timed out")
        for n, name in enumerate(["alpha", "beta", "gamma", "delta"])
    ]
    (said,) = [s for s in suggested(entries) if "look like one problem" in s]
    assert "These 4 alerts of `shop`" in said
    assert "saves 3 of 4 alerts" in said


def test_problems_with_other_words_do_not_look_like_one():
    entries = [
        entry(NOON, text) for text in ("order failed now", "stock ran out", "mail was lost", "user has gone")
    ]
    assert alike(rehearsed(entries).problems) == []


def test_nothing_is_suggested_where_nothing_would_be_saved():
    assert suggested([entry(NOON), entry(NOON + 10)]) == []
    assert suggested([]) == []
    assert not [
        s
        for s in suggested([entry(NOON + 400 * n) for n in range(20)], repeat_interval=7_200)
        if "repeat" in s
    ]


def test_every_figure_is_that_of_a_rehearsal():
    random.seed(1)
    entries = sorted(
        (
            entry(NOON + random.random() * 86_400, f"feed {random.choice('abcdef') * 3} is late")
            for _ in range(200)
        ),
        key=lambda e: e.time or 0,
    )
    runs: list[Mapping[str, Any]] = []

    def rerun(changes: Mapping[str, Any]) -> Result:
        runs.append(changes)
        return rehearsed(entries, **changes)

    said = suggestions(rehearsed(entries), rerun, {})
    assert said
    assert len(runs) >= len(said)
