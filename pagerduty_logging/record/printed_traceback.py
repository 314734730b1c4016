"""Tracebacks that arrive as text: from other processes, and from formatters that merge them into messages.

Some formatters print the values of variables under the source lines; those lines are dropped.
"""

from __future__ import annotations

import ast
import re
from typing import Final, NamedTuple

from pagerduty_logging.events_api.late_pattern import late
from pagerduty_logging.events_api.safejson import truncated
from pagerduty_logging.record.exceptions import INNER_FRAMES, MAX_CHAIN, MAX_TEXT, OUTER_FRAMES, Frame, Raised

HEADER: Final = "Traceback (most recent call last):"
"""The first line of a traceback, as Python prints it."""
MARK: Final = "raceback (most recent call last)"
"""In the first line of every printed traceback; without its first letter, which may be small."""
_BEGIN = late(
    r"^[ \t|+╭─]*(?:Exception Group )?(?:Traceback|Stack) \(most recent call last\):?[ \t─╮]*$", re.MULTILINE
)
_FRAME = late(r'>?\s*File "(?P<path>[^"\n]*)", line (?P<line>\d{1,9})(?:, in (?P<function>.*))?')
_ERROR = late(r"(?P<kind>[^\W\d][\w.<>]*)(?::(?: (?P<text>.*))?)?$", re.DOTALL)
_RELATIONS = {
    "The above exception was the direct cause of the following exception:": "caused by",
    "During handling of the above exception, another exception occurred:": "while handling",
}
_MARGIN = late(r"^[ ]*(?:\|[ ]|\+[-+ \d]*$)")
_CARETS = late(r"\s*[~^]+\s*")
_VALUES = late(r"\s*(?:[│└┌┬├╭╰]|(?:\|\s*)*-> )")
_DRAWN = late("[│└┌┬├╭╰]|-> ")


_HEADER = late(r"(?:Exception Group )?Traceback \(most recent call last\)")
_ESCAPED = late(r"\\(.)", re.DOTALL)
_UNESCAPED = {"n": "\n", "t": "\t", "r": ""}
_IN_A_ROW = late(r'(?<![ |;,\t])[ |;,\t]*+(File "[^"\n]*", line [0-9]+, in [^\s|;,]+)[ |;,\t]*')
_KIND_IN_A_ROW = late(r"(?<![\w.])(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?=: |\s*$)", re.ASCII)
MAX_CHARS = 40_000
"""Characters of a traceback that are read; of a longer one, the last ones."""


class Split(NamedTuple):
    """The words of a text, and the traceback after them."""

    words: str
    traceback: str


class FoundTraceback(NamedTuple):
    """A traceback found anywhere in a text, in any layout, as rows that `parse` can read."""

    words: str
    """The text before it."""
    traceback: str
    follows_a_line: bool
    """Whether it begins on a new line, like one that a formatter appends."""

    @property
    def whole(self) -> bool:
        """Whether the text is this traceback and nothing else: then the application itself logged it."""
        return not self.words.strip()


def find_in(text: str) -> FoundTraceback | None:
    """Find a traceback in `text`: after other words, joined into one line, or as the `repr` of a text.

    The stack of `stack_info=True` is not a traceback.
    """
    if MARK not in text:
        return None
    header = _HEADER.search(text)
    if header is None:
        return None
    begin = header.start()
    line = text.rfind("\n", 0, begin) + 1
    margin = text[line:begin]
    alone = not margin.strip(" \t|+╭─")
    begin = line if alone else begin
    words, traceback = text[:begin].removesuffix("\n"), text[begin:]
    if len(traceback) > MAX_CHARS:
        traceback = traceback[: MAX_CHARS // 8] + "\n" + traceback[-MAX_CHARS * 7 // 8 :]
    if "\n" not in traceback.rstrip():
        if "\\n" in traceback:
            traceback = _ESCAPED.sub(lambda found: _UNESCAPED.get(found[1], found[1]), traceback).rstrip(
                "'\")], "
            )
            words = words.removesuffix("[").removesuffix("'").removesuffix('"')
        else:
            traceback = _in_rows(traceback)
    return FoundTraceback(words, traceback, alone)


def _in_rows(line: str) -> str:
    """Split a traceback that was joined into one line; enough to show what failed and where."""
    head, *rest = _IN_A_ROW.split(line)
    rows = [head]
    for frame, source in zip(rest[::2], rest[1::2], strict=True):
        rows += (f"  {frame}", f"    {source}")
    kind = _KIND_IN_A_ROW.search(rows[-1], 4) if rest else None
    if kind is not None:
        rows[-1:] = [rows[-1][: kind.start()].rstrip(" |;,"), rows[-1][kind.start() :]]
    return "\n".join(rows)


def without_values(text: str) -> str:
    """Return a text without the rows in which a formatter shows the values of variables."""
    if not _DRAWN.search(text):
        return text
    return "\n".join(row for row in text.split("\n") if not _VALUES.match(row))


def split(text: str) -> Split:
    """Split `text` before the first line that begins a traceback; without one it is all words."""
    begin = _BEGIN.search(text) if "(most recent call last)" in text else None
    return Split(text, "") if begin is None else Split(text[: begin.start()].rstrip(), text[begin.start() :])


def parse(text: str) -> tuple[Raised, ...]:
    """Return the exceptions that `text` shows, as `exceptions.caught` would: the last printed first.

    Rows that cannot be read are left out; a text without any frame or exception gives an empty chain.
    """
    if not text:
        return ()
    chain: list[Raised] = []
    frames: list[Frame] = []
    said: list[str] = []
    relation = ""
    for raw in text.splitlines():
        line = _MARGIN.sub("", raw)
        found = _FRAME.match(line.strip())
        if line.strip() in _RELATIONS:
            chain += _finished(frames, said, relation)
            relation = _RELATIONS[line.strip()]
            frames, said = [], []
        elif _BEGIN.match(line):
            chain += _finished(frames, said, relation)
            frames, said, relation = [], [], relation if not said else ""
        elif found is not None:
            frames.append(_frame(found))
            said = []
        elif said and not line.startswith("    "):
            said.append(line)
        elif not line.strip() or _CARETS.fullmatch(line) or _VALUES.match(line):
            continue
        elif line.startswith("    ") and frames and not said:
            if frames[-1].source == "":
                frames[-1] = frames[-1]._replace(source=line.strip())
        elif _ERROR.match(line) or (frames and _ERROR.match(line.lstrip(" "))):
            said = [line.lstrip(" ")]  # some indent it by one space
    chain += _finished(frames, said, relation)
    # Printed oldest first, each with its relation to the one before; needed the other way round.
    nearest_first = []
    relation = ""
    for raised in reversed(chain[-MAX_CHAIN:]):
        nearest_first.append(raised._replace(relation=relation))
        relation = raised.relation
    return tuple(nearest_first)


def frames_of(text: str) -> tuple[Frame, ...]:
    """Return the frames that a printed stack shows, outermost first."""
    found = parse(text + "\nstack")
    return found[0].frames if found else ()


def of_parts(frames: str, representation: str) -> str:
    """Return a printed traceback, from its frames and the `repr` of its exception."""
    kind, words = exception_of(representation)
    last = f"{kind}: {words}" if words else kind
    return "\n".join((HEADER, *frames.splitlines(), last))


def exception_of(representation: str) -> tuple[str, str]:
    """Return an exception's type and text, from its `repr`: the type itself may be unknown here."""
    kind, _bracket, rest = representation.partition("(")
    if not kind.isidentifier() or not rest.endswith(")"):
        return "an exception", representation
    try:
        given = ast.literal_eval(f"({rest[:-1]},)" if rest[:-1] else "()")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return kind, rest[:-1]
    return kind, str(given[0] if len(given) == 1 else given) if given else ""


def _frame(found: re.Match[str]) -> Frame:
    return Frame(found["path"], int(found["line"]), (found["function"] or "").strip(), source="")


def _finished(frames: list[Frame], said: list[str], relation: str) -> list[Raised]:
    if not said:
        return []
    found = _ERROR.match("\n".join(said).rstrip())
    if found is None:
        return []
    left_out = len(frames) - OUTER_FRAMES - INNER_FRAMES
    if left_out > 0:
        frames = [*frames[:OUTER_FRAMES], Frame("", left_out, ""), *frames[-INNER_FRAMES:]]
    return [Raised(found["kind"], truncated(found["text"] or "", MAX_TEXT), tuple(frames), relation=relation)]
