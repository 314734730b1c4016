"""The words of a message without arguments, as `texts.read` finds them, at a fraction of its cost.

Those of plain data are found without the application's code. Those of other objects are what that code says
of them: `shown` runs it, and only its caller knows whether this is a place for that.
"""

from __future__ import annotations

import collections
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import message, printed_traceback, structured, template_strings

from . import forms, shapes, texts
from .alike import MAX_MASKED, without_digits

Show: TypeAlias = Callable[[Any], str | None]
"""Returns the words of an object, see `shown`; None if it must not be asked."""

FIRST: Final = frozenset(("", "{", "[", "(", "T"))
"""First characters of a text that may be data."""
_AFTER_NAME: Final = re.compile(r"\([\w.]+\)\s", re.ASCII)
"""The beginning of a text in which something follows a bracket, as SQLAlchemy's exceptions have it."""
LAST: Final = {"{": "}", "[": "]", "(": ")"}
"""Its last character then."""
TEMPLATE: Final = "Template(strings="
_TRACEBACKS: Final = frozenset(message.TRACEBACK_NAMES)
HEADER: Final = "(most recent call last)"
MARK: Final = printed_traceback.MARK
COUNTED: Final = ("sub-exception)", "sub-exceptions)")
"""How the words of a group end."""
_MAPPINGS: Final = frozenset((collections.OrderedDict, collections.defaultdict))
_AS_TUPLE: Final = (tuple.__iter__, tuple.__len__)
_PRINTED: Final = frozenset(("exception", "exc_info"))
"""Where structlog puts the printed exception of a record: it is not part of the key."""


class Wordless(NamedTuple):
    """What a mapping says that has no words: its entries, see `texts.Text`."""

    words: str
    shape: str
    says: tuple[str, ...]


def not_asked(said: Any) -> None:
    """Find no words of an object that only the application's code can tell."""


def words_of(said: Any, show: Show = not_asked) -> str | None:
    """Return the words of a message without arguments; None if they are not easily found, or there are none.

    Args:
        said: the message.
        show: asked for the words of objects of the application. Default: they are not asked for.
    """
    if type(said) is str:
        return _read(said) if may_be_data(said) else said
    words = None
    kind = type(said)
    if kind is dict or kind in _MAPPINGS:
        if "pagerduty" in said:
            return None
        words = _words_of(said)
    elif issubclass(kind, BaseException):
        words = shapes.words_of(said)
    elif _is_list(kind):
        words = _words_of_list(said)
    if words is None:
        words = show(said)
    return None if words is None else _read(words) if may_be_data(words) else words


def shown(said: Any) -> str | None:
    """Return what an object says, or the words in data of any kind; None if that is not all of it.

    Runs the application's code, which may do anything.
    """
    kind = type(said)
    if issubclass(kind, BaseException):
        return texts.text_of(said)
    if isinstance(said, type) or template_strings.is_one(said) or structured.exception_in(said) is not None:
        return None
    if structured.is_structured(said):
        return _words_of_structured(said)
    return str.__str__(said) if issubclass(kind, str) else texts.text_of(said)


def may_be_data(text: str) -> bool:
    """Return whether a text begins as JSON, logfmt or the `repr` of data does."""
    first = text[:1]
    if first in FIRST and (text[-1:] == LAST.get(first) if first != "T" else text.startswith(TEMPLATE)):
        return first != "(" or _AFTER_NAME.match(text) is None
    return not text or ("=" in text and structured.may_be_logfmt(text))


def is_plain(words: str) -> bool:
    """Return whether words that a template fits decide the key by it alone, whatever its values are."""
    return (
        len(words) <= texts.MAX_CHARS
        and not ("(" in words and (HEADER in words or words.endswith(COUNTED)))
        and not is_name(words)
        and not may_be_data(words)
    )


def is_name(words: str) -> bool:
    """Return whether words may be a class or frames and nothing else, which the full rules take out."""
    return words.startswith("<class '") or words.lstrip().startswith('File "')


def _if_no_data(words: str | None) -> str | None:
    """Return the words, unless they may be data themselves."""
    return None if words is None or may_be_data(words) else words


def _read(text: str) -> str | None:
    """Return the words of a text that may be data; None if they are not easily found."""
    if text[:1] not in FIRST and len(text) <= MAX_MASKED and "\\" not in text:
        compared = without_digits(text)
        words = _read_logfmt(compared)
        if words == compared:
            return text
        if words is not None and "0" not in words:
            return words
    return _read_whole(text)


def _read_whole(text: str) -> str | None:
    words = forms.words_in(text)
    if words is None or not words.strip() or (len(words) <= 80 and _says_little(words)):
        data = structured.read_text(text)
        if data is text:
            return text
        if type(data) is dict:
            if not _TRACEBACKS.isdisjoint(data):
                return None
            words = _words_of(data)
            if words is not None and data.get(name := _ranked(tuple(data))[0]) is words:
                forms.learn(text, data, name)
        else:
            words = _words_of_list(data) if type(data) is list else None
        if words is None and structured.is_structured(data):
            words = _words_of_structured(data)
    return _if_no_data(words)


def _words_of(said: dict[Any, Any], depth: int = 0) -> str | None:
    """Return the words of a mapping, as `structured.words_of` has them; None if they are not easily found."""
    if len(said) > structured.MAX_ENTRIES or depth == structured.MAX_DEPTH:
        return None
    for name, value in said.items():
        if type(name) is not str:
            return None
        if type(value) is str and MARK in value and name not in _PRINTED:
            return None
    for name in _ranked(tuple(said)):
        value = said[name]
        if type(value) is str:
            if not value.strip():
                continue
            return None if name in _PRINTED or (len(value) <= 80 and _says_little(value)) else value
        if type(value) not in PLAIN:
            return _words_of(value, depth + 1) if type(value) is dict and value else None
    return None


def _is_list(kind: type) -> bool:
    """Return whether to look into what is of a type runs none of the application's code."""
    return kind is list or (issubclass(kind, tuple) and (kind.__iter__, kind.__len__) == _AS_TUPLE)


def _words_of_list(said: Any) -> str | None:
    """Return the words of simple values, and of mappings, in a list; None if they are not easily found."""
    if not 0 < len(said) <= structured.MAX_ENTRIES:
        return None
    shown = []
    for item in said:
        words = str(item) if type(item) in PLAIN else _words_of(item, 1) if type(item) is dict else None
        if words is None or len(words) > structured.MAX_VALUE or words[-1:] == "\n":
            return None
        shown.append(" ".join(words.split()))
    return ", ".join(shown)


def _words_of_structured(said: Any) -> str | None:
    """Return the words of data of any kind and depth; None if they are not text, or part of a traceback."""
    if issubclass(type(said), Mapping) and ("pagerduty" in said or texts.traceback_field(said)):
        return None
    if not structured.has_words(said):
        return None
    words = structured.words_of(said)
    return words if type(words) is str else None


def wordless(said: Any) -> Wordless | None:
    """Return what a mapping of plain data without words, or a text of one, says; None of anything else."""
    if type(said) is str:
        said = structured.read_text(said) if may_be_data(said) else None
        if type(said) is not dict or not _TRACEBACKS.isdisjoint(said):
            return None
    elif type(said) is not dict:
        return None
    if "pagerduty" in said or texts.traceback_field(said) or structured.has_words(said):
        return None
    words = structured.words_of(said)
    entries = structured.flat(said)
    if type(words) is not str or may_be_data(words) or sum(len(value) for _, value in entries) > MAX_MASKED:
        return None
    shape, says = _described(tuple((name, without_digits(value)) for name, value in entries))
    return None if "0" in shape or any("0" in said for said in says) else Wordless(words, shape, says)


@functools.lru_cache(maxsize=256)
def _described(entries: tuple[tuple[str, str], ...]) -> tuple[str, tuple[str, ...]]:
    return texts.described(list(entries))


@functools.lru_cache(maxsize=512)
def _ranked(names: tuple[str, ...]) -> tuple[str, ...]:
    ranked = sorted((rank, name) for name in names if (rank := structured.rank_of(name)) is not None)
    return tuple(name for _, name in ranked)


_read_logfmt = functools.lru_cache(maxsize=256)(_read_whole)
_says_little = functools.lru_cache(maxsize=256)(structured.says_little)
