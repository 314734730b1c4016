"""A record's text, in which the template is searched for, and the values and tracebacks with it."""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import itertools
import logging
import re
import uuid
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from pagerduty_logging.events_api import safejson
from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record import (
    contents,
    exceptions,
    literals,
    message,
    printed_traceback,
    structured,
    template_strings,
)

from . import causes
from .masking import MASKED, mask, says_nothing
from .templates import PERCENT, is_tag

MAX_CHARS: Final = 100_000
_MAX_LITTLE: Final = 1_000
"""Characters of a text, or bits of a number, that an object may hold to be printed as it is."""
_MAX_HELD: Final = 40
_MAX_WITHIN: Final = 3
_SIMPLE: Final = PLAIN | {datetime.date, datetime.datetime, decimal.Decimal, uuid.UUID}
_CLASS = re.compile(r"<class '(?:__(?:mp_)?main__\.)?([\w.<>]{1,200})'>")
_WORDLESS = re.compile(r"\S{1,80}")
_ERROR_NAME = re.compile(
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning|Timeout|Interrupt|Exit)", re.ASCII
)
_COUNTED = re.compile(r" \([0-9]{1,9} sub-exceptions?\)$")
_BRACES = re.compile(r"\{[^{}]*\}")
_DATA_CLASS = re.compile(r"[A-Za-z_][\w.]{0,80}\((?=\w{1,80}=)", re.ASCII)
_FIELD = re.compile(
    r"""(?P<name>\w{1,80}+)=(?P<value>'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|[^,()'"\[\]{}]{0,200}+)(?:,\s{1,3}|\Z)"""
)
_DIGIT = re.compile(r"\d")
_CLASSES: Final = frozenset(
    ("alert", "category", "check", "class", "code", "kind", "reason", "rule", "status", "type")
)
"""Names of fields whose value, a word, says which problem it is."""
_CODE = re.compile(r"[A-Za-z]{2,}(?:[ _.:-][A-Za-z]+){0,8}", re.ASCII)
_SENTENCE = re.compile(r"(?<![^\s:.,])[A-Za-z][a-z]*(?: [a-z]+){2,}(?![^\s.,:;!?])", re.ASCII)
_FIRST: Final = frozenset("{[(T")


class Text(NamedTuple):
    """What a record says, taken apart."""

    text: str
    """The text in which the template is searched for: `record.msg`, or the message's own words."""
    is_template: bool = False
    """Whether it is a template, with the values separate."""
    template: str = ""
    """The template, if the message itself has it."""
    values: tuple[object, ...] = ()
    """The values of a template without a word."""
    exception: BaseException | None = None
    """The exception that is the message."""
    appended: str = ""
    """A traceback that a formatter or a queue appended."""
    quoted: str = ""
    """A traceback that the message itself holds."""
    shape: str = ""
    """Used if the source has no template: names of entries, and their masked values."""
    says: tuple[str, ...] = ()
    """Codes and sentences of these, with their names: the source may have the names only."""
    whole: str = ""
    """The words with the traceback."""
    joined: tuple[str, ...] = ()
    """Other parts of the message that distinguish problems."""
    may_quote: bool = False
    """Whether another record of this template may hold a traceback, or other code's exception."""


def read(record: logging.LogRecord) -> Text:
    """Split a record's message into its parts. Runs the application's code."""
    msg, args = record.msg, record.args
    if args and type(msg) is str:
        said = structured.subject_of(msg, args)
        if said is msg:
            return _of_template(record, msg, args)
    else:
        said = structured.exception_in(msg) or msg
    text = _of_text(said, merged=contents.is_merged(record)) if isinstance(said, str) else _of_object(said)
    return text._replace(may_quote=True) if args else text


def of_merged(text: str) -> Text:
    """Return the parts of a text to which a queue or a socket may have appended a traceback."""
    return _of_text(text, merged=True)


def of_quoting(text: str) -> Text:
    """Return the parts of a text in which a traceback may stand that nobody appended."""
    return _of_text(text, merged=False)


def printed_exception(record: logging.LogRecord) -> str:
    """The printed traceback that another handler, or a socket, has left of the record's exception."""
    text = record.exc_text
    return text if type(text) is str and not record.exc_info else ""


def uncounted(text: str) -> str:
    """Return a group's words without the number of its members."""
    return _COUNTED.sub("", text)


def text_of(msg: object) -> str:
    """Return a message object as text; its `__str__` may do anything."""
    if type(msg) is str:
        return msg
    try:
        if isinstance(msg, bytes | bytearray):
            return bytes(msg[:MAX_CHARS]).decode("utf-8", "backslashreplace")
        return str.__str__(str(msg if _holds_little(msg) else safejson.printable(msg)))
    except Exception:  # a broken __str__ is still one problem
        return f"unprintable {type(msg).__name__}"


def _holds_little(msg: object) -> bool:
    """Return whether an exception or a data class holds few, short and simple values: it is soon printed."""
    if issubclass(type(msg), BaseException):
        error: Any = msg
        return error.__cause__ is None and _are_little((*error.args, *error.__dict__.values()), 0)
    return hasattr(type(msg), "__dataclass_fields__") and _is_little(msg, 0)


def _is_little(held: Any, depth: int) -> bool:
    kind = type(held)
    if kind is str:
        return len(held) <= _MAX_LITTLE
    if kind is int:
        return held.bit_length() <= _MAX_LITTLE  # type: ignore[no-any-return]
    if kind in _SIMPLE or issubclass(kind, enum.Enum):
        return True
    if kind is list or kind is tuple:
        return _are_little(held, depth)
    if kind is dict:
        return {str}.issuperset(map(type, held)) and _are_little(held.values(), depth)
    if hasattr(kind, "__dataclass_fields__") and not hasattr(kind, "__len__") and hasattr(held, "__dict__"):
        return _are_little(held.__dict__.values(), depth)
    return False


def _are_little(held: Collection[Any], depth: int) -> bool:
    if len(held) > _MAX_HELD or depth == _MAX_WITHIN:
        return False
    for one in held:  # noqa: SIM110  # a generator costs more
        if not _is_little(one, depth + 1):
            return False
    return True


def without_placeholders(template: str) -> str:
    """Return the words of a template."""
    if "%" in template:
        template = PERCENT.sub(" ", template)
    return _BRACES.sub(" ", template) if "{" in template else template.replace(MASKED, " ")


@functools.lru_cache(maxsize=512)
def has_words(template: str) -> bool:
    """Return whether a template has words of its own, and not only a tag that all messages have."""
    words = without_placeholders(template)
    return not (says_nothing(words) or is_tag(words))


def ends_with_text(template: str, values: tuple[object, ...]) -> bool:
    """Whether TEMPLATE ends with a placeholder for a text, the usual place for tracebacks."""
    last = values[-1] if values else None
    return type(last) is str and template.rstrip(" .)]'\"\n")[-2:] in ("%s", "%r")


def is_sentence(value: object) -> bool:
    """Whether a value has more than one word: where one stands, another record may have a traceback."""
    return type(value) is str and (" " in value or "\n" in value)


def masked(values: tuple[object, ...]) -> str:
    """Return the words, masked, of the values of a template without a word."""
    parts = [_masked_value(value) for value in values]
    return ": ".join(
        part for i, part in enumerate(parts) if part != MASKED or i == 0 or parts[i - 1] != MASKED
    )


def _masked_value(value: object) -> str:
    if isinstance(value, type):
        return causes.name_of_class(value)
    if structured.is_structured(value):
        value = structured.words_of(value)
    text = text_of(value)
    if _WORDLESS.fullmatch(text.strip()):
        return text.strip() if _ERROR_NAME.fullmatch(text.strip()) else MASKED
    return mask(text)


def _of_template(record: logging.LogRecord, msg: str, args: Any) -> Text:
    values = tuple(args.values()) if isinstance(args, dict) else args
    values = values if type(values) is tuple else (values,)
    quoted = next((text for value in values if type(value) is str and (text := _traceback_in(value))), "")
    may_quote = ends_with_text(msg, values) or any(
        causes.is_exception(value) or is_sentence(value) for value in values
    )
    joined = next((found for value in values if (found := failure_in(value))), ())
    if has_words(msg):
        return Text(msg, is_template=True, quoted=quoted, may_quote=may_quote, joined=joined)
    exception = next((value for value in values if isinstance(value, BaseException)), None)
    # Only its values distinguish the problems of a template without a word.
    return Text(_rendered(record, msg), values=values, exception=exception, quoted=quoted, may_quote=True)


def _of_text(text: str, *, merged: bool) -> Text:
    if text[:1] in _FIRST or "=" in text[:64]:
        data = structured.read_text(text)
        if type(data) is not str:
            found = _of_object(data)
            return found._replace(appended=found.appended or message.traceback_in(data))
    if text[-1:] == ")" and (shape := shape_of_repr(text)):
        return Text(text, shape=shape)
    if "<class '" in text and (named := _CLASS.fullmatch(text)):
        return Text("", joined=(f"class={named[1]}",))
    if text.endswith(("sub-exception)", "sub-exceptions)")):  # a group: how many failed does not matter
        text = uncounted(text)
    if "(most recent call last)" not in text:
        # A result of `traceback.format_tb`, which has no exception.
        if text.lstrip().startswith('File "') and (frames := printed_traceback.frames_of(text)):
            return Text("", joined=(f"function={frames[-1].function}",))
        return Text(text)
    held = printed_traceback.find_in(text)
    if held is None:
        words, _ = printed_traceback.split(text)
        return Text(words)
    if merged and held.follows_a_line and (held.words or text.startswith("\n")):
        # What is appended to an empty message follows an end of line, too.
        said = _of_text(held.words, merged=False) if held.words else Text("")
        return said._replace(appended=held.traceback, whole=text)
    return Text(held.words, quoted=held.traceback, whole=text if held.words else "")


def _of_object(said: object) -> Text:
    if isinstance(said, BaseException):
        return _of_text(text_of(said), merged=False)._replace(exception=said)
    if isinstance(said, type):
        return Text("", joined=(f"class={causes.name_of_class(said)}",))
    if template_strings.is_one(said):
        read = template_strings.read(said)
        return Text(read.text, template=read.template)
    if structured.is_structured(said):
        quoted = traceback_field(said)
        if quoted:
            return _of_text(text_of(structured.words_of(said)), merged=False)._replace(quoted=quoted)
        words = structured.words_of(said)
        if type(words) is str and not structured.has_words(said):
            shape, says = described(structured.flat(said))
            return _of_text(words, merged=False)._replace(shape=shape, says=says)
        if words is not said and not structured.is_structured(words):
            return _of_object(words) if type(words) is not str else _of_text(words, merged=False)
    return _of_text(text_of(said), merged=False)


def shape_of(entries: list[tuple[str, str]]) -> str:
    """Return the names of entries, sorted, with the words of their values; a code under `type` stays."""
    shown = set()
    for name, value in entries:
        words = _words_of_value(name, value)
        name = mask(name) if _DIGIT.search(name) else name
        shown.add(f"{name if words != MASKED else name.partition('.')[0]}: {words}")
    return ", ".join(sorted(shown))


def _is_code(name: str, value: str) -> bool:
    last = name.rpartition(".")[2]
    return last.rpartition("_")[2].lower() in _CLASSES and _CODE.fullmatch(value) is not None


def _says_what(name: str, value: str) -> bool:
    """Return whether a value says what happened: a code under `type`, or a sentence."""
    return _is_code(name, value) or _SENTENCE.search(value) is not None


def _words_of_value(name: str, value: str) -> str:
    last = name.rpartition(".")[2]
    if _is_code(name, value):
        return value
    if " " not in value.strip():  # a name, as far as anybody can tell
        return MASKED
    beside = f"{last}: "  # tells a name from a word
    shown = mask(beside + value)
    return shown.removeprefix(beside) if shown.startswith(beside) else mask(value)


def _entries_of_repr(text: str) -> list[tuple[str, str]]:
    """Return the fields of a data class's `repr`, `Problem(code='disk_full', user=7)`; [] if it is none."""
    begins = _DATA_CLASS.match(text)
    if begins is None or len(text) > structured.MAX_TEXT:
        return []
    entries: list[tuple[str, str]] = []
    at, end = begins.end(), len(text) - 1
    while at < end:
        field = _FIELD.match(text, at, end)
        if field is None:
            return []
        value = field["value"]
        entries.append((field["name"], literals.string(value) if value[:1] in ("'", '"') else value))
        at = field.end()
    return entries


def described(entries: list[tuple[str, str]]) -> tuple[str, tuple[str, ...]]:
    """Return the shape of a mapping without a known name, and what its values say beside their names."""
    says = {f"{name}: {_words_of_value(name, value)}" for name, value in entries if _says_what(name, value)}
    return shape_of(entries), tuple(sorted(says))


def shape_of_repr(text: str) -> str:
    """Return the shape of a data class's `repr`; "" if a text is none."""
    entries = _entries_of_repr(text)
    return f"{text.partition('(')[0]} {shape_of(entries)}" if entries else ""


def may_be_repr(text: str) -> bool:
    """Return whether a text may be a data class's `repr`, of which the names of the fields make the shape."""
    return text[-1:] == ")" and _DATA_CLASS.match(text) is not None


def failure_in(value: object) -> tuple[str, ...]:
    """The parts of a key from an argument that says what failed: a group, a result of `sys.exc_info()`."""
    if type(value) in (list, tuple) and value and all(map(causes.is_exception, value)):  # type: ignore[call-overload]
        return causes.members(value)  # type: ignore[arg-type]
    error = value if isinstance(value, BaseException) else structured.exception_in(value)
    if error is None or (error is value and not exceptions.is_group(error)):
        return ()
    return causes.raised(error).joined


def traceback_field(said: object) -> str:
    """Return the traceback that the program itself put into a field; not structlog's own, for `exc_info`."""
    if not isinstance(said, Mapping):
        return ""
    entries = itertools.islice(said.items(), structured.MAX_ENTRIES)
    values = (value for name, value in entries if name not in ("exception", "exc_info"))
    return next((found for value in values if type(value) is str and (found := _traceback_in(value))), "")


def _traceback_in(text: str) -> str:
    held = printed_traceback.find_in(text)
    return held.traceback if held is not None else ""


def _rendered(record: logging.LogRecord, text: str) -> str:
    try:
        return safejson.truncated(str.__str__(contents.own_message(record)), MAX_CHARS)
    except Exception:  # arguments that do not fit, or cannot be printed
        return text
