"""Tests the way from this machine to an address, step by step: proxy, name, connection, TLS.

Uses connections of its own, made as `requests` makes them; no event is sent over them.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import requests
from certifi import where
from requests.utils import select_proxy
from urllib3.util.request import make_headers
from urllib3.util.ssl_ import create_urllib3_context

from pagerduty_logging.events_api.address import is_loopback
from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.events_api.side_thread import SideThread

_PORTS = {"http": 80, "https": 443}
_MAX_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step.

    Attributes:
        name: the step's name.
        ok: whether it succeeded.
        detail: what was found.
        seconds: how long it took; None: it takes no time.
    """

    name: str
    ok: bool
    detail: str
    seconds: float | None = None


class _StepFailed(Exception):
    """A step failed, for this reason."""


def probe(url: str, timeout: float) -> Iterator[Step]:
    """Test each step of the way to `url`, within `timeout` seconds in total; stop at the first failure."""
    until = monotonic() + timeout

    def left() -> float:
        return max(until - monotonic(), 0.001)

    with requests.Session() as session:
        settings = session.merge_environment_settings(url, {}, True, None, None)
    goal = urlsplit(url)
    proxy = None if is_loopback(_host(goal)) else select_proxy(url, settings["proxies"])
    try:
        first = goal if proxy is None else urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        place = f"{first.scheme}://{_host(first)}:{_port(first)}"
    except ValueError:  # its text may hold a part of a password
        yield Step("proxy", False, "its address is not valid")
        return
    yield Step("proxy", True, "none" if proxy is None else place)
    if proxy is not None and first.scheme != "http":
        return  # what is beyond the proxy shows only in the answer
    with ExitStack() as stack:
        try:
            addresses = yield from _timed("name", lambda: _resolve(first, left()), _addresses)
            sock = yield from _timed("connection", lambda: _connect(addresses, left()), _peer)
            stack.enter_context(sock)
            if goal.scheme == "https":
                if proxy is not None:
                    yield from _timed("tunnel", lambda: _tunnel(sock, goal, first, left), str)
                secure = yield from _timed(
                    "TLS", lambda: _encrypt(sock, goal, settings["verify"], left()), _certificate
                )
                stack.enter_context(secure)
        except _StepFailed:
            return


def _timed(name: str, look: Callable[[], Any], say: Callable[[Any], str]) -> Any:
    """Yield a test's step with its duration, and return what the test found."""
    since = monotonic()
    try:
        found = look()
    except (OSError, ValueError, _StepFailed) as error:
        yield Step(name, False, _reason(error), monotonic() - since)
        raise _StepFailed from None
    yield Step(name, True, say(found), monotonic() - since)
    return found


def _resolve(place: SplitResult, timeout: float) -> list[Any]:
    def ask() -> list[Any]:
        return socket.getaddrinfo(_host(place), _port(place), 0, socket.SOCK_STREAM)

    return SideThread().do(ask, timeout, "name resolution")


def _addresses(found: list[Any]) -> str:
    return ", ".join(dict.fromkeys(address[0] for *_, address in found))


def _connect(addresses: list[Any], timeout: float) -> socket.socket:
    failure: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(timeout / len(addresses))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            sock.settimeout(timeout)
            return sock
    raise failure or OSError("the name has no address")


def _peer(sock: socket.socket) -> str:
    host, port, *_ = sock.getpeername()
    return f"{host} port {port}"


def _tunnel(sock: socket.socket, goal: SplitResult, proxy: SplitResult, left: Callable[[], float]) -> str:
    host = _host(goal)
    place = f"[{host}]:{_port(goal)}" if ":" in host else f"{host}:{_port(goal)}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.username:
        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines += [f"{name}: {value}" for name, value in make_headers(proxy_basic_auth=user).items()]
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < _MAX_ANSWER:
        sock.settimeout(left())
        if not (chunk := sock.recv(4_096)):
            break
        answer += chunk
    status = answer.partition(b"\r\n")[0].decode("latin-1")
    if status.split(" ")[1:2] != ["200"]:
        raise _StepFailed(f"the proxy answered {status!r}")
    return status


def _encrypt(sock: socket.socket, goal: SplitResult, verify: object, seconds: float) -> ssl.SSLSocket:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.check_hostname = True
    bundle = verify if isinstance(verify, str) else where()
    try:
        context.load_verify_locations(bundle)
    except IsADirectoryError:
        context.load_verify_locations(capath=bundle)
    sock.settimeout(seconds)
    return context.wrap_socket(sock, server_hostname=_host(goal))


def _certificate(sock: ssl.SSLSocket) -> str:
    certificate: Any = sock.getpeercert()
    issuer = {name: value for part in certificate["issuer"] for name, value in part}
    by = issuer.get("organizationName") or issuer.get("commonName") or "somebody"
    return f"{sock.version()}, certified by {by} until {certificate['notAfter']}"


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error) or "time-out"


def _host(place: SplitResult) -> str:
    return place.hostname or ""


def _port(place: SplitResult) -> int:
    return place.port or _PORTS.get(place.scheme, 1080)
