"""What a record says, as plain data: its message, its fields, and what it says about its own page."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import copy
from typing import Any

from pagerduty_logging.events_api import safejson
from pagerduty_logging.events_api.template_text import values_within
from pagerduty_logging.record import overrides, reporters, web_request
from pagerduty_logging.record.structured import event_of

MAX_MESSAGE_CHARS = 20_000

_NOT_EXTRA = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "message",
    "otelSpanID",
    "otelTraceID",
    "pagerduty",
    "taskName",
}
"""Attributes of a record that are not its `extra`: Python's, OpenTelemetry's and ours."""


def showable(record: logging.LogRecord, *, caught: bool) -> logging.LogRecord:
    """Return the record, or a copy without argument values if a library logs an exception it `caught`."""
    if reporters.is_report(record, caught=caught):
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

    Not what begins with an underscore, which libraries note for themselves: a handler of google-cloud-logging
    gives each record fourteen such attributes, and the handlers behind it see them.
    """
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
    shown = web_request.shown_in({**given, **event}, dict(request))
    if not shown:
        return {}
    fields = safejson.jsonable(shown)
    return fields if isinstance(fields, dict) else {"extra": fields}


def overrides_of(record: logging.LogRecord, defects: list[str]) -> dict[str, safejson.JSON]:
    """Return what `extra={"pagerduty": ...}` says; add what is wrong with it to `defects`."""
    said = overrides.said_by(record)
    if said is None:
        return {}
    plain = safejson.jsonable(said)
    if isinstance(plain, dict):
        return plain
    defects.append(f"pagerduty: must be a mapping, or False, not {safejson.type_name(said)}")
    return {}
