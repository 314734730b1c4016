"""What servers and clients of Redis say when something is wrong, in words for whoever runs the program."""

from __future__ import annotations

import re

from pagerduty_logging.state.breaker import LATE

_MEANINGS = (
    (("WRONGPASS", "NOAUTH", "invalid username-password", "invalid password", "Authentication"),
     "Redis refuses the user name or password: check those of the URL, or of the client"),
    (("NOPERM", "no permissions", "can't run this command"),
     "Redis forbids what the state needs (its ACL): see the README of state/"),
    (("OOM", "OutOfMemory"), "Redis is full (maxmemory): give it more memory, or the state its own Redis"),
    (("READONLY", "read only replica"), "this Redis is a read-only replica: give the address of the primary"),
    (("MISCONF",), "Redis takes no writes, for it cannot save to its disk (MISCONF)"),
    (("LOADING",), "Redis is loading its data"),
    (("NOREPLICAS",), "Redis takes no writes, for too few of its replicas are there (NOREPLICAS)"),
    (("BUSY Redis",), "Redis is busy with a script of another program (BUSY)"),
    (("CLUSTERDOWN", "ClusterDown", "MASTERDOWN", "No master found", "previous master"),
     "Redis has no primary for now"),
    (("WRONGTYPE",), "keys of the state were overwritten by another program: give it a Redis of its own"),
    (("invalid DB index", "DB index is out of range"), "this Redis has no database of that number"),
    (("MOVED", "Moved", "CROSSSLOT", "in cluster mode"),
     "this Redis is a node of a cluster: give a client instead of its address, a redis.RedisCluster"),
    (("TRYAGAIN", "TryAgain", "TTL exhausted"), "its cluster is moving the state to another node"),
    (("Unknown Redis command",), "this Redis lacks a command that the state needs: Redis 5 or later has all"),
    (("unknown command",),
     "this is no Redis itself, but a Sentinel or a proxy without scripts: give the address of Redis"
     " (of fakeredis: fakeredis[lua])"),
    (("InvalidResponse", "Protocol Error", "Connection not ready"),
     "what answers is no Redis, or wants TLS (rediss://): check host and port"),
    (("CERTIFICATE_VERIFY_FAILED",),
     "its certificate is not trusted, or is another host's: ?ssl_ca_certs=FILE names who has signed it"),
    (("CERTIFICATE_REQUIRED", "EOF occurred in violation of protocol"),
     "it has closed the TLS connection: does it want a certificate (?ssl_certfile=FILE&ssl_keyfile=FILE)?"),
    (("ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE_EXPIRED"),
     "it does not trust our certificate: check ssl_certfile"),
    (("KEY_VALUES_MISMATCH",), "ssl_keyfile is not the key of ssl_certfile"),
    (("Connection closed by server", "reset by peer"),
     "the connection was closed without an answer: is this a Redis, or a proxy to one that runs,"
     " and does it want TLS (rediss://)?"),
    (("Too many connections", "No connection available"),
     "all connections of its client are in use: let it have more, or give the state a client of its own"),
    (("max number of clients",), "Redis takes no more connections (maxclients)"),
    (("WRONG_VERSION_NUMBER",), "what answers speaks no TLS: is it redis:// instead of rediss://?"),
)  # fmt: skip
"""What servers and clients say, and what that means."""
_CUT_OFF = (
    *("closed by server", "reset by peer", "Broken pipe", "EOF occurred in violation"),
    *("read only replica", "previous master"),
)
"""What is said of a connection that worked, and was closed before the answer, or leads to what is no primary
any more: a new one may lead to its successor."""
LATE_ANSWER = f"Redis {LATE}"
_SECRETS = re.compile(r"//[^\s/]*@|(?i:\b(password|passwd|pwd|secret|token|auth)\b)(\s*[=:]\s*|\s+)[^\s,;)]+")
"""What may hold a password in the words of a client that we do not know."""


def is_cut_off(error: Exception) -> bool:
    """Whether to ask once more, on a new connection."""
    return any(mark in str(error) for mark in _CUT_OFF)


def words(error: Exception) -> str:
    """Return what is wrong, and what to do."""
    text = f"{type(error).__name__} {error}"
    for marks, meaning in _MEANINGS:
        if any(mark in text for mark in marks):
            return meaning + _moved_to(error)
    said = _SECRETS.sub("…", str(error))
    if isinstance(error, TimeoutError) or "Timeout" in text or "timed out" in text.lower():
        return LATE_ANSWER
    if isinstance(error, OSError) or "Connection" in type(error).__name__:
        return f"Redis cannot be reached: is it running, and is this its address? {said}"
    if type(error).__module__.startswith(("redis.", "valkey.")):
        return f"Redis: {type(error).__name__} {said}"
    return f"its client raises {type(error).__name__}{said and f' ({said})'}: does its ping() work?"


def _moved_to(error: Exception) -> str:
    """Return the node of a cluster that has the state, for commands: they take no client."""
    moved = re.fullmatch(r"(?:MOVED )?\d+ (\S+:\d+)", str(error))
    return f"; a command takes the address of {moved[1]}, where the state is for now" if moved else ""
