"""What is kept of a record while its event waits: for most one tuple, for a thousand may wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pagerduty_logging.events_api import safejson
from pagerduty_logging.record import contents, overrides
from pagerduty_logging.record.occurrence import NOTHING_AROUND, Occurrence, Surroundings


class More(NamedTuple):
    """What most records do not have.

    Attributes:
        others: other attributes than `Kept` has.
        around: see `Surroundings`.
        contents: what it says, if it was read on the thread that logs.
        overrides: what it says about its own page.
        defects: what could not be captured.
    """

    others: Mapping[str, Any]
    around: Surroundings
    contents: contents.Contents | None
    overrides: Mapping[str, safejson.JSON]
    defects: tuple[str, ...]


class Kept(NamedTuple):
    """A record as an event needs it, with the names that `logging` gives its attributes."""

    name: object
    msg: object
    args: Any
    levelno: object
    levelname: object
    pathname: object
    lineno: object
    funcName: object
    created: Any
    threadName: object
    processName: object
    process: object
    more: More | None = None

    def occurrence(self) -> Occurrence:
        """Return the occurrence, without what only its decision needs."""
        attributes: dict[str, Any] = dict(zip(_NAMES, self, strict=False))
        more = self.more
        if more is None:
            return Occurrence(attributes, NOTHING_AROUND, 0.0, 0, [])
        attributes.update(more.others)
        made = Occurrence(attributes, more.around, 0.0, 0, [*more.defects])
        made.contents, made.overrides = more.contents, more.overrides
        return made

    @property
    def label(self) -> str:
        """See `Occurrence.label`."""
        return self.occurrence().label

    @property
    def logger(self) -> str:
        """See `Occurrence.logger`."""
        return contents.word(self.name) or "root"

    def without_data(self) -> Kept:
        """Return it without what only the event's text needs."""
        guarded = self.more is not None and overrides.GUARDED in self.more.others
        return self._replace(args=(), more=_GUARDED if guarded else None)


def kept(occurrence: Occurrence) -> Kept:
    """Return what is kept of an occurrence."""
    attributes = occurrence.attributes
    more: More | None = None
    get = attributes.get
    if attributes.keys() <= _LEFT_OUT and get("exc_text") is None and get("stack_info") is None:
        others = _NO_OTHERS  # as of most
    else:
        names = attributes.keys() - _LEFT_OUT
        names.update(name for name in _SELDOM if get(name) is not None)
        others = {name: attributes[name] for name in attributes if name in names}
    around, said, wanted = occurrence.around, occurrence.contents, occurrence.overrides
    if others or around is not NOTHING_AROUND or said or wanted or occurrence.defects:
        more = More(others, around, said, wanted, (*occurrence.defects,))
    return Kept._make((*map(get, _NAMES), more))


_NAMES = Kept._fields[:-1]
_SELDOM = ("exc_text", "stack_info")
_NOT_NEEDED = ("exc_info", "filename", "module", "msecs", "relativeCreated", "taskName", "thread")
_LEFT_OUT = frozenset((*_NAMES, *_SELDOM, *_NOT_NEEDED))
_NO_OTHERS: Mapping[str, Any] = {}
_GUARDED = More({overrides.GUARDED: True}, NOTHING_AROUND, None, {}, ())
