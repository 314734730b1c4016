"""Two results side by side, incidents, and what was really sent."""

import json
from datetime import UTC

import pytest

from pagerduty_logging.cli.rehearse import comparing, report
from tests.cli.rehearse.logs import entry, rehearsed

NOON = 1_795_953_600.0


def words(found: list[report.Block]) -> str:
    lines: list[str] = []
    report.show(found, lines.append)
    return "\n".join(lines)


def test_what_is_gained_and_lost():
    entries = [entry(NOON, "once only here"), *(entry(NOON + t) for t in (0, 10, 20, 400))]
    before, after = rehearsed(entries), rehearsed(entries, min_occurrences=(3, 300))
    said = words(comparing.compared(before, after))
    assert "| alerts | 2 | 1 | -1 |" in said
    assert "paged only before" in said
    assert "reported 20 seconds later" in said
    assert "No problem would have been reported differently" in words(comparing.compared(before, before))


@pytest.mark.parametrize(
    "text",
    [
        "start,end,title\n2026-11-29T12:00:00Z,2026-11-29T13:00:00Z,down\n",
        "\ufeffStart;End;Title\r\n2026-11-29 12:00:00;2026-11-29 13:00:00;down\r\n",
        "title, start, end\ndown, 2026-11-29 12:00:00, 2026-11-29 13:00:00\n",
        '[{"start": "2026-11-29T12:00:00Z", "end": 1795957200, "title": "down"}]',
        '{"incidents": [{"start": 1795953600, "end": 1795957200, "title": "down"}]}',
    ],
)
def test_incidents_in_every_form(text: str):
    assert comparing.read_incidents(text, UTC, NOON) == [comparing.Incident(NOON, NOON + 3_600, "down")]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("when,what\n1,2\n", "no start"),
        ("start,end\nsoon,later\n", "cannot be read"),
        ("start,end\n2026-11-29 13:00:00,2026-11-29 12:00:00\n", "ends before"),
        ("[1]", "no start"),
    ],
)
def test_incidents_that_are_none(text: str, named: str):
    with pytest.raises(ValueError, match=named):
        comparing.read_incidents(text, UTC, NOON)


def test_an_alert_before_the_start_that_people_wrote_down_caught_it():
    result = rehearsed([entry(NOON - 60), entry(NOON + 90_000, "for nothing at all")])
    said = words(comparing.judged(result, [comparing.Incident(NOON, NOON + 600, "down")], UTC))
    assert "1 of 1 caught; 1 of 2 alerts woke for nothing." in said
    assert "caught 60 seconds before" in said


def test_a_reminder_before_the_start_did_not():
    result = rehearsed([entry(NOON - 1_000), entry(NOON - 60)])
    said = words(comparing.judged(result, [comparing.Incident(NOON, NOON + 600, "down")], UTC))
    assert "0 of 1 caught" in said


def test_events_are_alike_where_key_and_time_agree():
    result = rehearsed([entry(NOON), entry(NOON + 400), entry(NOON, "another message")])
    keys = [problem.key for problem in result.problems]
    sent = [(NOON + 1, keys[0]), (NOON + 3_000, keys[0]), (NOON, "unknown")]
    checked = comparing.checked(result, sent)
    assert checked == comparing.Checked(1, 2, 1, 1)
    assert checked.sentence.startswith("1 alike, 2 only rehearsed, 1 only sent: 25%")


LEDGER = [
    {"time": NOON, "verdict": "sent", "reason": "first", "key": "a", "event": "a", "logger": "shop"},
    {"time": NOON + 1, "verdict": "held", "reason": "min_occurrences: not often enough", "key": "a"},
    {
        "time": NOON + 2,
        "verdict": "sent",
        "reason": "worse: error → critical",
        "key": "a",
        "event": "a-second",
    },
    {"time": NOON + 3, "verdict": "sent", "reason": "resolve", "key": "a", "event": "a"},
    {"time": NOON + 4, "verdict": "dropped", "reason": "overflow: no room", "key": "b", "event": "b"},
]


def test_of_a_ledger_the_alerts_that_were_sent_are_read():
    text = "\n".join([*map(json.dumps, LEDGER), "", "no JSON", "[]", '{"half'])
    assert comparing.read_ledger(text) == [(NOON, "a"), (NOON + 2, "a-second")]


def test_a_ledger_in_which_nothing_was_sent_is_one():
    assert comparing.read_ledger(json.dumps(LEDGER[1])) == []


@pytest.mark.parametrize("text", ["", "x", "[]", '{"time": 1}', '{"verdict": "sent"}'])
def test_what_is_not_a_ledger_is_refused(text: str):
    with pytest.raises(ValueError, match="is not a ledger"):
        comparing.read_ledger(text)


def test_what_was_sent_at_times_that_the_log_does_not_cover_is_left_out():
    result = rehearsed([entry(NOON), entry(NOON + 600)])
    key = result.problems[0].key
    sent = [(NOON - 90_000, key), (NOON, key), (NOON + 600, key), (NOON + 90_000, key)]
    assert comparing.checked(result, sent) == comparing.Checked(2, 0, 0, 2)
    later = comparing.checked(result, sent[2:])  # the ledger begins in the middle of the log
    assert later == comparing.Checked(1, 0, 0, 1)
    assert later.sentence == (
        "1 alike, 0 only rehearsed, 0 only sent: 100%; 1 more were sent before or after this log"
    )


def test_a_reminder_may_differ_by_what_handlers_vary_their_windows():
    result = rehearsed([entry(NOON + n) for n in range(0, 2_000, 50)], follow_up=0)
    (problem,) = result.problems
    sent = [(NOON, problem.key), (NOON + 320, problem.key), (NOON + 1_500, problem.key)]
    assert [event.at - NOON for event in problem.events] == [0, 300, 900]
    assert comparing.checked(result, sent) == comparing.Checked(2, 1, 1)


def test_keys_that_never_agree_are_explained():
    result = rehearsed([entry(NOON)])
    assert "environment" in comparing.checked(result, [(NOON, "another")]).sentence
