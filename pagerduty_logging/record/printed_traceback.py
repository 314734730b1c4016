"""Tracebacks that arrive as text: from other processes, and from formatters that merge them into messages.

Formatters that print the values of variables under the source lines exist; those lines are dropped.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pagerduty_logging.events_api.safejson import cut
from pagerduty_logging.record.exceptions import INNER_FRAMES, MAX_CHAIN, MAX_TEXT, OUTER_FRAMES, Frame, Raised

_BEGIN = re.compile(
    r"^[ \t|+╭─]*(?:Exception Group )?(?:Traceback|Stack) \(most recent call last\):?[ \t─╮]*$", re.MULTILINE
)
_FRAME = re.compile(r'>?\s*File "(?P<path>[^"\n]*)", line (?P<line>\d{1,9})(?:, in (?P<function>.*))?')
_ERROR = re.compile(r"(?P<kind>[^\W\d][\w.<>]*)(?::(?: (?P<text>.*))?)?$", re.DOTALL)
_RELATIONS = {
    "The above exception was the direct cause of the following exception:": "caused by",
    "During handling of the above exception, another exception occurred:": "while handling",
}
_MARGIN = re.compile(r"^[ ]*(?:\|[ ]|\+[-+ \d]*$)")
_CARETS = re.compile(r"\s*[~^]+\s*")
_VALUES = re.compile(r"\s*[│└┌┬├╭╰]")


class Split(NamedTuple):
    """A text's own words, and the traceback that followed them."""

    words: str
    traceback: str


def split(text: str) -> Split:
    """Part `text` before the first line that begins a traceback; without one all of it is words."""
    begin = _BEGIN.search(text) if "(most recent call last)" in text else None
    return Split(text, "") if begin is None else Split(text[: begin.start()].rstrip(), text[begin.start() :])


def parse(text: str) -> tuple[Raised, ...]:
    """Return the exceptions that `text` tells of, as `chain.caught` would: the last printed first.

    What cannot be understood is left out; a text without any frame or exception gives an empty chain.
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
        elif _ERROR.match(line):
            said = [line]
    chain += _finished(frames, said, relation)
    # Printed oldest first, and each says how the one before it led to it; wanted the other way round.
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
    return [Raised(found["kind"], cut(found["text"] or "", MAX_TEXT), tuple(frames), relation=relation)]
