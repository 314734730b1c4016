"""A printed exception group, taken apart: the group's own traceback, and those of its members."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_DEPTH: Final = 20
"""Groups within groups that are taken apart; Python prints ten."""

_TITLE: Final = "Traceback (most recent call last):"
_FIRST: Final = re.compile(r"^(?P<indent> *)\+-\+-{3,} 1 -{3,}$", re.MULTILINE)


class Group(NamedTuple):
    """A group's parts, each as a traceback of its own.

    Attributes:
        before: what was printed before it: what led to it, and how.
        own: the group's own, without its members.
        members: theirs.
    """

    before: str
    own: str
    members: tuple[str, ...]


def taken_apart(text: str) -> Group | None:
    """Return the parts of a printed group; None: it is none that could be understood."""
    first = _FIRST.search(text)
    if first is None:
        return None
    indent = first["indent"]
    rows = text[: first.start()].removesuffix("\n").split("\n")
    begin = next((n for n, row in enumerate(rows) if f"Exception Group {_TITLE}" in row), 0)
    own = [row.removeprefix(indent)[2:].replace(f"Exception Group {_TITLE}", _TITLE) for row in rows[begin:]]
    members: list[list[str]] = [[]]
    margin = f"{indent}  "
    for row in text[first.end() + 1 :].split("\n"):
        edge = row.removeprefix(margin)
        if edge == row or not edge.startswith("+--"):
            members[-1].append(edge)
        elif edge.strip("+-"):
            members.append([])
        else:
            break
    return Group("\n".join(rows[:begin]).strip("\n"), "\n".join(own), tuple(map(_member, members)))


def _member(rows: list[str]) -> str:
    """Return a member's traceback; that of a group within a group keeps its edge, as the whole one has it."""
    is_group = any(row.startswith("+-+") for row in rows)
    return "\n".join(rows if is_group else [row[2:] for row in rows])
