"""What fingerprinting returns: a key, and why it is that one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Rule(Enum):
    """Where the template of a record came from."""

    DEDUP_KEY = "dedup_key"
    """The record brought its own key; there is no template."""
    SOURCE = "source"
    """Read back from the line of source that logged."""
    TEMPLATE = "template"
    """The strings of a template string (``t"..."``)."""
    ARGUMENTS = "arguments"
    """``record.msg``, its arguments apart from it."""
    MASK = "mask"
    """The first line of the message, values masked."""
    RAW = "raw"
    """The message as it stands, because ``template_source="raw"`` asks for that."""
    NONE = "none"
    """The record could not be read; only its logger and level tell it apart."""


class Identity(NamedTuple):
    """A record's dedup key, and whether its logger's name and ``msg`` alone decided it.

    Where `by_message` is true, another record with an equal name and ``msg``, no own key
    and the same call site has the same key, so that a caller may remember the pair.
    """

    key: str
    by_message: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a record has the dedup key it has."""

    key: str
    rule: Rule
    template: str
    """What was hashed with the logger's name; for `Rule.DEDUP_KEY`, the record's own key."""
    joined: tuple[str, ...] = ()
    """What else was hashed: ``"exception=..."``, ``"function=..."``."""
    by_message: bool
    """See `Identity`."""
