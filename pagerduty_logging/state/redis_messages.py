"""What is said to `exchange.lua` and what it answers, as text."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from pagerduty_logging.state.protocol import (
    FORMAT,
    LEASE,
    MAX_NAMES,
    MINUTE,
    Anothers,
    Later,
    Mine,
    Reply,
    Request,
    Sender,
    Silence,
    Standing,
    StateError,
)
from pagerduty_logging.state.store import KnownProblem

NONSENSE = "the state answered nonsense: is this a Redis of its own?"
PREFIX = f"pagerduty-logging:{FORMAT}:{{state}}:"
KNOWN = (
    *("n", "told", "first", "last", "worst", "told_severity", "told_at", "window", "silenced", "events"),
    "sent_at",
    *("over", "lease_by", "lease_until", "release", "summary", "logger", "hosts", "host_names", "processes"),
)
"""Fields of a problem that people are shown."""
_MESSAGE = (
    '%s, "base": %d, "started": %r, "sequence": %d, "silences": %s, "counts": [%s], "outcomes": [%s]%s}'
)
"""A request as JSON. From a template, for `json.dumps` takes three times as long."""
_COUNT = (
    '{"place": %d, "n": %d, "first": %r, "last": %r, "severity": %d, "silenced": %d, "summary": %s,'
    ' "logger": %s}'
)
_OUTCOME = (
    '{"place": %d, "what": "%s", "age": %r, "severity": %d, "occurrences": %d, "window": %r, "follow_up": %s,'
    ' "change": %s}'
)
_CLAIM = ', "claim": {"place": %d, "severity": %d, "age": %r, "follow_up": %s, "change": %s}'
_BOOL = ("false", "true")
_decode = json.JSONDecoder().raw_decode  # which `json.loads` calls in the end


def arguments(requests: list[Request]) -> list[Any]:
    """Return what the script is called with: the number of keys, the keys, and a message for each request."""
    keys: list[str] = []
    messages = []
    for request in requests:
        messages.append(packed(request.as_of_now(), keys))
    return [len(keys), *keys, *messages]


def packed(request: Request, keys: list[str]) -> str:
    """Return a request as JSON, and add its keys to those of the ones before."""
    sender, base = request.sender, len(keys)
    beginning, own_keys = _of_sender(sender)
    keys += own_keys
    places: dict[str, int] = {}

    def place(key: str, change: bool) -> int:
        name = f"{PREFIX}{'change' if change else 'problem'}:{sender.space}:{key}"
        if name not in places:
            keys.append(name)
            places[name] = len(keys)
        return places[name]

    counts, outcomes, asked = [], [], ""
    for count in request.counts:
        at, text, logger = place(count.key, False), _quoted(count.summary), _quoted(count.logger)
        figures = (count.n, count.first, count.last, count.severity, count.silenced)
        counts.append(_COUNT % (at, *figures, text, logger))
    for o in request.outcomes:
        flags = (_BOOL[o.follow_up], _BOOL[o.change])
        at = place(o.key, o.change)
        outcomes.append(_OUTCOME % (at, o.what, o.age, o.severity, o.occurrences, o.window, *flags))
    claim = request.claim
    if claim is not None:
        flags = (_BOOL[claim.follow_up], _BOOL[claim.change])
        asked = _CLAIM % (place(claim.key, claim.change), claim.severity, claim.age, *flags)
    if request.spend is not None:
        asked += f', "spend": {request.spend}'
    if request.ends:
        asked += ', "ends": true'
    lists = (", ".join(counts), ", ".join(outcomes))
    return _MESSAGE % (
        beginning,
        base,
        request.started,
        request.sequence,
        _quoted(request.silences),
        *lists,
        asked,
    )


@functools.lru_cache(maxsize=64)
def _of_sender(sender: Sender) -> tuple[str, tuple[str, ...]]:
    """Return the beginning of each of its messages, and the keys that each of them needs."""
    message: dict[str, Any] = {
        "name": sender.name,
        "process": sender.process,
        "host": sender.host,
        "remember": sender.remember,
        "per_minute": sender.per_minute,
    }
    if sender.release is not None:
        message["release"] = sender.release
    keys = (
        f"{PREFIX}sender:{sender.name}",
        f"{PREFIX}budget:{sender.space}",
        f"{PREFIX}silences",
        f"{PREFIX}index",
        f"{PREFIX}releases:{sender.space}",
    )
    return json.dumps(message)[:-1], keys


def unpacked(requests: list[Request], text: Any) -> list[Reply]:
    replies = []
    try:
        answer, _ = _decode(text_of(text))
        for request, told in zip(requests, answer, strict=True):
            replies.append(_reply(request, told))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise StateError(NONSENSE) from None
    return replies


def _reply(request: Request, told: Mapping[str, Any]) -> Reply:
    now = _seconds(told["now"])
    standings = {}
    for count, one in zip(request.counts, told["standings"] or (), strict=True):
        left = _seconds(one["left"])
        told_severity, untold = one.get("severity"), int(one.get("untold", 0))
        standings[count.key] = Standing(bool(one["told"]), bool(one["leased"]), left, told_severity, untold)
    quiet = None
    if "version" in told:
        quiet = (str(told["version"]), tuple(silences(told["silences"] or (), now)))
    answer = _ANSWERS[told["answer"]["kind"]](told["answer"]) if "answer" in told else None
    return Reply(now, standings, answer, told.get("wait"), quiet, request.sequence)


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
        told_at=told.get("told_at"),
        window=float(told["window"]),
        quiet=bool(told["quiet"]),
        first_release=told.get("first_release"),
        new_in_release=told.get("new_in_release"),
    )


_ANSWERS: dict[str, Callable[[Mapping[str, Any]], Mine | Anothers | Later]] = {
    "mine": _mine,
    "anothers": lambda told: Anothers(
        bool(told["told"]),
        _seconds(told["again_in"], math.inf if told["told"] else LEASE),
        _seconds(told.get("since", 0.0)),
        int(told.get("untold", 0)),
    ),
    "later": lambda told: Later(_seconds(told["again_in"], MINUTE)),
}


def _seconds(value: Any, most: float = math.inf) -> float:
    """Return a time; for one that would keep an event for ever, or means nothing, raise a ValueError."""
    seconds = float(value)
    if not (0.0 <= seconds <= most and math.isfinite(seconds)):
        raise ValueError("no time that an event can wait")
    return seconds


def known(name: str, values: list[Any], now: float) -> KnownProblem | None:
    told = {field: text_of(value) for field, value in zip(KNOWN, values, strict=True) if value is not None}

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
        told_at=max(told_at, number("sent_at")) or None,
        window_left=left if 0.0 < left <= window else 0.0,
        leased=bool(told.get("lease_by")) and number("lease_until") > now,
        first_release=told.get("release") or None,
        logger=told.get("logger", ""),
    )


def _host_names(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


def silences(values: Any, now: float) -> list[Silence]:
    silences = [Silence(**json.loads(text)) for text in map(text_of, values) if text.startswith("{")]
    return sorted((s for s in silences if s.until > now), key=lambda silence: silence.until)


def text_of(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
