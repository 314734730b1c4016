"""Records by which a library reports an exception that it caught: of arguments only type and names are shown.

A task queue that logs a failed call puts its arguments into the message; they are users' data.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from copy import copy
from datetime import date, time, timedelta
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from pagerduty_logging.events_api import safejson
from pagerduty_logging.record import printed_traceback
from pagerduty_logging.record.places import is_ours, looks_like_library, package_of, places_of

_BEGINS = re.compile(r"(?<![\w.])[A-Za-z_][\w.<>-]{0,200}(?:\[[^\]\n]{0,100}\])?\(")
_DATA = re.compile(r"['\"=\[{\d]")
_TOKEN = re.compile(r"'(?:[^'\\\n]|\\.){0,300}+'|\"(?:[^\"\\\n]|\\.){0,300}+\"|[()\n]")
_HEADER: Final = "Traceback (most recent call last)"
_CALL = re.compile(r"(?P<name>[A-Za-z_][\w.<>-]{0,200}+)\((?P<arguments>.*)\)[\s.]*", re.DOTALL)
_PLAIN = (
    str,
    bytes,
    bool,
    int,
    float,
    type(None),
    BaseException,
    date,
    time,
    timedelta,
    UUID,
    PurePath,
    type,
)
MAX_NAMES = 20
"""Names shown of a mapping's entries."""
_FRAMES = re.compile(r'\s*File "[^"\n]*", line \d+, in ')
_REPR = re.compile(r"[A-Z]\w*\(.*\)", re.DOTALL)


def is_by_library(record: logging.LogRecord) -> bool:
    """Return whether a library's line has logged a record, rather than the application's or one of ours."""
    path: Any = record.pathname
    return type(path) is str and looks_like_library(path) and not is_ours(path)


def is_of_library(record: logging.LogRecord, logger: str) -> bool:
    """Return whether the library that owns `logger` has logged a record, too, by a logger of its own.

    slixmpp reports what a handler raised with the logger of the stanza, and then with that of the connection.
    """
    path, name = record.pathname, record.name
    return (
        name.partition(".")[0] == logger.partition(".")[0] and looks_like_library(path) and not is_ours(path)
    )


def with_exception(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy with the exception that a library reports without passing it on; else the record.

    Call it on the thread that logs. The exception is the one being handled there, if it came out of the
    application and the library that logs has caught it: aiohttp reports each `TimeoutError` so. Or it is put
    together from two arguments, the frames and the `repr` of an exception, as dask logs them.
    """
    about = record.__dict__
    if about.get("exc_info") or about.get("exc_text"):
        return record
    error, args = sys.exception(), about.get("args")
    values = args if isinstance(args, tuple) else ()
    if error is None and len(values) < 2:
        return record
    path = about.get("pathname")
    if type(path) is not str or not looks_like_library(path) or is_ours(path):
        return record
    texts = [value for value in (about.get("msg"), *values) if type(value) is str]
    if any(printed_traceback.MARK in text for text in texts):
        return record
    if isinstance(error, Exception) and _is_applications(error, package_of(path)):
        whole = copy(record)
        whole.exc_info = (type(error), error, error.__traceback__)
        return whole
    frames = next((text for text in texts[1:] if _FRAMES.match(text)), None)
    said = next((text for text in texts[1:] if _REPR.fullmatch(text)), None)
    if frames is None or said is None:
        return record
    whole = copy(record)
    whole.exc_text = printed_traceback.of_parts(frames, said)
    return whole


def _is_applications(error: Exception, package: str) -> bool:
    """Return whether a package caught what came out of the application."""
    places = places_of(error.__traceback__)
    return (
        bool(places)
        and package_of(places[0].path) == package
        and any(not looks_like_library(place.path) for place in places)
    )


def without_contents(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy of a report whose arguments and extras are shown by name and type.

    This covers the arguments of calls, also in a message that the library formatted, and mappings and objects
    of the library. Other texts, numbers and exceptions stay. Runs the objects' `__str__`.
    """
    shown = copy(record)
    args: Any = record.args
    if not args and type(record.msg) is str:
        shown.msg = without_arguments(record.msg)
    if isinstance(args, Mapping):
        shown.args = {name: _in_words(value) for name, value in args.items()}
    elif isinstance(args, tuple):
        shown.args = tuple(_in_words(value) for value in args)
    for name, value in record.__dict__.items():
        if name not in _USUAL and isinstance(value, (Mapping, str)):
            shown.__dict__[name] = _shown(value)
    return shown


def without_arguments(text: str) -> str:
    """Return a text with `…` in place of the arguments of each call in it, if they hold data.

    After an open bracket everything to the end of the line counts as arguments. Printed tracebacks stay.
    """
    if "(" not in text:
        return text
    words, header, rest = text.partition(_HEADER)
    shown: list[str] = []
    at = scanned = 0
    for call in _BEGINS.finditer(words):
        if call.start() < scanned:
            continue
        scanned = _end(words, call.end())
        if _DATA.search(words, call.end(), scanned):
            shown += (words[at : call.end()], "…")
            at = scanned
    return "".join((*shown, words[at:], header, rest))


def _end(text: str, begin: int) -> int:
    """Return where the bracket just before `begin` is closed."""
    depth = 1
    for token in _TOKEN.finditer(text, begin):
        if token[0] == "\n":
            return token.start()
        depth += (token[0] == "(") - (token[0] == ")")
        if not depth:
            return token.start()
    return len(text)


_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "pagerduty", "taskName"}


class _Words(str):
    """What is shown in place of a value; `%r` puts no quotes around it."""

    __slots__ = ()
    __repr__ = str.__str__


def _in_words(value: object) -> object:
    shown = _shown(value)
    return _Words(shown) if isinstance(shown, str) and not isinstance(value, str) else shown


def _shown(value: object) -> object:
    if isinstance(value, str):
        return _without_arguments(value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        names = ", ".join(safejson.text(name, 100) for name in list(value)[:MAX_NAMES])
        return f"{safejson.type_name(value)} of {names}" if names else value
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"{safejson.type_name(value)} of {len(value)}" if value else value
    text = safejson.text(value, 1_000)
    return _without_arguments(text) if _CALL.fullmatch(text) else safejson.type_name(value)


def _without_arguments(text: str) -> str:
    call = _CALL.fullmatch(text)
    if call is not None:
        return f"{call['name']}(…)" if call["arguments"].strip() else text
    return without_arguments(text)
