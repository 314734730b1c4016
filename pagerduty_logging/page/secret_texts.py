"""Secrets in a text: a name and its value as programs write them, and what looks like a secret by itself.

One walk from name to name. What follows a name is looked at only where the name means a secret, and then
consumed, so that the whole takes time that grows with the text and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from pagerduty_logging.events_api.late_pattern import late
from pagerduty_logging.page.secret_names import MAX_NAME, Judgement
from pagerduty_logging.page.secret_patterns import ABSENT, MARK, NAME_KEYS, PROSE, TYPES, VALUE_KEYS

Judge = Callable[[str], Judgement]

# A name as a whole, then what stands between it and its value: `=`, `: `, `' => '`, `"]=`; or the end of a
# quoted text and the beginning of the next: `('password', 'x')`; or, behind `--password` and before a quoted
# text, a blank.
_NAMED = late(
    r"(?<![\w.-])(?P<dash>(?=-))?(?P<name>[\w.-]++)"
    r"(?:(?P<between>\\{0,7}[\"'`]?(?:\]|%5[Dd])?[ \t]{0,5}"
    r"(?:=>|:=|={1,3}|->|→|\uff1a|::?(?!//)|%3[Dd])\s{0,5})"
    r"|(?P<pair>\\{0,7}[\"'],\s{0,5})(?=[bBuU]?\\{0,7}(?:\d|[\"'](?![\w.-]{1,60}+\\{0,7}[\"']\s{0,3}:)))"
    r"|(?P<blank>[ \t]{1,5})(?(dash)(?=[\"'\w/+$!@#%^&*~.])|(?=[\"'])))"
)
_SEPARATOR = late(r"[=:%\"'\u2192\uff1a-]")
"""One of these stands in whatever `_NAMED` finds: looking for them first saves most texts the walk."""
_BEFORE = late(r"(?<![\w-])[\w-]{1,24}[ ]\Z")
_QUOTE = late(r"[bBfFrRuU]{0,2}(?P<quote>\\{0,7}(?:\"{3}|'{3}|[\"'`]))")
_RUN = late(r"\S++")
_PLACEHOLDER = late(r"<[A-Za-z][\w .:/-]{0,60}>(?!\w)")
_REST = late(r"[^\r\n]*+")
_NEXT = r"[\"']?[\w.\[\]%-]{1,40}+[\"']?(?:=|:(?!//))"
_ENDS = late(
    rf"(?:[,;&|]|\\[nr]|%26)(?={_NEXT})"  # the next name
    r"|\\{0,7}[\"'](?=[)\]},;:.>]|\Z)"  # a quote that was opened before the name
    r"|</[A-Za-z]|<[A-Za-z]{1,12}[ ]?/?>"  # markup
)
_LAST_WORD = late(r"(?:[A-Z]|(?<![a-z]))[a-z]++\Z|(?<![A-Z])[A-Z]++\Z")
_IS_NAME = late(r"\s{0,3}[:=]")
_ITEMS = late(r"[\[(][^\[\](){}\r\n]{1,300}")
_ITEM = late(r"[\"'](?P<item>[\w.-]{1,80}+)[\"']")
_CLOSERS = ")]}>\"'`.,;:!?…\\"
_BEHIND_VALUES = ")]}>\"'`.,;:…\\ "
"""What follows a value and is not part of it; `!` and `?` may be the password's own."""
_CODE = late(
    r"(?:await |not |new |yield |lambda\b)?[A-Za-z_][\w.]*+[(\[]"
    r"|(?:self|cls|settings|config|args|kwargs|os|sys)\.\w"
)
_OPTION_VALUE = late(r"(?:self|cls|settings|config|args|kwargs|options)\.\w|os\.environ\b|os\.getenv\b")
_NUMBER = late(r"[-+]?\d[\d.,_]*+[ ]?(?:%|[A-Za-z]{1,3})?")
_CALL = late(r"[A-Za-z_]\w{0,60}+(?:\.[A-Za-z_]\w{0,60}+){1,8}\(")
_BLOCK = late(
    r"[|>][+-]?[ \t]{0,5}\r?\n[ \t]{1,40}"
    r"(?P<rows>[^\r\n]{1,2000}(?:\r?\n[ \t]{1,40}[^\r\n]{1,2000}){0,100})"
)
_NUMBERS = late(r"[\[(][\d\s.,+-]*+[\])]")
_HIDDEN = late(r"\w{0,20}\(['\"]?\*{1,40}['\"]?\)")
_SMALL = late(r"\d{1,3}")
_PATH = late(r"(?:~|[A-Za-z]:|\.{1,2})?[/\\][\w.@+ /\\-]*+")
_OPTION = late(r"--|-[A-Za-z]{4}")
_FILE = late(
    r"(?:/(?:app|config|data|etc|home|mnt|opt|private|root|run|secrets|srv|tmp|usr|var|vault|Users)|~|\.{1,2})/[\w.@/-]++"
)
_MIXED = late(r"[a-z][A-Z][\w-]{0,200}[a-z][A-Z]")
_ENDS_OBJECT = late(r"[}\]>]")

_NEWLINE = r"(?:\r?\n|\\r\\n|\\n)"
_ELEMENT = late(r"\s{0,5}>(?:<!\[CDATA\[)?(?P<value>[^<]*+)")
_OPENED = late(
    r"(?P<before><(?:[\w-]{1,30}+:)?(?P<name>[\w.-]{1,80}+)(?:\s[^<>]{0,300})?>(?:<!\[CDATA\[)?)(?P<value>[^<\]]*+)"
)
_PAIR = late(
    r"(?P<before><(?:[\w-]{1,30}+:)?(?i:name|key|id|field|param)>\s{0,5}(?P<name>[\w.-]{1,80}+)\s{0,5}</[\w:-]{1,40}+>\s{0,40}"
    r"<(?:[\w-]{1,30}+:)?(?i:value|val|string|data|content)>\s{0,5}(?:<string>)?)(?P<value>[^<]++)"
)
_PART = late(
    rf"[^\r\n\\]{{0,200}}{_NEWLINE}(?:[^\r\n\\]{{1,200}}{_NEWLINE}){{0,3}}{_NEWLINE}(?P<value>[^\r\n\\]*+)"
)
"""What stands behind the quote of `<x name="password">text<`, and of a field of a multipart form."""

_BEFORE_QUOTES = ("password", "passwd", "pwd", "passphrase")
MAX_APART = 400
"""Characters between a name and its value, where each is an entry of its own."""


def without_values(text: str, judge: Judge) -> str:
    """Return `text` with the values that stand under names of secrets replaced."""
    if "</" in text or "<![" in text:
        text = _OPENED.sub(lambda found: _without_content(found, judge), text)
        text = _PAIR.sub(lambda found: _without_content(found, judge), text)
    return text if _SEPARATOR.search(text) is None else _Walk(text, judge).shown()


def _without_content(found: re.Match[str], judge: Judge) -> str:
    judged = judge(found["name"])
    if not judged.sensitive or not found["value"] or found.string.startswith(MARK, found.start("value")):
        return found[0]
    return found[0] if is_no_secret(found["value"], judged) else found["before"] + MARK


class _Walk:
    """One walk through one text, from name to name; collects what is to be replaced."""

    def __init__(self, text: str, judge: Judge) -> None:
        self._text = text
        self._judge = judge
        self._found: list[tuple[int, int]] = []
        self._named_until = -1
        """Up to where an entry that names a secret (`"name": "password"`) holds for a value."""
        self._value_at: int | None = None
        """Where the value begins whose name may follow."""

    def shown(self) -> str:
        position = 0
        while (found := _NAMED.search(self._text, position)) is not None:
            position = max(self._after(found), found.end("name"))
        if not self._found:
            return self._text
        shown: list[str] = []
        position = 0
        for start, end in sorted(self._found):
            if start >= position:
                shown += (self._text[position:start], MARK)
                position = end
        return "".join((*shown, self._text[position:]))

    def _after(self, found: re.Match[str]) -> int:
        """Look at what follows one name; return where to go on."""
        name, at = found["name"], found.end()
        if found["blank"] is not None and not (_OPTION.match(name) or self._is_sql(found)):
            return found.end("name")
        judged = self._judge(self._whole_name(found))
        if judged.sensitive:
            span = self._value(found, at, judged)
            if span is None:
                return at
            self._found.append(span)
            return span[1]
        if found["blank"] is None:
            return self._entry(name, at)
        return at

    def _is_sql(self, found: re.Match[str]) -> bool:
        """Tell `WITH PASSWORD 'x'` and `password "x"`: a quoted text directly behind the word."""
        following = self._text[found.end() : found.end() + 1]
        name = found["name"]
        return following in "\"'" and (name == "SECRET" or name.lower() in _BEFORE_QUOTES)

    def _whole_name(self, found: re.Match[str]) -> str:
        """Return the name, with the word before it where it is but half of one: `api key: x`."""
        name = found["name"][-80:]
        if name.lower() not in ("key", "string", "code", "number", "phrase"):
            return name
        start = found.start()
        before = _BEFORE.search(self._text[max(0, start - 25) : start])
        return f"{before[0]}{name}" if before else name

    def _value(self, found: re.Match[str], at: int, judged: Judgement) -> tuple[int, int] | None:
        """Return the span of the secret that begins `at`, if there is one."""
        text = self._text
        if text.startswith(MARK, at):
            return None
        quote = _QUOTE.match(text, at)
        if quote is not None:
            end = _closing(quote["quote"]).search(text, quote.end())
            span = quote.end(), end.start() if end else len(text)
            value = text[slice(*span)]
            word = found["between"] == ": " and found["name"].isalpha() and not judged.strong
            return None if self._is_plain(value, judged, quoted=True, prose=word) else span
        if found["between"] and (block := _BLOCK.match(text, at)) is not None:
            return None if text.startswith(MARK, block.start("rows")) else block.span("rows")
        if _HIDDEN.match(text, at):
            return None
        if text[at : at + 1] in ("[", "(", "{"):
            span = at, _closed(text, at)
            if ABSENT.fullmatch(text, *span) or (judged.counts and _NUMBERS.fullmatch(text, *span)):
                return None
            if text[at] == "(" and found["name"].lower() == "signature":  # of a function
                return None
            inner = text[at + 1 : span[1] - 1].strip(" '\"")
            return (
                None
                if not inner or ("=" not in inner and self._is_plain(inner, judged, quoted=True))
                else span
            )
        between = found["between"] or ""
        code = _CODE.match(text, at) if between.endswith(" ") else None
        code = code or _OPTION_VALUE.match(text, at) or _CALL.match(text, at)
        if code and not judged.header:
            return None
        return self._bare(found, at, judged)

    def _bare(self, found: re.Match[str], at: int, judged: Judgement) -> tuple[int, int] | None:
        text = self._text
        if judged.header:
            opened = text[found.start() - 1 : found.start()]
            rest = _REST.match(text, at)
            assert rest is not None
            value = rest[0]
            if opened and opened in "'\"`":
                value = value.partition(opened)[0]
            value = _without_closers(value)
        else:
            run = _RUN.match(text, at)
            if run is None or _PLACEHOLDER.match(text, at):
                return None
            ends = _ENDS.search(run[0])
            value = _without_closers(run[0][: ends.start()] if ends else run[0])
        if not value or value.startswith(MARK) or _same(value, found["name"]):
            return None
        between = found["between"] or found["blank"] or ""
        prose = between.endswith((": ", ":\n")) or found["blank"] is not None
        if self._is_plain(value, judged, prose=prose, path=text.endswith("/", 0, found.start()) and prose):
            return None
        return at, at + len(value)

    def _is_plain(
        self, value: str, judged: Judgement, *, quoted: bool = False, prose: bool = False, path: bool = False
    ) -> bool:
        """Return whether it is not a secret: nothing, a placeholder, a number that counts, a sentence."""
        if value == MARK or is_no_secret(value, judged):
            return True
        if judged.short and _SMALL.fullmatch(value):
            return True
        first = value.strip().partition(" ")[0]
        if not prose:
            return False
        if PROSE.fullmatch(first.strip(_CLOSERS)) or TYPES.fullmatch(value):
            return True
        if judged.strong and not path:
            return False
        return not any(c.isdigit() for c in first) and len(first) < 24 and not _MIXED.search(first)

    def _entry(self, name: str, at: int) -> int:
        """Look at an entry that may name a secret or hold one: `"name": "password", "value": "x"`."""
        word = last_word(name)
        if word in NAME_KEYS:
            span = self._named_in(at)
            self._named_until = -1
            value_at, self._value_at = self._value_at, None
            if span is None or _IS_NAME.match(self._text, span[1]):
                return at
            if value_at is not None and at - value_at <= MAX_APART:
                value = self._plain_span(value_at, MAX_APART)
                if value is not None and not _ENDS_OBJECT.search(self._text, value[1], at):
                    self._found.append(value)
                    return at
            self._named_until = span[1] + MAX_APART
            return self._behind(span[1])
        if word in VALUE_KEYS:
            if at <= self._named_until:
                self._named_until = -1
                span = self._plain_span(at, 10 * MAX_APART)
                if span is not None and not ABSENT.fullmatch(self._text, *span):
                    self._found.append(span)
                    return span[1]
            self._value_at = at
        return at

    def _named_in(self, at: int) -> tuple[int, int] | None:
        """Return the span of a secret's name: the value that begins `at`, or a text within its brackets."""
        text = self._text
        if text[at : at + 1] not in ("[", "("):
            span = self._plain_span(at, MAX_NAME)
            return span if span is not None and self._judge(text[slice(*span)]).sensitive else None
        items = _ITEMS.match(text, at)
        for item in _ITEM.finditer(text, *items.span()) if items is not None else ():
            if self._judge(item["item"]).sensitive:
                return at, item.end("item")
        return None

    def _plain_span(self, at: int, limit: int) -> tuple[int, int] | None:
        """Return the span of a quoted or bare value of at most `limit` characters."""
        text = self._text
        if text.startswith(MARK, at):
            return None
        quote = _QUOTE.match(text, at)
        if quote is not None:
            start, stop = quote.end(), quote.end() + limit
            if text.startswith(MARK, start):
                return None
            end = _closing(quote["quote"]).search(text, start, stop)
            return start, end.start() if end else min(len(text), stop)
        run = _RUN.match(text, at, at + limit)
        if run is None:
            return None
        ends = _ENDS.search(run[0])
        value = _without_closers(run[0][: ends.start()] if ends else run[0])
        return (at, at + len(value)) if value else None

    def _behind(self, at: int) -> int:
        """Look for the text of `<x name="password">text<` and of a multipart field; return where to go on."""
        at += len(self._text[at : at + 8]) - len(self._text[at : at + 8].lstrip("\\\"'"))
        field = _ELEMENT.match(self._text, at) or _PART.match(self._text, at)
        if field is None or not field["value"].strip() or self._text.startswith(MARK, field.start("value")):
            return at
        self._found.append(field.span("value"))
        self._named_until = -1
        return field.end("value")


def _without_closers(value: str) -> str:
    """Return a value without what follows it; the mark of a secret that was taken out before stays whole."""
    bare = value.rstrip(_BEHIND_VALUES)
    return f"{bare}]" if f"{bare}]".endswith(MARK) else bare


@lru_cache(maxsize=1_024)
def last_word(name: str) -> str:
    """Return the last word of an entry's name: `ParameterValue`, `rejected_value`."""
    found = _LAST_WORD.search(name[-MAX_NAME:])
    return found[0].lower() if found else name.lower()


@lru_cache(maxsize=64)
def _closing(quote: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\\){re.escape(quote)}")


def _closed(text: str, at: int) -> int:
    """Return where the bracket that opens `at` is closed; without that, the end of the text."""
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[0] in "[({" else -1
        if depth == 0:
            return bracket.end()
    return len(text)


_BRACKET = late(r"[\[\](){}]")


def is_no_secret(value: str, judged: Judgement) -> bool:
    """Return whether a text under a secret's name is empty, a count or a sentence."""
    value = value.strip()
    if not value or ABSENT.fullmatch(value):
        return True
    if (judged.counts and _NUMBER.fullmatch(value)) or _FILE.fullmatch(value):
        return True
    if judged.place and _PATH.fullmatch(value):
        return True
    first, blank, _ = value.partition(" ")
    return bool(blank) and PROSE.fullmatch(first.strip(_CLOSERS)) is not None


def _same(value: str, name: str) -> bool:
    """Tell `password=self.password` and `--password PASSWORD`, which repeat the name."""
    return value.rpartition(".")[2] in (name, name.rpartition(".")[2]) or value == name.lstrip("-").upper()
