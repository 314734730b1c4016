"""The one line that the person on call sees first: what was logged, where it failed, and with what."""

from __future__ import annotations

import os
import re

from pagerduty_logging.events_api.text import cut, plain
from pagerduty_logging.record.exceptions import Frame, Raised
from pagerduty_logging.record.places import OURSELVES, is_library, is_ours, looks_like_library
from pagerduty_logging.record.printed_traceback import MARK, find_in, parse

MAX_LINE_CHARS = 600
"""Characters of the message's first line in a summary, so that the exception fits in behind it."""
MAX_ERROR_CHARS = 350
"""Characters of the exception's text in a summary."""
MAX_PLACE_CHARS = 120
MAX_HEADINGS = 2
"""Lines that are shown after a first line that ends in a colon."""
MAX_LOOKED_AT = 4_000
"""Characters in which a line with a letter is looked for."""

_LETTER = re.compile(r"[^\W\d_]")
_TRACEBACK = re.compile(r"[\s:;,(\[|-]{0,8}(?:Exception Group )?Traceback \(most recent call last\):?")
_LOGURU = re.compile(r"An error has been caught in function '[^']*', process '[^']*' \(\d+\), thread '")
"""What loguru's `@logger.catch` says by default: it names who called the function, and not the function."""
_LOGURU_BEGINS = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \| [A-Z]{1,20} {0,8}\| [^\s|]{1,300}:[^\s|]{1,200}:\d{1,9} - "
)
"""Time, level and place of loguru's default format, in which a handler that it is given gets the message."""
_CAUGHT = "Error caught"
_STAMP = re.compile(
    r"^[\[(]\d{1,4}[-/.]\w{2,3}[-/.]\d{2,4}[T :]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?"
    r"(?: ?Z| ?[+-]\d\d:?\d\d)?[\])]\s*"
)
"""The time in brackets that some libraries begin their messages with: an alert has its own."""
_INTEGRATIONS = f"{OURSELVES}integrations{os.sep}"
_CAUSE = "caused by"
"""`Raised.relation` of what an exception was raised from."""
_OBJECT = re.compile(r" at 0x[0-9a-fA-F]")
_NO_ERROR = "NoneType: None"
"""What Python prints if there is no exception."""


def summary(words: str, chain: tuple[Raised, ...], origin: Frame) -> str:
    """Return the message's first line, and the exception, unless the line has it already.

    A first line that ends in a colon says nothing without the next; it is shown with it.

    Args:
        words: the message.
        chain: the exception that was logged, and what led to it.
        origin: the line that logged it. Where that is a library's, which reports what it caught, the
            application's innermost function is named too.
    """
    first = _first_line(words)
    line = cut(_LOGURU_BEGINS.sub("", first, count=1), MAX_LINE_CHARS)
    if not chain:
        return cut(f"{line}{_after_heading(words, first)}", MAX_LINE_CHARS).lstrip(": ")
    reports = is_report(origin)
    # Our hooks report what came through no code of the application's, as bytewax's error from its command.
    wrapped = reports or is_ours(origin.path)
    error, more = _first_cause(_behind_wrapper(chain) if wrapped else chain[0])
    text = cut(_text_of(error, chain), MAX_ERROR_CHARS)
    if text and text == words.strip().partition("\n")[0].strip():
        line = text  # its text may be just a code or a number
    if reports:
        line = _STAMP.sub("", line, count=1)
    elif _LOGURU.match(line):
        reports, line = True, _CAUGHT
    place = _innermost(chain) if reports else ""
    if place and line in ("", text, f"{error.name}: {text}"):
        line = _CAUGHT
    function = place.rpartition(".")[2]
    # "Task billing/pay[8b1a] raised …" names it.
    if place and not (_says(line, function) or f"/{function}[" in line):
        line = _without_error(line, text, chain[0].text.partition("\n")[0])
        line = f"{line.rstrip(': .')} in {place}"
    if line in (text, ""):
        line = f"{error.name}: {text}" if text else error.name
    elif not text or _says(line, text):
        says_type = _says(line, error.name) or (error.kind == "SystemExit" and is_ours(origin.path))
        line = line if says_type else _with_name(line, error.name, text)
    elif line.rstrip(": ").endswith(error.name) and not line.rstrip(": ").endswith(f"in {place}"):
        line = f"{line.rstrip(': ')}: {text}"
    else:
        line = f"{line.rstrip(': ')}: {error.name}: {text}"
    return f"{line}{more}".lstrip(": ")


def without_no_error(text: str) -> str:
    """Return a text without what a formatter appends if `log.exception` finds no exception."""
    stripped = text.rstrip()
    if stripped == _NO_ERROR:
        return ""
    return stripped.removesuffix(f"\n{_NO_ERROR}") if stripped.endswith(f"\n{_NO_ERROR}") else text


def _first_cause(error: Raised) -> tuple[Raised, str]:
    """Return what failed first in a group, and how many more; of any other exception itself."""
    if not error.members:
        return error, ""
    more = len(error.members) + error.more_members - 1
    return error.members[0], f" (and {more} more)" if more else ""


def _behind_wrapper(chain: tuple[Raised, ...]) -> Raised:
    """Return the exception that came out of the application, if a library has wrapped it.

    That a library has cancelled it says less than why: a `TimeoutError`.
    """
    for raised in chain:
        if raised.members or any(frame.path and not is_library(frame.path) for frame in raised.frames):
            return chain[0] if raised.name == "CancelledError" else raised
        if raised.relation not in ("", _CAUSE):
            break
    return chain[0]


def _text_of(error: Raised, chain: tuple[Raised, ...]) -> str:
    """Return an exception's text; if that is only the `repr` of an object, its cause's.

    tenacity's `RetryError` says `RetryError[<Future at 0x7f24b6faa950 state=finished raised ValueError>]`.
    """
    text = _last_line(error.text)
    cause = chain[1] if len(chain) > 1 and chain[1].relation == _CAUSE else None
    if error is not chain[0] or cause is None or not _OBJECT.search(text):
        return text
    said = _last_line(cause.text)
    return f"{cause.name}: {said}" if said else cause.name


def _with_name(line: str, name: str, text: str) -> str:
    """Put the type before its text, where that ends the line; else behind the line."""
    if text and line.endswith(text):
        before = line[: -len(text)].rstrip()
        if before.endswith(":"):
            return f"{before} {name}: {text}"
    return f"{line.rstrip(': ')}: {name}"


def _innermost(chain: tuple[Raised, ...]) -> str:
    """Return the application's innermost function, else ""."""
    for raised in (*chain[0].members, *chain):
        own = [frame for frame in raised.frames if frame.path and not looks_like_library(frame.path)]
        if own:
            return cut(f"{_module(own[-1].path)}.{own[-1].function.rpartition('.')[2]}", MAX_PLACE_CHARS)
    return ""


def _without_error(line: str, *errors: str) -> str:
    """Return a line without what its exception says, which follows the place then."""
    for said in errors:
        if said and line.endswith(f": {said}"):
            return line[: -len(said)]
    return line


def is_report(origin: Frame) -> bool:
    """Return whether a library's line reports what it caught, or our middleware does."""
    if is_ours(origin.path):
        return origin.path.startswith(_INTEGRATIONS)
    return looks_like_library(origin.path)


def _module(path: str) -> str:
    folder, file = os.path.split(path)
    stem = file.rpartition(".")[0] or file
    return os.path.basename(folder) if stem in ("__init__", "__main__") else stem


def _first_line(text: str) -> str:
    """Return the first line that has a letter, else the first that has anything."""
    if len(text) <= MAX_LOOKED_AT and text.isascii() and text.isprintable() and MARK not in text:
        return text.strip()  # as most messages: it has one line
    lines = [line.strip() for line in plain(text[:MAX_LOOKED_AT]).split("\n")]
    found = next((line for line in lines if _LETTER.search(line)), None)
    if found is None:
        found = next((line for line in lines if line), "")
    if len(text) > MAX_LOOKED_AT:
        found = found or plain(text).strip().partition("\n")[0]
    head = _TRACEBACK.split(found, maxsplit=1)[0]
    return head or found


def _after_heading(text: str, line: str) -> str:
    """Return what belongs to a line that ends in a colon: the lines after it, to one that does not end so.

    snakemake's `RuleException:` says nothing without `ValueError in file "Snakefile", line 8:`, nor without
    what was raised.
    """
    if not line.endswith(":") or MARK in text:
        return ""
    lines = [each.strip() for each in plain(text[:MAX_LOOKED_AT]).partition(line)[2].split("\n")]
    more = ""
    for each in [each for each in lines if each][:MAX_HEADINGS]:
        more += f" {each}"
        if not each.endswith(":"):
            break
    return more


def _last_line(text: str) -> str:
    """Return the first line of an exception's text; where that has no letter, the last that has one.

    A line that ends in a colon says nothing without the next.

    Where the text holds another exception's traceback, what that one says follows: it is what failed.
    """
    lines = [line.strip() for line in plain(text).split("\n")]
    lines = [line for line in lines if line]
    if not lines:
        return ""
    last = next((line for line in reversed(lines) if _LETTER.search(line)), lines[0])
    if not _LETTER.search(lines[0]) and not any(c.isdigit() for c in lines[0]):
        return last
    if MARK not in text or last == lines[0]:
        return f"{lines[0]} {lines[1]}" if lines[0].endswith(":") and len(lines) > 1 else lines[0]
    head = _TRACEBACK.split(lines[0], maxsplit=1)[0].rstrip(": ")
    held = find_in(text)
    found = parse(held.traceback)[:1] if held is not None else ()
    for failed in found:  # more may follow it: pyspark appends the plan of a query
        said = failed.text.strip().partition("\n")[0].strip()
        last = f"{failed.name}: {said}" if said else failed.name
    return f"{head}: {last}" if head else last


def _says(line: str, text: str) -> bool:
    """Return whether `line` holds `text` as whole words: not "no" in "cannot", and not "v1" in "/v1"."""
    return re.search(rf"(?<![\w/]){re.escape(text)}(?![\w/])", line) is not None
