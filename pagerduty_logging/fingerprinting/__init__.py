"""One problem, one key: the dedup key of a log record.

The key is a versioned hash of the logger's name and the message's *template*. The template is
the first of these that there is:

1. what the record itself says: ``extra={"pagerduty": {"dedup_key": ...}}`` is the key;
2. the template read back from the source line that logged (`source`): it survives f-strings,
   ``str.format``, ``%``, concatenation, and queues that have merged the arguments;
3. ``record.msg`` as it stands, where ``record.args`` are still apart from it;
4. the first line of the message with its variable parts masked (`masking`).

A template without a word in it (``"%s"``, ``str(e)``, nothing at all) says nothing about the
problem, and neither does that of a line that reports everybody's crashes; there the exception's
type and the function it came from join in (`failure`), or the view that answered with a failure.

Everything here is stateless but for caches that change no result: the key is the same in every
process, on every host, and after a release that moves the code. One exception: whether an
application is itself an installed package is told by what the process has loaded (`failure`).

**The scheme is a wire format.** A changed rule changes keys, and alerts that are open under the
old ones are never resolved. Change `SCHEME` with any change that alters a key.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, NamedTuple

from . import failure, source
from .masking import mask, says_nothing

__all__ = [
    "MAX_DEDUP_KEY_CHARS",
    "SCHEME",
    "Explanation",
    "Fingerprinter",
    "Identity",
    "Rule",
    "explain",
    "explain_source",
    "fingerprint",
]

SCHEME: Final = "pdl1"
"""The version of the rules; every key made by them starts with it."""

MAX_DEDUP_KEY_CHARS: Final = 255  # PagerDuty/developer-docs: docs/events-API-v2/02-Trigger-Events.md

TemplateSource = Literal["source", "mask", "raw"]
_TEMPLATE_SOURCES: Final = ("source", "mask", "raw")
_MAX_JSON_CHARS: Final = 16_384
_EVENT_IN_REPR: Final = re.compile(r"[{ ]'event': '([^'\\]*)'[,}]")
_UNSENDABLE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # controls, lone surrogates
_SEPARATOR: Final = "\x1f"


class Rule(Enum):
    """Where the template of a record came from."""

    DEDUP_KEY = "dedup_key"
    """The record brought its own key; there is no template."""
    SOURCE = "source"
    """Read back from the line of source that logged."""
    ARGUMENTS = "arguments"
    """``record.msg``, its arguments apart from it."""
    MASK = "mask"
    """The first line of the message, values masked."""
    RAW = "raw"
    """The message as it stands, because ``template_source="raw"`` asks for that."""
    NONE = "none"
    """The record could not be read; only its logger and level tell it apart."""


class Identity(NamedTuple):
    """A record's dedup key, and whether its logger's name and ``msg`` alone decided it.

    Where `by_message` is true, another record with an equal name and ``msg``, no key of its own
    and the same call site has the same key, so that a caller may remember the pair.
    """

    key: str
    by_message: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a record has the dedup key it has."""

    key: str
    rule: Rule
    template: str
    """What was hashed with the logger's name; for `Rule.DEDUP_KEY`, the record's own key."""
    joined: tuple[str, ...] = ()
    """What was hashed besides: ``"exception=..."``, ``"function=..."``."""
    by_message: bool
    """See `Identity`."""


class Fingerprinter:
    """Makes dedup keys of log records.

    Args:
        exception_type: also tell records apart by the type of their exception. Default: False.
        function_name: also tell records apart by the function that logged. Default: False.
        template_source: ``"source"`` (default) tries every rule; ``"mask"`` reads no source
            files; ``"raw"`` takes ``record.msg`` as it stands.

    Raises:
        TypeError: an option is of the wrong type.
        ValueError: `template_source` is not one of the three.
    """

    __slots__ = ("_exception_type", "_function_name", "_has_defaults", "_template_source")

    def __init__(
        self,
        *,
        exception_type: bool = False,
        function_name: bool = False,
        template_source: TemplateSource = "source",
    ) -> None:
        for option, value in (("exception_type", exception_type), ("function_name", function_name)):
            if not isinstance(value, bool):
                raise TypeError(f"{option} must be True or False, not {type(value).__name__}")
        if not isinstance(template_source, str):
            raise TypeError(f"template_source must be a string, not {type(template_source).__name__}")
        if template_source not in _TEMPLATE_SOURCES:
            choices = ", ".join(map(repr, _TEMPLATE_SOURCES))
            raise ValueError(f"template_source must be one of {choices}, not {template_source!r}")
        self._exception_type = exception_type
        self._function_name = function_name
        self._template_source = template_source
        self._has_defaults = template_source == "source" and not (exception_type or function_name)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(exception_type={self._exception_type}, "
            f"function_name={self._function_name}, template_source={self._template_source!r})"
        )

    def __call__(self, record: logging.LogRecord) -> str:
        """Return the dedup key of RECORD: at most 255 characters, never empty; see `identify`."""
        return self.identify(record).key

    def identify(self, record: logging.LogRecord) -> Identity:
        """Return the dedup key of RECORD and whether its name and ``msg`` alone decided it.

        Raises nothing, whatever the record holds, but what is no `Exception` (KeyboardInterrupt,
        SystemExit) from a ``__str__`` of the caller's.
        """
        try:
            own = _own_key(record)
            if own is not None:
                return Identity(own, False)
            msg = record.msg
            if (
                record.args
                and type(msg) is str
                and _begins_with_letter(msg)
                and self._has_defaults
                and (not record.exc_info or failure.reported_crash(record) is None)
            ):  # what `_decide` comes to for most records, at a quarter of its time
                found = source.template_of(record.pathname, record.lineno, msg)
                key = _key(record.name, msg if found is None else found.text)
                alone = not record.exc_info or not failure.speaks_for_others(record)
                return tuple.__new__(Identity, (key, alone))
            _, template, joined, by_message = self._decide(record)
            return Identity(_key(record.name, template, joined), by_message)
        except Exception:
            return Identity(_key_of_last_resort(record), False)

    def explain(self, record: logging.LogRecord) -> Explanation:
        """Return what `identify` does with RECORD and why; raises as little."""
        try:
            own = _own_key(record)
            if own is not None:
                return Explanation(key=own, rule=Rule.DEDUP_KEY, template=own, by_message=False)
            rule, template, joined, by_message = self._decide(record)
            return Explanation(
                key=_key(record.name, template, joined),
                rule=rule,
                template=template,
                joined=joined,
                by_message=by_message,
            )
        except Exception:
            return Explanation(key=_key_of_last_resort(record), rule=Rule.NONE, template="", by_message=False)

    def _decide(self, record: logging.LogRecord) -> tuple[Rule, str, tuple[str, ...], bool]:
        """The rules in their order: (rule, template, what joins in, by the message alone)."""
        msg, args = record.msg, record.args
        if self._template_source == "raw":
            return self._with_options(record, Rule.RAW, _text_of(msg), (), type(msg) is str)

        answer = failure.reported_answer(record)
        if answer is not None:
            return self._with_options(record, Rule.ARGUMENTS, *answer, False)
        text, appended = (msg, "") if args and type(msg) is str else _message(msg)
        found = self._from_source(record, text)
        crash = failure.reported_crash(record) if record.exc_info else None
        if found is not None:
            rule, template = Rule.SOURCE, found
        elif args and isinstance(msg, str) and (crash or not _is_bare(msg)):
            rule, template = Rule.ARGUMENTS, msg
        else:
            return self._from_text(record, text, appended, crash)
        alone = type(msg) is str and not (record.exc_info and failure.speaks_for_others(record))
        return self._with_options(record, rule, template, _joined(crash), alone and crash is None)

    def _from_source(self, record: logging.LogRecord, text: str) -> str | None:
        if self._template_source != "source":
            return None
        found = source.template_of(record.pathname, record.lineno, text)
        return found.text if found is not None else None

    def _from_text(
        self,
        record: logging.LogRecord,
        text: str,
        appended: str,
        crash: failure.Failure | None,
    ) -> tuple[Rule, str, tuple[str, ...], bool]:
        """For a message without a template of its own: an exception, "%s", an unknown text."""
        bare = bool(record.args)
        if bare:
            text = _rendered(record, text)
            found = self._from_source(record, text)
            if found is not None:
                return self._with_options(record, Rule.SOURCE, found, _joined(crash), False)
        template = mask(text)
        exception = failure.exception_of(record)
        nothing = says_nothing(template)
        if crash is None and exception is not None:
            if bare or nothing or exception is record.msg or text == _text_of(exception):
                crash = failure.raised(exception)
        elif crash is None and appended:
            printed = failure.read_traceback(appended)
            if printed is not None and (nothing or _ends_with(appended, printed, text)):
                crash = printed
        joined = _joined(crash)
        if nothing and not joined:
            joined = _function_of(record)
        alone = type(record.msg) is str and not (bare or nothing or joined or exception)
        return self._with_options(record, Rule.MASK, template, joined, alone)

    def _with_options(
        self,
        record: logging.LogRecord,
        rule: Rule,
        template: str,
        joined: tuple[str, ...],
        by_message: bool,
    ) -> tuple[Rule, str, tuple[str, ...], bool]:
        if self._exception_type:
            by_message = False
            exception = failure.exception_of(record)
            if exception is not None and not joined:
                joined = (f"exception={failure.type_name(exception)}",)
        if self._function_name:
            by_message = False
            joined = (*joined, *_function_of(record))
        return rule, template, joined, by_message


_default: Final = Fingerprinter()


def fingerprint(record: logging.LogRecord) -> str:
    """Return the dedup key of RECORD: one problem, one key, in every process and release.

    The key is at most 255 characters long and starts with the version of the scheme, unless the
    record brings its own: ``extra={"pagerduty": {"dedup_key": "..."}}``. It raises nothing,
    whatever the record holds.
    """
    return _default.identify(record).key


def explain(record: logging.LogRecord) -> Explanation:
    """Return the dedup key of RECORD with the template and the rule it was made by."""
    return _default.explain(record)


def explain_source(
    path: str, line: int, message: str | None = None, *, logger: str = "root"
) -> Explanation | None:
    """Explain the key of a call site, for a MESSAGE it logged or for any that fits its template.

    Args:
        path: the source file.
        line: the line of the call, counted from one.
        message: the text as it was logged; None: whatever the likeliest template there gives.
        logger: the logger's name, which is part of the key. Default: ``"root"``.

    Returns:
        The explanation; None if there is no message and the line offers no template either.
    """
    if message is None:
        templates = source.templates_at(path, line)
        if not templates:
            return None
        message = source.HOLE.join(templates[0].pieces)
    record = logging.LogRecord(logger, logging.ERROR, path, line, message, None, None)
    return explain(record)


def _key(name: object, template: str, joined: tuple[str, ...] = ()) -> str:
    parts = f"{name!s}{_SEPARATOR}{template}"
    if joined:
        parts = _SEPARATOR.join((parts, *joined))
    digest = hashlib.sha256(parts.encode("utf-8", "backslashreplace"), usedforsecurity=False)
    return f"{SCHEME}-{digest.hexdigest()[:32]}"


def _key_of_last_resort(record: logging.LogRecord) -> str:
    attributes = getattr(record, "__dict__", {})
    name, level = attributes.get("name"), attributes.get("levelno")
    return _key(name if isinstance(name, str) else "", f"level {level if type(level) is int else ''}", ())


def _own_key(record: logging.LogRecord) -> str | None:
    """The key that the record brought itself; whatever else stands there is no key."""
    own = record.__dict__.get("pagerduty")
    if own is None:
        return None
    key = own.get("dedup_key") if isinstance(own, dict) else None
    if not isinstance(key, str) or not key.strip():
        return None
    key = str.__str__(key)
    if len(key) > MAX_DEDUP_KEY_CHARS or _UNSENDABLE.search(key):
        return _key("", key, ())
    return key


def _begins_with_letter(template: str) -> bool:
    """Whether TEMPLATE says something at first sight: a placeholder does not begin with a letter."""
    first = template[:1]
    return first.isascii() and first.isalpha()


def _is_bare(template: str) -> bool:
    return not _begins_with_letter(template) and says_nothing(source.PERCENT.sub("", template))


def _message(msg: object) -> tuple[str, str]:
    """The text a message object stands for, and a traceback that was appended to it."""
    if type(msg) is str and msg[:1] != "{":
        return failure.split_traceback(msg)
    if isinstance(msg, dict) and "event" in msg:  # structlog's event dict
        msg = msg["event"]
    text = _text_of(msg)
    if text[:1] == "{" and text[-1:] == "}" and len(text) <= _MAX_JSON_CHARS:
        text = _event_of(text)
    return failure.split_traceback(text)


def _event_of(text: str) -> str:
    """What a record tells that was rendered as JSON, or as a dict by a queue: its event."""
    if text[1:2] == "'":
        event = _EVENT_IN_REPR.search(text)
        return event[1] if event else text
    import json

    try:
        fields: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for name in ("event", "message", "msg"):
        if isinstance(fields, dict) and isinstance(fields.get(name), str) and fields[name]:
            return str(fields[name])
    return text


def _text_of(msg: object) -> str:
    if type(msg) is str:
        return msg
    try:
        if isinstance(msg, bytes | bytearray):
            return bytes(msg).decode("utf-8", "backslashreplace")
        return str.__str__(str(msg))
    except Exception:  # a broken __str__ is still one problem
        return f"unprintable {type(msg).__name__}"


def _rendered(record: logging.LogRecord, text: str) -> str:
    try:
        return str.__str__(record.getMessage())
    except Exception:  # arguments that do not fit, or cannot be printed
        return text


def _joined(crash: failure.Failure | None) -> tuple[str, ...]:
    if crash is None:
        return ()
    kind = f"exception={crash.type}"
    return (kind, f"function={crash.function}") if crash.function else (kind,)


def _function_of(record: logging.LogRecord) -> tuple[str, ...]:
    name = record.funcName
    # <lambda>, <listcomp>, ...: which of them have a frame depends on the Python version.
    if not isinstance(name, str) or not name or name.startswith(("<", "(")):
        return ()
    return (f"function={name}",)


def _ends_with(traceback: str, printed: failure.Failure, text: str) -> bool:
    """Whether TEXT is what the exception of a printed TRACEBACK says, and nothing else."""
    return traceback.rstrip().endswith(f"\n{printed.type}: {text}" if text else f"\n{printed.type}")
