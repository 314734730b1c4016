"""One POST over `requests`, bounded end to end: an answer or the reason why there is none.

A socket's time-out bounds each wait, not their sum: a server that drips one byte a second, a name
with many dead addresses, or a resolver that hangs would hold a caller for as long as they like.
Here name resolution, every connection attempt and every read share one deadline.

Nothing here raises with the routing key in reach: `Transport.post` returns its failure as text, so
that no traceback, not even one that shows local variables, passes through a frame that holds it.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import queue
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.poolmanager import ProxyManager

from pagerduty_logging._version import __version__
from pagerduty_logging.events_api.answers import Answer, NoAnswer
from pagerduty_logging.events_api.routing_key import RoutingKey

MAX_ANSWER_BYTES = 65_536
"""An answer of the Events API has about a hundred; more than this is not read."""

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"pagerduty-logging/{__version__}",
}
_CREDENTIALS_IN_URL = re.compile(r"//[^/@\s]*@")


class Transport:
    """Connections to one server: kept alive, safe to share between threads, opened anew after a fork.

    Args:
        session: a session of the user's own: its proxies, TLS settings and adapters are used, and it
            is never closed. Default: one of our own, with the environment's proxies and CA bundle.
    """

    def __init__(self, session: requests.Session | None = None) -> None:
        self._theirs = session
        self._ours: requests.Session | None = None
        self._pid = os.getpid()
        self._settings: dict[str, Any] = {}

    def post(
        self, url: str, event_json: bytes, routing_key: RoutingKey, deadline: float
    ) -> Answer | NoAnswer:
        """Send an event; return what came of it, at `deadline` (`time.monotonic()`) at the latest."""
        try:
            with _until(deadline):
                return self._exchange(url, _with_key(event_json, routing_key), deadline)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            return NoAnswer(_reason(error))

    def close(self) -> None:
        """Close our own connections; a session of the user's stays open."""
        if self._ours is not None:
            self._ours.close()

    def _exchange(self, url: str, body: bytes, deadline: float) -> Answer:
        session = self._session()
        # An auth that does nothing, else `requests` adds credentials from a .netrc file.
        auth = session.auth or _as_it_is
        prepared = session.prepare_request(
            requests.Request("POST", url, headers=_HEADERS, data=body, auth=auth)
        )
        if url not in self._settings:
            self._settings[url] = session.merge_environment_settings(url, {}, True, None, None)
        remaining = max(deadline - time.monotonic(), 0.001)
        # The adapter is called itself: `Session.send` would read the whole body of a redirect.
        answer = session.get_adapter(url).send(
            prepared, timeout=(remaining, remaining), **self._settings[url]
        )
        try:
            return Answer(answer.status_code, answer.headers, _read(answer.raw, deadline))
        finally:
            answer.raw.release_conn()
            answer.close()

    def _session(self) -> requests.Session:
        if self._theirs is not None:
            return self._theirs
        if self._ours is None or self._pid != os.getpid():
            # After a fork the old connections belong to the parent. Kept, for to forget them is to close
            # descriptors, which may be another file's by now: a daemon closes all that it inherits.
            if self._ours is not None:
                _inherited.append(self._ours)
            session = requests.Session()
            session.mount("https://", _DeadlineAdapter())  # type: ignore[no-untyped-call]
            session.mount("http://", _DeadlineAdapter())
            self._ours, self._pid = session, os.getpid()
        return self._ours


_inherited: list[requests.Session] = []


def _with_key(event_json: bytes, routing_key: RoutingKey) -> bytes:
    return b'{"routing_key":%b,%b' % (json.dumps(routing_key.reveal()).encode(), event_json[1:])


def _read(raw: Any, deadline: float) -> bytes:
    """Read what comes until the end, the limit or the deadline: the status has decided already."""
    body = b""
    # urllib3 before 2.3 has no read1; its read waits for the whole amount or the deadline.
    read = getattr(raw, "read1", raw.read)
    with suppress(HTTPError, OSError, ValueError):
        while len(body) < MAX_ANSWER_BYTES and time.monotonic() < deadline:
            chunk = read(MAX_ANSWER_BYTES - len(body), decode_content=False)
            if not chunk:
                break
            body += chunk
    return body


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _reason(error: BaseException) -> str:
    """Say what went wrong at the bottom of it, without credentials that a proxy's URL may hold."""
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    if isinstance(inner, BaseException):
        return _reason(inner)
    return f"{type(error).__name__}: {_CREDENTIALS_IN_URL.sub('//…@', str(error))}"


_thread = threading.local()


@contextmanager
def _until(deadline: float) -> Iterator[None]:
    _thread.deadline = deadline
    try:
        yield
    finally:
        del _thread.deadline


def _remaining() -> float:
    """Return the seconds left for this thread's exchange; raise TimeoutError if there are none."""
    left: float = _thread.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time limit of the attempt is over")
    return left


class _DeadlineReader(io.RawIOBase):
    """A connection's reading side, each read of which is bounded by what is left of the exchange."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedConnection(HTTPConnection):
    """A connection that opens, and whose answer is read, within the thread's deadline."""

    class response_class(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))

    def _new_conn(self) -> socket.socket:
        try:
            sock = _connect(self.host, self.port or self.default_port, self.socket_options or ())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error
        self.timeout = _remaining()
        return sock


class _BoundedTLSConnection(_BoundedConnection, HTTPSConnection):
    """The same over TLS; the handshake is bounded by the time-out the socket has when it begins."""


class _BoundedPool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _BoundedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTLSConnection


_POOLS = {"http": _BoundedPool, "https": _BoundedTLSPool}


class _DeadlineAdapter(HTTPAdapter):
    """`requests`' own adapter over bounded connections, directly and through HTTP proxies."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if type(manager) is ProxyManager:
            manager.pool_classes_by_scheme = _POOLS
        return manager


def _connect(host: str, port: int, options: Iterable[tuple[Any, ...]]) -> socket.socket:
    """Return a socket connected to the first address of `host` that answers in its share of time."""
    addresses = _resolve(host.strip("[]"), port)
    failure: OSError = OSError("the name has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(_remaining() / (len(addresses) - tried))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
            continue
        sock.settimeout(_remaining())
        return sock
    raise failure


def _resolve(host: str, port: int) -> list[Any]:
    """Ask the resolver, which knows no time-outs, on a thread that can be left behind."""
    results: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            results.put(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            results.put(error if isinstance(error, OSError) else OSError(str(error)))

    try:
        threading.Thread(target=ask, name="pagerduty-resolver", daemon=True).start()
    except RuntimeError:  # no thread can be started while the interpreter shuts down
        ask()
    try:
        result = results.get(timeout=_remaining())
    except queue.Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(result, OSError):
        raise result
    return result
