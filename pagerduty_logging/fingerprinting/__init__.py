"""One problem, one key: the dedup key of a log record.

The key is a versioned hash of the logger's name and the message's *template*. The template is
the first of these that there is:

1. what the record itself says: ``extra={"pagerduty": {"dedup_key": ...}}`` is the key;
2. the template read back from the source line that logged (`source`): it survives f-strings,
   ``str.format``, ``%``, concatenation, structured messages, and queues that have merged the arguments;
3. the strings of a template string (``t"..."``);
4. ``record.msg`` as it stands, where ``record.args`` are still apart from it;
5. the first line of the message with its variable parts masked (`masking`).

A guessed template (5), and one without a word that says anything (``"%s: %s"``, ``"Error: %s"``), is joined
by the function that logged; one without a letter, and one that is an exception's own text, also by the
exception's type and the function that raised it. A line that reports other code's failures (`failure`,
`dispatch`) is joined by what failed and where, and so is every line that holds a printed traceback.
The root logger is joined by the module that used it; environment and client are joined where they are set.

Nothing here has state, except caches that change no result: the key is the same in every
process and host, and after a release that moves the code. One exception: whether an application
is itself an installed package is decided from the modules that the process has loaded (`failure`).

**The scheme is a wire format.** A changed rule changes keys, and alerts that are open under the
old ones are never resolved. Change `SCHEME` with any change that alters a key.
"""

from __future__ import annotations

import logging
from typing import Final, Literal

from pagerduty_logging.events_api.encoding import MAX_DEDUP_KEY_CHARS
from pagerduty_logging.record import overrides, places
from pagerduty_logging.record.plain_record import completed
from pagerduty_logging.record.template_strings import HOLE

from . import causes, failure, parts, source, texts
from .failure import with_handled
from .masking import MASKED, mask, says_nothing
from .parts import SCHEME
from .results import Explanation, Identity, Rule
from .texts import Text
from .tokens import Token, token_of

__all__ = [
    "MAX_DEDUP_KEY_CHARS",
    "SCHEME",
    "Explanation",
    "Fingerprinter",
    "Identity",
    "Rule",
    "Token",
    "explain",
    "explain_source",
    "fingerprint",
    "token_of",
    "with_handled",
    "writes_traceback",
]

TemplateSource = Literal["source", "mask", "raw"]
_TEMPLATE_SOURCES: Final = ("source", "mask", "raw")
_SPECIAL: Final = frozenset((parts.ROOT, *places.MAINS, *failure.LOGGERS))
"""Loggers that have rules of their own."""


class Fingerprinter:
    """Makes dedup keys of log records.

    Args:
        exception_type: also distinguish records by the type of their exception. Default: False.
        function_name: also distinguish records by the function that logged. Default: False.
        template_source: ``"source"`` (default) tries every rule; ``"mask"`` reads no source
            files; ``"raw"`` takes ``record.msg`` as it stands.
        environment, client: where the program runs, and its name. Default: None. If given, they join every
            key, so that production and staging, or two services, never share an alert.

    Raises:
        TypeError: an option is of the wrong type.
        ValueError: `template_source` is not one of the three.
    """

    __slots__ = ("_everywhere", "_exception_type", "_function_name", "_has_defaults", "_template_source")

    def __init__(
        self,
        *,
        exception_type: bool = False,
        function_name: bool = False,
        template_source: TemplateSource = "source",
        environment: str | None = None,
        client: str | None = None,
    ) -> None:
        for option, value in (("exception_type", exception_type), ("function_name", function_name)):
            if not isinstance(value, bool):
                raise TypeError(f"{option} must be True or False, not {type(value).__name__}")
        if not isinstance(template_source, str):
            raise TypeError(f"template_source must be a string, not {type(template_source).__name__}")
        if template_source not in _TEMPLATE_SOURCES:
            choices = ", ".join(map(repr, _TEMPLATE_SOURCES))
            raise ValueError(f"template_source must be one of {choices}, not {template_source!r}")
        for option, name in (("environment", environment), ("client", client)):
            if name is not None and not isinstance(name, str):
                raise TypeError(f"{option} must be text or None, not {type(name).__name__}")
        self._exception_type = exception_type
        self._function_name = function_name
        self._template_source = template_source
        self._everywhere = (
            *((f"environment={environment}",) if environment else ()),
            *((f"client={client}",) if client else ()),
        )
        self._has_defaults = template_source == "source" and not (
            exception_type or function_name or self._everywhere
        )
        places.remember_main()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(exception_type={self._exception_type}, "
            f"function_name={self._function_name}, template_source={self._template_source!r})"
        )

    def __call__(self, record: logging.LogRecord) -> str:
        """Return the dedup key of `record`: at most 255 characters, never empty; see `identify`."""
        return self.identify(record).key

    def identify(self, record: logging.LogRecord) -> Identity:
        """Return the dedup key of `record` and whether its name and ``msg`` alone decided it.

        Raises only what a ``__str__`` of the application raises and is no `Exception`, as KeyboardInterrupt.
        """
        try:
            own = overrides.own_key(record.__dict__)
            if own is not None:
                return Identity(parts.sendable(own), False)
            missed, ordinary = False, None
            if self._has_defaults:
                known = _of_most(record)
                if type(known) is Identity:
                    return known
                missed = known == "missed"
                ordinary = None if known is None else known == "missed"
            _, template, joined, by_message = self._decide(record, missed=missed, ordinary=ordinary)
            return Identity(
                parts.key_of(parts.named(record.name, record.pathname), template, joined), by_message
            )
        except Exception:
            whole = completed(record)
            if whole is not record:  # it was made by hand, and lacks attributes
                return self.identify(whole)
            return Identity(_key_of_last_resort(record, self._everywhere), False)

    def key_by(self, token: Token) -> str | None:
        """Return the key of every record with this `token`; None if the options need more than the token."""
        if self._exception_type or self._function_name or self._template_source != "source":
            return None
        name, template, joined = token
        return parts.key_of(parts.without_numbers(name), template, (*joined, *self._everywhere))

    def explain(self, record: logging.LogRecord) -> Explanation:
        """Return what `identify` does with `record` and why; raises no more than it."""
        record = completed(record)
        try:
            own = overrides.own_key(record.__dict__)
            if own is not None:
                own = parts.sendable(own)
                return Explanation(key=own, rule=Rule.DEDUP_KEY, template=own, by_message=False)
            rule, template, joined, by_message = self._decide(record)
            return Explanation(
                key=parts.key_of(parts.named(record.name, record.pathname), template, joined),
                rule=rule,
                template=template,
                joined=joined,
                by_message=by_message,
            )
        except Exception:
            key = _key_of_last_resort(record, self._everywhere)
            return Explanation(key=key, rule=Rule.NONE, template="", by_message=False)

    def _decide(
        self, record: logging.LogRecord, *, missed: bool = False, ordinary: bool | None = None
    ) -> tuple[Rule, str, tuple[str, ...], bool]:
        """The rules in their order: (rule, template, what joins in, by the message alone).

        `ordinary`: what `failure.is_ordinary` said, if asked. `missed`: no template fits `record.msg`.
        """
        msg = record.msg
        if self._template_source == "raw":
            return self._with_options(record, Rule.RAW, texts.text_of(msg), (), type(msg) is str)
        answer = failure.reported_answer(record)
        if answer is not None:
            return self._with_options(record, Rule.ARGUMENTS, *answer, False)

        text = texts.read(record)
        if not text.appended and (left := texts.printed_exception(record)):
            text = text._replace(appended=left)
        reads = self._template_source == "source"
        rule, template, text = _template(record, text, reads=reads, missed=missed and text.text is msg)
        crash = failure.reported_crash(record, text.appended, ordinary=ordinary)
        joined: tuple[str, ...] = ()
        if crash is not None:
            joined = crash.joined
        elif text.quoted and (quoted := causes.printed(text.quoted, failure.application_function)):
            joined = quoted.joined
        elif rule is Rule.MASK or parts.says_little_template(template):
            joined = _failed(record, text, template)
        joined += text.joined + failure.reported_task(record)
        joined += tuple(said for said in text.says if said not in template)
        nothing = says_nothing(template)
        if crash is None or not failure.reports_for_others(record):
            if nothing and not joined:
                joined = parts.logged_in(record.funcName)
            elif failure.has_place(record) and parts.is_vague(template, text.text, guessed=rule is Rule.MASK):
                joined = parts.with_more(joined, parts.logged_in(record.funcName))
        alone = (
            type(msg) is str
            and not joined
            and not nothing
            and not (text.may_quote or (not record.args and "%" in msg))
            and record.name != parts.ROOT
            and not (record.exc_info and failure.reports_for_others(record))
        )
        return self._with_options(record, rule, template, joined, alone, text.appended)

    def _with_options(
        self,
        record: logging.LogRecord,
        rule: Rule,
        template: str,
        joined: tuple[str, ...],
        by_message: bool,
        appended: str = "",
    ) -> tuple[Rule, str, tuple[str, ...], bool]:
        if self._exception_type:
            by_message = False
            exception = causes.reported_exception(record.exc_info, record.msg)
            kind = causes.raised(exception) if exception is not None else causes.printed(appended)
            if kind is not None and not any(part.startswith(("exception=", "cause=")) for part in joined):
                joined = (*joined, f"exception={kind.type}")
        if self._function_name:
            by_message = False
            joined = parts.with_more(joined, parts.logged_in(record.funcName))
        if record.name == parts.ROOT:
            by_message = False
            joined = (*joined, *parts.module_of(getattr(record, "module", None), record.pathname))
        return rule, template, (*joined, *self._everywhere), by_message


_default: Final = Fingerprinter()


def fingerprint(record: logging.LogRecord) -> str:
    """Return the dedup key of `record`: one problem, one key, in every process and release. It never raises.

    The key is at most 255 characters long and starts with the version of the scheme, unless the
    record brings its own: ``extra={"pagerduty": {"dedup_key": "..."}}``.
    """
    return _default.identify(record).key


def explain(record: logging.LogRecord) -> Explanation:
    """Return the dedup key of `record` with the template and the rule it was made by."""
    return _default.explain(record)


def explain_source(
    path: str, line: int, message: str | None = None, *, logger: str = "root"
) -> Explanation | None:
    """Explain the key of a call site, for a `message` it logged or for any that fits its template.

    Args:
        path: the source file.
        line: the line of the call, counted from one.
        message: the text as it was logged; None: the likeliest template of that line.
        logger: the logger's name, which is part of the key. Default: ``"root"``.

    Returns:
        The explanation; None without a message, if the line has no template.
    """
    if message is None:
        found = source.templates_at(path, line)
        if not found:
            return None
        message = HOLE.join(found[0].pieces)
    record = logging.LogRecord(logger, logging.ERROR, path, line, message, None, None)
    return explain(record)


def writes_traceback(record: logging.LogRecord) -> bool:
    """Return whether `record`'s line, as its source shows, put a traceback into its own message.

    No queue has appended it then: anybody may have sent it.
    """
    if type(record.msg) is not str or "(most recent call last)" not in record.msg:
        return False
    try:
        _, _, text = _template(record, texts.read(record), reads=True, missed=False)
    except Exception:
        return False
    return bool(text.quoted) and not text.appended


def _of_most(record: logging.LogRecord) -> Identity | Literal["missed", "not ordinary"] | None:
    """The result of `_decide` for most records, in a quarter of the time; None for any other record.

    "not ordinary": its line did not catch its exception itself. "missed": no template in the source fits.
    """
    msg, args, name = record.msg, record.args, record.name
    if type(msg) is not str or name in _SPECIAL or parts.numbered(name) or not parts.begins_with_letter(msg):
        return None
    alone = bool(args) or "%" not in msg  # without arguments it may be the template of another record
    if args:
        if type(args) is not tuple:
            return None
        for value in args:
            if type(value) is str:
                if "(most recent call last)" in value:
                    return None
                alone = alone and not texts.is_sentence(value)
            elif type(value) is not int:
                if texts.failure_in(value):
                    return None
                alone = alone and not causes.is_exception(value)
        alone = alone and not texts.ends_with_text(msg, args)
    else:
        if "\n" in msg or "=" in msg or msg.startswith("Template("):
            return None
        if "(most recent call last)" in msg or msg.endswith(("sub-exception)", "sub-exceptions)")):
            return None
    if record.exc_info:
        if not failure.is_ordinary(record):
            return "not ordinary"
    elif record.exc_text:  # it came through a socket
        return None
    found = source.template_of(record.pathname, record.lineno, msg)
    if found is not None:
        template = found.text
        if args and HOLE in template:
            return None
    elif not args or not source.is_own(
        record.pathname, record.lineno, msg, alone=not (record.exc_info or record.exc_text)
    ):
        return "missed"
    else:
        template = msg
    if not parts.says_little_template(template):
        return tuple.__new__(Identity, (parts.key_of(name, template), alone))
    joined = parts.logged_in(record.funcName) if failure.has_place(record) else ()
    return tuple.__new__(Identity, (parts.key_of(name, template, joined), alone and not joined))


def _template(record: logging.LogRecord, text: Text, *, reads: bool, missed: bool) -> tuple[Rule, str, Text]:
    """Return the rule, its template, and `text`, which may be split differently once the source is known."""
    path, line = record.pathname, record.lineno
    if reads:
        found = None if missed else source.template_of(path, line, text.text)
        if found is None and text.whole:
            found = source.template_of(path, line, text.whole)
            ends = source.template_of(path, line, f"{text.text}\n") if text.appended else None
            if ends is not None and (found is None or ends.pieces[-1].endswith("\n")):
                found = ends
            elif found is not None and text.appended:  # it was not appended, but is part of the message
                text = text._replace(quoted=text.appended, appended="")
        if found is None:
            found = source.part_of(path, line, text.text)
        if found is not None and not (text.is_template and found.holds_another(text.text)):
            return Rule.SOURCE, found.text, text
    if text.template:
        return Rule.TEMPLATE, text.template, text
    if text.is_template:
        # Text that is not in the source was put before the template, or made elsewhere: it may hold values.
        shape = mask(text.text) if reads and source.is_read(path, line) else text.text
        return (Rule.MASK, shape, text) if MASKED in shape else (Rule.ARGUMENTS, text.text, text)
    if text.shape:
        return Rule.MASK, text.shape, text
    values = text.values or (source.values_at(path, line, text.text) if reads else ())
    return Rule.MASK, texts.masked(values) if values else mask(text.text), text


def _failed(record: logging.LogRecord, text: Text, template: str) -> tuple[str, ...]:
    """Return what failed, if the template only repeats the exception or says nothing."""
    exception = text.exception or causes.reported_exception(record.exc_info, record.msg)
    if exception is None and not text.appended:
        return ()
    nothing = says_nothing(template)
    if exception is not None:
        if nothing or text.exception or text.values or text.text == texts.text_of(exception):
            return causes.raised(exception).joined
    elif text.appended:
        printed = causes.printed(text.appended)
        if printed is not None and (nothing or printed.is_all_of(text.text, text.appended)):
            return printed.joined
    return ()


def _key_of_last_resort(record: logging.LogRecord, everywhere: tuple[str, ...]) -> str:
    attributes = getattr(record, "__dict__", {})
    name, level = attributes.get("name"), attributes.get("levelno")
    template = f"level {level if type(level) is int else ''}"
    return parts.key_of(name if isinstance(name, str) else "", template, everywhere)
