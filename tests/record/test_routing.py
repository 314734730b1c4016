"""Two keys, one program: the first rule that fits decides which key a record is sent with."""

import json
import logging
from collections import Counter

import pytest

from pagerduty_logging import PagerDutyHandler, cli
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Answer, Sandbox

BILLING, NIGHT = "b" * 32, "c" * 32
RULES = [
    {"logger": "shop.billing", "routing_key": BILLING},
    {"level": "CRITICAL", "routing_key": NIGHT},
]


def _keys(sandbox: Sandbox) -> dict[str, str]:
    """Return the first letter of the key that each summary was sent with."""
    sent = {}
    for request in sandbox.requests:
        event = json.loads(request.body)
        sent[event["payload"]["summary"]] = event["routing_key"][0]
    return sent


def test_the_first_rule_that_fits_decides(make_handler, attach, sandbox) -> None:
    handler = make_handler(routing=RULES)
    attach(handler)
    for name, level, words in (
        ("shop", logging.ERROR, "default"),
        ("shop.billing", logging.ERROR, "team"),
        ("shop.billing.cards", logging.CRITICAL, "below"),
        ("shop.billings", logging.ERROR, "another name"),
        ("shop", logging.CRITICAL, "at night"),
    ):
        for _ in range(3):
            logging.getLogger(name).log(level, words)
    assert handler.flush(10)
    assert _keys(sandbox) == {
        "default": EXAMPLE_ROUTING_KEY[0],
        "team": "b",
        "below": "b",
        "another name": EXAMPLE_ROUTING_KEY[0],
        "at night": "c",
    }
    stats = handler.stats
    assert (stats.delivered, stats.suppressed) == (5, 10)
    assert len(handler.decisions) == 5


def test_a_key_that_has_to_wait_delays_no_other(make_handler, attach, sandbox) -> None:
    handler = make_handler(routing=RULES)
    attach(handler)
    sandbox.fail_next(Answer(429, retry_after=300))
    logging.getLogger("shop.billing").error("asked to wait")
    sandbox.wait_until(lambda: len(sandbox.requests) == 1)
    logging.getLogger("shop").error("goes on")
    sandbox.wait_for(1)
    assert sandbox.events[0]["payload"]["summary"] == "goes on"
    sandbox.wait_until(lambda: handler.stats.pending == 1)


def test_a_resolve_goes_where_the_problem_paged(make_handler, attach, sandbox) -> None:
    handler = make_handler(routing=RULES)
    attach(handler)
    logging.getLogger("shop.billing").error("down", extra={"pagerduty": {"dedup_key": "cards"}})
    assert handler.flush(10)
    handler.resolve("cards")
    assert handler.flush(10)
    resolved = [
        event
        for event in (json.loads(request.body) for request in sandbox.requests)
        if event["event_action"] == "resolve"
    ]
    assert [event["routing_key"] for event in resolved] == [BILLING]


def test_a_rule_may_send_with_the_handlers_own_key(make_handler, attach, sandbox) -> None:
    handler = make_handler(
        routing=[{"logger": "shop.billing.old", "routing_key": EXAMPLE_ROUTING_KEY}, RULES[0]]
    )
    attach(handler)
    logging.getLogger("shop.billing.old").error("ours")
    logging.getLogger("shop.billing").error("theirs")
    assert handler.flush(10)
    assert _keys(sandbox) == {"ours": EXAMPLE_ROUTING_KEY[0], "theirs": "b"}


def test_level_and_formatter_of_the_handler_hold_for_every_key(make_handler, attach, sandbox) -> None:
    handler = make_handler(routing=RULES, level="CRITICAL")
    handler.setFormatter(logging.Formatter("formatted: %(message)s"))
    attach(handler)
    logging.getLogger("shop.billing").error("too low")
    logging.getLogger("shop.billing").critical("down")
    handler.handle(logging.makeLogRecord({"name": "shop.billing", "levelno": 40, "msg": "behind a queue"}))
    assert handler.flush(10)
    assert list(_keys(sandbox)) == ["formatted: down"]


@pytest.mark.parametrize(
    ("routing", "words"),
    [
        ("shop", "routing must be a list"),
        ([3], "rule 1: must be a mapping"),
        ([{"logger": "a"}], "rule 1: needs a routing_key"),
        ([{"logger": "a", "routing_key": BILLING, "team": "b"}], "rule 1: unknown: team"),
        ([RULES[0], {"level": "LOUD", "routing_key": NIGHT}], "rule 2: level: unknown level 'LOUD'"),
        ([RULES[0], {"logger": "", "routing_key": NIGHT}], "rule 2: logger is empty"),
        ([RULES[0], {"logger": "b", "routing_key": BILLING}], "rules 1 and 2 have the same routing key"),
        ([RULES[0], {"logger": "shop.billing.x", "routing_key": NIGHT}], "rule 2 can never match: rule 1"),
        ([{"routing_key": NIGHT}, RULES[0]], "rule 2 can never match: rule 1"),
        ([{"logger": "shop.*", "routing_key": NIGHT}, {**RULES[0], "logger": "shop.b*"}], "rule 2 can never"),
        ([{"logger": "shop.*", "routing_key": NIGHT}, RULES[0]], "rule 2 can never match: rule 1"),
        ([{"logger": ["db", "*ing"], "routing_key": NIGHT}, {**RULES[0], "logger": "db.pool"}], "rule 2 can"),
        ([{"level": 40, "routing_key": NIGHT}, {"level": 50, "routing_key": BILLING}], "rule 2 can never"),
        ([{"routing_key_file": "/nowhere/key"}], "rule 1: routing_key_file cannot be read"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_by_its_number(routing: object, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        PagerDutyHandler(EXAMPLE_ROUTING_KEY, routing=routing)
    assert BILLING not in str(caught.value)
    assert NIGHT not in str(caught.value)


def test_a_rule_that_is_only_partly_covered_is_taken(make_handler) -> None:
    make_handler(routing=[{"logger": "shop.*", "routing_key": NIGHT}, {**RULES[0], "logger": "shop"}])
    make_handler(routing=[{"logger": "*.billing", "routing_key": NIGHT}, RULES[0]])
    make_handler(routing=[{"level": 50, "routing_key": NIGHT}, {"level": 40, "routing_key": BILLING}])


# --- with a shared state --------------------------------------------------------------------------


def test_with_a_state_each_key_has_its_own_problems(make_handler, sandbox, tmp_path) -> None:
    options = {"routing": RULES, "state": tmp_path / "state.sqlite"}
    handlers = [make_handler(**options) for _ in range(2)]
    for handler in handlers:
        for name in ("shop", "shop.billing"):
            record = logging.LogRecord(name, logging.ERROR, __file__, 1, "down", (), None)
            record.pagerduty = {"dedup_key": "one name for two problems"}
            handler.handle(record)
        assert handler.flush(10)
    sent = [json.loads(request.body)["routing_key"] for request in sandbox.requests]
    assert sorted(sent) == sorted([EXAMPLE_ROUTING_KEY, BILLING]), "once for all processes, once for each key"
    assert handlers[1].stats.told_elsewhere == 2


def test_with_a_state_each_key_has_its_own_budget(make_handler, sandbox, tmp_path) -> None:
    handler = make_handler(routing=RULES, state=tmp_path / "state.sqlite", max_events_per_minute=4)
    for name in ("shop", "shop.billing"):
        for number in range(20):
            message = f"problem {chr(97 + number)}"
            handler.handle(logging.LogRecord(name, logging.ERROR, f"{message}.py", 1, message, (), None))
    sandbox.wait_until(lambda: len(sandbox.requests) == 8)
    sent = Counter(json.loads(request.body)["routing_key"] for request in sandbox.requests)
    assert sent == {EXAMPLE_ROUTING_KEY: 4, BILLING: 4}
    sandbox.wait_until(lambda: handler.stats.delivered == 8)
    assert handler.stats.pending == 32


def test_a_silence_of_a_logger_holds_for_every_key(make_handler, sandbox, tmp_path) -> None:
    state = tmp_path / "state.sqlite"
    arguments = ["--logger", "shop*", "--for", "5m", "--reason", "a new bank", "--state", str(state)]
    assert cli.main(["silence", *arguments]) == 0
    handler = make_handler(routing=RULES, state=state)
    for name in ("shop", "shop.billing", "other"):
        handler.handle(logging.LogRecord(name, logging.ERROR, __file__, 1, f"{name} is down", (), None))
    assert handler.flush(10)
    assert list(_keys(sandbox)) == ["other is down"]
    assert handler.stats.dropped == {"silenced": 2}
