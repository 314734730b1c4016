"""Splits a printed exception group: the group's own traceback, and those of its members."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pagerduty_logging.record.printed_traceback import HEADER

MAX_DEPTH: Final = 20
"""Nested groups that are split; Python prints ten."""

_FIRST: Final = re.compile(r"^(?P<indent> *)\+-\+-{3,} 1 -{3,}$", re.MULTILINE)


class Group(NamedTuple):
    """A group's parts, each as a traceback of its own.

    Attributes:
        before: what was printed before it: causes, and how they led to it.
        own: the group's own traceback, without its members.
        members: the tracebacks of its members.
    """

    before: str
    own: str
    members: tuple[str, ...]


def parsed_group(text: str) -> Group | None:
    """Return the parts of a printed group; None: it is not one that is understood."""
    first = _FIRST.search(text)
    if first is None:
        return None
    indent = first["indent"]
    rows = text[: first.start()].removesuffix("\n").split("\n")
    begin = next((n for n, row in enumerate(rows) if f"Exception Group {HEADER}" in row), 0)
    own = [row.removeprefix(indent)[2:].replace(f"Exception Group {HEADER}", HEADER) for row in rows[begin:]]
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
    """Return a member's traceback; a nested group keeps its edge, as the outer group has one."""
    is_group = any(row.startswith("+-+") for row in rows)
    return "\n".join(rows if is_group else [row[2:] for row in rows])
