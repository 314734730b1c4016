"""One POST with `requests`, bounded end to end: returns an answer, or why there is none.

No exception leaves this module with the routing key in one of its frames: `Transport.post` returns a failure
as text, so that no traceback, not even one with local variables, shows the key. If a server or proxy repeats
the key, it is masked in the answer.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError

from pagerduty_logging._version import __version__
from pagerduty_logging.events_api.address import is_loopback
from pagerduty_logging.events_api.answers import Answer, NoAnswer
from pagerduty_logging.events_api.connections import MAX_ANSWER_BYTES, DeadlineAdapter, PreparedRoute
from pagerduty_logging.events_api.exchange import HttpExchange, Resolve
from pagerduty_logging.events_api.forking import fork_gate
from pagerduty_logging.events_api.routing_key import RoutingKey
from pagerduty_logging.events_api.safejson import text
from pagerduty_logging.events_api.side_thread import SideThread
from pagerduty_logging.events_api.text import one_line

MAX_REASON_CHARS = 500

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"pagerduty-logging/{__version__}",
}
_CREDENTIALS_IN_URL = re.compile(r"//\S{0,1000}@")
_DELIMITERS = re.compile(r"[/@?#:\[\]]")
_MAX_CAUSES = 10
_SHORTEST_SECRET = 8
"""A shorter text is not a real secret, and masking it would hide ordinary words."""


class Transport:
    """Connections of one process to one server: kept alive, and safe to share between threads.

    Args:
        session: the user's session: its proxies, TLS settings and adapters are used, and it
            is never closed. Default: one of our own, with the environment's proxies and CA bundle.
        resolve: finds a host's addresses; default: the system's resolver.

    Raises:
        TypeError: `session` is not a `requests.Session`.
        ImportError: the installed `requests` is too old.
    """

    def __init__(
        self, session: requests.Session | None = None, resolve: Resolve = socket.getaddrinfo
    ) -> None:
        if session is not None and not isinstance(session, requests.Session):
            raise TypeError(f"session must be a requests.Session, not {type(session).__name__}")
        self._is_ours = session is None
        self._session = session or _bounded_session()
        self._resolve = resolve
        self._side = SideThread()
        # The same for every exchange: only we can change our own session.
        self._found: tuple[str, Mapping[Any, Any], dict[str, Any]] | None = None
        self._routes: dict[str, PreparedRoute] = {}

    def post(
        self, url: str, event_json: bytes, routing_key: RoutingKey, deadline: float
    ) -> Answer | NoAnswer:
        """Send an event; return the result, at `deadline` (in seconds of `clock.monotonic`) at the latest."""
        try:
            return self._attempt(url, event_json, routing_key, deadline)
        except BaseException as error:
            # Ctrl-C is raised again without the frames below this one, which have the request's body.
            error.__cause__ = error.__context__ = None
            raise error.with_traceback(None) from None

    def prepare(self, url: str) -> None:
        """Do in advance what the first event would wait for; sends nothing."""
        if self._is_ours:
            self._route(url, self._settings(url))

    def close(self) -> None:
        """Close this process's own connections; a user's session stays open."""
        if self._is_ours:
            self._routes.clear()
            self._session.close()

    def _attempt(
        self, url: str, event_json: bytes, routing_key: RoutingKey, deadline: float
    ) -> Answer | NoAnswer:
        key = routing_key.reveal()
        body = b'{"routing_key":%b,%b' % (json.dumps(key).encode(), event_json[1:])
        proxies: dict[str, str] = {}
        try:
            with fork_gate():
                settings = self._settings(url)
                proxies = settings["proxies"]
                answer = self._exchange(url, body, settings, deadline)
        except Exception as error:
            return NoAnswer(one_line(_masked(_reason(error), _secrets(key, proxies)), MAX_REASON_CHARS))
        secrets = _secrets(key, proxies)
        retry_after = answer.retry_after and _masked(answer.retry_after, secrets)
        return Answer(answer.status, retry_after, _masked(answer.body, secrets))

    def _exchange(self, url: str, body: bytes, settings: dict[str, Any], deadline: float) -> Answer:
        exchange = HttpExchange(deadline, self._resolve, self._side)
        route = self._route(url, settings)
        if route is not None:
            with exchange:
                try:
                    return route.post(body, lambda answer: _read(answer, exchange))
                except (OSError, HTTPException, HTTPError):
                    # A kept-alive connection that the server has closed is not an outage. If the event did
                    # arrive, PagerDuty adds the second copy to the same alert, by its dedup key.
                    if exchange.connected or exchange.is_over:
                        raise
            self._routes.clear()  # they may have been closed meanwhile
            return self._exchange(url, body, settings, deadline)
        adapter, request = self._session.get_adapter(url), self._request(url, body)

        def once() -> Answer:
            with exchange:
                left = exchange.remaining()
                # The adapter is called directly: `Session.send` would read the whole body of a redirect.
                with closing(adapter.send(request, timeout=(left, left), **settings)) as response:
                    return _read(response.raw, exchange)

        return self._side.do(once, exchange.remaining(), "the exchange")

    def _route(self, url: str, settings: dict[str, Any]) -> PreparedRoute | None:
        """Return the route over bounded connections; None if the session or a proxy does not allow it."""
        route = self._routes.get(url)
        if route is None:
            adapter, proxy = self._session.get_adapter(url), select_proxy(url, settings["proxies"])
            if isinstance(adapter, DeadlineAdapter) and adapter.bounds(proxy):
                self._routes[url] = route = adapter.route(self._request(url, b""), **settings)
        return route

    def _request(self, url: str, body: bytes) -> requests.PreparedRequest:
        # An `auth` that does nothing: without any, `requests` adds credentials from a .netrc file.
        auth = self._session.auth or _as_it_is
        return self._session.prepare_request(
            requests.Request("POST", url, headers=_HEADERS, data=body, auth=auth)
        )

    def _settings(self, url: str) -> dict[str, Any]:
        if not self._is_ours:
            return _settings(self._session, url)
        # Compared as a whole, by its own dict: to read the variables that `requests` reads takes far longer.
        environment: Mapping[Any, Any] = getattr(os.environ, "_data", os.environ)
        if self._found is None or self._found[0] != url or self._found[1] != environment:
            self._found = (url, dict(environment), _settings(self._session, url))
            self._routes.clear()
        return self._found[2]


def _bounded_session() -> requests.Session:
    session = requests.Session()
    session.mount("https://", DeadlineAdapter())
    session.mount("http://", DeadlineAdapter())
    return session


def _settings(session: requests.Session, url: str) -> dict[str, Any]:
    """Return proxies and TLS settings as `requests` finds them, with the session's own first.

    No proxy is used for this machine: it could not reach us, and plain http would show it the routing key.
    """
    place = urlsplit(url)
    own_proxy = select_proxy(url, session.proxies)
    proxies = {} if own_proxy is None else {place.scheme: own_proxy}
    verify = None if session.verify is True else session.verify
    settings = dict(session.merge_environment_settings(url, proxies, True, verify, None))
    return settings | {"proxies": {}} if is_loopback(place.hostname or "") else settings


def _read(raw: Any, exchange: HttpExchange) -> Answer:
    """Read until the end, the limit or the deadline; the status, which decides, is known already."""
    body = b""
    # urllib3 before 2.3 has no read1, and its read waits for the whole amount, so the amount is small.
    read = getattr(raw, "read1", raw.read)
    with suppress(Exception):
        while len(body) < MAX_ANSWER_BYTES and exchange.remaining():
            chunk = read(4_096)
            if not chunk:
                break
            body += chunk
    return Answer(raw.status, raw.headers.get("Retry-After"), body.decode("utf-8", "replace"))


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _reason(error: BaseException) -> str:
    """Return the innermost cause as text."""
    for _ in range(_MAX_CAUSES):
        causes = [getattr(error, "reason", None), *error.args]
        inner = next((cause for cause in causes if isinstance(cause, BaseException)), None)
        if inner is None:
            break
        error = inner
    words = text(error).removesuffix(" (read timeout=None)")  # the deadline is ours; urllib3 does not know it
    return _CREDENTIALS_IN_URL.sub("//…@", f"{type(error).__name__}: {words}")


def _secrets(key: str, proxies: dict[str, str]) -> list[str]:
    """Return the routing key, and the proxies' passwords with the parts into which a parser may cut them."""
    addresses = [address for address in proxies.values() if isinstance(address, str)]
    users = [address.rpartition("@")[0].rpartition("//")[2] for address in addresses]
    written = [user.partition(":")[2] for user in users]
    whole = [*written, *map(unquote, written)]
    parts = [part for password in whole for part in (password, *_DELIMITERS.split(password)) if part]
    return [key, *parts] if len(key) >= _SHORTEST_SECRET else parts


def _masked(words: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        words = words.replace(secret, "…")
        # What was read may end in the middle of a secret.
        for length in range(len(secret) - 1, _SHORTEST_SECRET // 2, -1):
            words = words.removesuffix(secret[:length])
    return words
