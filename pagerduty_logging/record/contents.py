"""What a record says, as plain data: its message, its fields, and what it says about its own page."""

from __future__ import annotations

import logging
import operator
from collections.abc import Mapping
from copy import copy
from typing import Any, NamedTuple

from pagerduty_logging.events_api import safejson
from pagerduty_logging.events_api.template_text import values_within
from pagerduty_logging.record import overrides, reporters, structured, web_request

MAX_MESSAGE_CHARS = 20_000

_NOT_EXTRA = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "getMessage",
    "message",
    "otelSpanID",
    "otelTraceID",
    "pagerduty",
    "taskName",
}
"""Attributes of a record that are not its `extra`: Python's, OpenTelemetry's, New Relic's and ours."""


class Contents(NamedTuple):
    """What a record says."""

    message: str
    """As formatted, any traceback that was merged into it included."""
    fields: Mapping[str, safejson.JSON]
    """What the application gave as `extra`, or in a structured event."""
    merged: bool = False
    """Whether a queue or a socket may have appended a traceback to the message."""


def showable(record: logging.LogRecord, *, caught: bool) -> logging.LogRecord:
    """Return the record, or a copy without argument values if a library logs an exception it `caught`."""
    if caught and reporters.is_by_library(record):
        return reporters.without_contents(record)
    return record


def word(value: object, limit: int = 1_000) -> str:
    """Return `value` if it is text, else ""; runs none of the application's code."""
    text: Any = value
    if type(text) is str and len(text) <= limit and text.isascii() and "\x00" not in text:
        return text  # as nearly all are
    return (
        safejson.valid_text(safejson.truncated(str.__str__(text), limit))
        if issubclass(type(text), str)
        else ""
    )


def message_of(
    record: logging.LogRecord, formatter: logging.Formatter | None, defects: list[str]
) -> tuple[str, dict[object, object]]:
    """Return the message and the fields of a structured event; add what fails to `defects`."""
    try:
        words, event = event_of(record)
        message = safejson.text(words, MAX_MESSAGE_CHARS)
    except Exception as error:
        event = {}
        defects.append(f"the message could not be formatted: {_described(error)}")
        message = safejson.text(record.msg, MAX_MESSAGE_CHARS)
        if record.args:
            message = safejson.truncated(f"{message} {safejson.jsonable(record.args)}", MAX_MESSAGE_CHARS)
    if formatter is not None and not _is_basic(formatter):
        try:
            message = safejson.text(formatter.format(_without_exception(record)), MAX_MESSAGE_CHARS)
        except Exception as error:
            defects.append(f"the formatter failed: {_described(error)}")
    return message, event


def event_of(record: logging.LogRecord) -> tuple[object, dict[object, object]]:
    """Return what a record says, and its fields; without a structured message just its own message.

    Runs the application's code. The words are a text, or an object (an exception, a number) to be shown.
    """
    args: Any = record.args
    said = structured.subject_of(record.msg, args)
    if (
        isinstance(said, BaseException)
        and said is not record.msg
        and type(args[0] if args else record.msg) is tuple
    ):
        return said, {}  # the result of `sys.exc_info()`: the exception says it all
    if type(said) is str or not structured.has_words(said):
        about = record.__dict__
        message = web_request.without_values(own_message(record), about.get("name"), about.get("pathname"))
        return message, values_within(args) if args and not _is_plain(args) else {}
    words = _filled(structured.words_of(said), said)
    return words, {**values_within(said), **structured.fields_of(said)}


def _filled(words: object, said: object) -> object:
    """Put structlog's arguments into its words, if none of its processors has done so."""
    args = said.get("positional_args") if issubclass(type(said), Mapping) else None  # type: ignore[attr-defined]
    if type(words) is not str or type(args) is not tuple:
        return words
    try:
        return words % args
    except Exception:  # they do not fit, and are shown separately
        return words


def own_message(record: logging.LogRecord) -> str:
    """Return what the class's `getMessage` says, with large containers shortened. May raise.

    New Relic's agent puts another on each record, which appends its trace's ids (newrelic 14).
    """
    args: Any = record.args
    if type(record.msg) is str and _is_plain(args):
        return type(record).getMessage(record)
    msg = safejson.printable(record.msg)
    if type(args) is tuple:
        shown: Any = tuple(map(safejson.printable, args))
        same = all(map(operator.is_, shown, args))
    else:
        shown = safejson.printable(args)
        same = shown is args
    if same and msg is record.msg:
        return type(record).getMessage(record)
    bounded = copy(record)
    bounded.msg, bounded.args = msg, shown
    return type(bounded).getMessage(bounded)


def _is_plain(args: object) -> bool:
    """Return whether a record's arguments are simple values."""
    return type(args) is tuple and safejson.PLAIN.issuperset(map(type, args))


def is_merged(record: logging.LogRecord) -> bool:
    """Return whether a queue, a socket or a formatter has merged message and exception into one text."""
    return record.args is None and not record.exc_info


def _is_basic(formatter: logging.Formatter) -> bool:
    """Return whether it is the default of `basicConfig`, which is given to handlers without a formatter."""
    return type(formatter) is logging.Formatter and formatter._fmt == logging.BASIC_FORMAT


def _described(error: BaseException) -> str:
    return f"{safejson.type_name(error)}: {safejson.text(error, 200)}"


def _without_exception(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy for the formatter without the traceback, which the page shows in its own rows."""
    bare = copy(record)
    bare.exc_info = bare.exc_text = bare.stack_info = None
    if type(bare.msg) is dict:  # structlog's console shows the values of variables with a traceback
        bare.msg = {name: value for name, value in bare.msg.items() if name != "exc_info"}
    return bare


def fields_of(
    record: logging.LogRecord, event: dict[object, object], request: Mapping[str, object]
) -> dict[str, safejson.JSON]:
    """Return what the application gave as `extra`, in a structured event or with loguru.

    Names that begin with an underscore are left out: libraries use them internally. A handler of
    google-cloud-logging adds fourteen such attributes to each record, which the next handlers see.
    """
    if not (event or request) and _NOT_EXTRA.issuperset(record.__dict__):
        return {}
    given: dict[object, object] = {
        name: value
        for name, value in record.__dict__.items()
        if name not in _NOT_EXTRA and not (type(name) is str and name.startswith("_"))
    }
    around: Any = given.get("extra")
    if issubclass(type(around), dict):  # loguru's
        del given["extra"]
        event = {**event, **{name: around[name] for name in around if name != overrides.NAME}}
    for value in tuple(given.values()):
        given = values_within(value) | given
    if not (given or event or request):
        return {}
    shown = web_request.shown_in({**given, **event}, dict(request))
    fields = safejson.jsonable(shown)
    return fields if isinstance(fields, dict) else {"extra": fields}


def overrides_of(record: logging.LogRecord, defects: list[str]) -> dict[str, safejson.JSON]:
    """Return what `extra={"pagerduty": ...}` says; add what is wrong with it to `defects`."""
    said = overrides.said_by(record.__dict__)
    if said is None:
        return {}
    plain = safejson.jsonable(said)
    if isinstance(plain, dict):
        for name in overrides.IN_ANY_CASE:
            given = plain.get(name)
            if isinstance(given, str):
                plain[name] = given.strip().lower()
        return plain
    defects.append(f"pagerduty: must be a mapping, or False, not {safejson.type_name(said)}")
    return {}
