"""When the client tries again, and where it finds the API: hands of time and chance in the test's hands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagerduty_logging.events_api.address import find_base_url
from pagerduty_logging.events_api.client import DEFAULT_RETRY, EventsClient
from pagerduty_logging.events_api.errors import NetworkError, ServerError
from pagerduty_logging.events_api.retrying import (
    RETRY_AFTER_BOUNDS,
    Retry,
    delay,
    parse_retry_after,
    uniform,
)
from tests.events_api.scripted_server import KEY, ScriptedServer, accept, answer

Serve = Callable[..., ScriptedServer]


class Hands:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def always(status: int) -> Any:
    return [answer(status)] * 200


def test_the_waits_double_up_to_the_maximum_until_the_time_is_over(serve: Serve) -> None:
    hands, server = Hands(), serve(*always(503))
    client = EventsClient(
        KEY,
        base_url=server.url,
        retry=Retry(initial=1.0, maximum=8.0, max_age=60.0),
        clock=hands.clock,
        sleep=hands.sleep,
        random=lambda: 0.5,
    )
    with pytest.raises(ServerError):
        client.trigger("outage")
    client.close()
    assert hands.waits == [0.5, 1.0, 2.0, *[4.0] * 14]
    assert sum(hands.waits) < 60.0
    assert len(server.bodies) == len(hands.waits) + 1
    assert len(set(server.bodies)) == 1


def test_a_client_gives_up_after_a_minute_by_default(serve: Serve) -> None:
    assert DEFAULT_RETRY.max_age == 60.0
    hands, server = Hands(), serve(*always(500))
    client = EventsClient(KEY, base_url=server.url, clock=hands.clock, sleep=hands.sleep)
    with client, pytest.raises(ServerError):
        client.trigger("outage")
    assert 0 < sum(hands.waits) < 60.0


def test_the_second_attempt_gets_no_more_time_than_is_left(serve: Serve) -> None:
    hands, server = Hands(), serve(answer(500), lambda conversation: conversation.hang_up(), accept)
    with (
        EventsClient(
            KEY,
            base_url=server.url,
            retry=Retry(initial=10.0, maximum=10.0, max_age=10.0),
            clock=hands.clock,
            sleep=lambda seconds: hands.sleep(10.0),
            random=lambda: 0.5,
        ) as client,
        pytest.raises(NetworkError, match="time limit"),
    ):
        client.trigger("late")
    assert len(server.bodies) == 1


def test_with_a_max_age_of_0_there_is_one_attempt_with_all_its_time(serve: Serve) -> None:
    server = serve(answer(500))
    with EventsClient(KEY, base_url=server.url, retry=Retry(max_age=0)) as client:
        with pytest.raises(ServerError):
            client.trigger("once")
        client.trigger("and once more")
    assert len(server.bodies) == 2


seconds = st.floats(min_value=0, max_value=1e12)


@given(
    initial=seconds,
    more=seconds,
    attempts=st.integers(1, 10**9),
    retry_after=st.none() | st.floats(*RETRY_AFTER_BOUNDS),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_every_wait_lies_within_bounds(
    initial: float, more: float, attempts: int, retry_after: float | None, chance: float
) -> None:
    retry = Retry(initial=initial, maximum=initial + more)
    wait = delay(retry, attempts, retry_after, lambda: chance)
    assert (retry_after or 0.0) <= wait <= (retry_after or 0.0) + retry.maximum


def test_waits_grow_and_are_spread_over_their_whole_length() -> None:
    retry = Retry(initial=1.0, maximum=60.0)
    longest = [delay(retry, attempts, None, lambda: 1.0) for attempts in range(1, 12)]
    assert longest[:7] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    assert all(one <= other for one, other in pairwise(longest))
    chances = [uniform() for _ in range(1000)]
    assert all(0.0 <= chance < 1.0 for chance in chances)
    assert len(set(chances)) == 1000
    assert min(chances) < 0.1 < 0.9 < max(chances)


@given(st.text(), st.datetimes(timezones=st.just(UTC)))
def test_any_retry_after_is_within_bounds_or_none(header: str, now: datetime) -> None:
    found = parse_retry_after(header, now)
    assert found is None or RETRY_AFTER_BOUNDS[0] <= found <= RETRY_AFTER_BOUNDS[1]


dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Xxx", ""]),
    st.integers(-1, 40),
    st.sampled_from(["Jan", "Dec", "Foo", "13"]),
    st.integers(0, 10**6),
    st.integers(0, 30),
    st.integers(0, 70),
    st.integers(0, 70),
    st.sampled_from(["GMT", "+0000", "-2359", "+999999999999999", "", "XYZ"]),
)


@given(dates, st.datetimes(timezones=st.just(UTC)))
def test_any_date_in_retry_after_is_within_bounds_or_none(header: str, now: datetime) -> None:
    test = parse_retry_after(header, now)
    assert test is None or RETRY_AFTER_BOUNDS[0] <= test <= RETRY_AFTER_BOUNDS[1]


def test_a_date_without_a_zone_is_utc() -> None:
    now = datetime(2026, 1, 31, 8, 0, 0, tzinfo=UTC)
    assert parse_retry_after("Sat, 31 Jan 2026 08:00:30", now) == 30.0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"initial": -1}, "retry.initial must be a finite number of seconds"),
        ({"maximum": float("inf")}, "retry.maximum must be a finite number"),
        ({"max_age": float("nan")}, "retry.max_age must be a finite number"),
        ({"max_age": "60"}, "retry.max_age must be a number of seconds"),
        ({"max_age": True}, "retry.max_age must be a number of seconds"),
        ({"initial": 2, "maximum": 1}, "retry.maximum must not be less than retry.initial"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises((ValueError, TypeError), match=problem):
        Retry(**options)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 10**9, "10", True, None])
def test_a_time_limit_that_makes_no_sense_is_refused(timeout: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="timeout must be"):
        EventsClient(KEY, timeout=timeout)


def test_what_is_not_a_schedule_is_refused() -> None:
    with pytest.raises(TypeError, match="retry must be a Retry, not int"):
        EventsClient(KEY, retry=3)  # type: ignore[arg-type]


# --- the address -----------------------------------------------------------------------------------


def test_each_region_has_its_address() -> None:
    assert EventsClient(KEY).base_url == "https://events.pagerduty.com"
    assert EventsClient(KEY, region="eu").base_url == "https://events.eu.pagerduty.com"
    assert EventsClient(KEY, region="EU").base_url == "https://events.eu.pagerduty.com"
    assert repr(EventsClient(KEY)) == "<EventsClient for https://events.pagerduty.com>"
    for region in ("Europe", "", None, []):
        with pytest.raises(ValueError, match="region must be one of us, eu"):
            EventsClient(KEY, region=region)  # type: ignore[arg-type]


def test_an_address_given_wins_over_the_environments_and_that_over_the_regions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAGERDUTY_EVENTS_URL", " https://env.test/ ")
    assert find_base_url("eu", None, False) == "https://env.test"
    assert find_base_url("eu", "https://option.test", False) == "https://option.test"
    monkeypatch.setenv("PAGERDUTY_EVENTS_URL", " ")
    assert find_base_url("eu", None, False) == "https://events.eu.pagerduty.com"
    monkeypatch.setenv("PAGERDUTY_EVENTS_URL", "ftp://env.test")
    with pytest.raises(ValueError, match="PAGERDUTY_EVENTS_URL must be a URL that begins with https"):
        find_base_url("us", None, False)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://events.pagerduty.com/v2", ""),
        ("https://events.pagerduty.com/v2/", ""),
        ("https://events.pagerduty.com/v2/enqueue", ""),
        ("https://events.pagerduty.com/v2/change/enqueue/", ""),
        ("https://events.pagerduty.com/gateway/v2", "/gateway"),
        ("https://events.pagerduty.com/v25", "/v25"),
    ],
)
def test_an_address_made_for_another_client_is_understood(given: str, used: str) -> None:
    assert find_base_url("us", given, False) == f"https://events.pagerduty.com{used}"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "events.pagerduty.com",
        "ftp://a.test",
        "file:///etc/passwd",
        "https://",
        "https://a.test:x",
        "https://[::1",
        "https://a..test",
        "https://a.test/\r\nX: y",
        "https://a b.test",
        "https://a.test\\@b.test",
        "https://user:s3same@a.test",
        "https://a.test?x=s3same",
        "https://a.test/#s3same",
        "http://a.test",
        "http://127.0.0.1.a.test",
        "http://localhost.a.test",
        "http://127.999.0.1",
        "http://127.1",
        "http://0177.0.0.1",
        "http://0.0.0.0",
        "http://[::2]",
        "http://[::ffff:10.0.0.1]",
        "http://a.localhost",
        "http://10.0.0.1",
    ],
)
def test_an_address_that_will_not_do_is_refused_without_an_echo(address: str) -> None:
    with pytest.raises(ValueError, match="base_url") as caught:
        find_base_url("us", address, False)
    assert "s3same" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_plain_http_is_for_this_machine_or_for_those_who_ask_for_it() -> None:
    for address in (
        "http://localhost:8080",
        "http://127.0.0.1:1",
        "http://127.1.2.3",
        "http://[::1]:1",
        "http://LOCALHOST",
        "http://[::ffff:127.0.0.1]",
    ):
        assert find_base_url("us", address, False) == address
    assert find_base_url("us", "http://a.test", True) == "http://a.test"
    with pytest.raises(TypeError, match="base_url must be text, not int"):
        find_base_url("us", 7, False)  # type: ignore[arg-type]
