"""The routing key appears in the body of requests, and nowhere else."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from pagerduty_logging.events_api.client import EventsClient
from pagerduty_logging.events_api.errors import (
    ApiError,
    BadRequest,
    EventsError,
    NetworkError,
    RateLimited,
    ServerError,
)
from pagerduty_logging.events_api.retrying import Retry
from pagerduty_logging.events_api.routing_key import RoutingKey, find_routing_key
from tests.events_api.scripted_server import (
    KEY,
    Conversation,
    ScriptedServer,
    Step,
    answer,
    endless,
    hangs,
    hangs_up,
    resets,
    resets_unread,
    says,
)

Serve = Callable[..., ScriptedServer]

CANARY = "CANARY"


def rendered(error: BaseException) -> str:
    """Return everything that could be printed of an exception, as the most talkative tools do."""
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    chain: list[BaseException | None] = [error]
    while (last := chain[-1]) is not None:
        shown += f"{last} {last!r} {last.args!r} {vars(last)!r} {getattr(last, 'body', '')}"
        chain.append(last.__cause__ or last.__context__)
    return shown


def echoes(status: int) -> Step:
    """Answer with everything that the request held, wherever an answer has room."""

    def step(conversation: Conversation) -> None:
        assert conversation.request is not None
        text = conversation.request.body.decode()
        said = f'{{"message": "you sent {KEY}", "errors": ["{KEY} is wrong", {text}]}}'
        answer(status, said, Retry_After=f"after {KEY}", X_Echo=KEY)(conversation)

    return step


FAULTS: dict[str, Step] = {
    "hangs": hangs,
    "hangs up": hangs_up,
    "resets": resets,
    "resets unread": resets_unread,
    "garbage": says(f"{KEY}\r\n\r\n".encode()),
    "cut": says(f"HTTP/1.1 {KEY}".encode()),
    "endless": endless(b"HTTP/1.1 500 No\r\n\r\n", KEY.encode()),
    "odd header": says(f"HTTP/1.1 500 {KEY}\r\nX {KEY}\r\n{KEY}\r\n\r\n".encode()),
    "redirect": answer(302, "", Location=f"http://127.0.0.1/{KEY}"),
} | {f"echoes {status}": echoes(status) for status in (200, 400, 403, 413, 429, 500)}


@pytest.mark.parametrize("own_session", [False, True])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_fault_gives_the_key_away(
    serve: Serve, caplog: pytest.LogCaptureFixture, fault: Step, own_session: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(fault)
    with requests.Session() as session:
        client = EventsClient(
            KEY,
            base_url=server.url,
            timeout=0.2,
            retry=Retry(max_age=0.0),
            session=session if own_session else None,
        )
        with pytest.raises(EventsError) as caught:
            client.trigger("fault")
        client.close()
    assert CANARY not in rendered(caught.value)
    assert all(CANARY in body.decode() for body in server.bodies)
    if "Failed to parse headers" not in caplog.text or not own_session:  # there, urllib3 is the user's
        assert CANARY not in caplog.text


def test_ctrl_c_in_the_middle_of_a_request_does_not_give_the_key_away(serve: Serve) -> None:
    def interrupts(conversation: Conversation) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        conversation.wait()

    client = EventsClient(KEY, base_url=serve(interrupts).url)
    with pytest.raises(KeyboardInterrupt) as caught:
        client.trigger("interrupted")
    client.close()
    assert CANARY not in rendered(caught.value)


def test_an_accepted_event_does_not_give_the_key_away(serve: Serve) -> None:
    server = serve(echoes(202))
    with EventsClient(KEY, base_url=server.url) as client:
        assert CANARY not in repr(client.trigger("accepted"))


def shapes(thing: Any) -> list[str]:
    inside = [getattr(thing, name) for name in getattr(thing, "__slots__", ())]
    inside += vars(thing).values() if hasattr(thing, "__dict__") else []
    shown = [str(thing), repr(thing), f"{thing}", f"{thing!r:>40}", f"{thing!a}", "%s" % thing]  # noqa: UP031
    return shown + [repr(one) for one in inside]


def test_nothing_shows_the_key(serve: Serve) -> None:
    client = EventsClient(KEY, base_url=serve().url)
    client.check()
    key = find_routing_key(KEY)
    [transport] = vars(client)["_transports"].values()
    for thing in (client, key, transport):
        assert CANARY not in "".join(shapes(thing))
    client.close()


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_neither_key_nor_client_is_pickled_or_copied(take: Callable[[Any], Any]) -> None:
    for thing in (EventsClient(KEY), RoutingKey(KEY)):
        with pytest.raises(TypeError, match="not pickled or copied") as caught:
            take(thing)
        assert CANARY not in rendered(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        EventsError("e"),
        NetworkError("n"),
        ApiError("a", status=403, body="b", retry_after=3.0),
        BadRequest("b", status=422, body="b", errors=("x", "y")),
        RateLimited("r", status=429, body="b", retry_after=3.0),
        ServerError("s", status=503, body="b", retry_after=None),
    ],
)
def test_errors_survive_pickling_and_copying(error: EventsError) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
        assert other.retryable is error.retryable


BAD_KEYS = {
    "empty": "",
    "blank": " \n",
    "two lines": f"{CANARY}\n{CANARY}",
    "NUL": f"{CANARY}\x00",
    "a file": CANARY * 50,
    "bytes": CANARY.encode(),
    "number": 7,
}


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_key_that_cannot_be_one_is_refused_without_an_echo(key: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="routing_key") as caught:
        EventsClient(key)
    assert CANARY not in _ours(caught.value)
    with pytest.raises((ValueError, TypeError), match="routing_key") as caught:
        find_routing_key(key)
    assert CANARY not in _ours(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"region": CANARY},
        {"base_url": f"https://user:{CANARY}@events.pagerduty.com"},
        {"base_url": f"ftp://{CANARY}"},
        {"base_url": f"http://{CANARY}.com"},
        {"base_url": f"https://{CANARY}]"},
        {"timeout": 0},
        {"retry": 3},
        {"session": 4},
    ],
)
def test_a_wrong_option_does_not_give_the_key_away(options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=next(iter(options))) as caught:
        EventsClient(KEY, **options)
    assert CANARY not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert KEY not in _ours(caught.value)


def _ours(error: BaseException) -> str:
    """Return the rendered frames of the library alone: this test's own hold the key on purpose."""
    rendering = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert error.__cause__ is None
    frames = [frame for frame in rendering.stack if "pagerduty_logging" in frame.filename]
    assert frames
    return f"{error} {error.args} " + "".join(f"{frame.name}: {frame.locals}" for frame in frames)


@pytest.mark.parametrize(
    "key", ["short-CANARY", "CANARY" * 6, "R0CANARY-CANARY-CANARY-CANARY-00", "ключ-CANARY"]
)
def test_a_key_of_an_unusual_form_gets_a_warning_that_does_not_echo_it(serve: Serve, key: str) -> None:
    with pytest.warns(UserWarning, match="routing_key is not 32 letters or digits") as caught:
        client = EventsClient(key, base_url=(server := serve()).url)
    assert caught[0].filename == __file__
    assert CANARY not in str(caught[0].message)
    client.check()
    client.close()
    assert server.events[0]["routing_key"] == key
    with pytest.raises(UserWarning) as raised:
        EventsClient(key)  # where warnings are errors, as here
    assert CANARY not in _ours(raised.value)


def test_white_space_around_a_key_is_not_part_of_it(serve: Serve) -> None:
    server = serve()
    with EventsClient(f" {KEY}\n", base_url=server.url) as client:
        client.check()
    assert server.events[0]["routing_key"] == KEY


def test_the_key_comes_from_the_environment_if_none_is_given(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="PAGERDUTY_ROUTING_KEY is not set"):
        EventsClient()
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", KEY)
    server = serve()
    with EventsClient(base_url=server.url) as client:
        client.check()
    assert server.events[0]["routing_key"] == KEY
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", f"{CANARY}\n{CANARY}")
    with pytest.raises(ValueError, match="PAGERDUTY_ROUTING_KEY holds line breaks") as caught:
        EventsClient()
    assert CANARY not in _ours(caught.value)


def test_the_key_comes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    key = find_routing_key(None, path)
    assert key is not None
    assert key.reveal() == KEY
    with pytest.raises(ValueError, match="give one of them") as caught:
        find_routing_key(KEY, path)
    assert CANARY not in _ours(caught.value)
    with pytest.raises(ValueError, match="routing_key_file cannot be read: No such file"):
        find_routing_key(None, tmp_path / "none")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="routing_key_file is not text"):
        find_routing_key(None, path)
    path.write_text("")
    with pytest.raises(ValueError, match="routing_key_file is empty"):
        find_routing_key(None, path)
    assert find_routing_key(None) is None


def test_a_key_found_before_is_taken_as_it_is(serve: Serve) -> None:
    server = serve()
    with EventsClient(find_routing_key(KEY), base_url=server.url) as client:
        client.check()
    assert server.events[0]["routing_key"] == KEY


@pytest.mark.parametrize(
    "inside",
    [" ", "\t", "\n", "\u00a0", "\u2003", "\u200b", "\ufeff", "\x00", "\x7f", "\u202e", "\ud800"],
    ids=ascii,
)
def test_a_key_with_a_blank_or_an_invisible_character_inside_is_refused(inside: str) -> None:
    with pytest.raises(ValueError, match="routing_key holds line breaks, blanks or") as caught:
        EventsClient(f"{CANARY}{inside}{CANARY}")
    assert CANARY not in _ours(caught.value)
