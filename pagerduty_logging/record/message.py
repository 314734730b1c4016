"""A formatted message, taken apart: its words, its fields, the traceback in it.

`structured` finds the words of a structured message, `printed_traceback` the traceback in a message. Both the
page and the dedup key use this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, cast

from pagerduty_logging.events_api.safejson import JSON, jsonable, text
from pagerduty_logging.events_api.text import plain
from pagerduty_logging.record import own_traceback, printed_traceback, structured, template_strings
from pagerduty_logging.record.exceptions import Frame, Raised

TRACEBACK_NAMES = ("exception", "exc_info", "exc_text", "stack_trace", "traceback")
NOT_DETAILS = frozenset(
    ("level", "levelname", "levelno", "logger", "name", "timestamp", "asctime", "created", "stack_info")
)
"""Fields of JSON lines that the record itself has."""
MAX_WORDS = 20_000
_PLAIN = re.compile("(?![{[])[ -'*-<>-~]{0,1000}+")
"""What is neither data nor a traceback, as most messages: printable, without a parenthesis or "="."""


class MessageParts(NamedTuple):
    """The parts of a message."""

    words: str
    fields: dict[str, JSON]
    chain: tuple[Raised, ...]
    """The exception whose traceback the message is, or that a formatter or queue appended to it."""
    quoted: tuple[Raised, ...] = ()
    """The exception of a traceback that follows other words in the message.

    Anybody may have written it, even a client: it distinguishes problems, but the page shows it as text only.
    """


def read(message: str, *, merged: bool = True, own: Raised | None = None) -> MessageParts:
    """Split a formatted message into its parts; its words are what is neither structured nor a traceback.

    Args:
        message: the text.
        merged: whether a traceback behind other words was appended by what formatted the record, see
            `contents.is_merged`. Default: True. Where it was not, and is not of `own`, it is only `quoted`.
        own: the exception that is shown anyway; its traceback is left out of the words. Default: None.
    """
    if _PLAIN.fullmatch(message) is not None:
        return MessageParts(message, {}, ())
    data = structured.read_text(message)
    if not structured.has_words(data):
        message, values = template_strings.rendered(message)
        return _with_traceback(plain(message), _shown(values), merged, own)
    trace = traceback_in(data)
    words, values = template_strings.rendered(text(structured.words_of(data), MAX_WORDS))
    given = structured.fields_of(data)
    for value in given.values():
        if isinstance(value, str):
            values |= template_strings.rendered(value)[1]
    fields = _shown(values) | _shown(given)
    details = {
        name: value
        for name, value in fields.items()
        if name not in NOT_DETAILS and not (trace and name in TRACEBACK_NAMES and value == trace)
    }
    said = _with_traceback(plain(words), details, merged, own)
    return said._replace(chain=said.chain or printed_traceback.parse(trace))


def _shown(values: Mapping[object, object] | Mapping[str, object]) -> dict[str, JSON]:
    if not values:
        return {}
    fields = jsonable(values)
    assert isinstance(fields, dict)
    return fields


def traceback_in(data: object) -> str:
    """Return the printed traceback that a structured message holds in its own field; "" if none."""
    if not isinstance(data, Mapping):
        return ""
    found = (data[name] for name in TRACEBACK_NAMES if name in data)
    return next((value for value in found if type(value) is str and "\n" in value), "")


def _with_traceback(shown: str, fields: dict[str, JSON], merged: bool, own: Raised | None) -> MessageParts:
    if "(most recent call last)" not in shown:
        return MessageParts(shown, fields, ())
    found = printed_traceback.find_in(shown)
    if found is None:
        words, stack = printed_traceback.split(shown)
        return MessageParts(words, fields, printed_traceback.parse(stack))
    chain = printed_traceback.parse(found.traceback)
    if own is not None and chain and own_traceback.is_same(chain[0], own):
        rest = own_traceback.following(chain[0], own)
        words = found.words.rstrip()
        return MessageParts(f"{words} … {rest}" if rest else words, fields, chain)
    if found.whole or (merged and found.follows_a_line):
        return MessageParts(found.words.rstrip(), fields, chain)
    return MessageParts(printed_traceback.without_values(shown), fields, (), chain)


def chain_in(value: JSON) -> tuple[Raised, ...] | None:
    """Return the exceptions that structlog's `dict_tracebacks` made; None if `value` is something else.

    Only names and numbers are taken from it: it holds the values of variables too.
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
