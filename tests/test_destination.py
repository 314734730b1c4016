"""Where pages go can be seen, and is said where it is unusual."""

import pytest

from pagerduty_logging import PagerDutyHandler

KEY = "0" * 32


def test_the_handler_shows_its_host_and_no_key() -> None:
    assert repr(PagerDutyHandler(KEY)) == "<PagerDutyHandler (ERROR) for events.pagerduty.com>"


def test_a_host_that_is_not_pagerdutys_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    handler = PagerDutyHandler(KEY, base_url="https://relay.example.com")
    assert repr(handler).endswith(" for relay.example.com>")
    assert capsys.readouterr().err.count("which is not PagerDuty's") == 1
    PagerDutyHandler(KEY, base_url="http://127.0.0.1:1").close()
    assert capsys.readouterr().err == ""
