"""A log record becomes plain data, on the thread that logs and under no lock.

`capture` runs the program's own code (`__str__`, formatters) and so belongs here; what needs none of it
is left for later: `surroundings` takes what only this thread knows, `read` what a record itself says. A
snapshot keeps no frame and no object of the program's alive.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from pagerduty_logging.events_api import safejson
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.record import overrides, reporters, web_request
from pagerduty_logging.record.breadcrumbs import Crumb, crumbs_before
from pagerduty_logging.record.exceptions import Frame, Raised, caught, told
from pagerduty_logging.record.structured import event_of, subject_of

MAX_MESSAGE_CHARS = 20_000
MAX_STACK_CHARS = 40_000

_TOLD_OTHERWISE = frozenset(vars(logging.makeLogRecord({}))) | {
    "_logger",
    "_name",
    "asctime",
    "message",
    "otelSpanID",
    "otelTraceID",
    "pagerduty",
    "taskName",
}
"""Attributes of a record that are no `extra`: Python's, structlog's, OpenTelemetry's and ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A log record as plain data.

    Attributes:
        message: as formatted, any traceback that was merged into it included.
        merged: whether a formatter, a queue or the program itself may have put a traceback behind the words,
            for no argument did.
        exc_text, stack_text: a traceback and a stack that came as text.
        chain: the exception and what led to it.
        fields: what the program gave as `extra`, or in a structured event.
        wishes: what the record says about its own page.
        defects: what could not be captured, in words.
    """

    message: str
    level_name: str
    severity: Severity
    logger: str
    created: float
    origin: Frame
    process: str = ""
    thread: str = ""
    task: str = ""
    merged: bool = True
    exc_text: str = ""
    stack_text: str = ""
    chain: tuple[Raised, ...] = ()
    fields: Mapping[str, safejson.JSON] = field(default_factory=dict)
    trace_id: str = ""
    span_id: str = ""
    crumbs: tuple[Crumb, ...] = ()
    wishes: Mapping[str, safejson.JSON] = field(default_factory=dict)
    defects: tuple[str, ...] = ()


@dataclass(slots=True)
class Surroundings:
    """What only the thread that logs can tell of a record, as plain data; see `Snapshot`."""

    chain: tuple[Raised, ...]
    task: str
    trace_id: str
    span_id: str
    crumbs: tuple[Crumb, ...]
    request: dict[str, object]


def capture(
    record: logging.LogRecord, formatter: logging.Formatter | None = None, defects: Sequence[str] = ()
) -> Snapshot:
    """Return what `record` says. Runs the program's code; lets only a `BaseException` of its through.

    Args:
        record: the record, which is not changed.
        formatter: makes the message; without the traceback, which is shown apart.
        defects: what went wrong with the record before.
    """
    return read(record, surroundings(record, exception_of(record)), formatter, defects)


def surroundings(record: logging.LogRecord, error: BaseException | None) -> Surroundings:
    """Return what surrounds `record`, on the thread that logs it; runs the program's code.

    Args:
        error: the exception that was logged.
    """
    chain = _chain_of_subject(record) if error is None else caught(error, _traceback(record))
    trace_id, span_id = _trace(record)
    request = web_request.handled_here(error)
    return Surroundings(chain, _task(record), trace_id, span_id, crumbs_before(record), request)


def read(
    record: logging.LogRecord,
    around: Surroundings,
    formatter: logging.Formatter | None = None,
    defects: Sequence[str] = (),
) -> Snapshot:
    """Return what `record` says, and what surrounds it; see `capture`."""
    found = list(defects)
    if reporters.is_report(record, caught=bool(around.chain)):
        record = reporters.without_contents(record)
    message, event = _message(record, formatter, found)
    wished = _wishes(record, found)
    return Snapshot(
        **_plainly(record),
        message=message,
        merged=not record.args,
        task=around.task,
        exc_text=_word(record.exc_text, MAX_STACK_CHARS),
        stack_text=_word(record.stack_info, MAX_STACK_CHARS),
        chain=told(around.chain),
        fields=_fields(record, event, around.request),
        trace_id=around.trace_id,
        span_id=around.span_id,
        crumbs=around.crumbs,
        wishes=wished,
        defects=tuple(found),
    )


def salvage(
    record: logging.LogRecord, error: BaseException | None = None, defects: Sequence[str] = ()
) -> Snapshot:
    """Return what `record` says without running any of the program's code, after `error` came of it."""
    message = record.msg if type(record.msg) is str else f"({safejson.type_name(record.msg)})"
    if error is not None:
        defects = (*defects, f"the record could not be read: {safejson.type_name(error)}")
    return Snapshot(
        **_plainly(record), message=safejson.cut(message, MAX_MESSAGE_CHARS), defects=tuple(defects)
    )


def exception_of(record: logging.LogRecord) -> BaseException | None:
    """Return the exception that was logged, if it is at hand.

    structlog keeps it in the event where nothing has put it on the record.
    """
    info: Any = record.exc_info
    if info is None and type(record.msg) is str:
        return None
    if not info and type(record.msg) is dict:
        info = dict.get(record.msg, "exc_info")
        if info is True:
            info = sys.exc_info()
    if type(info) is tuple and len(info) == 3:
        info = info[1]
    return info if issubclass(type(info), BaseException) else None  # an object may lie about its class


def _chain_of_subject(record: logging.LogRecord) -> tuple[Raised, ...]:
    """Return the exception that is the message, or its only argument, and what led to it."""
    subject: Any = None if type(record.msg) is str and not record.args else subject_of(record)
    if not issubclass(type(subject), BaseException):
        return ()
    try:
        return caught(subject)
    except Exception:  # its text is in the message, as far as it has one
        return ()


def created(record: logging.LogRecord) -> float:
    """Return when the record was made, in seconds since the epoch; now, if it says nothing sensible."""
    said = record.created
    return said if type(said) is float and 0.0 <= said < 253_402_300_800.0 else time.time()


def _plainly(record: logging.LogRecord) -> dict[str, Any]:
    thread = record.threadName
    process = _word(record.processName)
    return {
        "level_name": _word(record.levelname) or "LOG",
        "severity": overrides.severity_of(record, overrides.wishes_in(overrides.said_by(record))),
        "logger": _word(record.name) or "root",
        "created": created(record),
        "origin": Frame(
            _word(record.pathname),
            record.lineno if type(record.lineno) is int else 0,
            _word(record.funcName),
        ),
        "process": f"{process} ({record.process})" if type(record.process) is int else process,
        "thread": _word(thread),
    }


def _word(value: object, limit: int = 1_000) -> str:
    """Return a text of the record's, without running anything of the program's."""
    text: Any = value
    return safejson.valid_text(safejson.cut(str.__str__(text), limit)) if issubclass(type(text), str) else ""


def _message(
    record: logging.LogRecord, formatter: logging.Formatter | None, defects: list[str]
) -> tuple[str, dict[object, object]]:
    """Return the message, and the fields of a structured event; name what stands in the way."""
    try:
        words, event = event_of(record)
        message = safejson.text(words, MAX_MESSAGE_CHARS)
    except Exception as error:
        event = {}
        defects.append(f"the message could not be formatted: {_described(error)}")
        message = safejson.text(record.msg, MAX_MESSAGE_CHARS)
        if record.args:
            message = safejson.cut(f"{message} {safejson.jsonable(record.args)}", MAX_MESSAGE_CHARS)
    if formatter is not None and not _is_basic(formatter):
        try:
            message = safejson.text(formatter.format(_without_exception(record)), MAX_MESSAGE_CHARS)
        except Exception as error:
            defects.append(f"the formatter failed: {_described(error)}")
    return message, event


def _is_basic(formatter: logging.Formatter) -> bool:
    """Tell whether nobody chose the formatter: `basicConfig` gives its own to handlers that have none."""
    return type(formatter) is logging.Formatter and formatter._fmt == logging.BASIC_FORMAT


def _described(error: BaseException) -> str:
    return f"{safejson.type_name(error)}: {safejson.text(error, 200)}"


def _without_exception(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy for a formatter, which would spend its time on the traceback that is shown apart."""
    bare = copy(record)
    bare.exc_info = bare.exc_text = bare.stack_info = None
    if type(bare.msg) is dict:  # structlog's console shows the values of variables with a traceback
        bare.msg = {name: value for name, value in bare.msg.items() if name != "exc_info"}
    return bare


def _traceback(record: logging.LogRecord) -> TracebackType | None:
    info: Any = record.exc_info
    return info[2] if type(info) is tuple and len(info) == 3 and type(info[2]) is TracebackType else None


def _fields(
    record: logging.LogRecord, event: dict[object, object], request: dict[str, object]
) -> dict[str, safejson.JSON]:
    given: dict[object, object] = {
        name: value for name, value in record.__dict__.items() if name not in _TOLD_OTHERWISE
    }
    around: Any = given.get("extra")
    if issubclass(type(around), dict):  # loguru's
        del given["extra"]
        event = {**event, **{name: around[name] for name in around if name != overrides.NAME}}
    told = web_request.shown_in({**given, **event}, request)
    if not told:
        return {}
    fields = safejson.jsonable(told)
    return fields if isinstance(fields, dict) else {"extra": fields}


def _wishes(record: logging.LogRecord, defects: list[str]) -> dict[str, safejson.JSON]:
    said = overrides.said_by(record)
    if said is None:
        return {}
    plain = safejson.jsonable(said)
    if isinstance(plain, dict):
        return plain
    defects.append(f"pagerduty: must be a mapping, or False, not {safejson.type_name(said)}")
    return {}


def _task(record: logging.LogRecord) -> str:
    said = record.__dict__.get("taskName")
    if said is not None:
        return _word(said)
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return ""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs on this thread
        return ""
    return "" if task is None else safejson.text(task.get_name(), 200)


def _trace(record: logging.LogRecord) -> tuple[str, str]:
    """Return trace and span ids: the record's, else those of the current span, if any."""
    attributes = record.__dict__
    said = attributes.get("otelTraceID")
    if type(said) is str and said.strip("0"):
        return _word(said), _word(attributes.get("otelSpanID"))
    opentelemetry = sys.modules.get("opentelemetry.trace")
    if opentelemetry is None:
        return "", ""
    try:
        span = opentelemetry.get_current_span().get_span_context()
        return (f"{span.trace_id:032x}", f"{span.span_id:016x}") if span.is_valid else ("", "")
    except Exception:
        return "", ""
