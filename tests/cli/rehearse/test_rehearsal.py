"""What is counted, held back, delayed and dropped, under a turned clock."""

import builtins
import inspect
import re
import traceback
from contextlib import closing
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.cli.rehearse import result as results
from pagerduty_logging.cli.rehearse import simulation
from pagerduty_logging.cli.rehearse.rebuilding import rebuilt
from pagerduty_logging.cli.rehearse.records import RecordMaker
from pagerduty_logging.cli.rehearse.rehearsal import Night, Rehearsal, Setting, empty_result, rehearse
from pagerduty_logging.cli.rehearse.simulation import Simulation
from pagerduty_logging.cli.rehearse.spill import AT_ONCE, Spill
from pagerduty_logging.fingerprinting import Identity
from tests.cli.rehearse.logs import entry, rehearsed, setting, unidentified

NOON = 1_795_953_600.0  # 2026-11-29 12:00 UTC
TRACEBACK = 'Traceback (most recent call last):\n  File "/srv/a.py", line 1, in f\n    g()\nKeyError: 7'


def test_repeats_are_held_back_until_the_window_is_over():
    result = rehearsed([entry(NOON + n) for n in range(0, 700, 10)])
    (problem,) = result.problems
    assert [(event.at - NOON, event.why, event.held) for event in problem.events] == [
        (0, "first", 0),
        (120, "size", 11),
        (300, "again", 18),  # the next window is twice as long
    ]
    assert (problem.records, problem.held) == (70, 68)


def test_what_gets_worse_is_reported_at_once():
    result = rehearsed([entry(NOON), entry(NOON + 10, level=50)])
    assert [(event.why, event.severity) for event in result.problems[0].events] == [
        ("first", "error"),
        ("worse", "critical"),
    ]
    assert result.problems[0].severity == "critical"


def test_what_gets_worse_may_open_a_second_alert():
    result = rehearsed([entry(NOON), entry(NOON + 10, level=50)], escalation="alert")
    (problem,) = result.problems
    assert [(event.why, bool(event.second)) for event in problem.events] == [
        ("first", False),
        ("worse", True),
    ]
    assert (result.alerts, result.events, len(result.problems)) == (2, 2, 1)


def test_reminders_grow_rare():
    result = rehearsed([entry(NOON + 60 * n) for n in range(120)], max_repeat_interval=1_200, follow_up=0)
    assert [event.at - NOON for event in result.problems[0].events] == [
        0,
        300,
        900,
        2_100,
        3_300,
        4_500,
        5_700,
        6_900,
    ]


def test_each_routing_key_has_windows_and_a_budget_of_its_own():
    rules = [
        {"logger": "billing", "routing_key_file": "/run/secrets/not-here"},
        {"level": "CRITICAL", "routing_key": "R" * 32},
        {"logger": "shop.own", "routing_key": "M" * 32},
    ]
    names = ("billing.cards", "shop", "shop.own")
    words = ("one", "two", "three")
    records = [entry(NOON, logger=name, message=f"{word} failed") for name in names for word in words]
    records += [entry(NOON + 1, level=50, message="one failed")]
    result = rehearsed(records, routing=rules, routing_key="M" * 32, max_events_per_minute=3)
    assert [(p.rule, p.logger, len(p.events)) for p in result.problems] == [
        *[(1, "billing.cards", 1)] * 3,
        *[(0, "shop", 1)] * 3,
        *[(0, "shop.own", 1)] * 3,
        (2, "shop", 1),
    ]
    assert result.busiest == 6
    waited = {p.logger for p in result.problems for e in p.events if e.at - e.wanted > 1}
    assert waited == {"shop.own"}


def test_the_environment_of_this_host_is_not_asked(monkeypatch: pytest.MonkeyPatch):
    for name in ("PAGERDUTY_STATE", "PAGERDUTY_LEDGER", "PAGERDUTY_ROUTING_KEY", "PAGERDUTY_EVENTS_URL"):
        monkeypatch.setenv(name, "ftp://nowhere/\tat all")
    assert rehearsed([entry(NOON)]).events == 1


def test_a_filter_that_fails_keeps_nothing_back():
    def fails(record: object) -> bool:
        raise LookupError

    result = rehearse(
        unidentified([entry(NOON)]),
        Setting(options={}, night=Night(22, 7, UTC), maker=RecordMaker(), filters=(fails,)),
    )
    assert (result.events, result.ignored) == (1, 0)


def test_what_a_record_asks_to_resolve_is_not_an_alert():
    ends = {"pagerduty": {"dedup_key": "feed", "event_action": "resolve"}}
    result = rehearsed([
        entry(NOON, fields={"pagerduty": {"dedup_key": "feed"}}),
        entry(NOON + 1, fields=ends),
        entry(NOON + 2, fields={"pagerduty": {"dedup_key": "feed"}}),
    ])  # fmt: skip
    assert [event.why for event in result.problems[0].events] == ["first", "resolve", "first"]
    assert (result.alerts, result.events) == (1, 3)


def test_min_occurrences_is_the_handlers_own():
    times = [0, 10, 20, 2_000]
    result = rehearsed([entry(NOON + t) for t in times], min_occurrences=(3, 300))
    assert [event.at - NOON for event in result.problems[0].events] == [20]
    assert result.problems[0].records == 4


def test_what_is_ignored_is_counted():
    records = [
        entry(NOON, logger="noise"),
        entry(NOON),
        entry(NOON + 1, "lookup failed", traceback=TRACEBACK),
    ]
    result = rehearsed(records, ignore_loggers=["noise"], ignore_exceptions=["LookupError"])
    assert (result.records, result.ignored, result.events) == (3, 2, 1)


def test_the_budget_delays_and_the_backlog_drops():
    storm = [entry(NOON, f"message of kind {chr(97 + n % 26)}{chr(97 + n // 26)}") for n in range(200)]
    result = rehearsed(storm, max_events_per_minute=10, max_pending=50)
    sent = [event for problem in result.problems for event in problem.events]
    assert result.busiest_sent <= 10
    assert result.waited > 0
    assert result.longest_wait >= 60
    assert result.dropped["overflow"] > 100
    assert len(sent) + result.dropped["overflow"] >= 200


def test_the_busiest_minute_is_what_was_wanted():
    result = rehearsed([entry(NOON + n / 10, f"kind {'x' * (n + 1)} failed") for n in range(150)])
    assert result.busiest == 150
    assert result.busiest_sent <= 100


@pytest.mark.parametrize(
    ("hour", "asleep"), [(21, False), (22, True), (3, True), (6, True), (7, False), (12, False)]
)
def test_the_night_is_that_of_its_zone(hour: int, asleep: bool):
    midnight = NOON - 12 * 3600
    assert Night(22, 7, UTC).holds(midnight + hour * 3600) == asleep
    assert Night(22, 7, ZoneInfo("Europe/Berlin")).holds(midnight + (hour - 1) * 3600) == asleep
    assert Night(1, 5, UTC).holds(midnight + hour * 3600) == (1 <= hour < 5)


def test_alerts_at_night_are_those_that_are_opened_then():
    records = [entry(NOON - 13 * 3600, "a b"), entry(NOON, "a b"), entry(NOON, "c d")]
    result = rehearsed(records)
    assert (result.alerts, result.night_alerts, result.events, result.night_events) == (2, 1, 3, 1)


def test_a_clock_that_jumps_back_opens_nothing_twice():
    result = rehearsed([entry(NOON), entry(NOON - 5_000), entry(NOON + 100)])
    assert result.events == 1


def test_problems_without_a_template_are_marked(tmp_path):
    source = tmp_path / "shop" / "orders.py"
    source.parent.mkdir()
    source.write_text("def pay(log, n):\n    log.error('order %s failed', n)\n")
    told = {"path": "orders.py", "line": 2, "logger": "shop.orders", "message": "order x7 failed"}
    without = rehearse(unidentified([entry(NOON, **told)]), setting())
    having = rehearse(unidentified([entry(NOON, **told)]), setting(maker=RecordMaker(str(tmp_path))))
    assert without.problems[0].uncertain
    assert not having.problems[0].uncertain
    assert without.uncertain == 1.0


def test_of_two_files_of_one_name_the_loggers_is_taken(tmp_path):
    for folder, words in (("shop", "order %s failed"), ("feed", "feed %s failed")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tasks.py").write_text(f"log.error({words!r}, n)\n")
    maker = RecordMaker(str(tmp_path))
    told = {"path": "tasks.py", "line": 1, "message": "m"}
    assert maker.record(entry(NOON, logger="feed.tasks", **told)).pathname == str(
        tmp_path / "feed" / "tasks.py"
    )
    assert maker.record(entry(NOON, logger="other", **told)).pathname == "tasks.py"


def test_an_exception_is_rebuilt_from_its_traceback():
    error = rebuilt(TRACEBACK.replace("7", "'card'"))
    assert isinstance(error, KeyError)
    assert str(error) == "'card'"
    raised = error.__traceback__
    assert raised is not None
    code = raised.tb_frame.f_code
    assert (code.co_filename, raised.tb_lineno, code.co_name) == ("/srv/a.py", 1, "f")
    other = rebuilt(TRACEBACK.replace("KeyError", "shop.errors.Declined"))
    assert (type(other).__module__, type(other).__qualname__) == ("shop.errors", "Declined")


@pytest.mark.parametrize(
    "text", ["", "no traceback", "Traceback (most recent call last):", "java.lang.X: no\n\tat a.b(C.java:1)"]
)
def test_what_is_not_a_traceback_of_pythons_stays_a_text(text: str):
    assert rebuilt(text) is None
    record = RecordMaker().record(entry(NOON, "m", traceback=text))
    assert record.getMessage() == (f"m\n{text}" if text else "m")


def test_a_chain_is_rebuilt_with_what_led_to_it():
    first, second = "ValueError: a", "RuntimeError: b"
    link = "\n\nThe above exception was the direct cause of the following exception:\n\n"
    text = link.join(TRACEBACK.replace("KeyError: 7", error) for error in (first, second))
    error = rebuilt(text)
    assert isinstance(error, RuntimeError)
    assert isinstance(error.__cause__, ValueError)


def test_crashes_that_django_reports_are_distinguished_by_what_was_raised():
    def crash(path: str, kind: str):
        return entry(
            NOON,
            f"Internal Server Error: {path}",
            logger="django.request",
            traceback=TRACEBACK.replace("KeyError", kind),
        )

    result = rehearsed([crash("/a", "KeyError"), crash("/b/c", "KeyError"), crash("/a", "ValueError")])
    assert [problem.records for problem in result.problems] == [2, 1]


def test_records_that_were_kept_are_the_same():
    entries = [
        entry(NOON, fields={"order": 7, "list": [1, None, {"a": 1.5}]}, traceback=TRACEBACK),
        entry(NOON + 1),
    ]
    problems = [None, Identity("pdl1-1", by_message=True)]
    kept = list(zip(entries, problems, strict=True)) * AT_ONCE  # more than are read together
    with closing(Spill()) as spill:
        for each in kept:
            spill.keep(*each)
        assert list(spill.entries(with_problems=True)) == kept == list(spill.entries(with_problems=True))
        assert [known for _, known in spill.entries(with_problems=False)] == [None] * len(kept)


@pytest.mark.parametrize(
    "options",
    [{}, {"repeat_interval": 60}, {"min_occurrences": (2, 600)}, {"ignore_loggers": ["shop.a"]}],
)
def test_problems_that_are_known_from_before_change_nothing(options: dict[str, object]):
    entries = [
        entry(
            NOON + n * 7,
            f"order {n} failed" if n % 3 else f"customer {n}: no card",
            level=50 if n % 31 == 0 else 40,
            logger=f"shop.{'ab'[n % 2]}",
            traceback=TRACEBACK if n % 5 == 0 else "",
            path="" if n % 4 else "/srv/shop/pay.py",
            line=0 if n % 4 else n % 6,
            fields={"pagerduty": {"dedup_key": "own"}} if n % 37 == 0 else {},
        )
        for n in range(300)
    ]
    first = Rehearsal(setting(), empty_result(setting()))
    known = [first.take(each) for each in entries]
    assert any(known)
    assert not all(known)  # where a file is named, other records decide too: a line of too many problems
    again = rehearse(zip(entries, known, strict=True), setting(**options))
    assert again.events > 10
    assert again == rehearse(unidentified(entries), setting(**options))


def test_a_result_is_read_back():
    result = rehearsed([entry(NOON + n * 200) for n in range(5)])
    assert results.from_json(results.to_json(result)) == result


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"version": 1}', '{"version": 2, "problems": []}'])
def test_what_is_not_a_result_is_refused(text: str):
    with pytest.raises(ValueError, match=r".+"):
        results.from_json(text)


def test_counts_over_a_long_time_keep_their_sum():
    result = rehearsed([entry(NOON + n * 86_400) for n in range(700)])
    assert sum(result.problems[0].slots.values()) == 700
    assert len(result.problems[0].slots) <= results.MAX_SLOTS


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"repeat_interval": -1}, "repeat_interval"),
        ({"min_occurrences": 3}, "min_occurrences"),
        ({"ignore_loggers": 7}, "ignore_loggers"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], named: str):
    with pytest.raises((ValueError, TypeError), match=named):
        Simulation(options)


def test_secrets_are_masked_in_what_is_shown():
    result = rehearsed([entry(NOON, "login failed: password=hunter2hunter2")])
    assert "hunter2" not in results.to_json(result)


def test_what_is_not_rehearsed_is_an_option_and_is_named_in_the_readme():
    options = inspect.signature(PagerDutyHandler).parameters.keys()
    readme = Path(simulation.__file__).with_name("README.md").read_text()
    said = readme.partition("are named, and left out:")[2].partition("\n\n")[0]
    assert options >= simulation.NOT_REHEARSED
    assert set(re.findall(r"`(\w+)`", said)) == simulation.NOT_REHEARSED


def test_each_problem_shows_the_page_of_its_first_event():
    entries = [entry(NOON + n * 400, f"customer {7 + n} has no card") for n in range(3)]
    result = rehearsed([entry(NOON, "no database"), *entries])
    assert [problem.page["summary"] for problem in result.problems] == [
        "no database",
        "customer 7 has no card",
    ]
    assert len(result.problems[1].events) == 3


BUILTIN = [
    kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, BaseException)
]


@pytest.mark.parametrize("kind", BUILTIN, ids=lambda kind: kind.__name__)
def test_every_exception_of_python_is_rebuilt_without_its_arguments(kind: type[BaseException]):
    error = rebuilt(TRACEBACK.replace("KeyError: 7", f"{kind.__name__}: [Errno 111] no route"))
    assert error is not None
    assert isinstance(error, kind) or issubclass(kind, BaseExceptionGroup)
    assert (type(error).__qualname__, str(error)) == (kind.__name__, "[Errno 111] no route")


GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/a.py", line 3, in collect
  |     raise ExceptionGroup("feeds", errors)
  | ExceptionGroup: feeds (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/a.py", line 1, in fetch
    |     connect()
    | ConnectionError: no route
    +---------------- 2 ----------------
    | Exception Group Traceback (most recent call last):
    |   File "/srv/a.py", line 2, in parse
    |     raise ExceptionGroup("inner", errors)
    | shop.Unread: inner (1 sub-exception)
    +-+---------------- 1 ----------------
      | ValueError: two
      | lines
      +------------------------------------"""


def test_an_exception_group_is_rebuilt_with_its_members():
    cause = 'Traceback (most recent call last):\n  File "/srv/b.py", line 1, in f\nKeyError: 7'
    how = "The above exception was the direct cause of the following exception:"
    error = rebuilt(f"{cause}\n\n{how}\n\n{GROUP}")
    assert isinstance(error, ExceptionGroup)
    assert str(error) == "feeds (2 sub-exceptions)"
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["collect"]
    assert isinstance(error.__cause__, KeyError)
    first, inner = error.exceptions
    assert isinstance(first, ConnectionError)
    assert (str(first), type(inner).__qualname__) == ("no route", "Unread")
    assert isinstance(inner, ExceptionGroup)
    assert str(inner.exceptions[0]) == "two\nlines"


@pytest.mark.parametrize("cut", range(0, len(GROUP), 37))
def test_a_group_that_was_cut_off_is_read_as_far_as_it_goes(cut: int):
    rebuilt(GROUP[:cut])
    rebuilt(GROUP[cut:])


def test_the_function_is_found_where_the_source_is_at_hand(tmp_path: Path):
    source = tmp_path / "shop.py"
    source.write_text(
        "import logging\nlog = logging.getLogger()\n\nclass Till:\n    def pay(self):\n"
        "        f = lambda: log.error(1)\n        log.error(2)\n\nlog.error(3)\n"
    )
    maker = RecordMaker()
    found = [maker.record(entry(NOON, path=str(source), line=line)).funcName for line in (6, 7, 4, 9, 90)]
    assert found == ["<lambda>", "pay", "Till", "<module>", "<module>"]
    assert maker.record(entry(NOON, path=str(source), line=7, function="said")).funcName == "said"
    assert maker.record(entry(NOON, path=str(tmp_path / "gone.py"), line=7)).funcName is None


@pytest.mark.parametrize(
    ("begins", "ends", "hours"), [(22, 7, 9), (0, 7, 7), (22, 24, 2), (0, 24, 24), (23, 6, 7), (1, 2, 1)]
)
def test_a_night_has_its_hours(begins: int, ends: int, hours: int):
    night = Night(begins, ends, UTC)
    assert sum(night.holds(NOON + hour * 3_600) for hour in range(24)) == hours


def test_keys_that_need_a_function_which_the_log_does_not_name_are_uncertain():
    options = {"fingerprint": {"function_name": True}}
    told = {"fields": {"message_template": "order %d failed"}}
    assert rehearsed([entry(NOON, **told)], **options).problems[0].uncertain


def test_a_call_that_overrides_what_the_log_does_not_show_is_uncertain(tmp_path: Path):
    source = tmp_path / "shop.py"
    source.write_text(
        'log.error("no database", extra={\n    "pagerduty": {"dedup_key": "db"}\n})\n'
        'log.error("no card", extra={"order": 7})\n'
    )
    known = {"fields": {"pagerduty": {"dedup_key": "db"}}}
    result = rehearsed(
        [
            entry(NOON, "no database", path=str(source), line=1),
            entry(NOON, "no card", path=str(source), line=4),
            entry(NOON, "no database", path=str(source), line=1, **known),
        ]
    )
    assert [(p.summary, p.uncertain) for p in result.problems] == [
        ("no database", True),
        ("no card", False),
        ("no database", False),
    ]
