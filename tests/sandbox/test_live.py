"""News for open pages, as server-sent events."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from pagerduty_logging.sandbox import Sandbox, live
from tests.sandbox.sandbox_client import Sender, trigger


@pytest.fixture
def send(sandbox: Sandbox) -> Iterator[Sender]:
    with requests.Session() as session:
        session.trust_env = False
        yield Sender(sandbox, session)


class Stream:
    """An open stream of news."""

    def __init__(self, sandbox: Sandbox) -> None:
        host, port = sandbox.url.removeprefix("http://").split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=30)
        self.connection.request("GET", "/live")
        self.answer = self.connection.getresponse()

    def news(self) -> str | None:
        """The next piece of news; None at the end."""
        for line in iter(self.answer.readline, b""):
            if line.startswith(b"data: "):
                return line.removeprefix(b"data: ").decode().strip()
        return None


@contextmanager
def streaming(sandbox: Sandbox) -> Iterator[Stream]:
    stream = Stream(sandbox)
    try:
        yield stream
    finally:
        stream.answer.close()
        stream.connection.close()


def test_a_stream_reports_at_once_and_whenever_something_changes(sandbox: Sandbox, send: Sender) -> None:
    with streaming(sandbox) as stream:
        assert stream.answer.headers["Content-Type"] == "text/event-stream"
        told = [stream.news()]
        send(trigger())
        told.append(stream.news())
        sandbox.clear()
        told.append(stream.news())
    assert None not in told
    assert len(set(told)) == 3


def test_an_open_page_knows_what_it_shows(sandbox: Sandbox, send: Sender) -> None:
    send(trigger())
    page = send.session.get(sandbox.url, timeout=30).text
    with streaming(sandbox) as stream:
        assert f'data-revision="{stream.news()}"' in page


def test_stopping_ends_open_streams_and_their_threads() -> None:
    before = set(threading.enumerate())
    sandbox = Sandbox().start()
    streams = [Stream(sandbox) for _ in range(5)]
    assert all(stream.news() for stream in streams)
    sandbox.stop()
    assert [stream.news() for stream in streams] == [None] * 5
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()
    for stream in streams:
        stream.connection.close()
    with sandbox, streaming(sandbox) as stream:
        assert stream.news()


def test_the_oldest_of_too_many_streams_ends(sandbox: Sandbox, send: Sender) -> None:
    streams = [Stream(sandbox) for _ in range(live.MAX_STREAMS)]
    assert all(stream.news() for stream in streams)
    streams.append(Stream(sandbox))
    assert streams[-1].news()
    assert streams[0].news() is None
    assert send(trigger()).status_code == 202
    assert streams[1].news()
    sandbox.stop()
    for stream in streams:
        stream.connection.close()


def test_asking_for_the_heads_of_a_stream_ends(sandbox: Sandbox, send: Sender) -> None:
    answer = send.session.head(f"{sandbox.url}/live", timeout=30)
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.content == b""


def test_a_page_of_another_site_gets_nothing(sandbox: Sandbox, send: Sender) -> None:
    answer = send.session.get(f"{sandbox.url}/live", headers={"Host": "rebound.example.com"}, timeout=30)
    assert answer.status_code == 403
