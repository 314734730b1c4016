"""The last resort: a template guessed from the rendered text, by masking what looks like a value.

Every rule is about the *shape* of values, or about where English log messages put them; none
is about a product, a host or a word of a particular log. All classes are ASCII only, because
Unicode tables change between Python releases and a key must not. No pattern can backtrack
beyond a constant times the (bounded) length of the text.
"""

from __future__ import annotations

import re
from typing import Final

from pagerduty_logging.events_api.late_pattern import late

MASKED: Final = "<*>"
"""The placeholder for a masked value in a template."""

MAX_TEXT_CHARS: Final = 1_000
MAX_TEMPLATE_CHARS: Final = 300
"""Shorter than the text, so that values of different lengths do not change where the template ends."""

_H = "\0"  # placeholder while masking; no message can contain it

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_METHOD = "(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)"
_UNIT = (
    r"[ ]?(?:(?:[kKMGTP]i?)?(?:[bB]ytes?|[bB]its?|[bB](?:ps)?|[hH]z)|[kKMGT]i?|[mnu]?s|m|h|d"
    r"|mins?|[mu]?secs?|(?:milli|micro|nano)?seconds?|minutes?|hours?|days?|weeks?|percent|%)"
    r"(?!\w|[-.:@]\w)"
)
# A name that is followed by what makes it a key, a call or a longer token is no value.
_NO_KEY = r"(?!\w|[.-]\w|\s?=|:(?![\s\d]|$)|\((?!\)))"
_ADDRESS_END = r"(?:(?:\.[0-9]{1,3}){3})?(?:%\w+)?(?!\w)"
# At the head of a message a class, or a function of it, says which operation failed.
_NO_HEAD = r"(?!^(?:[a-z_][A-Za-z_]*+\.)*+[A-Z][A-Za-z_]*+(?:\.[A-Za-z_]++)*+(?![\w.@~+#$-]))"
# The subject of "is" or "is not" is no operation.
_STATED = r"\w++ (?:[a-z]+ing|does|do|has|have|had|is|are|was|were|not|object|with)(?!\w)"
# The name of an error is the cause.
_NO_ERROR = r"(?<!Error)(?<!Exception)(?<!Warning)(?<!Timeout)"

_MARKED: Final = (
    # Quotes are what people and repr() put around values; an apostrophe in a word is no quote.
    # The request line of an access log is a sentence of its own: its method stays.
    r"(?<![\w\0\\])[bu]?'(?:[^'\\]|\\.)*'(?!\w)",
    rf"(?<![\w\0\\])[bu]?\"(?!{_METHOD} )(?:[^\"\\]|\\.)*\"(?!\w)",
    r"`[^`]*`",
    # key=value: any value. The key stays: the author wrote it.
    r"(?<=\w=)(?!['\"\0]|\w+://)[^\s,;()\[\]\0&]*[^\s,;()\[\]\0&.:]",
    # Dates and times in words and with separators, their zone and year included.
    rf"(?:{_WEEKDAY},?\s+)?(?:{_MONTH}\s+[0-9]{{1,2}}(?!\w)|[0-9]{{1,2}}[ -]{_MONTH}(?![a-z]))"
    r"(?:,?[ -][0-9]{4})?",
    r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9a-f]|:[0-9a-fA-F:])(?:[.,][0-9]+)?"
    r"\s?(?:[AaPp][Mm]\b|[A-Z]{3,4}\b|Z\b)?(?:\s?[0-9]{4}\b)?",
    # MAC and IPv6 addresses, whose parts may be letters alone.
    r"(?:[0-9a-fA-F]{1,4}::?){2,}(?:[0-9a-fA-F]{1,4})?"
    rf"{_ADDRESS_END}",
    r"(?<!:)(?:[0-9a-fA-F]{1,4})?::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?"
    rf"{_ADDRESS_END}",
    # Absolute and home paths, Windows paths, UNC.
    r"(?<![\w.\0])(?:~|\.{1,2}|[A-Za-z]:)?[/\\][^\s'\",;:()\[\]{}<>\0]+(?<![.])",
    # A number takes its unit with it: formatters change "999 B" to "1.2 KB" by themselves.
    rf"[<>~]?[-+]?[0-9]+(?:[.,][0-9]+){{0,8}}(?:[eE][-+]?[0-9]+)?{_UNIT}",
    # Hex without a digit, longer than any word; a UUID is one token.
    r"[a-fA-F]{8,}(?!\w|-[0-9a-fA-F]{4}-)",
    # A class by its capitals.
    rf"(?:(?<=[\s(:,])|^(?={_STATED}))[A-Z][a-z]+[A-Z][a-z]\w*{_NO_ERROR}{_NO_KEY}",
    # True, False and None.
    r"(?<!-)(?:True|False|None|NaN|[-+]?(?:nan|inf))(?![\w-])",
)
_TOKENS: Final = (
    # A URL holds hosts, ids and queries. Punctuation that ends the sentence is not part of it.
    r"[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s'\"<>\0]*[^\s'\"<>\0.,;:!?)\]}]",
    # E-mail addresses and user@host.
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*",
    # Relative paths of three parts or more: two are often prose ("read/write", "Input/output").
    r"(?<![./-])\w[\w.-]*(?:/[\w.@%+-]+){2,}",
    # Any token with a digit: numbers, versions, addresses, hex, UUIDs, blk_17, web-01.
    r"(?<!\w[.@#-])[-+#$@~]?(?:\w+(?:-+|[.@#])){0,16}?"
    r"\w*[0-9]\w*(?:(?:-+|[.@:#+])?\w+)*%?",
    # Identifiers rather than words: dotted or joined in another way, or with an underscore. Codes
    # (EPIPE_X), keys and calls are the author's and stay, and so does a class or its method at the head.
    rf"(?<![\w.-]){_NO_HEAD}[\w-]++(?:(?:[.@~+#$]|::)[\w-]++)+{_NO_ERROR}{_NO_KEY}",
    r"(?<![\w.-])[A-Za-z][\w-]*+(?::[\w-]++){2,}(?![\w:])",
    rf"(?<![.-])(?![A-Z0-9_]+(?!\w))[A-Za-z]\w*_\w+{_NO_KEY}",
)
# Values begin where a word begins, or with a punctuation mark: the middle of a word need not be searched;
# and a token of letters alone is none of the second kind.
_VALUE = late(
    rf"(?!(?<=\w)\w)(?:{'|'.join(_MARKED)}|(?![A-Za-z]++(?![\w.@/:#+-]))(?:{'|'.join(_TOKENS)}))",
    re.ASCII,
)

# What is a letter beyond ASCII changes between Python releases; blocks of scripts do not. Symbols, arrows,
# dingbats, emoji and their modifiers are in none of these.
_SCRIPTS = (
    "\xaa\xb5\xba\xc0-\xd6\xd8-\xf6\xf8-\u02af\u0370-\u1fff\u2c00-\u2ddf\u3005-\u3007\u3021-\u3029"
    "\u3031-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\ua6ff\ua720-\ud7ff\uf900-\ufdff"
    "\ufe70-\ufefe\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc\U00010000-\U0001bfff\U0001e000-\U0001efff"
    "\U00020000-\U0003ffff"
)
_LETTER = late(f"[A-Za-z{_SCRIPTS}]")
_LETTER_OR_DIGIT = late(f"[0-9A-Za-z{_SCRIPTS}]")

# Terminal colours are decoration.
ANSI = late(r"\x1b\[[0-9;]*[A-Za-z]")
# Reprs and markup, innermost first: <Response [503]>, {'id': 17}. Braces that do not open with
# a literal are prose or another language's record, whose field names are the author's.
_ANGLE = late(r"<[A-Za-z/!?\0][^<>]*>", re.ASCII)
_BRACE = late(r"\{(?=['\"0-9\0}])[^{}]*\}", re.ASCII)
_NESTING: Final = 4
# An empty list or tuple is one more value of the slot that lists stand in.
_EMPTY = late(r"(?<!\w)(?:\(\s*\)|\[\s*\])", re.ASCII)

# A plain word is a value where it follows a noun that names things ("user alice") ...
_NOUNS: Final = (
    "account action address agent aggregate alias area argument asset attachment attribute backend "
    "backup branch bucket callback camera certificate channel class cluster collection column command "
    "component connector contact container controller customer database dataset deployment "
    "destination device directory disk document domain entity entry environment event export "
    "extension feature field file filesystem folder format function gateway group handler header hook "
    "host hostname id image index instance integration interface issuer item job key label location "
    "lock mapping member method metric model module name named namespace node object operation option "
    "organization package page parameter partition pattern platform plugin pod policy pool port "
    "prefix preset process profile project property provider query queue region replica repo "
    "repository request resource role route router rule run schedule schema scope script secret "
    "sensor server service session setting shard share site snapshot snippet space stage state status "
    "step store stream subnet symbol table tag task team template tenant thread tool topic transport "
    "type user variable view volume widget worker workload workspace zone"
)
# ... unless that word carries the sentence on: what happened must not be taken for a name. As many names as
# verbs end in "ing" ("billing", "staging"): of these the verbs that say what is wrong. And what happens to a
# thing, or is measured of it: "share creation failed" is another problem than "share deletion failed".
_PREDICATES: Final = (
    "a activation after again age all allocation already an and any are as at available backlog be "
    "because been before being blocking broke busy but by can cancellation cannot capacity changed "
    "changes check checks conflict connection contention corrupt corruption could count cpu crash "
    "creation data delay deletion depth did died do does doing down due dying empty ending error errors "
    "eviction exceeding exception execution exhaustion exist existing exists exiting expecting "
    "expiration expire expires failing failure file files for found from full getting going gone had "
    "hanging has have having health heartbeat hung id ids if in info initialisation initialization "
    "integrity into invalid is it its key keys lag latency leaving left length less level limit list "
    "listening load loading looking losing lost low may memory mismatch missing more must name names no "
    "not of off on only or out over overflow path pending pressure quota ran rate reconnecting refusing "
    "registration rejecting remaining removal remove responding restarting retrying returning rotation "
    "running set should shutdown shutting since size so space speed starting startup state status "
    "stopping submission temperature termination than that the their then this throughput timeout "
    "timing to too traffic trying type types unavailable under unknown until up usage using validation "
    "value values verification via wait waiting was were when while will with within without would "
    "writing"
)


def _any_of(words: str) -> str:
    """A pattern for WORDS, capitalised or not, that looks at the first letter first."""
    by_letter: dict[str, list[str]] = {}
    for word in words.split():
        by_letter.setdefault(word[0], []).append(word[1:])
    return "|".join(f"[{c}{c.upper()}](?:{'|'.join(rest)})" for c, rest in by_letter.items())


# Verbs by their ending, where a stem with a vowel goes before: "used", but not "fred".
_PROSE = (
    rf"(?!(?i:{_any_of(_PREDICATES)}|[^aeiouy\W]{{0,20}}+[aeiouy](?!d(?!\w))\w{{1,40}}+(?<=ed)(?<!eed))"
    r"(?!\w|-\w))"
)
_NAMED = late(
    rf"(?<!\w)(?=[A-Za-z]{{2,15}}+(?: |\(|: ))((?:{_any_of(_NOUNS)}|ID)(?: | ?\("
    r"|: (?=[\w-]+(?:[.,;)]|$| (?:and|at|by|for|from|in|is|of|on|to|with)(?!\w)))))"
    rf"{_PROSE}[A-Za-z][\w-]*+(?:[.:/@+~#$|]++[\w-]++)*+(?=[\s.,:;)]|$)",
    re.ASCII,
)
# ... or is one of several capitalised words in a row ("for Garage Door"), other than a reason phrase ...
_TITLE = late(
    r" (?<=[a-z\])] )(?!(?:Access|Bad|Gateway|Internal|No|Not|Permission|Request|Service|Too)(?!\w))"
    r"[A-Z][a-z]+(?:-[0-9]+)?(?: (?:[A-Z][a-z]+(?:-[0-9]+)?|\0)(?!\w))+(?=[\s.,:;)]|$)",
    re.ASCII,
)
# ... or ends a clause after a preposition, or stands alone between two colons ...
_PREPOSITIONS: Final = "against at by for from in of on"
_FLANKED = late(
    rf" (?:((?:{_PREPOSITIONS.replace(' ', '|')}) ){_PROSE}[A-Za-z][\w-]*(?=[:,.;](?:\s|$)|$)"
    rf"|(?<=: ){_PROSE}[A-Za-z][\w-]*(?=: ))",
    re.ASCII,
)
# ... or has a place of its own between two prepositions ("for root from 10.0.0.1") ...
_PLACED = late(r" for [\w-]+(?= (?:at|by|from|in|on|via|with) \0)", re.ASCII)
# ... or is a member of a list, or stands alone between a value and the next mark ...
_ENUMERATED = late(r"(?:^|(?<=: ))[A-Za-z][\w-]*(?:, [A-Za-z][\w-]*)+$", re.ASCII)
_LISTED = late(r"\0(?:[,:] [\w-]+(?=[,;:)\]]|$))+", re.ASCII)
# ... or is joined to a value by a slash.
_JOINED = late(r"(?<![\w.-])[\w.-]+/\0|\0(?:/[\w.@%+-]+)+", re.ASCII)

# The wrapping of a value comes and goes with the value, and lists differ in length.
_WRAPPED = late(r"""(?<!['"`\\\[\](){}<>])['"`\\\[\](){}<>]*\0['"`\\\[\](){}<>]*""")
_RUN = late(r"\0(?:[\s,;:/|&+*_=.$#~-]*\0)+", re.ASCII)
_SPACES = late(r"\s{2,}|[^\S ]", re.ASCII)


# Most templates are lower-case words and placeholders, none of which any of these rules is about.
_WORDS = re.compile(r"(?=[^ ])[A-Z]?[a-z]*(?: (?:[a-z]+|%[a-z]))*")
_VALUE_WORDS: Final = frozenset((*_NOUNS.split(), "false", "inf", "nan", "none", "true"))
_BEFORE_LAST: Final = frozenset(_PREPOSITIONS.split())
_HEX_WORD = re.compile("[a-f]{8}")


def _has_no_value(text: str) -> bool:
    """Return whether a text has nothing that could be a value, and only words: a quick test for most."""
    if len(text) > MAX_TEMPLATE_CHARS or _WORDS.fullmatch(text) is None:
        return False
    words = text.lower().split(" ")
    return (
        _VALUE_WORDS.isdisjoint(words)
        and _BEFORE_LAST.isdisjoint(words[-2:-1])
        and _HEX_WORD.search(text) is None
    )


def mask(text: str) -> str:
    """Return the template that TEXT seems to have been made from.

    Only the first line with a word in it counts, and at most `MAX_TEXT_CHARS` of it. Values are
    replaced by `MASKED`; runs of them collapse into one.
    """
    if _has_no_value(text):
        return text
    text = first_line(text).replace(_H, " ")
    if "\x1b" in text:
        text = ANSI.sub("", text)
    if "<" in text or "{" in text:
        for _ in range(_NESTING):
            inner = _BRACE.sub(_H, _ANGLE.sub(_H, text))
            if inner == text:
                break
            text = inner
    text = _VALUE.sub(_H, text)
    if "(" in text or "[" in text:
        text = _EMPTY.sub(_H, text)
    text = _TITLE.sub(f" {_H}", text)
    text = _NAMED.sub(r"\1" + _H, text)
    text = _FLANKED.sub(lambda found: f" {found[1] or ''}{_H}", text)
    if ", " in text:
        text = _ENUMERATED.sub(_H, text)
    if _H in text:
        text = _LISTED.sub(_H, text)
        text = _PLACED.sub(f" for {_H}", text)
        if "/" in text:
            text = _JOINED.sub(_H, text)
        text = _WRAPPED.sub(_H, text)
        text = _RUN.sub(_H, text)
    return _SPACES.sub(" ", text)[:MAX_TEMPLATE_CHARS].strip().replace(_H, MASKED)


def says_nothing(template: str) -> bool:
    """Whether TEMPLATE has no letter at all; `MASKED` has none."""
    return _LETTER.search(template) is None


def first_line(text: str) -> str:
    """Return the part of a text on which its mask depends."""
    # Cut first: it may be a megabyte of blank lines.
    head = text[: 4 * MAX_TEXT_CHARS]
    found = _LETTER_OR_DIGIT.search(head)
    if found is None:
        return head.strip()[:MAX_TEXT_CHARS]
    start = head.rfind("\n", 0, found.start()) + 1
    line = head[start:].partition("\n")[0].strip()
    if len(line) <= MAX_TEXT_CHARS:
        return line
    # The last token is cut in two: it would look different with every value before it.
    return line[:MAX_TEXT_CHARS].rpartition(" ")[0] or line[:MAX_TEXT_CHARS]
