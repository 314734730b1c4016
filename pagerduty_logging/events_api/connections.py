"""Connections whose every wait shares one deadline, from the name to the last byte of the answer.

A socket's timeout bounds each wait, not their sum: a server that sends one byte a second, a name with many
dead addresses, or a resolver that hangs could block a caller for ever. So name resolution, every connection
attempt, the TLS handshake, every write and every read are limited to the time left, see `exchange.py`.
"""

from __future__ import annotations

import errno
import http.client
import io
import queue
import re
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.poolmanager import ProxyManager
from urllib3.util.retry import Retry
from urllib3.util.wait import wait_for_read

from pagerduty_logging.events_api.exchange import current
from pagerduty_logging.events_api.forking import fork_gate
from pagerduty_logging.events_api.requirements import check_requests

if TYPE_CHECKING:
    import requests

MAX_ANSWER_BYTES = 65_536
"""The most bytes that are read of an answer, head and body; the Events API sends some hundreds."""
MAX_CONNECTIONS = 100
"""Connections kept alive; with more threads urllib3 warns that it discards connections."""

_ONCE = Retry.from_int(False, redirect=False)
"""One attempt; made once, not for every request."""
_SHOWS_CONNECTIONS = all(hasattr(HTTPConnectionPool, name) for name in ("_get_conn", "_put_conn"))
"""Whether a pool gives its connections out, which is not a public interface of urllib3. Without it every
request is made the way the first one is."""
_LENGTH = re.compile(rb"(?i)(?<=\r\ncontent-length: )\d+")
_WRITE_BYTES = 16_384
"""Size of a TLS record: a TLS socket's timeout bounds each record, not all of them together."""

_T = TypeVar("_T")


@dataclass(slots=True)
class PreparedRoute:
    """How requests to one address are sent.

    `requests` works this out again for every request, and urllib3 makes the same head again: both take longer
    than sending it.

    Attributes:
        pool: the connections to the server or proxy.
        target: the target in the request line.
        headers: the headers of every request.
    """

    pool: _BoundedPool
    target: str
    headers: dict[str, str]
    _around_length: tuple[bytes, bytes] | None = None
    """The head of the first request, before the number of the body's bytes and after it."""

    def post(self, body: bytes, read: Callable[[Any], _T]) -> _T:
        """Send `body`; return what `read` returns for the answer, of which only the head has been read."""
        if self._around_length is not None and _SHOWS_CONNECTIONS:
            connection = self.pool.take_open()
            if connection is not None:
                before, after = self._around_length
                return self._once_more(connection, b"%b%d%b%b" % (before, len(body), after, body), read)
        with closing(
            self.pool.urlopen(
                "POST",
                self.target,
                body=body,
                headers=self.headers,
                retries=_ONCE,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        ) as answer:
            length = _LENGTH.search(head := current().head)
            if length is not None:
                self._around_length = head[: length.start()], head[length.end() :]
            return read(answer)

    def _once_more(self, connection: _BoundedConnection, request: bytes, read: Callable[[Any], _T]) -> _T:
        """Send a request like the first one on a connection that is open."""
        is_read = False
        try:
            connection.send(request)
            with closing(connection.response_class(connection.sock, method="POST")) as answer:
                answer.begin()
                result = read(answer)
                is_read = (answer.isclosed() or answer.length == 0) and not answer.will_close
            return result
        finally:
            self.pool.give_back(connection, fit=is_read)


class DeadlineAdapter(HTTPAdapter):
    """`requests`' own adapter over bounded connections, directly and through HTTP proxies.

    Raises:
        ImportError: the installed `requests` is too old.
    """

    def __init__(self) -> None:
        check_requests()
        super().__init__(pool_maxsize=MAX_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if type(manager) is ProxyManager:
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def route(
        self,
        request: requests.PreparedRequest,
        verify: bool | str,
        cert: Any,
        proxies: dict[str, str],
        stream: bool,
    ) -> PreparedRoute:
        """Return what `send` would work out for every request; valid until the adapter is closed."""
        pool: Any = self.get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        self.cert_verify(pool, request.url, verify, cert)  # type: ignore[no-untyped-call]
        headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
        return PreparedRoute(pool, self.request_url(request, proxies), headers)

    def close(self) -> None:
        """Close all connections; urllib3 leaves that to finalizers, which do not run at the end."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 (no mapping: it cannot be iterated)
                if (pool := manager.pools.get(key)) is not None:
                    pool.close()
        super().close()

    @staticmethod
    def bounds(proxy: str | None) -> bool:
        """Return whether connections through this proxy keep the deadline; SOCKS and TLS ones do not."""
        return proxy is None or not proxy.lower().startswith(("socks", "https:"))


class _DeadlineReader(io.RawIOBase):
    """The reading side of a connection for one answer: bounded in time by the exchange, and in bytes."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._left = MAX_ANSWER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._left <= 0:
            raise OSError(f"the answer has more than {MAX_ANSWER_BYTES:,} bytes")
        # Only the wait below may block: a readable TLS socket may still have no data.
        self._sock.settimeout(0)
        while True:
            left = current().remaining()
            with suppress(ssl.SSLWantReadError):
                count = self._raw.readinto(memoryview(buffer)[: self._left])
                if count is not None:
                    self._left -= count
                    return count
            with fork_gate().pause():
                wait_for_read(self._sock, left)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedConnection(HTTPConnection):
    """A connection that opens, is written to and is read within the exchange's deadline."""

    _pieces: list[bytes] | None = None

    class response_class(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))

        def begin(self) -> None:
            super().begin()
            # urllib3 logs malformed headers, which may repeat the request.
            self.headers.defects.clear()
            self.headers.set_payload("")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def _new_conn(self) -> socket.socket:
        current().connected = True
        try:
            sock = self._first_that_answers()
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return sock

    def _first_that_answers(self) -> socket.socket:
        """Return a socket connected to the first address that answers within its share of the time."""
        exchange = current()
        addresses = exchange.addresses(self.host.strip("[]"), self.port or self.default_port)
        failure: OSError
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(exchange.remaining() / (len(addresses) - tried))
                with fork_gate().pause():
                    sock.connect(address)
                sock.settimeout(exchange.remaining())
                return sock
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError):
                    raise
                failure = error
        raise failure

    def request(self, *args: Any, **options: Any) -> None:
        """Send head and body in one piece: one packet, and one TLS record."""
        pieces = self._pieces = []
        try:
            super().request(*args, **options)
        finally:
            self._pieces = None
        current().head = pieces[0]
        self.send(b"".join(pieces))

    def _tunnel(self) -> None:
        super()._tunnel()
        # The TLS handshake comes next: the socket's timeout bounds it.
        self.sock.settimeout(current().remaining())

    def send(self, data: Any) -> None:
        if self._pieces is not None:
            self._pieces.append(data)
            return
        if self.sock is None:
            self.connect()
        view = memoryview(data)
        for start in range(0, len(view), _WRITE_BYTES):
            self.sock.settimeout(current().remaining())
            try:
                super().send(view[start : start + _WRITE_BYTES])
            except ConnectionResetError as error:  # urllib3 1.26 reads the answer only after this exception
                raise BrokenPipeError(errno.EPIPE, "the server took no more") from error


class _BoundedTLSConnection(_BoundedConnection, HTTPSConnection):
    """The same with TLS."""


class _Stack(queue.LifoQueue[Any]):
    """The connections that nobody uses. No one waits for one, so that it needs neither lock nor condition."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if len(self.queue) >= self.maxsize:
            raise queue.Full
        self.queue.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return self.queue.pop()
        except IndexError:
            raise queue.Empty from None


class _BoundedPool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection
    QueueCls = _Stack

    def take_open(self) -> _BoundedConnection | None:
        """Return a connection that is open, and no other's until it is given back; None: there is none."""
        connection = cast("_BoundedConnection", self._get_conn())
        if connection.sock is None:
            self._put_conn(connection)
            return None
        return connection

    def give_back(self, connection: _BoundedConnection, *, fit: bool) -> None:
        """Keep a connection for the next request, closed unless it is `fit` for it."""
        if not fit:
            connection.close()
        self._put_conn(connection)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class _BoundedTLSPool(_BoundedPool, HTTPSConnectionPool):
    ConnectionCls = _BoundedTLSConnection


_POOLS = {"http": _BoundedPool, "https": _BoundedTLSPool}
