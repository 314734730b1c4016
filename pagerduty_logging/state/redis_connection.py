"""One connection of redis-py of our own: a command is sent, and its answer read when it is there.

What is sent fits into the buffers of a connection that just worked: the thread that sends goes on at once.
"""

from __future__ import annotations

import select
from contextlib import suppress
from typing import Any

from pagerduty_logging.state.helper import SLICES

REST = 0.05
"""Seconds for the rest of an answer that has begun to come."""


def connected(url: str, patience: float) -> Any:
    """Return a client of our own, for one thread at a time, that waits for nothing longer than `patience`."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis.from_url(
        url,
        protocol=2,  # servers before 6 and many proxies refuse the HELLO of 3
        socket_timeout=patience,
        socket_connect_timeout=patience,
        retry=Retry(NoBackoff(), 0),
        retry_on_timeout=False,
        single_connection_client=True,
    )


def renewed(connection: Any) -> bool:
    """Let go of a connection that the other side has closed, or on which an old answer is still to come.

    The next command connects again; return whether that is so.
    """
    try:
        is_fit = not connection.can_read(timeout=0)
    except Exception:
        is_fit = False
    if not is_fit:
        connection.disconnect()
    return not is_fit


def _is_readable(socket: Any) -> bool:
    """Whether something came that is no answer: most likely the other side has closed."""
    poll = getattr(select, "poll", None)
    if poll is None:
        return True
    looked = poll()
    looked.register(socket, select.POLLIN)
    return bool(looked.poll(0))


class Sent:
    """A command that was sent on a connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._error: Exception | None = None

    @classmethod
    def on(cls, connection: Any, command: list[str]) -> Sent | None:
        """Send a command; None: it takes a new connection."""
        socket = getattr(connection, "_sock", None)
        if socket is None or (_is_readable(socket) and renewed(connection)):
            return None
        try:
            connection.send_command(*command)
        except Exception:
            with suppress(Exception):
                connection.disconnect()
            return None
        return cls(connection)

    def wait(self, seconds: float) -> bool:
        """Wait for the answer; return whether it comes, or will never come."""
        try:
            return any(self._connection.can_read(timeout=seconds / SLICES) for _ in range(SLICES))
        except Exception as error:
            self._error = error
            return True

    def result(self) -> Any:
        """Return the answer, or raise what it says."""
        if self._error is not None:
            raise self._error
        socket = self._connection._sock
        socket.settimeout(REST)
        try:
            return self._connection.read_response()
        finally:
            with suppress(OSError):  # it may be closed by now
                socket.settimeout(self._connection.socket_timeout)


def is_unknown_script(error: Exception) -> bool:
    """Whether a server does not know the script that was asked for by its digest."""
    return type(error).__name__ == "NoScriptError" or str(error).startswith("NOSCRIPT")
