"""Messages that are data: which of it is the words, and which are fields beside them.

A message may be a mapping (as structlog hands it to logging), a list, a template string of Python 3.14, or
one of these as text: a JSON line, the `repr` that a queue made of it, logfmt. The page's summary and the
dedup key both follow the rule in this module.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final, TypeVar

from pagerduty_logging.events_api import safejson
from pagerduty_logging.record import literals, template_strings

EVENT_NAMES: Final = (
    "event", "message", "msg", "log_message", "error_message", "error_msg", "error", "err", "exception",
    "exc", "detail", "details", "description", "reason", "title", "summary", "text", "body",
)  # fmt: skip
"""Fields that hold the words, the likeliest first; compared without case and separators."""
# fmt: off
NOT_FIELDS = frozenset((
    "_from_structlog", "_record", "exc_info", "level", "log_level", "logger", "pagerduty", "positional_args",
    "stack_info", "timestamp",
))
# fmt: on
"""Fields that the record itself has, and structlog's internal ones."""
# fmt: off
NO_WORDS: Final = NOT_FIELDS | frozenset((
    "asctime", "created", "exc_text", "levelname", "levelno", "name", "severity", "stack_trace", "time",
    "traceback", "ts",
))
"""Fields that say nothing about the problem, where no field holds the words."""
EMPTY_WORDS: Final = frozenset((
    "", "a", "an", "at", "caught", "critical", "e", "err", "error", "errors", "ex", "exc", "exception",
    "failed", "failure", "fatal", "got", "in", "log", "message", "msg", "none", "null", "occurred", "of",
    "raised", "the", "traceback", "uncaught", "unexpected", "unhandled", "was", "with",
))
# fmt: on
"""Words that say only that something is wrong."""

MAX_ENTRIES: Final = 100
MAX_ALL_ENTRIES: Final = 1_000
"""Entries that the words are made of, nested ones included."""
MAX_DEPTH: Final = 4
MAX_VALUE: Final = 300
"""Characters of one value, if all entries together are the words."""
MAX_TEXT: Final = 20_000
"""Longer texts are not parsed."""

_T = TypeVar("_T")
_SEPARATORS = str.maketrans("", "", "_- .")
_RANKS: Final = {name.translate(_SEPARATORS): rank for rank, name in enumerate(EVENT_NAMES)}
_WORD = re.compile(r"[A-Za-z]+|[^\x00-\x7f]+")
_LOGFMT = re.compile(
    r"""[A-Za-z_][\w.-]*=(?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|[^\s"'=]*+)(?=\s|$)\s*""", re.ASCII
)
_ERROR = re.compile(r"[A-Z]\w*\(", re.ASCII)
_ERROR_REPR = re.compile(r"""([A-Z]\w*+)\(('(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")\)""", re.ASCII | re.DOTALL)
_LOGFMT_BEGINS = re.compile(r"[A-Za-z_][\w.-]{0,60}=", re.ASCII)
MAX_NAME: Final = 62
"""Characters of a name in logfmt, with the sign behind it."""


def subject_of(msg: object, args: object) -> object:
    """Return the object that is the whole message: `msg`, or the argument of a template such as "%s"."""
    if not args:
        return exception_in(msg) or msg
    if type(msg) is not str or not (2 <= len(msg) <= 8) or msg.strip() not in ("%s", "%r", "%s."):
        return msg
    if type(args) is tuple:
        return (exception_in(args[0]) or args[0]) if len(args) == 1 else msg
    return args  # logging takes a single argument that is a mapping as the arguments


def exception_in(value: object) -> BaseException | None:
    """Return the exception, if `value` is a result of `sys.exc_info()`; otherwise None."""
    if type(value) is tuple and len(value) == 3 and isinstance(value[1], BaseException):
        return value[1] if value[0] is type(value[1]) else None
    return None


def is_structured(said: object) -> bool:
    """Return whether a message is data with words in it: a mapping, a sequence or set, a template string."""
    kind = type(said)
    return issubclass(kind, (dict, list, tuple, set, frozenset, Mapping)) or template_strings.is_one(said)


def has_words(said: object) -> bool:
    """Return whether a structured message has words; a page shows any other message as it is."""
    if type(said) is str or not is_structured(said):
        return False
    return not issubclass(type(said), Mapping) or name_of_words(_entries(said)) is not None


class ReadingBudget:
    """How much of one message is read: it may be both wide and deep."""

    def __init__(self) -> None:
        self._left = MAX_ALL_ENTRIES

    def some_of(self, entries: Iterable[_T]) -> Iterator[_T]:
        """Yield the first of `entries`, as many as are left in the budget."""
        for entry in itertools.islice(entries, MAX_ENTRIES):
            if self._left <= 0:
                return
            self._left -= 1
            yield entry

    def for_one(self, value: object) -> int:
        """Return how many values of a deeply nested container may be shown; they count as entries."""
        if not isinstance(value, (Mapping, Sequence, Set)):
            return 1
        self._left -= MAX_VALUE // 3
        return MAX_VALUE // 3


def words_of(said: object, *, depth: int = 0, budget: ReadingBudget | None = None) -> object:
    """Return the words of a structured message: a text, or the exception that stands in their place.

    Runs the application's code. An unstructured message is returned as it is.
    """
    kind = type(said)
    budget = budget or ReadingBudget()
    if template_strings.is_one(said):
        return template_strings.read(said).text
    if kind is literals.Unread and (error := _ERROR_REPR.fullmatch(str(said))) is not None:
        return f"{error[1]}: {literals.string(error[2])}"
    if kind is literals.Unread and (template := template_strings.read_repr(str(said))) is not None:
        return template.text
    if depth < MAX_DEPTH:
        if issubclass(kind, Mapping):
            entries = _entries(said)
            name = name_of_words(entries)
            if name is not None:
                return words_of(entries[name], depth=depth + 1, budget=budget)
            return _all_of(entries, budget)
        if issubclass(kind, (list, tuple, set, frozenset)):
            return _joined(said, depth, budget)
    return said


def name_of_words(entries: Mapping[str, object]) -> str | None:
    """Return the name of the field with the words: the likeliest one whose value says something."""
    ranked = sorted((rank, name) for name in entries if (rank := rank_of(name)) is not None)
    spare = None
    for _, name in ranked:
        value = entries[name]
        if isinstance(value, BaseException) or (is_structured(value) and value):
            return name
        if type(value) is literals.Unread and _ERROR.match(value):
            return name
        if type(value) is str and value.strip():
            if not says_little(value):
                return name
            spare = spare or name
    return spare


def says_little(text: str) -> bool:
    """Return whether `text` only says that something is wrong: "Error", "unexpected exception: "."""
    if len(text) > 80:
        return False
    words = _WORD.findall(text)
    return len(words) <= 5 and all(word.lower() in EMPTY_WORDS for word in words)


def fields_of(said: object) -> dict[object, object]:
    """Return the fields of a structured message beside its words, by name."""
    if template_strings.is_one(said):
        return dict(template_strings.read(said).values.items())
    if not issubclass(type(said), Mapping):
        return {}
    message: Any = said
    name = name_of_words(_entries(message))
    # A field that is the words is left out; one that holds more than the words stays whole.
    words = message[name] if name is not None else ""
    shown = name is not None and (not is_structured(words) or template_strings.is_one(words))
    fields = {key: message[key] for key in message if not (shown and key == name) and key not in NOT_FIELDS}
    return {**fields_of(words), **fields} if template_strings.is_one(words) else fields


def read_text(text: str) -> object:
    """Return the message that `text` has as JSON, as a `repr` or as logfmt; otherwise `text` itself."""
    first, last = text[:1], text[-1:]
    if len(text) > MAX_TEXT or not last:
        return text
    if (first == "{" and last == "}") or (first == "[" and last == "]"):
        found = _json(text)
        return literals.read(text) if found is text else found
    if first == "(" and last == ")":
        return literals.read(text)
    if first == "T" and text.startswith("Template(strings="):
        return template_strings.read_repr(text) or text
    return (_logfmt(text) or text) if may_be_logfmt(text) else text


def may_be_logfmt(text: str) -> bool:
    """Return whether a text begins with the name of a field."""
    return "=" in text[:MAX_NAME] and _LOGFMT_BEGINS.match(text) is not None


def _json(text: str) -> object:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, (dict, list)) else text


def _logfmt(text: str) -> dict[str, object] | None:
    entries: dict[str, object] = {}
    at = 0
    while at < len(text):
        found = _LOGFMT.match(text, at)
        if found is None:
            return None
        name, _, value = found[0].strip().partition("=")
        entries[name] = literals.string(value) if value[:1] in ("'", '"') else value
        at = found.end()
    return entries if len(entries) > 1 and name_of_words(entries) else None


def rank_of(name: str) -> int | None:
    """Return how likely a field of this name holds the words, 0 the likeliest; None: it does not."""
    plain = name.lower().translate(_SEPARATORS)
    rank = _RANKS.get(plain)
    if rank is None and plain.endswith(("message", "errormsg")):
        return len(_RANKS)
    return rank


def _entries(said: Any) -> dict[str, object]:
    return {name: said[name] for name in itertools.islice(said, MAX_ENTRIES) if type(name) is str}


def _all_of(entries: dict[str, object], budget: ReadingBudget) -> str:
    """All entries in one text, sorted by name, for a mapping without a known name."""
    flat = sorted(_flat(entries, "", 0, budget))
    return ", ".join(f"{name}: {value}" for name, value in itertools.islice(flat, MAX_ENTRIES))


def flat(said: Any) -> list[tuple[str, str]]:
    """Return the entries of a mapping without a known name, with dotted names, sorted.

    The values in a list have the list's name.
    """
    return sorted(itertools.islice(_flat(_entries(said), "", 0, ReadingBudget(), lists=True), MAX_ENTRIES))


def _flat(
    entries: Mapping[str, object], prefix: str, depth: int, budget: ReadingBudget, *, lists: bool = False
) -> Iterator[tuple[str, str]]:
    for name, value in budget.some_of(entries.items()):
        if depth == 0 and name in NO_WORDS:
            continue
        for item in (
            budget.some_of(value) if lists and value and isinstance(value, (list, tuple)) else (value,)
        ):
            if issubclass(type(item), Mapping) and depth < MAX_DEPTH and item:
                yield from _flat(_entries(item), f"{prefix}{name}.", depth + 1, budget, lists=lists)
            else:
                yield prefix + name, _shown(item, budget)


def _items(value: Any, budget: ReadingBudget) -> Iterable[object]:
    return budget.some_of(value) if type(value) in (list, tuple) and value else (value,)


def _joined(said: Any, depth: int, budget: ReadingBudget) -> str:
    items = list(budget.some_of(said))
    if items and all(type(item) is str and item.endswith("\n") for item in items):
        return "".join(map(str, items))  # lines, as `traceback.format_exception` gives them
    shown = [_shown(words_of(item, depth=depth + 1, budget=budget), budget) for item in items]
    return ", ".join(shown if isinstance(said, (list, tuple)) else sorted(shown))


def _shown(value: object, budget: ReadingBudget) -> str:
    if type(value) is not str:
        plain = value if isinstance(value, BaseException) else safejson.jsonable(value, budget.for_one(value))
        value = str(plain) if isinstance(plain, (dict, list)) else safejson.text(plain, MAX_VALUE)
    return " ".join(safejson.truncated(value, MAX_VALUE).split())
