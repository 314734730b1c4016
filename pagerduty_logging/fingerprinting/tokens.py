"""The token of a record: what the full rules would hash, found without hashing, reading files or rendering.

Records with the same token have the same key. If the token is not certain (a call site that was not read yet,
a library's line with an exception, an object of the application), there is none, and the full rules decide.
"""

from __future__ import annotations

import functools
import logging
import sys
import time
from typing import Any, Final, TypeAlias

from pagerduty_logging.record import exceptions, message, places, structured
from pagerduty_logging.record.template_strings import HOLE

from . import causes, failure, parts, source, texts
from .masking import MASKED, mask, says_nothing

Token: TypeAlias = tuple[str, str, tuple[str, ...]]
"""The logger's name, the template, and what joins them in the key."""

_APART: Final = frozenset((*failure.LOGGERS, "django.server", "tornado.access", "uvicorn.error"))
"""Loggers whose records are distinguished by more than their text."""
FIRST: Final = frozenset(("", "{", "[", "(", "T"))
"""First characters of a text that may be data."""
_COUNTED: Final = ("sub-exception)", "sub-exceptions)")
_HEADER: Final = "(most recent call last)"
_PLAIN: Final = frozenset((str, int, float, bool, type(None)))
_TRACEBACKS: Final = frozenset(message.TRACEBACK_NAMES)
_MAX_NAMES: Final = 30
_MAX_CHARS: Final = 2_000
MAX_MASKED: Final = 400
# An entry for each usual character: `translate` catches an exception for each one that is missing.
_ZEROS: Final = "".join("0" if chr(n).isdecimal() else chr(n) for n in range(128))


def token_of(record: logging.LogRecord) -> Token | None:
    """Return what decides the key of RECORD; None if only the full rules can.

    Runs none of the application's code, and looks at no file. May raise an `Exception` for a record that
    was made by hand.
    """
    msg: Any = record.msg
    args = record.args
    subject: BaseException | None = None
    if args and type(msg) is str:
        said = structured.subject_of(msg, args) if len(msg) <= 8 else msg
        if said is msg:
            return _of_template(record, msg, args)
        msg = said
    words = words_of(msg)
    if words is None:
        return None
    if type(msg) is not str and type(msg) is not dict:
        subject = msg
    return token_of_words(record, words, subject)


def token_of_words(
    record: logging.LogRecord, words: str, subject: BaseException | None = None
) -> Token | None:
    """What decides the key of RECORD, see `token_of`.

    Args:
        record: without arguments, or with the exception that is its subject.
        words: what `words_of` returned for its message.
        subject: the exception that is the message.
    """
    name = record.name
    if name in _APART or len(words) > texts.MAX_CHARS:
        return None
    if "(" in words and (_HEADER in words or words.endswith(_COUNTED)):
        return None
    if ("<" in words and "<class '" in words) or ('"' in words and 'File "' in words):
        return None
    if record.exc_text and not record.exc_info:
        return None
    path = record.pathname
    site = source.sites.get((path, record.lineno))
    if site is None or (record.exc_info and not failure.is_ordinary(record)):
        return None
    if not record.exc_info and (error := sys.exception()) is not None and may_be_handed(record, error):
        return None
    for template in site.templates:
        if template.fits(words):
            shape = template.text
            if subject is None and name not in places.MAINS and says_enough(shape):
                return (
                    name,
                    shape,
                    parts.module_of(getattr(record, "module", None), record.pathname)
                    if name == parts.ROOT
                    else (),
                )
            return _joined(record, words, shape, subject, guessed=False)
    if site.bare or not _none_fits(site, path, words):
        return None
    return _joined(record, words, _masked(words), subject, guessed=True)


def _of_template(record: logging.LogRecord, msg: str, args: Any) -> Token | None:
    """The token of a template whose values are apart from it."""
    if record.name in _APART or type(args) is not tuple:
        return None
    if len(msg) > _MAX_CHARS or not texts.has_words(msg) or MASKED in msg:
        return None
    for value in args:
        if type(value) is str:
            if _HEADER in value:
                return None
        elif type(value) not in _PLAIN:
            if issubclass(type(value), str) or texts.failure_in(value):
                return None
            if causes.is_exception(value) and may_be_handed(record, value):
                return None
    path, line = record.pathname, record.lineno
    site = source.sites.get((path, line))
    if site is None or (record.exc_info and not failure.is_ordinary(record)):
        return None
    if record.exc_text and not record.exc_info:
        return None
    if not record.exc_info and (error := sys.exception()) is not None and may_be_handed(record, error):
        return None
    for template in site.templates:
        if template.fits(msg):
            if HOLE in template.text:
                return None
            return _joined(record, msg, template.text, None, guessed=False)
    if not _none_fits(site, path, msg):
        return None
    shape = _masked(msg) if source.is_read(path, line) else msg
    guessed = MASKED in shape
    return _joined(record, msg, shape if guessed else msg, None, guessed=guessed)


def may_be_handed(record: logging.LogRecord, error: BaseException) -> bool:
    """Whether RECORD, without `exc_info`, may report other code's exception, see `failure.with_handled`."""
    return error.__traceback__ is not None and not failure.is_ordinary(record, error)


def _joined(
    record: logging.LogRecord, words: str, shape: str, subject: BaseException | None, *, guessed: bool
) -> Token | None:
    """The token of a text whose template is SHAPE, with what joins it by the full rules."""
    joined: tuple[str, ...] = ()
    nothing = says_nothing(shape)
    little = guessed or parts.says_little_template(shape)
    if little:
        exception = subject if subject is not None else causes.reported_exception(record.exc_info, record.msg)
        if exception is not None:
            if not exceptions.is_plain(exception):
                return None
            if nothing or subject is not None or words == str(exception):
                joined = causes.raised(exception).joined
    if nothing and not joined:
        joined = parts.logged_in(record.funcName)
    elif little and failure.has_place(record):
        joined = parts.with_more(joined, parts.logged_in(record.funcName))
    if record.name == parts.ROOT:
        joined = (*joined, *parts.module_of(getattr(record, "module", None), record.pathname))
    name = record.name if record.name not in places.MAINS else parts.named(record.name, record.pathname)
    return name, shape, joined


def _none_fits(site: source.Site, path: str, words: str) -> bool:
    """Whether the full rules would find no template for WORDS either, and would check no file."""
    for template in site.templates:  # for example of a translated text
        if template.is_in(words):
            return False
    if site.templates:
        return time.monotonic() - site.missed_at < source.LOOK_AGAIN
    return path[:1] == "<" or time.monotonic() - site.looked_at < source.LOOK_AGAIN


# --- the words of what is no plain text ------------------------------------------------------------


def words_of(message: Any) -> str | None:
    """The words of a message without arguments; None if they are not easily found, or there are none."""
    if type(message) is str:
        return _read(message) if may_be_data(message) else message
    return _words_of_object(message)


def may_be_data(text: str) -> bool:
    """Whether a text begins as JSON, logfmt or the `repr` of data does."""
    return text[:1] in FIRST or ("=" in text and "=" in text[:64])


def _words_of_object(said: Any) -> str | None:
    """The words of a message that is no text; None if they are not easily found."""
    if type(said) is dict:
        if "pagerduty" in said or dict.get(said, "exc_info"):
            return None
        words = _words_of(said)
    elif issubclass(type(said), BaseException) and exceptions.is_plain(said):
        words = str(said)
    else:
        return None
    return None if words is None or words[:1] in FIRST or "=" in words[:64] else words


def _read(text: str) -> str | None:
    """The words of a text that may be data; None if they are not easily found."""
    data = structured.read_text(text)
    if data is text:
        return text
    if type(data) is not dict or not _TRACEBACKS.isdisjoint(data):
        return None
    words = _words_of(data)
    return None if words is None or words[:1] in FIRST or "=" in words[:64] else words


def _words_of(said: dict[Any, Any]) -> str | None:
    """The words of a mapping, as `structured.words_of` has them; None if they are not easily found."""
    if len(said) > _MAX_NAMES:
        return None
    for name, value in said.items():
        if type(name) is not str or (type(value) is str and ('File "' in value or _HEADER in value)):
            return None
    for name in _ranked(tuple(said)):
        value = said[name]
        if type(value) is str:
            if not value.strip():
                continue
            return None if len(value) <= 80 and _says_little(value) else value
        if type(value) not in _PLAIN:
            return None
    return None


@functools.lru_cache(maxsize=512)
def _ranked(names: tuple[str, ...]) -> tuple[str, ...]:
    ranked = sorted((rank, name) for name in names if (rank := structured.rank_of(name)) is not None)
    return tuple(name for _, name in ranked)


_says_little = functools.lru_cache(maxsize=256)(structured.says_little)


# --- what is known of templates and texts ----------------------------------------------------------


@functools.lru_cache(maxsize=512)
def says_enough(template: str) -> bool:
    return not (says_nothing(template) or parts.says_little_template(template))


def _masked(text: str) -> str:
    """What `mask` returns. It treats all digits alike, so texts that differ in digits only share a mask."""
    shape = mask_without_digits(text)
    return mask(text) if shape is None else shape


def mask_without_digits(text: str) -> str | None:
    """What `mask` returns for all texts that differ from this one in digits only; None if it varies."""
    if len(text) > MAX_MASKED:
        return None
    shape = _mask(without_digits(text))
    return None if "0" in shape else shape


def without_digits(text: str) -> str:
    """A text with zeros for its digits."""
    return text.translate(_ZEROS)


_mask = functools.lru_cache(maxsize=256)(mask)
