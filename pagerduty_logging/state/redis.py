"""The state of a whole fleet: Redis or Valkey, by redis-py or by the user's own client, and by our own Lua.

All keys share one hash tag, so that a cluster keeps them on one node, where one script reads and writes them
in one step. The number in their names is the format: a version that stores something else takes another one.
"""

from __future__ import annotations

import functools
import hashlib
import json
import uuid
from dataclasses import asdict, replace
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pagerduty_logging.state import shared_exchange
from pagerduty_logging.state.among import Among
from pagerduty_logging.state.breaker import CutOff
from pagerduty_logging.state.helper import Guard, waited, waited_by_many
from pagerduty_logging.state.protocol import Reply, Request, Silence, StateError
from pagerduty_logging.state.redis_connection import (
    RedisConnection,
    connected,
    is_unknown_script,
)
from pagerduty_logging.state.redis_errors import LATE_ANSWER, is_cut_off, words
from pagerduty_logging.state.redis_messages import (
    KNOWN,
    PREFIX,
    arguments,
    known,
    silences,
    text_of,
    unpacked,
)
from pagerduty_logging.state.request_queue import JointExchange, QueuedRequest, RequestQueue
from pagerduty_logging.state.store import KnownProblem, UnderWay

PATIENCE = 0.25
"""Seconds that a client of ours waits to connect, and for an answer."""
PATIENCE_IN_BACKGROUND = 1.0
"""The same where it is called on a thread of its own, for which nobody waits so long."""
PATIENCE_OF_HAND_INS = 3.0
"""The same for hand-ins, on a thread of their own."""
SILENCES_KEPT = 8 * 86_400
"""Seconds: longer than any silence."""
CHUNK = 500
"""Problems that are read at a time."""

_TIME = "return redis.call('TIME')"
_SILENCE = """
local time = redis.call('TIME')
local silence = cjson.decode(ARGV[1])
silence.since = tonumber(time[1]) + tonumber(time[2]) / 1000000
silence['until'] = silence.since + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], 's:' .. silence.id, cjson.encode(silence), 'version', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return cjson.encode(silence)
"""
_UNSILENCE = """
local ended = redis.call('HDEL', KEYS[1], 's:' .. ARGV[1])
if ended == 1 then redis.call('HSET', KEYS[1], 'version', ARGV[2]) end
return ended
"""
_inherited: list[Any] = []  # a parent's connections: closing them would speak on its behalf


@functools.cache
def script() -> str:
    """Return the Lua that does an exchange."""
    return resources.files("pagerduty_logging.state").joinpath("exchange.lua").read_text("utf-8")


class RedisStore:
    """A `Store` in Redis or Valkey.

    Args:
        client: the user's own: used as it is, and never closed.
        url: of the server, if there is no client.
        lua: the script, for tests.
        patience: seconds that a client of ours waits.
    """

    kind = "Redis"

    def __init__(
        self, client: Any = None, url: str = "", lua: str | None = None, patience: float = PATIENCE
    ) -> None:
        self._given = client
        self._url = url
        self._patience = patience
        self._lua = lua or script()
        self._sha = hashlib.sha1(self._lua.encode()).hexdigest()
        self._own: Any = None
        self._hands_in = self._answered = False
        self._place = id(client) if client is not None else url
        self._user = shared_exchange.User()

    @property
    def among(self) -> Among | None:
        """What the handlers of this process know among themselves; None: no other one uses the place."""
        return shared_exchange.of(self._place).among(self._user)

    def exchange(self, request: Request, seconds: float) -> Reply:
        queue = self._queue_for(request)

        def do(requests: list[Request]) -> list[Reply]:
            return self._exchange(queue, requests)

        reply = shared_exchange.of(self._place).ask(self._user, request, do)
        self._answered = True
        return reply

    def _exchange(self, queue: RequestQueue, requests: list[Request]) -> list[Reply]:
        try:
            if self._given is None:
                connection = queue.connection = queue.connection or RedisConnection(
                    connected(self._url, self._patience), self._sha, self._lua
                )
                connection.answers = False
                connection.renew()
                text = self._asked(connection.client, requests)
                connection.answered()
            else:
                text = self._asked(self._given, requests)
            return unpacked(requests, text)
        except Exception as error:
            if queue.connection is not None:
                queue.connection.hang_up()
            raise self._error(error) from None

    def _queue_for(self, request: Request) -> RequestQueue:
        return shared_exchange.of(self._place).queue_for(request)

    def _asked(self, client: Any, requests: list[Request]) -> Any:
        words = arguments(requests)
        try:
            return client.evalsha(self._sha, *words)
        except Exception as error:
            if not is_unknown_script(error):
                raise
            return client.eval(self._lua, *words)

    def begin(self, request: Request) -> UnderWay | None:
        users = shared_exchange.of(self._place)
        queue = users.queue_for(request)
        connection: RedisConnection | None = queue.connection
        if self._given is not None or connection is None or not self._answered:
            return None
        mine, joint = queue.enter(request)
        if joint is not None and (not connection.answers or connection.is_quiet):
            joint.leave(mine)
            return None
        return _Asking(self, queue, mine, joint, alone=users.alone(self._user))

    def hand_over(self, request: Request, guard: Guard) -> UnderWay | None:
        users = shared_exchange.of(self._place)

        def do(requests: list[Request]) -> list[Reply]:
            return self.beside()._exchange(users.hand_ins, requests)

        return users.hand_over(self._user, request, do, guard)

    def beside(self) -> RedisStore:
        if self._given is not None:
            return self  # a client has a connection for each thread
        other = RedisStore(url=self._url, lua=self._lua, patience=PATIENCE_OF_HAND_INS)
        other._user, other._hands_in = self._user, True
        return other

    def problems(self) -> tuple[float, list[KnownProblem]]:
        try:
            client = self._client()
            now = self._now(client)
            found: list[KnownProblem | None] = []
            names = [text_of(name) for name in client.zrangebyscore(PREFIX + "index", now, "+inf")]
            for start in range(0, len(names), CHUNK):
                chunk = names[start : start + CHUNK]
                pipeline = client.pipeline(transaction=False)
                for name in chunk:
                    pipeline.hmget(name, *KNOWN)
                for name, values in zip(chunk, pipeline.execute(), strict=True):
                    if values[0] is not None:
                        found.append(known(name, values, now))
            return now, [problem for problem in found if problem is not None]
        except Exception as error:
            raise self._error(error) from None

    def silences(self) -> tuple[float, list[Silence]]:
        try:
            client = self._client()
            now = self._now(client)
            return now, silences(client.hvals(PREFIX + "silences"), now)
        except Exception as error:
            raise self._error(error) from None

    def silence(self, silence: Silence, seconds: float) -> Silence:
        wanted = replace(silence, id=silence.id or uuid.uuid4().hex[:8])
        arguments = (json.dumps(asdict(wanted)), repr(seconds), uuid.uuid4().hex, SILENCES_KEPT)
        try:
            text = self._client().eval(_SILENCE, 1, PREFIX + "silences", *arguments)
            return Silence(**json.loads(text_of(text)))
        except Exception as error:
            raise self._error(error) from None

    def unsilence(self, silence_id: str) -> bool:
        try:
            key = PREFIX + "silences"
            return bool(self._client().eval(_UNSILENCE, 1, key, silence_id, uuid.uuid4().hex))
        except Exception as error:
            raise self._error(error) from None

    def leave(self) -> None:
        shared_exchange.of(self._place).leave(self._user)

    def close(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.close()
        users = shared_exchange.of(self._place)
        queue = users.hand_ins if self._hands_in else users.claims
        if users.leave(self._user) and queue.connection is not None:
            connection, queue.connection = queue.connection, None
            connection.client.close()

    def abandon(self) -> None:
        if self._own is not None:
            _inherited.append(self._own)
            self._own = None

    def _client(self) -> Any:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = connected(self._url, self._patience)
        return self._own

    def _now(self, client: Any) -> float:
        seconds, micros = client.eval(_TIME, 1, PREFIX + "index")
        return int(seconds) + int(micros) / 1e6

    def _error(self, error: Exception) -> StateError:
        if isinstance(error, StateError):
            return error
        text = words(error)
        for secret in self._secrets():
            text = text.replace(secret, "…")
        if text == LATE_ANSWER and self._url.startswith("rediss:"):
            text += ": does it speak TLS there (else redis://)?"
        if "No such file" in text and self._url.startswith("rediss:"):
            text = "a file that its address names is not there: check ssl_ca_certs, ssl_certfile, ssl_keyfile"
        return (CutOff if is_cut_off(error) else StateError)(text.rstrip("."))

    def _secrets(self) -> list[str]:
        """Return what is not to be shown: a client may repeat it in an error."""
        address = urlsplit(self._url)
        password = address.password or ""
        found: list[Any] = [password, unquote(password), *parse_qs(address.query).get("password", ())]
        pool = getattr(self._given, "connection_pool", None)
        sentinels = getattr(pool, "sentinel_manager", None)
        for options in (
            getattr(pool, "connection_kwargs", None),
            getattr(getattr(self._given, "nodes_manager", None), "connection_kwargs", None),
            getattr(sentinels, "sentinel_kwargs", None),
        ):
            if isinstance(options, dict):
                found.append(options.get("password"))
        return [secret for secret in found if isinstance(secret, str) and secret]


class _Asking:
    """An exchange that was sent, or waits for one that was, and whose answer is to come."""

    def __init__(
        self,
        store: RedisStore,
        queue: RequestQueue,
        mine: QueuedRequest,
        joint: JointExchange | None,
        *,
        alone: bool,
    ) -> None:
        self._store = store
        self._queue = queue
        self._mine, self._joint = mine, joint
        self._way = waited if alone else waited_by_many
        self.result = mine.result
        self._seconds = 0.0
        self._error: Exception | None = None
        # Only what is read in any case: an answer that nobody reads would be taken for the next one's.
        self._sent = joint is not None and bool(joint.requests)
        self.others_wait = not (self._sent and alone)
        if joint is not None and self._sent:
            try:
                self._send(joint.requests)
            except Exception as error:
                self._error = error

    def _send(self, requests: list[Request]) -> None:
        connection = self._queue.connection
        if connection is None or not connection.answers:
            raise CutOff("Redis has closed the connection")
        connection.send(arguments(requests))

    def wait(self, seconds: float) -> bool:
        self._seconds = seconds
        if self._joint is not None:
            self._joint.ask(self._read)
        return self._mine.ended or self._queue.run(self._mine, seconds, self._read, prompt=True)

    def _read(self, requests: list[Request]) -> list[Reply]:
        """Return the replies to what was sent, or is to be sent now."""
        connection = self._queue.connection
        try:
            if self._error is not None:
                raise self._error
            if not self._sent:
                self._send(requests)
            self._sent = False
            return unpacked(requests, connection.receive(self._seconds, self._way))
        except Exception as error:
            self._error = None
            if connection is not None:
                connection.answers = False
                connection.hang_up()
            raise self._store._error(error) from None
