"""The token of a record: what the full rules would hash, found without hashing or reading files.

Records with the same token have the same key. If the token is not certain (a call site that was not read yet,
a library's line with an exception), there is none, and the full rules decide.
"""

from __future__ import annotations

import functools
import logging
import sys
import time
from typing import Any, Final, TypeAlias

from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import places, structured
from pagerduty_logging.record.template_strings import HOLE

from . import causes, failure, parts, shapes, source, texts
from .alike import MAX_MASKED, mask_of, mask_without_digits, without_digits
from .masking import MASKED, mask, says_nothing
from .templates import PERCENT, Template
from .words import COUNTED, HEADER, Show, Wordless, is_name, not_asked, wordless, words_of

Token: TypeAlias = tuple[str, str, tuple[str, ...]]
"""The logger's name, the template, and what joins them in the key."""

_APART: Final = frozenset((*failure.LOGGERS, "django.server", "tornado.access", "uvicorn.error"))
"""Loggers whose records are distinguished by more than their text."""
_AS_REPR: Final = frozenset("ra")
_MAX_CHARS: Final = 2_000


def token_of(record: logging.LogRecord, show: Show = not_asked) -> Token | None:
    """Return what decides the key of RECORD; None if only the full rules can.

    Looks at no file. May raise an `Exception` for a record that was made by hand.

    Args:
        record: the record.
        show: asked for the words of objects, which may run the application's code. Default: they are not
            asked for, and no such code runs.
    """
    msg: Any = record.msg
    args = record.args
    subject: BaseException | None = None
    if args and type(msg) is str:
        said = structured.subject_of(msg, args) if len(msg) <= 8 else msg
        if said is msg:
            return _of_template(record, msg, args, show)
        msg = said
    elif args:
        return None
    words = words_of(msg, show)
    if words is None:
        entries = wordless(msg)
        return None if entries is None else token_of_words(record, entries.words, entries=entries)
    if issubclass(type(msg), BaseException):
        subject = msg
        if args and not record.exc_info and failure.may_be_handed(record, msg):
            return None
    return token_of_words(record, words, subject, show=show)


def token_of_words(
    record: logging.LogRecord,
    words: str,
    subject: BaseException | None = None,
    entries: Wordless | None = None,
    show: Show = not_asked,
) -> Token | None:
    """What decides the key of RECORD, see `token_of`.

    Args:
        record: without arguments, or with the exception that is its subject.
        words: what `words_of` returned for its message.
        subject: the exception that is the message.
        entries: those of its message, if that is a mapping without words.
        show: asked what the exception that was logged beside the words says.
    """
    name = record.name
    if name in _APART or len(words) > texts.MAX_CHARS:
        return None
    appended = quoted = whole = ""
    if "(" in words:
        said = _in_parts(record, words)
        if said is None:
            return None
        words, appended, quoted, whole = said
    if is_name(words):
        return None
    left = _left_by_a_socket(record)
    if left is None or (left and appended):
        return None
    appended = appended or left
    path = record.pathname
    site = source.sites.get((path, record.lineno))
    if site is None:
        return None
    crash = _crash_of(record, appended)
    if quoted and crash == ():
        crash = _crash_quoted(record, quoted)
    if crash is None or (left and crash):
        return None
    guessed = False
    for template in site.templates:
        if template.fits(words):
            shape = template.text
            if subject is None and entries is None and name not in places.MAINS and says_enough(shape):
                if name == parts.ROOT:
                    crash += parts.module_of(getattr(record, "module", None), record.pathname)
                return name, shape, crash
            break
    else:
        part = part_in(site, words)
        guessed = part is None
        shape = part.text if part else entries.shape if entries else _shape_of_values(site, words)
        if not _was_missed(site, path) or (whole and _fits_whole(site, words, whole)):
            return None
    if left and not guessed:
        return None
    of_text = appended, () if entries is None else entries.says
    return _joined(record, words, shape, subject, show, guessed=guessed, crash=crash, of_text=of_text)


def _left_by_a_socket(record: logging.LogRecord) -> str | None:
    """The traceback that a socket has left of an exception, "" if none; None if that is not certain."""
    if not record.exc_text or record.exc_info:
        return ""
    return record.exc_text if type(record.exc_text) is str and sys.exception() is None else None


def _fits_whole(site: source.Site, words: str, whole: str) -> bool:
    """Whether a template has room for the traceback that follows the words, too."""
    return any(one.fits(whole) or one.fits(f"{words}\n") for one in site.templates)


def _in_parts(record: logging.LogRecord, text: str) -> tuple[str, str, str, str] | None:
    """As `_taken_apart`, of any text; a group's words are without the number of its members."""
    if HEADER not in text and not text.endswith(COUNTED):
        return text, "", "", ""
    said = _taken_apart(record, text) if HEADER in text else (texts.uncounted(text), "", "", "")
    if said is not None and said[0][-1:] == ")" and texts.may_be_repr(said[0]):
        return None  # the full rules read it as words
    return said


def _taken_apart(record: logging.LogRecord, text: str) -> tuple[str, str, str, str] | None:
    """The words of a text, the traceback that was appended to it, the one it quotes, and all of it.

    None if it is not that simple.
    """
    if text is not record.msg:
        return None
    if record.args is not None or record.exc_info:
        said = texts.of_quoting(text)
    elif sys.exception() is not None:
        return None
    else:
        said = texts.of_merged(text)
    found = said.text, said.appended, said.quoted, said.whole
    simple = texts.Text(said.text, appended=said.appended, quoted=said.quoted, whole=said.whole)
    return found if said == simple and (said.text or said.quoted) else None


def _crash_quoted(record: logging.LogRecord, quoted: str) -> tuple[str, ...] | None:
    """What a quoted traceback joins; None if that is not known."""
    printed = causes.printed(quoted, failure.application_function)
    return None if printed is None or failure.reports_for_others(record) else printed.joined


def _crash_of(record: logging.LogRecord, appended: str = "") -> tuple[str, ...] | None:
    """What the exception joins if the line reports for other code, () if not; None if that is not known."""
    if record.exc_info:
        return failure.joined_of(record)
    if appended:
        crash = failure.reported_crash(record, appended)
        return () if crash is None else crash.joined
    error = sys.exception()
    if error is None:
        return ()
    if type(record.msg) is not str and not failure.reports_for_others(record):
        return ()  # of what is no text `with_handled` says nothing
    return () if failure.with_handed(record) is record else None


def _of_template(record: logging.LogRecord, msg: str, args: Any, show: Show) -> Token | None:
    """The token of a template whose values are apart from it."""
    if record.name in _APART or type(args) is not tuple:
        return None
    if len(msg) > _MAX_CHARS or MASKED in msg:
        return None
    for value in args:
        if type(value) is str:
            if HEADER in value:
                return None
        elif type(value) not in PLAIN:
            if issubclass(type(value), str) or texts.failure_in(value):
                return None
            if causes.is_exception(value) and not record.exc_info and failure.may_be_handed(record, value):
                return None
    path, line = record.pathname, record.lineno
    site = source.sites.get((path, line))
    if site is None or (record.exc_text and not record.exc_info):
        return None
    crash = _crash_of(record)
    if crash is None:
        return None
    if not texts.has_words(msg):
        return _of_values(record, site, msg, args, crash, show)
    for template in site.templates:
        if template.fits(msg):
            if HOLE in template.text:
                return None
            return _joined(record, msg, template.text, None, show, guessed=False, crash=crash)
    if not _was_missed(site, path):
        return None
    part = part_in(site, msg)
    if part is not None:
        if HOLE in part.text:
            return None
        return _joined(record, msg, part.text, None, show, guessed=False, crash=crash)
    shape = mask_of(msg) if source.is_read(path, line) else msg
    guessed = MASKED in shape
    return _joined(record, msg, shape if guessed else msg, None, show, guessed=guessed, crash=crash)


def _joined(
    record: logging.LogRecord,
    words: str,
    shape: str,
    subject: BaseException | None,
    show: Show,
    *,
    guessed: bool,
    crash: tuple[str, ...],
    of_text: tuple[str, tuple[str, ...]] = ("", ()),
) -> Token | None:
    """The token of a text whose template is SHAPE, with what joins it by the full rules."""
    joined, (appended, says) = crash, of_text
    nothing = says_nothing(shape)
    little = guessed or parts.says_little_template(shape)
    if little and not crash:
        exception = subject if subject is not None else causes.reported_exception(record.exc_info, record.msg)
        if exception is not None:
            its_words = words if subject is not None else shapes.words_of(exception)
            its_words = show(exception) if its_words is None else its_words
            if its_words is None:
                return None
            if nothing or words == its_words:
                plain = causes.joined_of_plain(exception)
                plain = shapes.joined_of_raised(exception) if plain is None else plain
                if plain is None:
                    return None
                joined = plain
        elif appended:
            printed = causes.printed(appended)
            if printed is not None and (nothing or printed.is_all_of(words, appended)):
                joined = printed.joined
    if says:
        joined += tuple(said for said in says if said not in shape)
    if not crash or not failure.reports_for_others(record):
        if nothing and not joined:
            joined = parts.logged_in(record.funcName)
        elif little and failure.has_place(record):
            joined = parts.with_more(joined, parts.logged_in(record.funcName))
    if record.name == parts.ROOT:
        joined = (*joined, *parts.module_of(getattr(record, "module", None), record.pathname))
    name = record.name if record.name not in places.MAINS else parts.named(record.name, record.pathname)
    return name, shape, joined


def _of_values(
    record: logging.LogRecord,
    site: source.Site,
    msg: str,
    args: tuple[object, ...],
    crash: tuple[str, ...],
    show: Show,
) -> Token | None:
    """The token of a template without a word, of which the values are all that there is."""
    shown = args if PLAIN.issuperset(map(type, args)) else _shown(msg, args, show)
    if shown is None:
        return None
    try:
        words = msg % shown
    except Exception:  # they do not fit
        return None
    if any(template.fits(words) for template in site.templates) or not _was_missed(site, record.pathname):
        return None
    caught = next(filter(causes.is_exception, args), None)
    if caught is None:
        caught = causes.reported_exception(record.exc_info, record.msg)
    part = part_in(site, words)
    shape = part.text if part is not None else _shape_of_args(shown)
    return _joined(record, words, shape, caught, show, guessed=part is None, crash=crash)


def _shown(msg: str, args: tuple[object, ...], show: Show) -> tuple[object, ...] | None:
    """The arguments with texts in place of objects; None if a template shows these in another way."""
    if not _AS_REPR.isdisjoint(PERCENT.findall(msg)):
        return None
    shown: list[object] = []
    for arg in args:
        if type(arg) in PLAIN:
            shown.append(arg)
        elif isinstance(arg, (type, str, bytes, bytearray)) or structured.is_structured(arg):
            return None
        else:
            words = shapes.words_of(arg) if causes.is_exception(arg) else None
            words = show(arg) if words is None else words
            if words is None:
                return None
            shown.append(words)
    return tuple(shown)


def _was_missed(site: source.Site, path: str) -> bool:
    """Whether the full rules, too, would look at no file now for a text that no template there fits."""
    if site.templates:
        return time.monotonic() - site.missed_at < source.LOOK_AGAIN
    return path[:1] == "<" or time.monotonic() - site.looked_at < source.LOOK_AGAIN


def part_in(site: source.Site, words: str) -> Template | None:
    """The template there that a text holds, before or after which an adapter has put something."""
    for template in site.templates:
        if template.is_in(words):
            return template
    return None


# --- what is known of templates and texts ----------------------------------------------------------


@functools.lru_cache(maxsize=512)
def says_enough(template: str) -> bool:
    return not (says_nothing(template) or parts.says_little_template(template))


def _shape_of_values(site: source.Site, words: str) -> str:
    """What stands for the words of a line whose template has no word: the values in it, masked."""
    shape = shape_without_digits(site, words)
    if shape is None and texts.may_be_repr(words):
        return texts.shape_of_repr(words) or _shape(site.bare, words)
    return _shape(site.bare, words) if shape is None else shape


def shape_without_digits(site: source.Site, text: str) -> str | None:
    """What stands for all texts that are like this one but for their digits; None if that differs.

    Args:
        site: of the line that logs them; none of its templates fits them.
        text: one of them.
    """
    if texts.may_be_repr(text) and (shape := _shape_of_repr(text)) != "":
        return shape
    if not site.bare:
        return mask_without_digits(text)
    if len(text) > MAX_MASKED or any(template.has_digit() for template in site.bare):
        return None
    shape = _shape(site.bare, without_digits(text))
    return None if "0" in shape else shape


def _shape_of_repr(text: str) -> str | None:
    """What stands for all `repr`s of data classes that are like this one but for their digits.

    "": it is none. None: that differs.
    """
    if len(text) > MAX_MASKED or "\\" in text:
        return None
    shape = _repr_shape(without_digits(text))
    return None if "0" in shape else shape


_repr_shape = functools.lru_cache(maxsize=256)(texts.shape_of_repr)


def _shape_of_args(args: tuple[object, ...]) -> str:
    """What stands for the values that fill a template without a word, masked."""
    shown = tuple(map(str, args))
    if sum(map(len, shown)) > MAX_MASKED:
        return texts.masked(shown)
    shape = _masked_args(tuple(map(without_digits, shown)))
    return texts.masked(shown) if "0" in shape else shape


_masked_args = functools.lru_cache(maxsize=256)(texts.masked)


@functools.lru_cache(maxsize=256)
def _shape(bare: tuple[Template, ...], words: str) -> str:
    values = source.values_in(bare, words)
    return texts.masked(values) if values else mask(words)
