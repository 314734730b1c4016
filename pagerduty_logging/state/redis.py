"""The state of a whole fleet: Redis or Valkey, by redis-py or by the user's own client, and by our own Lua.

All keys share one hash tag, so that a cluster keeps them on one node, where one script reads and writes them
in one step. The number in their names is the format: a version that stores something else takes another one.
"""

from __future__ import annotations

import functools
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib import resources
from typing import Any
from urllib.parse import unquote, urlsplit

from pagerduty_logging.state import together
from pagerduty_logging.state.protocol import (
    FORMAT,
    MAX_NAMES,
    Anothers,
    KnownProblem,
    Later,
    Mine,
    Reply,
    Request,
    Silence,
    Standing,
    StateError,
)

PATIENCE = 0.25
"""Seconds that a client of ours waits to connect, and for an answer."""
PATIENCE_IN_BACKGROUND = 1.0
"""The same where it is called on a thread of its own, for which nobody waits so long."""
PREFIX = f"pagerduty-logging:{FORMAT}:{{state}}:"
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
_KNOWN = (
    *("n", "told", "first", "last", "worst", "told_severity", "told_at", "window", "silenced", "events"),
    *("over", "lease_by", "lease_until", "release", "summary", "logger", "hosts", "host_names", "processes"),
)
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
        self._place = id(client) if client is not None else url

    def exchange(self, request: Request, seconds: float) -> Reply:
        users = together.those_of(self._place)
        if together.is_hand_in(request):
            return users.hand_in(self, request, self._patience, self._exchange)
        return users.ask(self, request, self._patience, self._exchange)

    def _exchange(self, requests: list[Request]) -> list[Reply]:
        keys: list[str] = []
        payloads = [_packed(request.as_of_now(), keys) for request in requests]
        try:
            client = self._client()
            try:
                text = client.evalsha(self._sha, len(keys), *keys, *payloads)
            except Exception as error:
                if not _is_unknown_script(error):
                    raise
                text = client.eval(self._lua, len(keys), *keys, *payloads)
        except Exception as error:
            raise self._error(error) from None
        return _unpacked(requests, text)

    def beside(self) -> RedisStore:
        return self  # a client has a connection for each thread

    def problems(self) -> tuple[float, list[KnownProblem]]:
        try:
            client = self._client()
            now = self._now(client)
            found: list[KnownProblem | None] = []
            names = [_text(name) for name in client.zrangebyscore(PREFIX + "index", now, "+inf")]
            for start in range(0, len(names), CHUNK):
                chunk = names[start : start + CHUNK]
                pipeline = client.pipeline(transaction=False)
                for name in chunk:
                    pipeline.hmget(name, *_KNOWN)
                for name, values in zip(chunk, pipeline.execute(), strict=True):
                    if values[0] is not None:
                        found.append(_known(name, values, now))
            return now, [problem for problem in found if problem is not None]
        except Exception as error:
            raise self._error(error) from None

    def silences(self) -> tuple[float, list[Silence]]:
        try:
            client = self._client()
            now = self._now(client)
            return now, _silences(client.hvals(PREFIX + "silences"), now)
        except Exception as error:
            raise self._error(error) from None

    def silence(self, silence: Silence, seconds: float) -> Silence:
        wanted = replace(silence, id=silence.id or uuid.uuid4().hex[:8])
        arguments = (json.dumps(asdict(wanted)), repr(seconds), uuid.uuid4().hex, SILENCES_KEPT)
        try:
            text = self._client().eval(_SILENCE, 1, PREFIX + "silences", *arguments)
            return Silence(**json.loads(_text(text)))
        except Exception as error:
            raise self._error(error) from None

    def unsilence(self, silence_id: str) -> bool:
        try:
            key = PREFIX + "silences"
            return bool(self._client().eval(_UNSILENCE, 1, key, silence_id, uuid.uuid4().hex))
        except Exception as error:
            raise self._error(error) from None

    def close(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.close()

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
        text = _words(error)
        for secret in self._secrets():
            text = text.replace(secret, "…")
        return StateError(text.rstrip("."))

    def _secrets(self) -> list[str]:
        """Return what is not to be shown: a client may repeat it in an error."""
        pool = getattr(self._given, "connection_pool", None)
        options = getattr(pool, "connection_kwargs", None)
        password = urlsplit(self._url).password or ""
        found: list[Any] = [password, unquote(password)]
        if isinstance(options, dict):
            found.append(options.get("password"))
        return [secret for secret in found if isinstance(secret, str) and secret]


def connected(url: str, patience: float = PATIENCE) -> Any:
    """Return a client of our own that waits for nothing longer than `patience` seconds."""
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
    )


def _packed(request: Request, keys: list[str]) -> str:
    """Return a request as JSON, and add its keys to those of the ones before."""
    sender, base = request.sender, len(keys)
    keys += [
        f"{PREFIX}sender:{sender.name}",
        f"{PREFIX}budget:{sender.space}",
        f"{PREFIX}silences",
        f"{PREFIX}index",
        f"{PREFIX}releases:{sender.space}",
    ]
    places: dict[str, int] = {}

    def place(key: str, change: bool = False) -> int:
        name = f"{PREFIX}{'change' if change else 'problem'}:{sender.space}:{key}"
        if name not in places:
            keys.append(name)
            places[name] = len(keys)
        return places[name]

    message: dict[str, Any] = {
        "base": base,
        "name": sender.name,
        "process": sender.process,
        "host": sender.host,
        "remember": sender.remember,
        "per_minute": sender.per_minute,
        "started": request.started,
        "sequence": request.sequence,
        "silences": request.silences,
        "counts": [{**asdict(count), "place": place(count.key)} for count in request.counts],
        "outcomes": [{**asdict(o), "place": place(o.key, o.change)} for o in request.outcomes],
    }
    if sender.release is not None:
        message["release"] = sender.release
    if request.claim is not None:
        message["claim"] = {**asdict(request.claim), "place": place(request.claim.key, request.claim.change)}
    if request.spend is not None:
        message["spend"] = request.spend
    return json.dumps(message)


def _unpacked(requests: list[Request], text: Any) -> list[Reply]:
    try:
        return [_reply(*pair) for pair in zip(requests, json.loads(_text(text)), strict=True)]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise StateError("the state answered nonsense: is this a Redis of its own?") from None


def _reply(request: Request, told: Mapping[str, Any]) -> Reply:
    now = float(told["now"])
    standings = {
        count.key: Standing(bool(one["told"]), bool(one["leased"]), float(one["left"]), one.get("severity"))
        for count, one in zip(request.counts, told["standings"] or (), strict=True)
    }
    silences = None
    if "version" in told:
        silences = (str(told["version"]), tuple(_silences(told["silences"] or (), now)))
    answer = _ANSWERS[told["answer"]["kind"]](told["answer"]) if "answer" in told else None
    return Reply(now, standings, answer, told.get("wait"), silences, request.sequence)


def _mine(told: Mapping[str, Any]) -> Mine:
    return Mine(
        occurrences=int(told["occurrences"]),
        suppressed=int(told["suppressed"]),
        silenced=int(told["silenced"]),
        first_seen=float(told["first_seen"]),
        last_seen=float(told["last_seen"]),
        hosts=int(told["hosts"]),
        host_names=_host_names(told["host_names"]),
        processes=int(told["processes"]),
        more=bool(told["more"]),
        events=int(told["events"]),
        told_severity=told.get("told_severity"),
        window=float(told["window"]),
        quiet=bool(told["quiet"]),
        first_release=told.get("first_release"),
        new_in_release=told.get("new_in_release"),
    )


_ANSWERS: dict[str, Callable[[Mapping[str, Any]], Mine | Anothers | Later]] = {
    "mine": _mine,
    "anothers": lambda told: Anothers(
        bool(told["told"]), float(told["again_in"]), float(told.get("since", 0.0))
    ),
    "later": lambda told: Later(float(told["again_in"])),
}


def _known(name: str, values: list[Any], now: float) -> KnownProblem | None:
    told = {field: _text(value) for field, value in zip(_KNOWN, values, strict=True) if value is not None}

    def number(field: str) -> float:
        return float(told.get(field) or 0)

    if number("over"):
        return None
    space, _, key = name.removeprefix(PREFIX + "problem:").partition(":")
    told_at, window = number("told_at"), number("window")
    severity = told.get("told_severity")
    left = told_at + window - now if severity else 0.0
    hosts, processes = int(number("hosts")), int(number("processes"))
    return KnownProblem(
        space=space,
        key=key,
        summary=told.get("summary", ""),
        severity=int(number("worst")),
        occurrences=int(number("n")),
        suppressed=max(int(number("n") - number("told")), 0),
        silenced=int(number("silenced")),
        first_seen=number("first"),
        last_seen=number("last"),
        hosts=hosts,
        host_names=_host_names(told.get("host_names", "")),
        processes=processes,
        more=max(hosts, processes) >= MAX_NAMES,
        events=int(number("events")),
        told_severity=int(severity) if severity else None,
        told_at=told_at or None,
        window_left=left if 0.0 < left <= window else 0.0,
        leased=bool(told.get("lease_by")) and number("lease_until") > now,
        first_release=told.get("release") or None,
        logger=told.get("logger", ""),
    )


def _host_names(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


def _silences(values: Any, now: float) -> list[Silence]:
    silences = [Silence(**json.loads(text)) for text in map(_text, values) if text.startswith("{")]
    return sorted((s for s in silences if s.until > now), key=lambda silence: silence.until)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _is_unknown_script(error: Exception) -> bool:
    return type(error).__name__ == "NoScriptError" or str(error).startswith("NOSCRIPT")


_MEANINGS = (
    (("WRONGPASS", "NOAUTH", "invalid username-password", "invalid password", "Authentication"),
     "Redis refuses the user name or password: check those in the URL"),
    (("NOPERM", "no permissions"), "Redis forbids what the state needs (its ACL): see the README of state/"),
    (("OOM", "OutOfMemory"), "Redis is full (maxmemory): give it more memory, or the state its own Redis"),
    (("READONLY", "read only replica"), "this Redis is a read-only replica: give the address of the primary"),
    (("MISCONF",), "Redis takes no writes, for it cannot save to its disk (MISCONF)"),
    (("LOADING",), "Redis is loading its data"),
    (("CLUSTERDOWN", "MASTERDOWN", "No master found"), "Redis has no primary for now"),
    (("WRONGTYPE",), "keys of the state were overwritten by another program: give it a Redis of its own"),
    (("invalid DB index", "DB index is out of range"), "this Redis has no database of that number"),
)  # fmt: skip
"""What servers and clients say, and what that means."""


def _words(error: Exception) -> str:
    text = f"{type(error).__name__} {error}"
    for marks, meaning in _MEANINGS:
        if any(mark in text for mark in marks):
            return meaning
    if isinstance(error, TimeoutError) or "Timeout" in text or "timed out" in text.lower():
        return "Redis does not answer in time"
    if isinstance(error, OSError) or "Connection" in type(error).__name__:
        return f"Redis cannot be reached: is it running, and is this its address? {error}"
    return f"Redis: {text}"
