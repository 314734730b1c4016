"""What the person who is paged reads: a log record becomes a trigger, in two steps.

`capture` runs on the thread that logs, under no lock, because it runs the program's own code
(`__str__`); what it returns is plain data that keeps no frame and no object of the program's alive.
`compose` makes a trigger of that data, later and wherever it suits: it reads source lines and formats text.
"""

from __future__ import annotations

import linecache
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from sys import getsizeof
from types import TracebackType
from typing import Any, NamedTuple

from pagerduty_logging import safejson
from pagerduty_logging.events_api.events import Image, Link, Severity, Trigger
from pagerduty_logging.throttle import History

MAX_MESSAGE_CHARS = 20_000
MAX_EXCEPTION_CHARS = 2_000
MAX_FRAMES = 60
"""Frames shown of one exception: the outermost tell where it was called, the innermost where it broke."""
OUTER_FRAMES = 10
MAX_CHAIN = 10
"""Exceptions shown of a chain of causes."""


def severity_of(record: logging.LogRecord) -> Severity:
    """Return the severity the record asks for, else its level's.

    A custom level counts as the standard one below it.
    """
    wish = own(record).get("severity")
    if isinstance(wish, str) and wish in _SEVERITIES:
        return Severity(wish)
    if record.levelno >= logging.CRITICAL:
        return Severity.CRITICAL
    if record.levelno >= logging.ERROR:
        return Severity.ERROR
    if record.levelno >= logging.WARNING:
        return Severity.WARNING
    return Severity.INFO


_SEVERITIES = frozenset(Severity)


def own(record: logging.LogRecord) -> Mapping[object, object]:
    """Return what the record's `extra={"pagerduty": {...}}` says; empty if there is none."""
    words = record.__dict__.get("pagerduty")
    return words if isinstance(words, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What every trigger of a handler says beside its record; see `Trigger` for the meaning of each."""

    source: str | None = None
    component: str | None = None
    group: str | None = None
    event_class: str | None = None
    client: str | None = None
    client_url: str | None = None
    links: tuple[Link, ...] = ()
    images: tuple[Image, ...] = ()
    custom_details: dict[str, safejson.JSON] = field(default_factory=dict)


def checked_fields(**options: Any) -> Fields:
    """Return the options as `Fields`.

    Raises:
        TypeError, ValueError: naming the option that is wrong.
    """
    trigger = Trigger("as the options make it", **options)
    checked = {f.name: getattr(trigger, f.name) for f in fields(Fields)}
    return Fields(**{**checked, "custom_details": trigger.custom_details or {}})


class Frame(NamedTuple):
    """One line of a traceback."""

    path: str
    line: int
    function: str


class Raised(NamedTuple):
    """One exception: what it is, what it says, where it came from (outermost frame first)."""

    kind: str
    text: str
    frames: tuple[Frame, ...]
    relation: str
    """How it stands to the next one in the chain; "" for the last, which is the one that was logged."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A log record as plain data. `defects` names what could not be captured."""

    message: str
    level_name: str
    severity: Severity
    logger: str
    created: float
    origin: Frame
    chain: tuple[Raised, ...] = ()
    overrides: Mapping[str, safejson.JSON] = field(default_factory=dict)
    defects: tuple[str, ...] = ()


def capture(record: logging.LogRecord, formatter: logging.Formatter | None = None) -> Snapshot:
    """Return what `record` says. Runs the program's code; lets only a `BaseException` of its through."""
    message, defects = _message(record, formatter)
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    overrides = safejson.jsonable(own(record))
    return replace(
        salvage(record),
        message=message,
        chain=tuple(_chain(error)) if isinstance(error, BaseException) else (),
        overrides=overrides if isinstance(overrides, dict) else {},
        defects=defects,
    )


def salvage(record: logging.LogRecord, error: BaseException | None = None) -> Snapshot:
    """Return what `record` says without running any of the program's code."""
    message = record.msg if type(record.msg) is str else f"({type(record.msg).__name__})"
    return Snapshot(
        message=safejson.text(message, MAX_MESSAGE_CHARS),
        level_name=str(record.levelname),
        severity=severity_of(record),
        logger=str(record.name),
        created=record.created,
        origin=Frame(str(record.pathname), record.lineno, str(record.funcName)),
        defects=() if error is None else (f"the record could not be read: {type(error).__name__}",),
    )


def compose(snapshot: Snapshot, dedup_key: str, history: History, given: Fields) -> Trigger:
    """Return the trigger for what was captured. Pure but for the source lines that it reads."""
    last = snapshot.chain[-1] if snapshot.chain else None
    trigger = Trigger(
        summary(snapshot),
        severity=snapshot.severity,
        dedup_key=dedup_key,
        timestamp=datetime.fromtimestamp(snapshot.created, UTC),
        source=given.source,
        component=given.component or snapshot.logger,
        group=given.group,
        event_class=given.event_class or (last.kind if last else snapshot.level_name),
        client=given.client,
        client_url=given.client_url,
        links=given.links,
        images=given.images,
        custom_details=_details(snapshot, history, given),
    )
    return _overridden(trigger, snapshot.overrides)


def summary(snapshot: Snapshot) -> str:
    """Return the message's first line, and the exception where the line does not say it already."""
    line = next((line for line in snapshot.message.splitlines() if line.strip()), "").strip()
    if snapshot.chain:
        error = snapshot.chain[-1]
        text = error.text.strip().partition("\n")[0]
        if not text or text not in line:
            line = f"{line}: {error.kind}: {text}" if text else f"{line}: {error.kind}"
    return line.lstrip(": ") or f"{snapshot.level_name} from {snapshot.logger}, without a message"


def size(snapshot: Snapshot) -> int:
    """Return about how many bytes of memory a snapshot keeps."""
    texts = sum(getsizeof(error.text) + 100 * len(error.frames) for error in snapshot.chain)
    overrides = len(repr(snapshot.overrides)) if snapshot.overrides else 0
    return 1_000 + getsizeof(snapshot.message) + texts + 2 * overrides


def label(record: logging.LogRecord) -> str:
    """Return a name for a record's event that tells nothing of what the program logged."""
    return f"{record.levelname} of logger {record.name!r} ({record.filename}:{record.lineno})"


def _message(record: logging.LogRecord, formatter: logging.Formatter | None) -> tuple[str, tuple[str, ...]]:
    try:
        if formatter is not None:
            return safejson.text(formatter.format(record), MAX_MESSAGE_CHARS), ()
        return safejson.text(record.getMessage(), MAX_MESSAGE_CHARS), ()
    except Exception as error:
        words = f"the message could not be formatted: {type(error).__name__}: {safejson.text(error, 200)}"
        saved = f"{safejson.text(record.msg, MAX_MESSAGE_CHARS)} {safejson.jsonable(record.args)}"
        return safejson.cut(saved, MAX_MESSAGE_CHARS), (words,)


def _chain(error: BaseException) -> Iterator[Raised]:
    """Yield the exceptions that led to `error` and itself, the oldest first, as Python prints them."""
    links: list[Raised] = []
    seen: set[int] = set()
    relation = ""
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(links) < MAX_CHAIN:
        seen.add(id(link))
        links.append(
            Raised(
                type(link).__qualname__,
                safejson.text(link, MAX_EXCEPTION_CHARS),
                tuple(_frames(link.__traceback__)),
                relation,
            )
        )
        if link.__cause__ is not None:
            link, relation = link.__cause__, "which caused"
        elif link.__suppress_context__:
            link = None
        else:
            link, relation = link.__context__, "during the handling of which came"
    return reversed(links)


def _frames(traceback: TracebackType | None) -> list[Frame]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(Frame(code.co_filename, traceback.tb_lineno, code.co_qualname))
        traceback = traceback.tb_next
    if len(frames) > MAX_FRAMES:
        left_out = len(frames) - MAX_FRAMES
        inner = frames[-(MAX_FRAMES - OUTER_FRAMES) :]
        frames = [*frames[:OUTER_FRAMES], Frame(f"… {left_out} frames …", 0, ""), *inner]
    return frames


def _details(snapshot: Snapshot, history: History, given: Fields) -> dict[str, Any]:
    details: dict[str, Any] = dict(given.custom_details)
    if snapshot.message.strip() != summary(snapshot):
        details["message"] = _rows(snapshot.message)
    if snapshot.chain:
        last = snapshot.chain[-1]
        details["exception"] = f"{last.kind}: {last.text}" if last.text else last.kind
        details["traceback"] = list(_traceback(snapshot.chain))
    origin = snapshot.origin
    details["location"] = f"{origin.path}:{origin.line} in {origin.function}"
    details["logger"] = snapshot.logger
    details["level"] = snapshot.level_name
    details["occurrences"] = history.occurrences
    details["first_seen"] = _utc(history.first_seen)
    if history.suppressed:
        details["suppressed"] = history.suppressed
        details["suppressed_since"] = _utc(history.since)
    if snapshot.defects:
        details["defects"] = list(snapshot.defects)
    return details


def _rows(text: str) -> str | list[str]:
    """PagerDuty swallows the newlines of a text, and shows a list one row a line."""
    rows = text.splitlines()
    return rows if len(rows) > 1 else text


def _traceback(chain: tuple[Raised, ...]) -> Iterator[str]:
    for error in chain:
        for frame in error.frames:
            yield f"{frame.path}:{frame.line} in {frame.function}" if frame.line else frame.path
            source = linecache.getline(frame.path, frame.line).strip()
            if source:
                yield f"    {source}"
        yield from f"{error.kind}: {error.text}".splitlines()
        if error.relation:
            yield f"… {error.relation}:"


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _overridden(trigger: Trigger, overrides: Mapping[str, safejson.JSON]) -> Trigger:
    """Let a record's own entries replace the trigger's fields; name those that cannot."""
    ignored = []
    for name, value in overrides.items():
        if name in ("dedup_key", "event_action"):
            continue
        try:
            trigger = replace(trigger, **{_FIELD_NAMES[name]: _merged(trigger, name, value)})
        except (KeyError, TypeError, ValueError) as error:
            ignored.append(f"{name}: {'unknown' if isinstance(error, KeyError) else error}")
    if ignored:
        details = {**(trigger.custom_details or {}), "ignored": ignored}
        trigger = replace(trigger, custom_details=details)
    return trigger


_FIELD_NAMES = {f.name: f.name for f in fields(Trigger)} | {"class": "event_class"}


def _merged(trigger: Trigger, name: str, value: Any) -> Any:
    if name in ("links", "images") and isinstance(value, list):
        return [*getattr(trigger, name), *value]
    if name == "custom_details" and isinstance(value, dict):
        return {**(trigger.custom_details or {}), **value}
    return value
