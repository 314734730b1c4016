"""Bad configuration fails when it is built, names the option, and never echoes the key."""

import functools
import logging
import logging.config
import re
import traceback
import warnings
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler, Retry
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox

CANARY = "5ecre7" + "x" * 26


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"routing_key": ""}, "routing_key"),
        ({"routing_key": "  \n"}, "routing_key"),
        ({"routing_key": 5}, "routing_key"),
        ({"routing_key": b"5ecre7"}, "routing_key"),
        ({"routing_key": CANARY + "\nX-Header: 1"}, "routing_key"),
        ({"routing_key": CANARY + " x"}, "routing_key"),
        ({"routing_key_file": "/dev/null"}, "routing_key"),
        ({"routing_key_file": 7}, "routing_key_file"),
        ({"level": "LOUD"}, "level"),
        ({"level": None}, "level"),
        ({"level": True}, "level"),
        ({"level": "ERRO"}, "level: unknown level 'ERRO': .*CRITICAL"),
        ({"region": "mars"}, "region"),
        ({"base_url": "ftp://example.com"}, "base_url"),
        ({"base_url": "https://"}, "base_url"),
        ({"base_url": "http://example.com"}, "base_url"),
        ({"base_url": "https://user:5ecre7@example.com"}, "base_url"),
        ({"base_url": 7}, "base_url"),
        ({"allow_http": "no"}, "allow_http"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "10"}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"retry": 3}, "retry"),
        ({"source": 7}, "source"),
        ({"component": 7}, "component"),
        ({"group": 7}, "group"),
        ({"event_class": 7}, "event_class"),
        ({"client": 7}, "client"),
        ({"client_url": 7}, "client_url"),
        ({"client_url": "javascript:alert(1)"}, "client_url"),
        ({"client_url": "shop.example.com"}, "client_url"),
        ({"client_url": "https://"}, "client_url"),
        ({"client_url": "https://shop.example.com/ x"}, "client_url"),
        ({"client_url": "data:text/html,x"}, "client_url"),
        ({"custom_details": [1]}, "custom_details"),
        ({"custom_details": "x"}, "custom_details"),
        ({"custom_details": 7}, "custom_details"),
        ({"links": "https://example.com"}, "links"),
        ({"links": [{"url": "https://example.com"}]}, "links"),
        ({"images": [7]}, "images"),
        ({"fingerprint": "name"}, "fingerprint"),
        ({"fingerprint": {"template_source": "moon"}}, "fingerprint.*template_source"),
        ({"fingerprint": {"exceptions": True}}, "fingerprint.*exceptions"),
        ({"spool": 7}, "spool"),
        ({"redact": 7}, "redact"),
        ({"redact": [r"\d{16}"]}, "redact.*re.compile"),
        ({"redact": ["card_*"]}, "redact.*re.compile"),
        ({"ignore_loggers": 7}, "ignore_loggers"),
        ({"ignore_exceptions": [7]}, "ignore_exceptions"),
        ({"min_occurrences": (0, 60)}, "min_occurrences"),
        ({"min_occurrences": 5}, "min_occurrences"),
        ({"release": 7}, "release"),
        ({"environment": 7}, "environment"),
        ({"repeat_interval": -1}, "repeat_interval"),
        ({"repeat_interval": True}, "repeat_interval"),
        ({"max_fingerprints": 0}, "max_fingerprints"),
        ({"max_events_per_minute": 0}, "max_events_per_minute"),
        ({"max_pending": 1.5}, "max_pending"),
        ({"background": "yes"}, "background"),
        ({"flush_timeout": -0.1}, "flush_timeout"),
        ({"before_send": 7}, "before_send"),
        ({"before_send": lambda trigger: trigger}, r"before_send\(trigger, record\)"),
        ({"on_error": 7}, "on_error"),
        ({"on_error": lambda event, error, record: None}, r"on_error\(event, error\)"),
        ({"fingerprint": lambda: "x"}, r"fingerprint\(record\)"),
        ({"enabled": "false"}, "enabled"),
        ({"routing_keys": "a misspelt option"}, "routing_keys"),
    ],
)
def test_a_bad_option_is_named_when_the_handler_is_built(options: dict[str, Any], named: str):
    if "routing_key_file" not in options:
        options = {"routing_key": CANARY, **options}
    with pytest.raises((TypeError, ValueError), match=named) as raised:
        PagerDutyHandler(**options)
    assert "5ecre7" not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {"before_send": lambda trigger, record, more=None: trigger},
        {"before_send": lambda *given: given[0]},
        {"on_error": functools.partial(print, "lost")},
        {"on_error": print},
        {"fingerprint": functools.wraps(lambda: "x")(lambda record: "x")},
        {"fingerprint": str},
        {"level": "error"},
        {"redact": ["card.number", "user[token]", "!max-tokens", re.compile("[0-9]{16}")]},
    ],
)
def test_an_option_that_works_is_not_refused(options: dict[str, Any]):
    PagerDutyHandler(CANARY, **options).close()


def test_a_rule_whose_key_looks_wrong_is_named_once():
    with pytest.warns(UserWarning, match="probably refuse it") as warned:
        PagerDutyHandler(CANARY, routing=[{"logger": "shop", "routing_key": "5ecre7"}]).close()
    assert [str(each.message) for each in warned] == [
        "routing: rule 1: routing_key is not 32 letters or digits: PagerDuty will probably refuse it"
    ]


@pytest.mark.parametrize(
    "options",
    [{"level": "LOUD"}, {"timeout": 0}, {"region": "mars"}, {"routing_key": CANARY + "\n" + CANARY}],
)
def test_no_frame_of_ours_holds_the_key_when_an_option_is_refused(options: dict[str, Any]):
    try:
        PagerDutyHandler(**{"routing_key": CANARY, **options})
    except ValueError as error:
        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    ours = [frame for frame in frames if "pagerduty_logging" in frame.filename]
    assert ours
    assert not any(CANARY in value for frame in ours for value in (frame.locals or {}).values())


def test_dict_config_says_which_option_is_wrong():
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "pd": {
                "class": "pagerduty_logging.PagerDutyHandler",
                "routing_key": CANARY,
                "repeat_interval": "5m",
            }
        },
    }
    with pytest.raises(ValueError, match="pd") as raised:
        logging.config.dictConfig(config)
    shown = "".join(traceback.format_exception(raised.value))
    assert "repeat_interval" in shown
    assert CANARY not in shown


@pytest.mark.parametrize(
    "bad", [{"initial": -1}, {"maximum": 0.5}, {"max_age": float("inf")}, {"initial": "1"}]
)
def test_a_bad_retry_is_named(bad: dict[str, Any]):
    with pytest.raises((TypeError, ValueError), match="retry"):
        Retry(**bad)


def test_without_a_key_the_handler_is_inert_and_says_so_once(capsys: pytest.CaptureFixture[str]):
    with pytest.warns(UserWarning, match="nothing will be paged") as warned:
        handler = PagerDutyHandler()
    assert len(warned) == 1
    logger = logging.Logger("alone")
    logger.addHandler(handler)
    with warnings.catch_warnings(record=True) as later:
        logger.critical("nobody hears")
        handler.resolve("x")
    assert handler.flush()
    handler.close()
    assert handler.stats.accepted == 0
    assert not later
    assert capsys.readouterr().err == ""


def test_a_disabled_handler_is_inert_and_silent():
    handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, enabled=False, base_url="http://127.0.0.1:9")
    handler.handle(logging.makeLogRecord({"levelno": logging.CRITICAL, "msg": "nobody hears"}))
    assert handler.flush()
    assert handler.stats.accepted == 0


def test_an_inert_handler_refuses_bad_options_all_the_same():
    with pytest.raises(ValueError, match="region"):
        PagerDutyHandler(enabled=False, region="mars")


def test_the_key_may_come_from_a_file(tmp_path, sandbox: Sandbox):
    secret = tmp_path / "routing-key"
    secret.write_text(EXAMPLE_ROUTING_KEY + "\n")
    handler = PagerDutyHandler(routing_key_file=secret, base_url=sandbox.url)
    handler.handle(logging.makeLogRecord({"levelno": logging.ERROR, "levelname": "ERROR", "msg": "news"}))
    assert handler.flush()
    handler.close()
    assert sandbox.alerts[0].routing_key == EXAMPLE_ROUTING_KEY


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ValueError, match="routing_key_file"):
        PagerDutyHandler(routing_key_file=tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="routing_key_file"):
        PagerDutyHandler(routing_key_file=tmp_path / "binary")


def test_a_key_and_a_file_are_one_too_many(tmp_path):
    with pytest.raises(ValueError, match="routing_key_file"):
        PagerDutyHandler(CANARY, routing_key_file=tmp_path / "key")


def test_a_key_of_an_unusual_form_is_warned_of_without_an_echo():
    with pytest.warns(UserWarning, match="32 letters or digits") as warned:
        PagerDutyHandler("5ecre7")
    assert "5ecre7" not in str(warned[0].message)


def test_the_handler_shows_no_key():
    import copy
    import pickle

    handler = PagerDutyHandler(CANARY)
    shown = [repr(handler), str(handler), f"{handler}", repr(vars(handler)), repr(vars(handler._delivery))]
    assert not any(CANARY in text for text in shown)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickled"):
            leave(handler)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"fingerprint": {"exeption_type": True}},
            "fingerprint has no option 'exeption_type': it has exception_type, function_name, "
            "template_source, environment, client",
        ),
        ({"fingerprint": "x"}, "fingerprint must be callable, a mapping of options or None, not str"),
        (
            {"level": "ERR"},
            "level: unknown level 'ERR': must be a number or one of CRITICAL, FATAL, ERROR, ",
        ),
        (
            {"routing": [{"level": "ERR", "routing_key": CANARY}]},
            "unknown level 'ERR': must be a number or one of CRITICAL, FATAL, ERROR, ",
        ),
    ],
)
def test_a_wrong_choice_names_those_that_there_are(options: dict[str, object], says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(says)):
        PagerDutyHandler("0" * 32, **options)  # type: ignore[arg-type]
