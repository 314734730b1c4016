"""A connection of our own, on which the worker itself asks and reads."""

import contextlib
import threading
import time
from dataclasses import replace

import pytest

from pagerduty_logging.state.protocol import Anothers, Claim, Mine, Request, Sender, StateError, Unknown
from pagerduty_logging.state.redis import RedisStore, _Asking
from pagerduty_logging.state.redis_connection import _options, _read, command, connected, speaks_at_once
from tests.measured import in_good_time

from .conftest import Member
from .servers import Proxy, Server, until

pytest.importorskip("redis")


def test_a_connection_that_the_server_has_closed_is_no_failure(redis_server: Server):
    here = Member(redis_server.url)
    here.ask()
    here.ask("network")
    redis_server.client().client_kill_filter(_type="normal")
    assert isinstance(here.ask("memory"), Mine)
    assert here.said == []


@pytest.mark.usefixtures("hurried")
def test_a_connection_that_a_firewall_forgot_in_a_long_pause_is_no_failure(
    redis_server: Server, monkeypatch: pytest.MonkeyPatch
):
    proxy = Proxy(redis_server.port)
    here = Member(proxy.url)
    here.tell()
    here.see()
    until(here.state.hand_in)  # on a connection of its own
    proxy.forget()
    monkeypatch.setattr("pagerduty_logging.state.redis_connection.QUIET", 0.0)  # as long as a minute
    assert isinstance(here.ask("network"), Mine)
    here.see()
    until(here.state.hand_in)
    assert here.said == []
    proxy.close()


def test_a_server_is_asked_for_nothing_but_what_the_state_needs(redis_server: Server):
    proxy = Proxy(redis_server.port)
    here = Member(proxy.url)
    here.tell()
    assert here.state.close(1.0)
    assert b"EVALSHA" in proxy.asked
    assert b"CLIENT" not in proxy.asked, "what an ACL forbids is in its log, and some proxies hang up"
    proxy.close()


def test_a_connection_of_tls_reads_an_answer_before_it_is_used():
    """Else redis-py takes what TLS itself sends at first for data that nobody has asked for."""
    assert None in _options("redis://h", 1.0).values()
    assert None not in _options("rediss://h", 1.0).values(), "the answer to CLIENT SETINFO"
    assert None in _options("rediss://user:password@h", 1.0).values(), "the answer to AUTH is enough"


def test_a_connection_that_shows_no_socket_is_not_spoken_to_past_redis_py(redis_server: Server):
    client = connected(redis_server.url, 1.0)
    client.ping()
    assert speaks_at_once(client.connection)
    client.close()
    assert not speaks_at_once(client.connection)
    assert not speaks_at_once(object())


def test_the_worker_asks_without_another_thread_once_the_state_has_answered(redis_server: Server):
    threads: list[str] = []

    @contextlib.contextmanager
    def guard():
        threads.append(threading.current_thread().name)
        yield

    here = Member(redis_server.url, guard=guard)
    here.ask()
    assert "pagerduty-state" in threads
    threads.clear()
    assert isinstance(here.ask("network"), Mine)
    assert threads == []


def test_what_is_done_meanwhile_is_done_once_and_before_the_answer_is_waited_for(redis_server: Server):
    done: list[bool] = []
    proxy = Proxy(redis_server.port)  # others of the process use another address
    here = Member(proxy.url)
    here.ask()
    assert isinstance(here.ask("network", meanwhile=done.append), Mine)
    assert done == [True], "no thread of this process does anything for the answer"
    proxy.close()


def test_a_handler_without_threads_waits_for_the_answer_to_a_hand_in(redis_server: Server):
    proxy = Proxy(redis_server.port)
    here = Member(proxy.url, background=False)
    here.tell()
    here.state._asker.breaker.held(time.monotonic(), 0.05)
    for _ in range(5):
        here.see()
        assert here.state.hand_in()
    assert here.said == []
    proxy.close()


@pytest.mark.usefixtures("hurried")
def test_an_answer_that_stops_in_the_middle_holds_the_worker_a_quarter_of_a_second(redis_server: Server):
    def asked() -> None:
        proxy = Proxy(redis_server.port)
        here = Member(proxy.url)
        assert isinstance(here.ask(), Mine | Anothers)
        proxy.stop_after = 20
        began = time.monotonic()
        assert here.ask("network") == Unknown()
        assert time.monotonic() - began < 0.5
        proxy.close()

    in_good_time(asked)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("again", [False, True], ids=["", "after the script was sent again"])
def test_an_answer_that_comes_byte_by_byte_holds_the_worker_for_a_moment(redis_server: Server, again: bool):
    def asked() -> None:
        proxy = Proxy(redis_server.port)
        here = Member(proxy.url)
        assert isinstance(here.ask(), Mine | Anothers)
        if again:
            redis_server.client().script_flush()
        proxy.a_byte_each = 0.02
        proxy.answers_left = 1 + again
        began = time.monotonic()
        assert here.ask("network") == Unknown()
        assert time.monotonic() - began < 1.5, "its four hundred bytes take eight seconds"
        proxy.close()

    in_good_time(asked)


def test_a_command_is_sent_as_redis_py_sends_it():
    words = ("EVALSHA", "abc", 1, "a key", '{"summary": "Größe"}', b"bytes")
    from redis.connection import Connection

    assert command(words) == b"".join(Connection().pack_command(*words))


def test_a_server_that_forgot_the_script_is_sent_it_again(redis_server: Server):
    here = Member(redis_server.url)
    here.ask()
    redis_server.client().script_flush()
    assert isinstance(here.ask("network"), Mine)
    assert here.said == []


@pytest.mark.usefixtures("hurried")
def test_a_server_that_hangs_as_it_is_sent_the_script_again_holds_the_worker_for_a_moment(
    redis_server: Server,
):
    def asked() -> None:
        proxy = Proxy(redis_server.port)
        here = Member(proxy.url)
        assert isinstance(here.ask(), Mine | Anothers)
        redis_server.client().script_flush()
        proxy.answers_left = 1
        began = time.monotonic()
        assert here.ask("network") == Unknown()
        assert time.monotonic() - began < 0.6, "a second and more is what redis-py would wait"
        proxy.close()

    in_good_time(asked)


def two_with_the_same_claim(url: str) -> tuple[list[RedisStore], list[Request]]:
    """Two stores of one process that the state has answered once, and the claim that each is to make."""
    stores = [RedisStore(url=url) for _ in range(2)]
    requests = [
        Request(
            sender=Sender(name=name, process="one", host="web-1", space="space"),
            claim=Claim("met by both", 1, 0.0),
        )
        for name in ("first", "second")
    ]
    for store, request in zip(stores, requests, strict=True):
        store.exchange(replace(request, claim=None), 1.0)
    return stores, requests


def test_a_handler_that_waits_for_its_turn_takes_what_another_was_answered(redis_server: Server):
    stores, requests = two_with_the_same_claim(redis_server.url)
    client = redis_server.client()
    before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    first, second = (store.begin(request) for store, request in zip(stores, requests, strict=True))
    assert first is not None
    assert second is not None
    assert first.wait(10.0)
    assert isinstance(first.result().answer, Mine)
    assert second.wait(0.1)
    assert isinstance(second.result().answer, Anothers)
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] - before == 1
    for store in stores:
        store.close()


class JustFree:
    """A turn that another handler has given back between two looks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.release = self._lock.release
        self._looked = False

    def acquire(self, blocking: bool = True) -> bool:
        before, self._looked = self._looked, True
        return before and self._lock.acquire(blocking)

    def locked(self) -> bool:
        return True


def test_what_need_not_be_asked_leaves_no_answer_for_the_next_one_to_take(redis_server: Server):
    proxy = Proxy(redis_server.port)
    stores, requests = two_with_the_same_claim(proxy.url)
    first, second = zip(stores, requests, strict=True)
    assert isinstance(first[0].exchange(first[1], 1.0).answer, Mine)
    calls = redis_server.client().info("commandstats")["cmdstat_evalsha"]["calls"]
    stores[1]._queue_for(requests[1])._turn = JustFree()
    under_way = second[0].begin(second[1])
    assert under_way is not None
    assert under_way.wait(1.0)
    assert isinstance(under_way.result().answer, Anothers)
    assert redis_server.client().info("commandstats")["cmdstat_evalsha"]["calls"] == calls
    for store in stores:
        store.close()
    proxy.close()


def test_a_connection_with_an_answer_to_something_else_is_given_up(redis_server: Server):
    store = RedisStore(url=redis_server.url)
    request = Request(
        sender=Sender(name="one", process="one", host="web-1", space="space"), claim=Claim("disk", 1, 0.0)
    )
    store.exchange(replace(request, claim=None), 1.0)
    queue = store._queue_for(request)
    queue.connection.client.connection.send_command("PING")
    asking = _Asking(store, queue, queue.join(request), queue.lead(), alone=True)
    assert asking.wait(1.0)
    with pytest.raises(StateError, match="nonsense"):
        asking.result()
    assert isinstance(store.exchange(request, 1.0).answer, Mine | Anothers)
    store.close()


class Pieces:
    """A socket on which an answer comes in pieces, and then its end."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = [*pieces, b""]
        self.timeout = 0.25

    def recv(self, room: int) -> bytes:
        return self.pieces.pop(0)

    def gettimeout(self) -> float:
        return self.timeout

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds


def _read_all(socket: Pieces) -> bytes:
    return _read(socket, socket.recv(1), 1.0, time.monotonic)


@pytest.mark.parametrize("pieces", [[b"$5\r\n[\r\n1]\r\n"], [b"$", b"5\r", b"\n[\r\n", b"1]\r", b"\n"]])
def test_an_answer_is_read_whole_in_however_many_pieces_it_comes(pieces: list[bytes]):
    socket = Pieces(*pieces)
    assert _read_all(socket) == b"[\r\n1]"
    assert socket.timeout == 0.25, "redis-py waits on it, too"


def test_an_answer_of_the_server_of_fakeredis_is_read_all():
    assert _read_all(Pieces(b"+[1,", b" 2]\r\n")) == b"[1, 2]"


@pytest.mark.parametrize(
    "pieces", [[b"+PONG\r\n"], [b"$-1\r\n"], [b"$1\r\na\r\n$1\r\nb\r\n"], [b":1\r\n+OK\r\n"]]
)
def test_an_answer_to_something_else_is_nonsense(pieces: list[bytes]):
    with pytest.raises(StateError, match="nonsense"):
        _read_all(Pieces(*pieces))


def test_what_redis_says_instead_of_an_answer_is_raised():
    with pytest.raises(Exception, match=r"^OOM command not allowed$"):
        _read_all(Pieces(b"-OOM command", b" not allowed\r\n"))


def test_an_answer_that_would_be_too_long_is_nonsense():
    with pytest.raises(StateError, match="nonsense"):
        _read_all(Pieces(b"$99999999\r\n"))


def test_an_answer_that_ends_too_early_is_a_closed_connection():
    with pytest.raises(ConnectionError, match="closed by server"):
        _read_all(Pieces(b"$5\r\n[1"))
