"""Takes secrets out of everything that leaves the process, as the last step before an event is encoded.

Two kinds are found: values under names that mean a secret, and texts that look like one anywhere.
Neither kind is complete: "the password is hunter2" in a sentence stays. If this code fails, the text is
left out.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from typing import Any, Protocol

from pagerduty_logging.events_api import options
from pagerduty_logging.events_api.events import (
    Acknowledge,
    Change,
    Event,
    Image,
    Link,
    Resolve,
    Trigger,
    rewritten,
)
from pagerduty_logging.events_api.safejson import JSON, free_name
from pagerduty_logging.page import secret_names, secret_shapes, secret_texts
from pagerduty_logging.page.secret_names import Judgement
from pagerduty_logging.page.secret_patterns import MARK, NAME_KEYS, VALUE_KEYS
from pagerduty_logging.record import template_strings

MAX_LOOKED_AT = 256 * 1_024
"""Characters of one event that are searched (PagerDuty takes 512 kB); the rest is cut off before."""
MAX_PART = 200
"""At a cut, characters of an unfinished word that are removed too: half a token is not recognised."""

_NO_NAME = frozenset("\\^$*+?|(){}")
"""Characters of patterns that no field's name has."""

MIN_VALUE = 6
"""Length from which a secret is hidden everywhere; a shorter one may be part of any word."""

NAMED = Judgement(sensitive=True, strong=True)
"""The judgement of a value whose name is in the entry beside it."""
_NAME = re.compile(r"[\w.-]{1,80}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", re.ASCII)
"""A time as every event has it, a new one each second: it is not searched, which takes a while."""
_OPTION = re.compile(r"--?[A-Za-z][\w-]{1,60}")
_TRIGGER_TEXTS = ("summary", "source", "component", "group", "event_class", "client", "client_url")

MAX_JUDGED, MAX_JUDGED_CHARS = 1_000, 100
"""Names and texts, and characters of each, of which it is remembered what was found out: most events say
much the same."""


class Pattern(Protocol):
    """What finds secrets in a text: a compiled pattern for text."""

    def sub(self, repl: str, string: str) -> str:
        """Return `string` with all that is found replaced by `repl`."""


def redactor(redact: Sequence[str | re.Pattern[str]] | bool, known: Callable[[], str]) -> Redactor:
    """Return the redactor that the option `redact` asks for.

    Raises:
        TypeError, ValueError: naming the option.
    """
    if isinstance(redact, bool):
        return Redactor(known=(known,), usual=redact)
    items = options.several(
        "redact", redact, _is_extension, "field names and of compiled patterns for text, or False"
    )
    for name in items:
        if isinstance(name, str) and not _NO_NAME.isdisjoint(name):
            raise ValueError(f"redact: {name!r} is not a field's name, and would hide nothing: re.compile it")
    return Redactor(
        names=[item for item in items if isinstance(item, str)],
        patterns=[item for item in items if isinstance(item, re.Pattern)],
        known=(known,),
    )


def _is_extension(item: object) -> bool:
    if isinstance(item, str):
        return bool(item.strip("!"))
    return isinstance(item, re.Pattern) and isinstance(item.pattern, str)


class Redactor:
    """Takes secrets out of events.

    Args:
        names: more names of fields whose values are secrets; case and separators do not matter. "!" before a
            name: its value is none.
        patterns: more patterns whose matches are secrets.
        known: return secrets that are known by their value, such as the routing key.
        usual: False: find nothing but what is `known`.

    Attributes:
        judgements: what names were found to say, see `judged`.
        harmless: texts that are known to hold no secret.
    """

    def __init__(
        self,
        names: Sequence[str] = (),
        patterns: Sequence[Pattern] = (),
        known: Sequence[Callable[[], str]] = (),
        usual: bool = True,
    ) -> None:
        self._names = frozenset(secret_names.compact(name) for name in names if not name.startswith("!"))
        self._harmless_names = frozenset(secret_names.compact(name) for name in names if name.startswith("!"))
        self._patterns = tuple(patterns)
        self._known = tuple(known)
        self._usual = usual
        self.judgements: dict[str, Judgement] = {}
        self.harmless: set[str] = set()

    def event(self, event: Event) -> Event:
        """Return `event` without secrets; if that fails, without any text that may hold one."""
        try:
            return _Look(self).event(event)
        except Exception as error:
            return _withheld(event, error)

    def text(self, text: str) -> str:
        """Return `text` with what looks like a secret replaced; all that is said of an event holds for it."""
        return _Look(self).text(text)

    def value(self, value: JSON) -> JSON:
        """Return `value` without secrets, at any depth."""
        return _Look(self).value(value)

    def key(self, key: str) -> str:
        """Return a dedup key without a secret: the key itself, or its hash."""
        if self.text(key) == key:
            return key
        return "sha256:" + hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()

    def is_sensitive(self, name: str) -> bool:
        """Return whether any text under this name is a secret."""
        return self.judged(name).sensitive

    def judged(self, name: str) -> Judgement:
        """Return what `name` says about the value under it."""
        if not self._usual:
            return secret_names.HARMLESS
        known = self.judgements.get(name)
        if known is None:
            known = secret_names.judgement_of(name, self._names, self._harmless_names)
            if len(self.judgements) < MAX_JUDGED and len(name) <= MAX_JUDGED_CHARS:
                self.judgements[name] = known
        return known

    def searched(self, text: str) -> str:
        """Return a text of bounded length with what looks like a secret replaced."""
        if text in self.harmless or (not self._patterns and _TIME.fullmatch(text) is not None):
            return text
        shown = self._search(text)
        if shown == text and len(text) <= MAX_JUDGED_CHARS:
            if len(self.harmless) >= MAX_JUDGED:
                self.harmless.clear()  # texts of every event are found here
            self.harmless.add(text)
        return shown

    def _search(self, text: str) -> str:
        for reveal in self._known:
            text = text.replace(reveal(), MARK)
        if not self._usual:
            return text
        text = secret_shapes.without_shapes(text)
        text = secret_shapes.without_columns(text, self.judged)
        text = secret_texts.without_values(text, self.judged)
        for pattern in self._patterns:
            text = pattern.sub(MARK, text)
        return text


class _Look:
    """One search of one event: counts the characters that it has searched."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._harmless: Set[str] = redactor.harmless
        """Texts that are not searched: those in which nothing is found."""
        self._left = MAX_LOOKED_AT
        self._values: list[str] = []

    def event(self, event: Event) -> Event:
        match event:
            case Trigger():
                return self._trigger(event)
            case Change():
                return replace(
                    event,
                    summary=self.text(event.summary),
                    source=self._optional(event.source),
                    custom_details=self._details(event.custom_details),
                    links=[self._link(link) for link in event.links],
                )
            case _:
                return replace(
                    event,
                    summary=self._optional(event.summary),
                    custom_details=self._details(event.custom_details),
                )

    def text(self, text: str) -> str:
        if text in self._harmless:
            return text
        text, _ = template_strings.rendered(text, self._shown)
        more = len(text) - self._left
        if more > 0:
            text = _cut(text, self._left)
            self._left = 0
            return f"{self._searched(text)}… ({more} more characters)"
        self._left -= len(text)
        return self._searched(text)

    def _shown(self, name: str, value: str) -> str:
        return MARK if self._redactor.is_sensitive(name) else value

    def _searched(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, MARK)
        return self._redactor.searched(text)

    def value(self, value: JSON) -> JSON:
        match value:
            case str():
                return self.text(value)
            case dict():
                return self._mapping(value)
            case list():
                return self._list(value)
            case bool() | None:
                return value
            case _:
                shown = str(value)
                return value if self.text(shown) == shown else MARK

    def _mapping(self, mapping: dict[str, JSON]) -> dict[str, JSON]:
        names_a_secret: bool | None = None
        shown: dict[str, JSON] = {}
        # What nearly all entries of nearly all events need of the redactor, without a call.
        judgements, harmless = self._redactor.judgements, self._harmless
        for name, value in mapping.items():
            judged = judgements.get(name) or self._redactor.judged(name)
            if not judged.sensitive and secret_texts.last_word(name) in VALUE_KEYS:
                if names_a_secret is None:
                    names_a_secret = self._has_a_secrets_name(mapping)
                if names_a_secret:
                    judged = NAMED
            free = name if name in harmless else self._key(name)
            if free in shown:
                free = free_name(free, shown)
            if judged.sensitive:
                shown[free] = _hidden(value, judged)
            elif type(value) is str:
                shown[free] = value if value in harmless else self.text(value)
            else:
                shown[free] = self.value(value)
        return shown

    def _has_a_secrets_name(self, mapping: dict[str, JSON]) -> bool:
        return any(
            secret_texts.last_word(name) in NAME_KEYS and self._names_a_secret(value)
            for name, value in mapping.items()
        )

    def _key(self, name: str) -> str:
        """Return a name of an entry; after a cut all names would be the same."""
        self._left = max(self._left, MAX_JUDGED_CHARS)
        return self.text(name)

    def _secrets_among(self, details: Any) -> list[str]:
        """Return the texts under the name of a secret: the record's words may repeat them."""
        if not isinstance(details, dict):
            return []
        found = []
        for name, value in details.items():
            if isinstance(value, str) and MIN_VALUE <= len(value) <= MAX_PART and not value.isalpha():
                judged = self._redactor.judgements.get(name) or self._redactor.judged(name)
                if judged.sensitive and _hidden(value, judged) == MARK:
                    found.append(value)
        return sorted(found, key=len, reverse=True)

    def _names_a_secret(self, value: JSON) -> bool:
        match value:
            case str():
                return self._redactor.is_sensitive(value)
            case [*items]:
                return any(isinstance(item, str) and self._redactor.is_sensitive(item) for item in items)
        return False

    def _list(self, items: list[JSON]) -> list[JSON]:
        match items:
            case [str() as name, value] if _NAME.fullmatch(name) and self._redactor.is_sensitive(name):
                return [name, _hidden(value, self._redactor.judged(name))]
        if not items or not all(isinstance(item, str) for item in items):
            return [self.value(item) for item in items]
        # Rows are one text, shown row by row: a secret over several rows is found in the whole text only.
        rows = [str(item) for item in items]
        for index, (option, row) in enumerate(itertools.pairwise(rows), 1):
            if _OPTION.fullmatch(option) and not row.startswith("-") and self._redactor.is_sensitive(option):
                rows[index] = MARK
        whole = "\n".join(rows)
        redacted = self.text(whole)
        return list(rows) if redacted == whole else list(redacted.split("\n"))

    def _details(self, details: Any) -> Any:
        return None if details is None else self._mapping(details)

    def _optional(self, text: str | None) -> str | None:
        return None if text is None else self.text(text)

    def _link(self, link: Any) -> Link:
        return Link(self.text(link.href), self._optional(link.text))

    def _image(self, image: Any) -> Image:
        return Image(self.text(image.src), self._optional(image.href), self._optional(image.alt))

    def _trigger(self, trigger: Trigger) -> Trigger:
        self._values = self._secrets_among(trigger.custom_details)
        if self._values:
            self._harmless = frozenset()  # one of them may be in any text
        before: dict[str, Any] = {name: getattr(trigger, name) for name in _TRIGGER_TEXTS}
        after = before.copy()
        for name, text in before.items():
            if text and text not in self._harmless:
                after[name] = self.text(text)
        before["custom_details"] = trigger.custom_details
        after["custom_details"] = trigger.custom_details and self._mapping(trigger.custom_details)
        if trigger.links or trigger.images:
            after["links"] = tuple(map(self._link, trigger.links))
            after["images"] = tuple(map(self._image, trigger.images))
        return trigger if after == before else rewritten(trigger, **after)


def _cut(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, without a part of a word at their end."""
    start = max(0, limit - MAX_PART)
    word = max(text.rfind(blank, start, limit) for blank in " \n\t")
    return text[: limit if word < 0 else word]


def _hidden(value: JSON, judged: Judgement) -> JSON:
    """Return `value` where there is none, or where it counts something; else the mark."""
    match value:
        case None | bool() | "" | [] | {}:
            return value
        case int() | float() if judged.counts:
            return value
        case str() if secret_texts.is_no_secret(value, judged):
            return value
    return MARK


def _withheld(event: Event, error: Exception) -> Event:
    note = {"withheld": f"everything that was logged: its redaction failed, {type(error).__name__}"}
    match event:
        case Trigger():
            return Trigger(
                "A problem whose text is withheld, because its redaction failed",
                severity=event.severity,
                dedup_key=event.dedup_key,
                timestamp=event.timestamp,
                source=None,
                custom_details=note,
            )
        case Change():
            return Change(
                "A change whose text is withheld, because its redaction failed",
                timestamp=event.timestamp,
                custom_details=note,
            )
        case Acknowledge():
            return Acknowledge(event.dedup_key)
        case Resolve():
            return Resolve(event.dedup_key)
