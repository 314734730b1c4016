"""Where pages go, in words that a person is shown."""

import pytest
import requests

from pagerduty_logging import EventsClient
from pagerduty_logging.events_api.address import REGIONS, destination, unusual_destination


@pytest.mark.parametrize(
    "base_url",
    [
        *REGIONS.values(),
        "https://events.pagerduty.com.",
        "http://127.0.0.1:8787",
        "http://localhost:1",
        "https://[::1]:8443",
    ],
)
def test_pagerduty_and_this_machine_are_nothing_to_mention(base_url: str) -> None:
    assert unusual_destination(base_url) is None


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://relay.example.com/pd", "relay.example.com"),
        ("https://relay.example.com:8443", "relay.example.com:8443"),
        ("https://pagerduty.com.example.com", "pagerduty.com.example.com"),
        ("https://events-pagerduty.com", "events-pagerduty.com"),
        ("http://10.0.0.1", "10.0.0.1"),
    ],
)
def test_any_other_host_is_named_once_as_not_pagerdutys(base_url: str, host: str) -> None:
    assert destination(base_url) == host
    assert unusual_destination(base_url) == (
        f"pages and their routing key go to {host}, which is not PagerDuty's: "
        "base_url or PAGERDUTY_EVENTS_URL says so"
    )


def test_a_client_knows_what_is_unusual_about_it() -> None:
    key = "0" * 32
    assert EventsClient(key).notices() == []
    with requests.Session() as session:
        assert EventsClient(key, session=session).notices() == []
        session.verify = False
        made = EventsClient(key, base_url="https://relay.example.com", session=session)
        first, second = made.notices()
    assert "relay.example.com, which is not PagerDuty's" in first
    assert second == "certificates are not verified: the given session says verify=False"
