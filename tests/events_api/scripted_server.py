"""A server that behaves as a script says, request by request, and a proxy: real sockets, real faults.

    with ScriptedServer(answer(503), reset, accept) as server:
        EventsClient(KEY, base_url=server.url).trigger("…")
    server.bodies  # what came, byte by byte

A script's steps are functions of a `Conversation`. A step is taken when bytes of a request are there: an
`unread` one before anything of it is read, any other after it was read and journalled. When the script
is at its end, every further event is accepted.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import trustme

KEY = "R0CANARY0CANARY0CANARY0CANARY0KE"
"""The routing key of all tests: where it turns up outside of a request's body, something leaks."""

Step = Callable[["Conversation"], None]


@dataclass
class Request:
    """One request as it came: `connection` counts the connections to the server from 1."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


@dataclass
class Conversation:
    """One connection: what has come, and how to answer."""

    sock: socket.socket
    number: int
    stopping: threading.Event
    request: Request | None = None
    over: bool = False
    _received: bytes = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def hang_up(self) -> None:
        self.over = True

    def reset(self) -> None:
        """End the connection as a crash would: with a RST instead of a farewell."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.over = True

    def wait(self, seconds: float | None = None) -> bool:
        """Wait; return whether the server is being stopped."""
        return self.stopping.wait(seconds)

    def read_request(self) -> Request | None:
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._received) < length:
            if not self._more():
                return None
        body, self._received = self._received[:length], self._received[length:]
        return Request(self.number, line, headers, body)

    def goes_on(self) -> bool:
        """Wait until a request begins; False at the end of the connection."""
        if isinstance(self.sock, ssl.SSLSocket):
            return self._more()
        return bool(self.sock.recv(1, socket.MSG_PEEK))

    def _more(self) -> bool:
        data = self.sock.recv(65_536)
        self._received += data
        return bool(data)


class _Server:
    """Listens on loopback; talks to every connection on its own thread; stops without a trace."""

    def __init__(self, backlog: int = 50) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port: int = self._listener.getsockname()[1]
        self.stopping = threading.Event()
        self._changed = threading.Condition()
        self._socks: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.connections = 0

    def __enter__(self) -> Any:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        with suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._socks:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                self._changed.notify_all()
            self._socks.append(sock)
            self._start(self._talk, sock, self.connections)

    def _talk(self, sock: socket.socket, number: int) -> None:
        with suppress(OSError, ValueError), sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._serve(sock, number)

    def _serve(self, sock: socket.socket, number: int) -> None:
        raise NotImplementedError


class ScriptedServer(_Server):
    """Answers as the script says."""

    def __init__(self, *script: Step, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._script = iter(script)
        self._tls = tls
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.requests: list[Request] = []

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [request.event for request in self.requests]

    def wait_for_requests(self, count: int, seconds: float = 10) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, seconds)

    def _serve(self, sock: socket.socket, number: int) -> None:
        if self._tls:
            sock = self._tls.wrap_socket(sock, server_side=True)
            self._socks.append(sock)
        with sock:
            conversation = Conversation(sock, number, self.stopping)
            while not conversation.over:
                if not conversation.goes_on():
                    return
                step = next(self._script, accept)
                if not getattr(step, "unread", False):
                    conversation.request = conversation.read_request()
                    if conversation.request is None:
                        return
                    with self._changed:
                        self.requests.append(conversation.request)
                        self._changed.notify_all()
                step(conversation)


def unread(step: Step) -> Step:
    """Mark a step that takes place before the request is read."""
    step.unread = True  # type: ignore[attr-defined]
    return step


def answer(status: int, body: bytes | str = b"", **headers: str) -> Step:
    """Answer with this status, headers (`Retry_After="3"`) and body; the connection stays open."""
    data = body.encode() if isinstance(body, str) else body
    fields = {"Content-Type": "application/json", "Content-Length": str(len(data))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    def step(conversation: Conversation) -> None:
        conversation.send(f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode("latin-1") + data)

    return step


def accept(conversation: Conversation) -> None:
    """Answer as PagerDuty does when it takes an event."""
    request = conversation.request
    assert request is not None
    said = {"status": "success", "message": "Change event processed"}
    if "/change/" not in request.line:
        said = {"status": "success", "message": "Event processed", "dedup_key": request.event["dedup_key"]}
    answer(202, json.dumps(said))(conversation)


def says(data: bytes) -> Step:
    """Send these bytes, whatever they are, and hang up."""

    def step(conversation: Conversation) -> None:
        conversation.send(data)
        conversation.hang_up()

    return step


def drips(data: bytes, seconds: float = 0.02) -> Step:
    """Send one byte after the other, slowly, and then nothing more."""

    def step(conversation: Conversation) -> None:
        for byte in data:
            conversation.send(bytes([byte]))
            if conversation.wait(seconds):
                break
        conversation.wait()

    return step


def endless(start: bytes, part: bytes) -> Step:
    """Send `start`, and then `part` for ever."""

    def step(conversation: Conversation) -> None:
        conversation.send(start)
        while not conversation.stopping.is_set():
            conversation.send(part)

    return step


def then(*steps: Step) -> Step:
    def step(conversation: Conversation) -> None:
        for one in steps:
            one(conversation)

    return step


def hangs(conversation: Conversation) -> None:
    conversation.wait()


def hangs_up(conversation: Conversation) -> None:
    conversation.hang_up()


def resets(conversation: Conversation) -> None:
    """End the connection with a RST; the request was read and journalled, its answer is lost."""
    conversation.reset()


@unread
def resets_unread(conversation: Conversation) -> None:
    conversation.reset()


@unread
def never_reads(conversation: Conversation) -> None:
    conversation.wait()


def tls_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


class Proxy(_Server):
    """An HTTP proxy: tunnels for https, forwards plain http; names are taken to be on loopback.

    With a user it wants Proxy-Authorization, and answers 407 without.
    """

    def __init__(self, user: str | None = None) -> None:
        super().__init__()
        self._user = user
        self.asked: list[str] = []

    def _serve(self, sock: socket.socket, number: int) -> None:
        conversation = Conversation(sock, number, self.stopping)
        request = conversation.read_request()
        if request is None:
            return
        self.asked.append(request.line)
        if self._user is not None and request.headers.get("proxy-authorization") != self._user:
            answer(407, "who are you?")(conversation)
            return
        method, target, _ = request.line.split(" ")
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        assert parts.port is not None
        with socket.create_connection(("127.0.0.1", parts.port)) as server:
            self._socks.append(server)
            if method == "CONNECT":
                conversation.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
                line = f"{method} {parts.path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"
                server.sendall(line.encode("latin-1") + request.body)
            self._start(_copy, sock, server)
            _copy(server, sock)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def dead_addresses(count: int) -> Iterator[list[Any]]:
    """Addresses on loopback that let a connection wait for ever: listeners whose backlog is full."""
    listeners, fillers, addresses = [], [], []
    try:
        for _ in range(count):
            listener = socket.create_server(("127.0.0.1", 0), backlog=0)
            listeners.append(listener)
            addresses.append((socket.AF_INET, socket.SOCK_STREAM, 0, "", listener.getsockname()))
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
                fillers.append(filler)
        yield addresses
    finally:
        for sock in [*listeners, *fillers]:
            sock.close()
