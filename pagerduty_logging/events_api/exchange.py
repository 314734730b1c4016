"""One exchange, and the deadline that all its waits share."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.events_api.side_thread import SideThread

Resolve: TypeAlias = Callable[[str, int, int, int], list[Any]]

_current = threading.local()


class HttpExchange:
    """One exchange: its deadline, and whether it opened a new connection.

    Inside its `with` block the connections of this thread keep its deadline.

    Args:
        deadline: in seconds of `clock.monotonic`.
        resolve: finds the addresses of a host, as `socket.getaddrinfo` does.
        side: where names are resolved.

    Attributes:
        connected: whether it opened a new connection, or tried to.
        head: request line and headers, once they were sent.
    """

    def __init__(self, deadline: float, resolve: Resolve, side: SideThread) -> None:
        self._deadline = deadline
        self._resolve = resolve
        self._side = side
        self.connected = False
        self.head = b""

    def remaining(self) -> float:
        """Return the seconds left.

        Raises:
            TimeoutError: none are left.
        """
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the time limit of the attempt is over")
        return left

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return monotonic() >= self._deadline

    def addresses(self, host: str, port: int) -> list[Any]:
        """Return the addresses of a host, within the deadline; the resolver itself has no time limit.

        Raises:
            OSError: the host has no address, or none in time.
        """

        def ask() -> list[Any]:
            return self._resolve(host, port, 0, socket.SOCK_STREAM)

        try:
            if _is_numeric(host):  # no name server has to be asked
                addresses = ask()
            else:
                addresses = self._side.do(ask, self.remaining(), "name resolution")
        except UnicodeError as error:
            raise OSError(f"the name cannot be resolved: {error}") from None
        if not addresses:
            raise OSError("the name has no address")
        return addresses

    def __enter__(self) -> None:
        self._outer = getattr(_current, "exchange", None)
        _current.exchange = self

    def __exit__(self, *_: object) -> None:
        _current.exchange = self._outer


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def current() -> HttpExchange:
    """Return the exchange of this thread."""
    exchange: HttpExchange = _current.exchange
    return exchange
