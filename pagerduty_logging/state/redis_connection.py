"""One connection of redis-py of our own: a command is sent, and its answer read when it is there.

What is sent fits into the buffers of a connection that just worked: the thread that sends goes on at once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from ssl import SSLWantReadError
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pagerduty_logging.events_api.clock import monotonic
from pagerduty_logging.state.helper import Wait, waited
from pagerduty_logging.state.protocol import StateError
from pagerduty_logging.state.redis_messages import NONSENSE

REST, WHOLE_REST = 0.05, 0.1
"""Seconds for the next part of an answer that has begun to come, and for all that is left of it."""
AGAIN = 0.15
"""Seconds for the answer of a server that has to be given the script again."""
QUIET = 60.0
"""Seconds without an answer after which a connection is not used again: a firewall in between may have
forgotten it, and tells nobody. A fleet that was idle would page from each of its processes."""
ROOM = 65_536
"""Bytes that are read at a time."""
_TEXT = re.compile(rb"\$(\d{1,7})\r\n")


def connected(url: str, patience: float) -> Any:
    """Return a client of our own, for one thread at a time, that waits for nothing longer than `patience`."""
    from redis import Redis

    return Redis.from_url(url, **_options(url, patience), single_connection_client=True)


def _options(url: str, patience: float) -> dict[str, Any]:
    from redis.backoff import NoBackoff
    from redis.connection import AbstractConnection
    from redis.retry import Retry

    # What TLS itself sends at first is read with an answer, or redis-py takes it for one itself.
    silent = not url.startswith("rediss:") or urlsplit(url).password is not None
    taken = inspect.signature(AbstractConnection.__init__).parameters
    names = ("driver_info",) if "driver_info" in taken else ("lib_name", "lib_version")
    return {
        # No CLIENT SETINFO: the ACL that we advise forbids it, and some proxies hang up.
        **{name: None for name in names if silent and name in taken},
        "protocol": 2,  # servers before 6 and many proxies refuse the HELLO of 3
        "socket_timeout": patience,
        "socket_connect_timeout": patience,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
    }


def refused_option(url: str) -> str | None:
    """Return what redis-py has against the options of an address, and none of their values; None: nothing.

    Nothing is opened. Redis-py alone knows which options it takes: each of its releases takes more.
    """
    try:
        from redis import ConnectionPool
    except Exception:  # broken: that is said when the state is first asked
        return None
    try:
        ConnectionPool.from_url(url, **_options(url, 1.0)).make_connection()
    except Exception as error:
        text = str(error)
        unknown = re.search(r"unexpected keyword argument '([a-z_]+)'", text)
        if unknown is not None:
            return f"redis-py takes no option {unknown[1]!r} after the question mark of an address"
        for _, value in parse_qsl(urlsplit(url).query):
            text = text.replace(value, "…")
        what = "an option" if "unexpected keyword" in text else text.rstrip(".")
        return f"redis-py refuses what follows the question mark of the address: {what}"
    return None


def speaks_at_once(connection: Any) -> bool:
    """Whether a connection shows its socket, no public part of redis-py. Else its own calls are used."""
    return getattr(connection, "_sock", None) is not None


def command(words: Sequence[Any]) -> bytes:
    """Return a command as it is sent; redis-py takes longer, for it takes whatever there is."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        encoded = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(encoded), encoded))
    return b"".join(parts)


class RedisConnection:
    """The connection that all handlers of a process use, one at a time.

    Args:
        client: of our own.
        sha: digest of the script that is called.
        lua: its text, for a server that has forgotten it.
        clock: seconds, monotonic.

    Attributes:
        client: as given.
        answers: whether the last call was answered, so that the next one can be sent at once.
    """

    def __init__(self, client: Any, sha: str, lua: str, clock: Callable[[], float] = monotonic) -> None:
        self.client = client
        self.answers = False
        self._clock = clock
        self._answered_at = clock()
        self._sha, self._lua = sha, lua
        self._arguments: list[Any] = []

    @property
    def is_quiet(self) -> bool:
        """Whether it has said nothing for so long that it may be forgotten."""
        return self._clock() - self._answered_at > QUIET

    def renew(self) -> None:
        """Let go of a connection that may be forgotten, or is closed, or has an old answer still to come.

        The next command connects again.
        """
        connection = self.client.connection
        try:
            fit = not self.is_quiet and not connection.can_read(timeout=0)
        except Exception:
            fit = False
        if not fit:
            connection.disconnect()

    def answered(self) -> None:
        """Note that a call was answered, whoever made it."""
        self.answers = speaks_at_once(self.client.connection)
        self._answered_at = self._clock()

    def send(self, arguments: list[Any]) -> None:
        """Call the script on a connection that has answered, and wait for nothing.

        Args:
            arguments: number of keys, keys and arguments.
        """
        self.answers = False
        self._arguments = arguments
        socket = self.client.connection._sock
        if socket is None:
            raise ConnectionError("Connection closed by server.")
        socket.sendall(command(("EVALSHA", self._sha, *arguments)))

    def receive(self, seconds: float, way: Wait = waited) -> Any:
        """Return the answer, or raise what it says, or that it has not begun to come within so many seconds.

        Args:
            seconds: to wait.
            way: in which it is waited for.
        """
        socket = self.client.connection._sock
        try:
            answer = self._answer(socket, seconds, way)
        except Exception as error:
            if not is_unknown_script(error):
                raise
            usual = socket.gettimeout()
            socket.settimeout(AGAIN)
            socket.sendall(command(("EVAL", self._lua, *self._arguments)))
            socket.settimeout(usual)
            answer = self._answer(socket, AGAIN, waited)
        self.answers, self._answered_at = True, self._clock()
        return answer

    def _answer(self, socket: Any, seconds: float, way: Wait) -> bytes:
        begun: list[bytes] = []
        look = partial(_look, socket, begun)
        if not look(0.0) and not way(look, seconds):
            raise StateError(f"no answer within {seconds:.2g} s")
        return _read(socket, begun[0], min(seconds, WHOLE_REST), self._clock)

    def hang_up(self) -> None:
        """Let go of a connection on which something failed: its address may be another server's by now."""
        with suppress(Exception):
            self.client.connection.disconnect()


def _look(socket: Any, begun: list[bytes], seconds: float) -> bool:
    """Wait for the beginning of an answer, and read it; return whether it came, or the other side has closed.

    Redis-py would keep what it reads to itself. To look whether something came is not enough with TLS: it may
    be no part of an answer.
    """
    usual = socket.gettimeout()
    socket.settimeout(seconds)
    try:
        begun.append(bytes(socket.recv(ROOM)))
    except (BlockingIOError, TimeoutError, SSLWantReadError):
        return False
    finally:
        socket.settimeout(usual)
    return True


def _read(socket: Any, begun: bytes, seconds: float, clock: Callable[[], float]) -> bytes:
    """Return an answer that has begun to come; redis-py takes longer, for it reads whatever there is.

    One whose parts each come in time is given up all the same, after so many seconds.
    """
    answer, part, usual, until = b"", begun, socket.gettimeout(), 0.0
    while True:
        if not part:
            raise ConnectionError("Connection closed by server.")
        answer += part
        text = _TEXT.match(answer)
        end = text.end() + int(text[1]) + 2 if text is not None else len(answer)
        if len(answer) == end and answer.endswith(b"\r\n"):
            break
        if len(answer) > end:
            raise StateError(NONSENSE)
        until = until or clock() + seconds
        socket.settimeout(min(max(until - clock(), 0.0), REST))
        try:
            part = socket.recv(ROOM)
        except (BlockingIOError, SSLWantReadError):
            raise TimeoutError from None
    socket.settimeout(usual)
    if text is not None:
        return answer[text.end() : -2]
    if answer.startswith(b"+["):  # as the server of fakeredis says it
        return answer[1:-2]
    if answer.startswith(b"-"):
        from redis.exceptions import ResponseError

        raise ResponseError(answer[1:-2].decode("utf-8", "replace"))
    raise StateError(NONSENSE)


def is_unknown_script(error: Exception) -> bool:
    """Whether a server does not know the script that was asked for by its digest."""
    return type(error).__name__ == "NoScriptError" or str(error).startswith("NOSCRIPT")
