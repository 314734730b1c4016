"""Secrets out of everything that leaves the process, in the last step before an event is encoded.

Two kinds are found: values under names that tell of a secret, and texts that look like one wherever
they stand. Neither kind is complete: "the password is hunter2" in a sentence stays. What cannot be
judged because this code fails is withheld.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
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
from pagerduty_logging.events_api.safejson import JSON

MARK = "[redacted]"

# fmt: off
SENSITIVE_PARTS = (
    "password", "passwd", "passphrase", "passcode", "secret", "credential", "apikey", "accesskey",
    "privatekey", "secretkey", "signingkey", "encryptionkey", "accountkey", "authkey", "sharedkey", "token",
    "authorization", "sessionid", "sessionkey", "creditcard", "cardnumber", "connectionstring",
    "securitycode",
)
"""Names that contain one of these, their separators removed, are sensitive."""
SENSITIVE_WORDS = frozenset((
    "auth", "bearer", "cookie", "cookies", "csrf", "cvc", "cvv", "dsn", "jwt", "mfa", "otp", "pass",
    "phpsessid", "pin", "pwd", "session", "sid", "signature", "ssn", "xsrf",
))
# fmt: on
"""Names of which one word is one of these are sensitive: shorter, they would be found in harmless names."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAME = re.compile(r"[\w.-]{1,80}")
_SEPARATORS = re.compile(r"[^a-z0-9]+")

# --- texts that look like a secret wherever they stand ------------------------------------------------

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,60}+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)
_SCHEME = re.compile(
    r"\b(?P<scheme>bearer|basic|digest|negotiate|token)[ \t]+"
    r"(?=[^\s\"',;]{0,500}?(?:[\d=+/_~]|(?-i:[a-z][A-Z])))[A-Za-z0-9._~+/=:-]{6,}",
    re.IGNORECASE,
)
# A name or nothing, then a colon that begins no port, then anything up to the last "@" before a space:
# passwords in URLs are often not encoded as they should be.
_URL_PASSWORD = re.compile(
    r"(?<=://)(?P<user>[^\s:/?#@\"']{0,200}):(?!\d{1,5}(?:[/?#\s\"']|$))[^\s\"'<>]{0,200}@"
)
_URL_USER = re.compile(r"(?<=http://|ttps://)[^\s:/?#@\"']{1,300}(?=@)")
_JWT = re.compile(
    r"(?<![\w-])(?P<before>(?:(?!eyJ)[\w-])*+)eyJ[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*+)*+", re.ASCII
)
_KEYS = re.compile(
    r"\b(?:"
    r"(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|AROA)[A-Z0-9]{16}"  # AWS
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}"  # Google
    r"|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"  # Slack
    r"|(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}|sk-[\w-]{20,}"  # Stripe; OpenAI, Anthropic
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|SK[0-9a-f]{32}|key-[0-9a-f]{32}"  # SendGrid, Twilio, Mailgun
    r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}|hf_[A-Za-z0-9]{30,}|dop_v1_[0-9a-f]{64}|hvs\.[\w-]{20,}"
    r")"
)
_WEBHOOK = re.compile(r"(?<=hooks\.slack\.com/services/)[\w/-]+")
_CARD = re.compile(r"(?<![\w.])(?:4|5[0-8]|2[2-7]|3\d|6)(?:[ -]?\d){11,18}(?!\w)")
_SHORTEST = len("basic ") + 6
"""Characters that credentials after a scheme, a key or a card's number have at least."""

# --- a name and its value in a text -------------------------------------------------------------------

_STRONG = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|credential|(?:api|access|private|secret|signing|encryption|"
    r"account|auth|shared)[_-]?key|connection[_-]?string|security[_-]?code|csrf|xsrf"
)
_WEAK = r"token|jwt|(?<![A-Za-z])(?:auth|cvc|cvv|dsn|otp|pass|pin|sid|session|signature|ssn)(?![A-Za-z])"
_HEADER = r"(?:proxy-)?authorization|(?:set-)?cookie|sessionid|jsessionid|phpsessid|session[_-]?(?:id|key)"
_VALUE = (
    r"[bBfFrRuU]{0,2}(?P<quote>\\*[\"'])(?:.*?(?<!\\)(?:(?P=quote)|\Z))"  # quoted, or cut before its end
    r"|[\[({][^\])}]*[\])}]?"  # a collection
)
_BARE = r"(?:(?![,;]\s{0,3}[\w.-]{1,40}\s{0,2}[=:])[^\s&\"'<>)}\]])+"
_CODE = r"(?! [A-Za-z_][\w.]*+[(\[])"  # `token = read_token(user)`: a line of source, and no secret

_ASSIGNED = re.compile(
    rf"(?P<name>(?:{_STRONG})[\w-]{{0,40}}?|(?:{_WEAK})[\w-]{{0,40}}?)"
    rf"(?P<between>\\*[\"']?\]?\s{{0,5}}(?:=>|:=|==?|:){_CODE}\s{{0,5}}|\\*[\"'],\s{{0,5}}(?=[bB]?\\*[\"']))"
    rf"(?:{_VALUE}|{_BARE})",
    re.IGNORECASE | re.DOTALL,
)
_HEADER_LINE = re.compile(
    rf"(?P<name>\b(?:{_HEADER})\\*[\"']?\]?\s{{0,5}}(?:=>|[:=,]){_CODE}\s{{0,5}}(?:[bB](?=\\*[\"']))?)"
    r"(?:(?P<quote>\\*[\"'])(?:.*?(?:(?P=quote)|\Z))|[^\r\n\"']+)",
    re.IGNORECASE | re.DOTALL,
)
_PROSE_NAMES = re.compile(rf"{_WEAK}|credentials?", re.IGNORECASE)
# A part of each of these names, in lower case: to ignore case takes twenty times as long.
_HINTS = re.compile(
    "auth|connection|cookie|credential|csrf|cv[cv]|dsn|jwt|key|otp|pass|pin|pwd|secret|security|sess|sid"
    "|signature|ssn|token|xsrf"
)

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
        TypeError: naming the option.
    """
    if isinstance(redact, bool):
        return Redactor(known=(known,), usual=redact)
    items = options.several(
        "redact", redact, _is_extension, "field names and of compiled patterns for text, or False"
    )
    return Redactor(
        names=[item for item in items if isinstance(item, str)],
        patterns=[item for item in items if isinstance(item, re.Pattern)],
        known=(known,),
    )


def _is_extension(item: object) -> bool:
    return isinstance(item, str) or (isinstance(item, re.Pattern) and isinstance(item.pattern, str))


class Redactor:
    """Takes secrets out of events.

    Args:
        names: more names of fields whose values are secrets; case and separators do not matter.
        patterns: more patterns whose matches are secrets.
        known: return secrets that are known by their value, such as the routing key.
        usual: False: find nothing but what is `known`.
    """

    def __init__(
        self,
        names: Sequence[str] = (),
        patterns: Sequence[Pattern] = (),
        known: Sequence[Callable[[], str]] = (),
        usual: bool = True,
    ) -> None:
        self._names = frozenset(_SEPARATORS.sub("", name.lower()) for name in names)
        self._patterns = tuple(patterns)
        self._known = tuple(known)
        self._usual = usual
        self._judged: dict[str, bool] = {}
        self._harmless: set[str] = set()

    def event(self, event: Event) -> Event:
        """Return `event` without secrets; if that cannot be done, without any text that may hold one."""
        try:
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
        except Exception as error:
            return _withheld(event, error)

    def text(self, text: str) -> str:
        """Return `text` with what looks like a secret replaced."""
        if text in self._harmless:
            return text
        shown = self._searched(text)
        if shown == text and len(text) <= MAX_JUDGED_CHARS:
            if len(self._harmless) >= MAX_JUDGED:
                self._harmless.clear()  # what every event says comes back at once
            self._harmless.add(text)
        return shown

    def _searched(self, text: str) -> str:
        for reveal in self._known:
            text = text.replace(reveal(), MARK)
        if not self._usual:
            return text
        if "-----BEGIN" in text:
            text = _PEM.sub(MARK, text)
        if "://" in text:
            text = _URL_PASSWORD.sub(rf"\g<user>:{MARK}@", text)
            text = _URL_USER.sub(MARK, text)
            text = _WEBHOOK.sub(MARK, text)
        if "eyJ" in text:
            text = _JWT.sub(rf"\g<before>{MARK}", text)
        if _may_name_a_secret(text):
            text = _HEADER_LINE.sub(_without_header, text)
            text = _ASSIGNED.sub(_without_value, text)
        if len(text) >= _SHORTEST:
            text = _SCHEME.sub(_without_credentials, text)
            text = _KEYS.sub(MARK, text)
            text = _CARD.sub(_without_card, text)
        for pattern in self._patterns:
            text = pattern.sub(MARK, text)
        return text

    def key(self, key: str) -> str:
        """Return a dedup key that holds no secret: itself, or its hash, the same for the same key."""
        if self.text(key) == key:
            return key
        return "sha256:" + hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()

    def value(self, value: JSON) -> JSON:
        """Return `value` without secrets, at any depth."""
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
                return value if self.text(str(value)) == str(value) else MARK

    def is_sensitive(self, name: str) -> bool:
        """Tell whether a value under this name is a secret, whatever it looks like."""
        if not self._usual:
            return False
        known = self._judged.get(name)
        if known is None:
            known = self._judge(name)
            if len(self._judged) < MAX_JUDGED and len(name) <= MAX_JUDGED_CHARS:
                self._judged[name] = known
        return known

    def _judge(self, name: str) -> bool:
        compact = _SEPARATORS.sub("", name.lower())
        if compact in self._names or any(part in compact for part in SENSITIVE_PARTS):
            return True
        words = {word.lower() for word in _WORD.findall(name)} | set(_SEPARATORS.split(name.lower()))
        return not SENSITIVE_WORDS.isdisjoint(words) or not self._names.isdisjoint(words)

    def _mapping(self, mapping: dict[str, JSON]) -> dict[str, JSON]:
        named = mapping.get("name", mapping.get("key"))
        shown: dict[str, JSON] = {}
        for name, value in mapping.items():
            secret = self.is_sensitive(name) or (
                name == "value" and isinstance(named, str) and self.is_sensitive(named)
            )
            shown[self.text(name)] = _hidden(value) if secret else self.value(value)
        return shown

    def _list(self, items: list[JSON]) -> list[JSON]:
        match items:
            case [str() as name, value] if _NAME.fullmatch(name) and self.is_sensitive(name):
                return [name, _hidden(value)]
        if not items or not all(isinstance(item, str) for item in items):
            return [self.value(item) for item in items]
        # Rows are one text, shown row by row: what spans several is found in the whole only.
        rows = [str(item) for item in items]
        whole = "\n".join(rows)
        redacted = self.text(whole)
        return list(items) if redacted == whole else list(redacted.split("\n"))

    def _details(self, details: Any) -> Any:
        return None if details is None else self._mapping(details)

    def _optional(self, text: str | None) -> str | None:
        return None if text is None else self.text(text)

    def _link(self, link: Any) -> Link:
        return Link(self.text(link.href), self._optional(link.text))

    def _image(self, image: Any) -> Image:
        return Image(self.text(image.src), self._optional(image.href), self._optional(image.alt))

    def _trigger(self, trigger: Trigger) -> Trigger:
        before: dict[str, Any] = {name: getattr(trigger, name) for name in _TRIGGER_TEXTS}
        after: dict[str, Any] = {name: self._optional(text) for name, text in before.items()}
        before["custom_details"] = trigger.custom_details
        after["custom_details"] = self._details(trigger.custom_details)
        if trigger.links or trigger.images:
            after["links"] = tuple(map(self._link, trigger.links))
            after["images"] = tuple(map(self._image, trigger.images))
        return trigger if after == before else rewritten(trigger, **after)


def _hidden(value: JSON) -> JSON:
    return value if value is None or value == "" or isinstance(value, bool) else MARK


def _may_name_a_secret(text: str) -> bool:
    """Tell, in a fraction of the time it takes to look, whether there may be a name and its value."""
    if ":" not in text and "=" not in text and "," not in text:
        return False
    return not text.isascii() or _HINTS.search(text.lower()) is not None


def _without_credentials(found: re.Match[str]) -> str:
    return f"{found['scheme']} {MARK}"


def _without_header(found: re.Match[str]) -> str:
    quote = found["quote"] or ""
    return f"{found['name']}{quote}{MARK}{quote}"


def _without_value(found: re.Match[str]) -> str:
    value = found[0][len(found["name"]) + len(found["between"]) :]
    if value.startswith(MARK) or (found["quote"] is None and _is_prose(found, value)):
        return found[0]
    quote = found["quote"] or ""
    return f"{found['name']}{found['between']}{quote}{MARK}{quote}"


def _is_prose(found: re.Match[str], value: str) -> bool:
    """Tell `invalid token: expected a comma` and `/etc/passwd: Permission denied` from `token: 7f3a9c`."""
    ends_a_path = found.string.endswith("/", 0, found.start())
    if not found["between"].endswith(": ") or not (ends_a_path or _PROSE_NAMES.fullmatch(found["name"])):
        return False
    return not any(character.isdigit() for character in value)


def _without_card(found: re.Match[str]) -> str:
    digits = [int(character) for character in found[0] if character.isdigit()]
    doubled = [digit if index % 2 == 0 else digit * 2 for index, digit in enumerate(reversed(digits))]
    total = sum(digit - 9 if digit > 9 else digit for digit in doubled)
    return MARK if total % 10 == 0 else found[0]


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
