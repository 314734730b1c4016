"""Faults: what the next requests get instead of PagerDuty's answer.

Each fault is a frozen value. Faults affect requests under `/v2/` only, never the control API.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

MAX_TIMES = 10_000
MAX_SECONDS = 86_400  # longer than any client waits, and within what a lock accepts


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with this status, and do not accept the event.

    `retry_after` is sent as given: seconds, an HTTP date, or anything else. Without a `body` the answer
    is JSON in PagerDuty's form.
    """

    status: int
    retry_after: str | int | float | None = None
    body: str | bytes | None = None
    content_type: str = "application/json"

    def __post_init__(self) -> None:
        _check("status", self.status, int)
        if not 200 <= self.status <= 599:
            raise ValueError(f"status must be from 200 to 599, not {self.status}")
        _check("retry_after", self.retry_after, str, int, float, type(None))
        _check("body", self.body, str, bytes, type(None))
        _check("content_type", self.content_type, str)
        _check_header("retry_after", str(self.retry_after))
        _check_header("content_type", self.content_type)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answer with a redirect to `location`, and do not accept the event."""

    status: int
    location: str

    def __post_init__(self) -> None:
        _check("status", self.status, int)
        if not 300 <= self.status <= 399:
            raise ValueError(f"the status of a redirect is from 300 to 399, not {self.status}")
        _check("location", self.location, str)
        _check_header("location", self.location)


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait for `seconds`, then answer as PagerDuty would, or with the fault `then`."""

    seconds: float
    then: "Fault | None" = None

    def __post_init__(self) -> None:
        _check_seconds(self.seconds)
        _check("then", self.then, *FAULTS.values(), type(None))


@dataclass(frozen=True, slots=True)
class Hang:
    """Read the request; do not accept the event, and do not answer until the sandbox stops."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection instead of answering.

    With `after_accepting` the event is accepted first, and only the answer is lost.
    """

    after_accepting: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.after_accepting, bool):
            raise TypeError("after_accepting must be true or false")


@dataclass(frozen=True, slots=True)
class Garbage:
    """Answer with bytes that are not HTTP and close; the event is not accepted."""

    data: bytes = b"\x16\x03\x01\x00\xff this is not the protocol you are looking for\r\n\r\n"

    def __post_init__(self) -> None:
        _check("data", self.data, bytes)


@dataclass(frozen=True, slots=True)
class Drip:
    """Answer as PagerDuty would, one byte at a time, with `seconds` before each."""

    seconds: float

    def __post_init__(self) -> None:
        _check_seconds(self.seconds)


@dataclass(frozen=True, slots=True)
class Endless:
    """Accept or refuse the event as PagerDuty would, and answer with a body that never ends."""


Fault = Answer | Redirect | Delay | Hang | Reset | Garbage | Drip | Endless

FAULTS: dict[str, type[Fault]] = {
    "answer": Answer,
    "redirect": Redirect,
    "delay": Delay,
    "hang": Hang,
    "reset": Reset,
    "garbage": Garbage,
    "drip": Drip,
    "endless": Endless,
}


def from_json(form: Mapping[str, Any]) -> Fault:
    """Make a fault from its JSON form, `{"fault": "answer", "status": 503}`.

    Raises:
        ValueError: there is no such fault, or it has no such field or value.
    """
    given = {name: whole(value) for name, value in form.items()}
    name = given.pop("fault", "answer")
    kind = FAULTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"'fault' must be one of {', '.join(FAULTS)}")
    if isinstance(given.get("then"), dict):
        given["then"] = from_json(given["then"])
    takes = {field.name: field.default is MISSING for field in fields(kind)}
    if unknown := given.keys() - takes:
        raise ValueError(
            f"{name} has no {', '.join(sorted(unknown))}; it takes {', '.join(takes) or 'nothing'}"
        )
    if missing := [field for field, needed in takes.items() if needed and field not in given]:
        raise ValueError(f"{name} needs {', '.join(missing)}")
    try:
        return kind(**given)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from None


def whole(value: Any) -> Any:
    """Return a JSON number as an integer if it is a whole number: 503 for 503.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Script:
    """Decides which fault, if any, a request gets: first the queue in order, then the share.

    `draw` returns a random number from 0 to 1, for the share.
    """

    def __init__(self, *, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._lock = threading.Lock()
        self._queue: deque[Fault] = deque()
        self._share: tuple[Fault, float] | None = None

    def add(self, fault: Fault, times: int = 1) -> None:
        """Queue the fault for `times` requests."""
        _check("fault", fault, *FAULTS.values())
        _check("times", times, int)
        if not 1 <= times <= MAX_TIMES:
            raise ValueError(f"times must be from 1 to {MAX_TIMES:,}")
        with self._lock:
            self._queue.extend([fault] * times)

    def set_share(self, fault: Fault, share: float) -> None:
        """Give the fault to this share of all requests, from 0 (none) to 1; replaces the previous share."""
        _check("fault", fault, *FAULTS.values())
        _check("share", share, int, float)
        if not 0 <= share <= 1:
            raise ValueError(f"share must be from 0 to 1, not {share}")
        with self._lock:
            self._share = (fault, share)

    def next(self) -> Fault | None:
        """Return the fault for a request that has just arrived; None: answer as PagerDuty would."""
        with self._lock:
            if self._queue:
                return self._queue.popleft()
            if self._share and self._draw() < self._share[1]:
                return self._share[0]
            return None

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._queue.clear()
            self._share = None


def _check(name: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        raise TypeError(f"{name} must be {names}, not {type(value).__name__}")


def _check_seconds(seconds: float) -> None:
    _check("seconds", seconds, int, float)
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"seconds must be from 0 to {MAX_SECONDS:,}")


def _check_header(name: str, value: str) -> None:
    if not (value.isprintable() and value.isascii()):
        raise ValueError(f"{name} must be printable ASCII: it is sent as a header")
