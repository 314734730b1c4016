"""What looks like a secret under any name: keys, tokens, passwords in addresses and statements."""

from __future__ import annotations

import re

from pagerduty_logging.events_api.late_pattern import late
from pagerduty_logging.page.secret_names import Judgement
from pagerduty_logging.page.secret_patterns import ABSENT, MARK, SECRET_PATHS, TOKENS
from pagerduty_logging.page.secret_texts import Judge

_SCHEME = late(
    r"\b(?P<scheme>(?i:bearer,?|basic|negotiate|ntlm)|(?i:token)(?=[ \t]{1,4}(?=[\w.-]{0,80}?\d)[\w.-]{16}))"
    r"[ \t]{1,4}"
    r"(?!(?:realm|error|scope|charset|title|resource_metadata)=)"
    r"(?=[^\s\"',;]{0,80}?(?:[\d=+/_~]|[a-z][A-Z]))[A-Za-z0-9._~+/=:-]{6,}+"
)
_DIGEST = late(r"\b(?i:digest)[ \t]{1,4}(?=\w{1,20}=)(?P<secret>[^\r\n]*+)")
_DOTTED = late(r"[\w.-]{16,}+", re.ASCII)
_JWT = late(r"eyJ[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*)*", re.ASCII)
_CARD = late(r"(?<![\w.])(?:4|5[1-5]|2[2-7]|3[04-8]|6[045])(?:[ -]?\d){12,17}(?!\w)")

# --- keys in blocks of base64 -------------------------------------------------------------------------

_PEM_BEGIN = late(r"-----BEGIN [A-Z0-9 ]{1,60}+-----")
_PEM_END = late(r"-----END [A-Z0-9 ]{1,60}+-----")
_PEM_CHUNK = late(
    r"[\s\\,'\"|]*+(?:[A-Za-z0-9+/=]{16,}+|[A-Za-z0-9+/=]{1,15}+(?=[\r\n\\\"']|\Z)"
    r"|[A-Z][A-Za-z-]{2,19}: [^\r\n\\]{1,80})"
)
_PEM_LINES = late(
    r"^[ \t'\"]{0,8}(?:[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76})(?:\r?\n|\Z)", re.MULTILINE
)
_LONG_BASE64 = late(r"[A-Za-z0-9+/=]{16}")
_BASE64_LINE = late(r"[ \t'\"|]{0,8}[A-Za-z0-9+/=]{1,80}+(?:\\[rn]|['\",\s]){0,8}")

# --- passwords in addresses ---------------------------------------------------------------------------

_ADDRESS = late(r"(?<=://)[^\s\"'<>]++")
_USER = late(r"[^\s:/?#@]*+")
_RANDOM = late(r"(?=[A-Za-z_-]{0,40}\d)(?=[a-z\d_-]{0,40}[A-Z])(?=[A-Z\d_-]{0,40}[a-z])[\w-]{12,}+@")
_PORT = late(r":\d{1,5}(?:[/?#]|\Z)")
_GO_DSN = late(r"(?<![\w.%+-])[\w.%+-]{1,64}+:(?P<secret>[^\s/\"']{1,100})@(?=(?:tcp|unix|udp)\()")
_ORACLE = late(
    r"(?<![\w./-])[A-Za-z][\w$#]{0,30}+/(?P<secret>[^\s/@\"']{1,60}+)@(?=//|[\w.-]{1,80}+:\d{1,5}[/:]|\()"
)
_QUERY_KEY = late(r"(?<=[?&;])(?:key|sig|code_verifier)=(?P<secret>[\w.%+/=~-]{12,}+)")

# --- command lines and statements ---------------------------------------------------------------------

_USER_OPTION = late(
    r"(?<![\w-])(?:-u|--user|--proxy-user)(?:[ =]|[\"'],\s{0,3})[\"']?"
    r"[^\s:\"']{1,60}+:(?!\d{1,5}(?!\S))(?P<secret>[^\s\"',]{1,200}+)"
)
_CLIENT_OPTION = late(
    r"\b(?:(?:sshpass|mysql\w{0,8}|mariadb\w{0,8}|docker login|podman login|mongo\w{0,8}"
    r"|twine|unrar|rar|7za?|useradd)\b"
    r"[^\r\n]{0,100}?[\s'\"]-p|redis-cli\b[^\r\n]{0,100}?[\s'\"]-a|(?:sqlcmd|bcp|zip)\b[^\r\n]{0,100}?[\s'\"]-P"
    r"|ldap[a-z]{3,9}\b[^\r\n]{0,100}?[\s'\"]-w|snmp[a-z]{3,9}\b[^\r\n]{0,100}?[\s'\"]-[AX]"
    r"|ssh-keygen\b[^\r\n]{0,100}?[\s'\"]-N"
    r"|openssl\b[^\r\n]{0,100}?[\s'\"]-[kK]"
    r"|htpasswd\b[^\r\n]{0,20}?-\w{0,4}b\w{0,4}(?:\s\S{1,60}+){2})"
    r"(?:[\s'\",]{1,5}|(?=[^\s\d-]))(?P<secret>(?!\d{1,5}(?![^\s\"',]))[^\s\"'-][^\s\"']{0,200}+)"
)
_SECOND_OPTION = late(r"(?<=\s)-X[ =](?P<secret>[^\s\"'-][^\s\"']{5,200}+)")
_SAMBA = late(r"(?<![\w-])(?:-U|--user)[ =][\w.\\@-]{1,60}+%(?P<secret>[^\s\"']{1,200}+)")
_NET_USE = late(r"\bnet use\s{1,3}(?:\w:\s{1,3})?\\\\\S{1,200}+\s{1,3}(?P<secret>[^\s/\"']{1,200}+)")
_PIPED = late(r"\bchpasswd\s{0,3}<<<\s{0,3}[\"']?[\w.-]{1,60}+:(?P<secret>[^\s\"']{1,200}+)")
_CREDENTIALS = late(
    r"\b\w{0,40}(?:Auth|Credentials?|Login)\(\s{0,3}[\"'][^\"'\r\n]{1,100}[\"'],\s{0,3}[\"'](?P<secret>[^\"'\r\n]{1,200}+)(?=[\"'])"
)
_KEY_DETAIL = late(r"\bKey \((?P<names>[^()\r\n]{1,200}+)\)=\((?P<secret>[^()\r\n]{1,1000}+)\)")
_DUPLICATE = late(r"\bDuplicate entry '(?P<secret>[^'\r\n]{1,300}+)' for key '(?P<names>[^'\r\n]{1,200}+)'")
_CODE = late(
    r"(?<=[?&])(?:code|state|ticket)=(?=[A-Za-z_.~%/-]{0,60}\d)(?=[^\s&]{0,60}?[a-z])(?P<secret>[\w.%+/=~-]{14,}+)"
)
_IN_A_SENTENCE = late(
    r"\b(?i:password|passphrase|passcode|secret|token|(?:api|access|secret|private|signing|license)[ _-]?key)"
    r"(?: (?i:is|was|of|provided|given|used|value|for|\w{1,30}+(?=:))){0,2}:?[ \t][\"'`<]?"
    r"(?=[A-Za-z_+/=.-]{0,60}\d)(?=[a-z\d_+/=.-]{0,60}[A-Z])(?=[A-Z\d_+/=.-]{0,60}[a-z])(?P<secret>[\w+/=-]{12,200}+)(?![\w(]|\.\w)",
)
_IDENTIFIED = late(
    r"\b(?i:identified\s{1,3}(?:with\s{1,3}\S{1,40}+\s{1,3})?by|set\s{1,3}password\s{1,3}for\s{1,3}\S{1,80}+\s{0,3}=)\s{1,3}(?P<quote>[\"'])?(?P<secret>[^\s\"';]{1,200}+)"
)
_VALUES = late(r"(?P<before>\)\s{0,5}(?i:values)\s{0,5}\()(?P<secret>[^\r\n]*+)")
_PARAMETERS = late(r"\[parameters: (?=[(\[])[^\r\n]*+")
MAX_STATEMENT = 2_000
"""Characters of a statement that are searched for names of columns."""
_COLUMN = late(r"[A-Za-z_]\w{1,60}+")
_INPUT_VALUE = late(r"\binput_value=(?P<secret>[^\r\n]*?)(?=, input_type=|[\r\n]|\Z)")


_COMMANDS = (
    ("-", _CLIENT_OPTION), ("snmp", _SECOND_OPTION), ("%", _SAMBA), ("net use", _NET_USE),
    ("chpasswd", _PIPED), ("(", _CREDENTIALS),
)  # fmt: skip
"""What a text must contain before a pattern is tried, and the pattern."""


def without_shapes(text: str) -> str:
    """Return `text` with what needs no look at the names around it replaced."""
    if "-----" in text:
        text = _without_ends(_without_keys(text))
    if "://" in text:
        text = _ADDRESS.sub(
            lambda found: _without_userinfo(
                found[0], found.string[max(0, found.start() - 8) : found.start()]
            ),
            text,
        )
        text = SECRET_PATHS.sub(_kept_before, text)
    if "=" in text and ("?" in text or "&" in text):
        text = _CODE.sub(_without_secret, _QUERY_KEY.sub(_without_secret, text))
    if "eyJ" in text:
        text = _DOTTED.sub(_without_jwt, text)
    if "@" in text:
        text = _ORACLE.sub(_without_secret, _GO_DSN.sub(_without_secret, text))
    if "input_value=" in text:
        text = _INPUT_VALUE.sub(_without_secret, text)
    if len(text) >= 6:
        lower = text.lower()
        if "digest" in lower:
            text = _DIGEST.sub(_without_secret, text)
        if (
            "bearer" in lower
            or "basic" in lower
            or "negotiate" in lower
            or "ntlm" in lower
            or "token" in lower
        ):
            text = _SCHEME.sub(_without_credentials, text)
        text = TOKENS.sub(MARK, text)
        text = _CARD.sub(_without_card, text)
        if "-u" in text:
            text = _USER_OPTION.sub(_without_secret, text)
        for needed, pattern in _COMMANDS:
            if needed in text:
                text = pattern.sub(_without_secret, text)
        if "pass" in lower or "secret" in lower or "token" in lower or "key" in lower:
            text = _IN_A_SENTENCE.sub(_without_secret, text)
        if "identified" in lower or "password" in lower:
            text = _IDENTIFIED.sub(_without_secret, text)
    if len(text) > 128 and "\n" in text:
        text = _without_lines(text)
    return text


def without_columns(text: str, judge: Judge) -> str:
    """Return a text of SQL without the values of statements of which one column is a secret."""
    if "Key (" in text:
        text = _KEY_DETAIL.sub(lambda found: _without_keys_of(found, judge), text)
    if "Duplicate entry" in text:
        text = _DUPLICATE.sub(lambda found: _without_keys_of(found, judge), text)
    if "[parameters: " in text:
        text = _PARAMETERS.sub(lambda found: _without_parameters(found, judge), text)
    if ")" in text and "'" in text:
        text = _VALUES.sub(lambda found: _without_row(found, judge), text)
    return text


def _without_parameters(found: re.Match[str], judge: Judge) -> str:
    text, start = found.string, found.start()
    begin = text.rfind("[SQL: ", max(0, start - MAX_STATEMENT), start)
    secret = begin >= 0 and _names_a_secret(text[begin:start], judge)
    return f"[parameters: {MARK}]" if secret else found[0]


def _without_keys_of(found: re.Match[str], judge: Judge) -> str:
    return _without_secret(found) if _names_a_secret(found["names"], judge) else found[0]


def _without_row(found: re.Match[str], judge: Judge) -> str:
    text, start = found.string, found.start()
    begin = text.rfind("(", max(0, start - MAX_STATEMENT), start)
    secret = begin >= 0 and "'" in found["secret"] and _names_a_secret(text[begin:start], judge)
    return f"{found['before']}{MARK})" if secret else found[0]


def _names_a_secret(statement: str, judge: Judge) -> bool:
    return any(_is_secret(judge(name)) for name in _COLUMN.findall(statement))


def _is_secret(judged: Judgement) -> bool:
    return judged.sensitive


def _without_secret(found: re.Match[str]) -> str:
    start, end = found.span("secret")
    value = found["secret"]
    if not value or value.startswith(MARK) or ABSENT.fullmatch(value):
        return found[0]
    offset = found.start()
    return found[0][: start - offset] + MARK + found[0][end - offset :]


def _kept_before(found: re.Match[str]) -> str:
    return found["before"] + MARK


def _without_credentials(found: re.Match[str]) -> str:
    return f"{found['scheme']} {MARK}"


def _without_userinfo(run: str, before: str) -> str:
    """Return what stands behind `://` without its password; a name alone is one before `http`."""
    if "@" not in run:
        return run
    shown: list[str] = []
    for index, part in enumerate(run.split("://")):
        web = (
            before.endswith(("http://", "https://")) if index == 0 else shown[-1].endswith(("http", "https"))
        )
        shown.append(_without_password(part, web))
    return "://".join(shown)


def _without_password(address: str, web: bool) -> str:
    user = _USER.match(address)
    assert user is not None
    end = user.end()
    at = address.rfind("@")
    if at < end:
        return address
    if address.startswith(":", end) and not _PORT.match(address, end):
        if address.startswith(f":{MARK}@", end):
            return address
        return f"{address[:end]}:{MARK}{address[at:]}"
    if at == end and end and (web or _RANDOM.match(address)):
        return MARK + address[at:]
    return address


def _without_keys(text: str) -> str:
    """Return `text` without keys, whole or cut at their end; a mere mention of a first line stays."""
    shown: list[str] = []
    position = last = 0
    ended = True
    for begin in _PEM_BEGIN.finditer(text):
        if begin.start() < last:
            continue
        end = _PEM_END.search(text, begin.end()) if ended else None
        ended = end is not None
        last = end.end() if end else _end_of_base64(text, begin.end())
        if last > begin.end():
            shown += (text[position : begin.start()], MARK)
            position = last
    return "".join((*shown, text[position:]))


def _end_of_base64(text: str, start: int) -> int:
    position, long = start, False
    while (chunk := _PEM_CHUNK.match(text, position)) is not None:
        position = chunk.end()
        long = long or _LONG_BASE64.search(chunk[0]) is not None
    return position if long else start


def _without_jwt(run: re.Match[str]) -> str:
    text, position = run[0], 0
    while (start := text.find("eyJ", position)) >= 0:
        found = _JWT.match(text, start)
        if found is not None:
            return text[:start] + MARK + text[found.end() :]
        position = text.find(".", start)
        if position < 0:
            break
    return text


def _without_ends(text: str) -> str:
    """Return `text` without the lines of a key whose beginning was cut off."""
    shown: list[str] = []
    position = 0
    for end in _PEM_END.finditer(text):
        rows = text[position : end.start()].split("\n")
        kept = len(rows)
        while kept > 0 and (not rows[kept - 1].strip() or _BASE64_LINE.fullmatch(rows[kept - 1])):
            kept -= 1
        if any(row.strip() for row in rows[kept:]):
            shown += (*(f"{row}\n" for row in rows[:kept]), MARK)
        else:
            shown.append(text[position : end.end()])
        position = end.end()
    return "".join((*shown, text[position:]))


def _without_lines(text: str) -> str:
    """Return `text` without blocks of lines of base64, such as the middle of a key."""
    found = list(_PEM_LINES.finditer(text))
    if len(found) < 2:
        return text
    shown: list[str] = []
    position = index = 0
    while index < len(found):
        last = index
        while last + 1 < len(found) and found[last + 1].start() == found[last].end():
            last += 1
        if last > index:
            end = found[last].end()
            rest = _BASE64_LINE.match(text, end)
            end = rest.end() if rest else end
            shown += (text[position : found[index].start()], MARK, "\n" if text[end - 1] == "\n" else "")
            position = end
        index = last + 1
    return "".join((*shown, text[position:]))


def _without_card(found: re.Match[str]) -> str:
    digits = [int(character) for character in found[0] if character.isdigit()]
    if len(digits) > 16 and found[0].isdigit():
        return found[0]
    doubled = [digit if index % 2 == 0 else digit * 2 for index, digit in enumerate(reversed(digits))]
    total = sum(digit - 9 if digit > 9 else digit for digit in doubled)
    return MARK if total % 10 == 0 else found[0]
