"""What is taken from a log record on the thread that logs it: an `Occurrence`, which is plain data.

`capture` is the one place that decides what must happen on that thread: what runs the application's own code
(`__str__`, a formatter), and what only that thread knows (the request, the task, the breadcrumbs). A record
of plain data is only copied; the worker reads it later. An occurrence keeps no frame, no exception and
no object of the application alive.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from sys import getsizeof
from types import EllipsisType, TracebackType
from typing import Any, NamedTuple

from pagerduty_logging.events_api import safejson
from pagerduty_logging.events_api.events import Severity
from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import contents, overrides, own_traceback, web_request
from pagerduty_logging.record.breadcrumbs import Crumb, crumbs_before
from pagerduty_logging.record.contents import word
from pagerduty_logging.record.exceptions import Frame, LoggedFailure, Raised, caught, with_frames
from pagerduty_logging.record.plain_record import LEAST, attributes_of, completed
from pagerduty_logging.record.structured import exception_in, subject_of

MAX_STACK_CHARS = 40_000
MAX_TEMPLATE_CHARS = 2_000
"""Characters of `record.msg` that are kept, and by which repeats are recognised."""


class Surroundings(NamedTuple):
    """What only the thread that logs knows, as plain data."""

    chain: tuple[Raised, ...] = ()
    """The exception and what led to it, without frames; see `exceptions.with_frames`."""
    task: str = ""
    trace_id: str = ""
    span_id: str = ""
    crumbs: tuple[Crumb, ...] = ()
    request: Mapping[str, object] = {}


class Occurrence:
    """One log record that may page, as plain data.

    Attributes:
        attributes: those of the record that are plain data, without `exc_info`.
        around: what only the thread that logs knows, see `Surroundings`.
        at: when it was logged, on the handler's clock.
        size: about how many bytes of memory it takes.
        overrides: what the record says about its own page.
        defects: what could not be captured, as text.
        key: the dedup key of its problem; None until it is known.
        by_message: whether logger and message alone decided the key.
        token: what decides its key, see `tokens`, if the thread that logs has found it.
        keeps_place: whether nothing that was logged after it may be decided before it.
        failure: what is known of its exception, see `LoggedFailure`; None: it has none.
        original: the record itself, for `before_send`; kept until the logging call ends.
        interruption: what the application's code raised to end the process; raised again once it is safe.
        contents: what it says; None until it is `read`.
    """

    # fmt: off
    __slots__ = (
        "around", "at", "attributes", "by_message", "contents", "defects", "failure", "interruption",
        "keeps_place", "key", "original", "overrides", "size", "token",
    )
    # fmt: on

    def __init__(
        self, attributes: dict[str, Any], around: Surroundings, at: float, size: int, defects: list[str]
    ) -> None:
        self.attributes = attributes
        self.around = around
        self.at = at
        self.size = size
        self.defects = defects
        self.overrides: Mapping[str, safejson.JSON] = _NO_OVERRIDES
        self.keeps_place = False
        self.key: str | None = None
        self.by_message = False
        self.token: object = None
        self.failure: LoggedFailure | None = None
        self.original: logging.LogRecord | None = None
        self.interruption: BaseException | None = None
        self.contents: contents.Contents | None = None

    @property
    def record(self) -> logging.LogRecord:
        """A log record with these attributes, without the exception."""
        record = logging.LogRecord.__new__(logging.LogRecord)
        record.__dict__ = self.attributes
        return record

    def read(self) -> contents.Contents:
        """Return what it says; a copied record is read now. Runs none of the application's code."""
        if self.contents is None:
            record = contents.showable(self.record, caught=bool(self.around.chain))
            message, event = contents.message_of(record, None, self.defects)
            self.contents = contents.Contents(message, contents.fields_of(record, event, self.around.request))
        return self.contents

    @property
    def kind(self) -> type | None:
        """The type of its exception."""
        return None if self.failure is None else self.failure.kind

    @property
    def severity(self) -> Severity:
        return overrides.severity_of(self.attributes.get("levelno"), self.overrides)

    @property
    def level_name(self) -> str:
        return word(self.attributes.get("levelname")) or "LOG"

    @property
    def logger(self) -> str:
        return word(self.attributes.get("name")) or "root"

    @property
    def created(self) -> float:
        """When the record was made, in seconds since the epoch; now, if its own time is not valid."""
        said = self.attributes.get("created")
        return said if type(said) is float and 0.0 <= said < 253_402_300_800.0 else time.time()

    @property
    def _place(self) -> tuple[str, int]:
        path, line = self.attributes.get("pathname"), self.attributes.get("lineno")
        return word(path), line if type(line) is int else 0

    @property
    def origin(self) -> Frame:
        return Frame(*self._place, word(self.attributes.get("funcName")))

    @property
    def process(self) -> str:
        name, number = word(self.attributes.get("processName")), self.attributes.get("process")
        return f"{name} ({number})" if type(number) is int else name

    @property
    def thread(self) -> str:
        return word(self.attributes.get("threadName"))

    @property
    def exc_text(self) -> str:
        """A traceback that came as text."""
        return word(self.attributes.get("exc_text"), MAX_STACK_CHARS)

    @property
    def stack_text(self) -> str:
        return word(self.attributes.get("stack_info"), MAX_STACK_CHARS)

    @property
    def chain(self) -> tuple[Raised, ...]:
        """The exception and what led to it, with their frames."""
        return with_frames(self.around.chain) if self.around.chain else ()

    @property
    def line(self) -> str:
        """The line that logged it; not the logger's name, which may hold a client's text. "" if unknown."""
        path, line = self._place
        return f"{self.level_name} of {path}:{line}" if path else ""

    @property
    def label(self) -> str:
        """A name for its event that shows nothing of what the application logged."""
        if overrides.GUARDED in self.attributes:
            return f"job {self.logger}"
        path, line = self._place
        return _label(self.level_name, self.logger, path.rpartition(os.sep)[2], line)


@functools.lru_cache(maxsize=64)
def _label(level_name: str, logger: str, file: str, line: int) -> str:
    place = f" ({file}:{line})" if file else ""
    return f"{level_name} of logger {logger!r}{place}"


def capture(
    record: logging.LogRecord,
    at: float = 0.0,
    formatter: logging.Formatter | None = None,
    defects: Sequence[str] = (),
    error: BaseException | EllipsisType | None = ...,
) -> Occurrence:
    """Return what `record` says. Runs the application's code, of which only a `BaseException` is let through.

    Args:
        record: the record, which is not changed.
        at: now, on the handler's clock.
        formatter: makes the message, without the traceback, which is shown separately.
        defects: what went wrong with the record before.
        error: its exception, if `exception_of` was called already.
    """
    if error is ...:
        error = exception_of(record)
    copied = None if formatter or defects else attributes_of(record)
    around = _surroundings(record, error, plain=copied is not None)
    if copied is not None:
        attributes, size = copied
        if around is not NOTHING_AROUND:
            size += _size(around)
        occurrence = Occurrence(attributes, around, at, size, [])
    else:
        occurrence = _rendered(completed(record), around, at, formatter, list(defects))
    if error is not None:
        occurrence.failure = LoggedFailure(type(error))
    return occurrence


def salvage(
    record: logging.LogRecord,
    at: float = 0.0,
    error: BaseException | None = None,
    defects: Sequence[str] = (),
) -> Occurrence:
    """Return what `record` says, without running the application's code, which has raised `error`."""
    record = completed(record)
    message = record.msg if type(record.msg) is str else f"({safejson.type_name(record.msg)})"
    if error is not None:
        defects = (*defects, f"the record could not be read: {safejson.type_name(error)}")
    occurrence = Occurrence(_plain_attributes(record), Surroundings(), at, LEAST + len(message), [*defects])
    occurrence.contents = contents.Contents(safejson.truncated(message, contents.MAX_MESSAGE_CHARS), {})
    occurrence.attributes["msg"] = occurrence.contents.message
    return occurrence


def exception_of(record: logging.LogRecord) -> BaseException | None:
    """Return the exception that was logged, if there is one.

    structlog keeps it in the event, if no processor has put it on the record.
    """
    attributes = record.__dict__
    info: Any = attributes.get("exc_info")
    if info is None and type(attributes.get("msg")) is str:
        return None
    message: Any = attributes.get("msg")
    if not info and type(message) is dict:
        info = dict.get(message, "exc_info")
        if info is True:
            info = sys.exc_info()
    if type(info) is tuple and len(info) == 3:
        info = info[1]
    return (
        info if issubclass(type(info), BaseException) else None
    )  # an object may be wrong about its own class


def traceback_of(record: logging.LogRecord, error: BaseException) -> TracebackType | None:
    """Return where the exception that was logged came from."""
    info: Any = record.__dict__.get("exc_info")
    if type(info) is tuple and len(info) == 3 and type(info[2]) is TracebackType:
        return info[2]
    return error.__traceback__


def _rendered(
    record: logging.LogRecord,
    around: Surroundings,
    at: float,
    formatter: logging.Formatter | None,
    defects: list[str],
) -> Occurrence:
    """Return what `record` says, read at once."""
    shown = contents.showable(record, caught=bool(around.chain))
    message, event = contents.message_of(shown, formatter, defects)
    fields = contents.fields_of(shown, event, around.request)
    wanted = contents.overrides_of(record, defects)
    attributes = _plain_attributes(record)
    size = LEAST + getsizeof(message) + _size(around)
    size += getsizeof(attributes["exc_text"]) + getsizeof(attributes["stack_info"])
    size += sum(2 * len(repr(data)) for data in (fields, wanted) if data)
    occurrence = Occurrence(attributes, around, at, size, defects)
    occurrence.contents = contents.Contents(message, fields, contents.is_merged(record))
    if wanted:
        occurrence.overrides = wanted
        occurrence.keeps_place = wanted.get("event_action") in ("resolve", "acknowledge")
    return occurrence


def _surroundings(record: logging.LogRecord, error: BaseException | None, *, plain: bool) -> Surroundings:
    chain: tuple[Raised, ...] = ()
    attributes = record.__dict__
    message, args = attributes.get("msg"), attributes.get("args")
    if error is not None:
        chain = caught(error, traceback_of(record, error))
    elif (handled := sys.exception()) is not None and own_traceback.is_printed_in(message, args, handled):
        chain = caught(handled)
    elif not plain:
        chain = _chain_of_subject(record)
    trace_id, span_id = _trace(attributes)
    task = _task(record)
    request = web_request.handled_here(error, args)
    crumbs = crumbs_before(attributes.get("created"), attributes.get("name"))
    if not (chain or task or trace_id or crumbs or request):
        return NOTHING_AROUND
    return Surroundings(chain, task, trace_id, span_id, crumbs, request or NOTHING_AROUND.request)


def _chain_of_subject(record: logging.LogRecord) -> tuple[Raised, ...]:
    """Return the exception that is the message, or its only argument, and what led to it."""
    subject: Any = record.__dict__.get("msg")
    args = record.__dict__.get("args")
    if type(args) is tuple and len(args) == 1:
        subject = exception_in(args[0]) or args[0]
    elif type(subject) is not str or args:
        subject = subject_of(subject, args)
    if not issubclass(type(subject), BaseException):
        return ()
    try:
        return caught(subject)
    except Exception:  # its text is in the message, as far as it has one
        return ()


def _size(around: Surroundings) -> int:
    size = 200 * len(around.crumbs)
    for raised in around.chain:
        size += getsizeof(raised.text) + 50 * len(raised.lines)
    return size


def _plain_attributes(record: logging.LogRecord) -> dict[str, Any]:
    """Return the attributes that every record has, as plain data, and nothing of its `extra`."""
    attributes = record.__dict__
    plain = {name: _plain(attributes.get(name)) for name in _RECORD}
    plain["args"] = ()
    if overrides.GUARDED in attributes:
        plain[overrides.GUARDED] = True
    message = plain["msg"]
    plain["msg"] = message[: MAX_TEMPLATE_CHARS + 1] if isinstance(message, str) else ""
    return plain


def _plain(value: object) -> object:
    """Return a value if it is plain data, a text of it if it is a kind of text; else None."""
    if type(value) in PLAIN:
        return safejson.truncated(value, MAX_STACK_CHARS) if type(value) is str else value
    if issubclass(type(value), str):
        return word(value, MAX_STACK_CHARS)
    if issubclass(type(value), int):
        return int.__index__(value)  # type: ignore[arg-type]
    return None


def _task(record: logging.LogRecord) -> str:
    said = record.__dict__.get("taskName")
    if said is not None:
        return word(said)
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return ""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs on this thread
        return ""
    return "" if task is None else safejson.text(task.get_name(), 200)


def _trace(attributes: Mapping[str, object]) -> tuple[str, str]:
    """Return trace and span ids: the record's, else those of the current span, if any."""
    said = attributes.get("otelTraceID")
    if type(said) is str and said.strip("0"):
        return word(said), word(attributes.get("otelSpanID"))
    opentelemetry = sys.modules.get("opentelemetry.trace")
    if opentelemetry is None:
        return "", ""
    try:
        span = opentelemetry.get_current_span().get_span_context()
        return (f"{span.trace_id:032x}", f"{span.span_id:016x}") if span.is_valid else ("", "")
    except Exception:
        return "", ""


NOTHING_AROUND = Surroundings()
_NO_OVERRIDES: Mapping[str, safejson.JSON] = {}
_RECORD = tuple(vars(logging.LogRecord("", 0, "", 0, "", (), None)).keys() - {"exc_info"})
