"""What a formatted message says: its words, its fields, the traceback that it holds.

`structured` decides which words a structured message says, `printed_traceback` which traceback a message
holds; the page and the dedup key both ask here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple, cast

from pagerduty_logging.events_api.safejson import JSON, jsonable, text
from pagerduty_logging.events_api.text import plain
from pagerduty_logging.record import printed_traceback, structured
from pagerduty_logging.record.exceptions import Frame, Raised

TRACEBACK_NAMES = ("exception", "exc_info", "exc_text", "stack_trace", "traceback")
NOT_DETAILS = frozenset(
    ("level", "levelname", "levelno", "logger", "name", "timestamp", "asctime", "created", "stack_info")
)
"""Fields of JSON lines that the record itself has."""
MAX_WORDS = 20_000


class Said(NamedTuple):
    """The parts of a message."""

    words: str
    fields: dict[str, JSON]
    chain: tuple[Raised, ...]
    """The exception whose traceback the message is, or that a formatter or queue appended to it."""
    quoted: tuple[Raised, ...] = ()
    """The exception of a traceback that stands behind other words in the words.

    Anybody may have written it, a client too: it distinguishes problems, but the page must show it as text.
    """


def is_merged(record: logging.LogRecord) -> bool:
    """Return whether a queue, a socket or a formatter has made one text of the record and its exception."""
    return record.args is None and not record.exc_info


def read(message: str, *, merged: bool = True) -> Said:
    """Split a formatted message into its parts; what is neither structured nor a traceback is its words.

    Args:
        message: the text.
        merged: whether a traceback behind other words was appended by what formatted the record, see
            `is_merged`. Default: True. Where it was not, it is only `quoted`.
    """
    data = structured.read_text(message)
    if not structured.has_words(data):
        return _with_traceback(plain(message), {}, merged=merged)
    trace = traceback_in(data)
    fields = jsonable(structured.fields_of(data))
    assert isinstance(fields, dict)
    details = {
        name: value
        for name, value in fields.items()
        if name not in NOT_DETAILS and not (trace and name in TRACEBACK_NAMES and value == trace)
    }
    said = _with_traceback(plain(text(structured.words_of(data), MAX_WORDS)), details, merged=merged)
    return said._replace(chain=said.chain or printed_traceback.parse(trace))


def without_repeat(said: Said, error: Raised) -> Said:
    """Return a message without the printed traceback of the exception that its record has anyway.

    loguru leaves no line break before that of an exception with a cause, and prints the values of variables.
    """
    quoted = said.quoted[0] if said.quoted else None
    if quoted is None or (quoted.name, _first_line(quoted.text)) != (error.name, _first_line(error.text)):
        return said
    held = printed_traceback.held_in(said.words)
    return said if held is None else said._replace(words=held.words.rstrip(), quoted=())


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip()


def traceback_in(data: object) -> str:
    """Return the printed traceback that a structured message holds in its own field; "" if none."""
    if not isinstance(data, Mapping):
        return ""
    found = (data[name] for name in TRACEBACK_NAMES if name in data)
    return next((value for value in found if type(value) is str and "\n" in value), "")


def _with_traceback(shown: str, fields: dict[str, JSON], *, merged: bool) -> Said:
    held = printed_traceback.held_in(shown)
    if held is None:
        words, stack = printed_traceback.split(shown)
        return Said(words, fields, printed_traceback.parse(stack))
    chain = printed_traceback.parse(held.traceback)
    if held.whole or (merged and held.follows_a_line):
        return Said(held.words.rstrip(), fields, chain)
    return Said(shown, fields, (), chain)


def chain_in(value: JSON) -> tuple[Raised, ...] | None:
    """Return the exceptions that structlog's `dict_tracebacks` made; None if `value` is something else.

    Only names and numbers are taken of it: it holds the values of variables too.
    """
    if not (isinstance(value, list) and value):
        return None
    chain: list[Raised] = []
    for entry in value:
        if not (isinstance(entry, dict) and "exc_type" in entry and isinstance(entry.get("frames"), list)):
            return None
        frames = [_frame(frame) for frame in cast("list[JSON]", entry["frames"]) if isinstance(frame, dict)]
        relation = "caused by" if entry.get("is_cause") else "while handling"
        value_shown = str(entry.get("exc_value", ""))
        chain.append(
            Raised(str(entry["exc_type"]), value_shown, tuple(frames), relation=relation if chain else "")
        )
    return tuple(chain)


def _frame(entry: dict[str, JSON]) -> Frame:
    line = entry.get("lineno")
    path = str(entry.get("filename") or "?")
    return Frame(path, line if isinstance(line, int) else 0, str(entry.get("name", "")), source="")
