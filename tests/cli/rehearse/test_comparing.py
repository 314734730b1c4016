"""Two results side by side, incidents, and what was really sent."""

from datetime import UTC

import pytest

from pagerduty_logging.cli.rehearse import comparing, report
from tests.cli.rehearse.logs import entry, rehearsed

NOON = 1_795_953_600.0


def words(found: list[report.Block]) -> str:
    return report.markdown(found)


def test_what_is_gained_and_lost():
    entries = [entry(NOON, "once only here"), *(entry(NOON + t) for t in (0, 10, 20, 400))]
    before, after = rehearsed(entries), rehearsed(entries, min_occurrences=(3, 300))
    said = words(comparing.compared(before, after))
    assert "| alerts | 2 | 1 | -1 |" in said
    assert "paged only before" in said
    assert "told 20 seconds later" in said
    assert "No problem would have been told differently" in words(comparing.compared(before, before))


@pytest.mark.parametrize(
    "text",
    [
        "start,end,title\n2026-11-29T12:00:00Z,2026-11-29T13:00:00Z,down\n",
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
    assert checked == comparing.Checked(1, 2, 2)
    assert checked.sentence == "1 alike, 2 only rehearsed, 2 only sent: 20%"


def test_a_ledger_that_tells_of_no_event():
    with pytest.raises(ValueError, match="no line"):
        comparing.read_ledger(["", "x", "[]", '{"key": "a", "time": 1, "verdict": "ignored"}'], UTC, NOON)
