"""Rebuilds an exception from a printed traceback: its type, text, frames and causes.

So the handler gets what it would have got: a key may depend on the type, on the origin, and on the members
of a group. No code of the application is imported or run. Of other tracebacks than Python's only the text is
used.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from types import FrameType, FunctionType, TracebackType
from typing import Any, Final

from pagerduty_logging.cli.rehearse import printed_groups
from pagerduty_logging.record import printed_traceback
from pagerduty_logging.record.exceptions import Raised

_GROUP: Final = "Exception Group Traceback"
_COUNT: Final = re.compile(r" \(\d+ sub-exceptions?\)$")
_RELATIONS: Final = {
    "__cause__": "The above exception was the direct cause of the following exception:",
    "__context__": "During handling of the above exception, another exception occurred:",
}
_TEXT: Final = "__rehearsed_text__"


def rebuilt(traceback: str) -> BaseException | None:
    """Return the exception of a printed traceback; None if there is none."""
    return _rebuilt(traceback, printed_groups.MAX_DEPTH) if traceback else None


def _rebuilt(traceback: str, depth: int) -> BaseException | None:
    if _GROUP in traceback or "+-+-" in traceback:
        return _group(traceback, depth) if depth else None
    chain = printed_traceback.parse(traceback)
    if not chain or not (chain[0].frames or depth < printed_groups.MAX_DEPTH):
        return None  # only a member of a group may not have been raised
    errors = [_exception(raised) for raised in chain]
    for error, cause, raised in zip(errors, errors[1:], chain[1:], strict=False):
        if raised.relation == "caused by":
            error.__cause__ = cause
        else:
            error.__context__ = cause
    return errors[0]


def _group(traceback: str, depth: int) -> BaseException | None:
    """Return the group of a printed traceback, with stand-ins for its members."""
    parts = printed_groups.parsed_group(traceback)
    if parts is None:
        return None
    own = printed_traceback.parse(parts.own)
    members = [member for each in parts.members if (member := _rebuilt(each, depth - 1)) is not None]
    if not own or not members:
        return None
    text = _COUNT.sub("", own[0].text)
    group: BaseException = _group_type(own[0].kind, all(isinstance(each, Exception) for each in members))(
        text, members
    )
    group = group.with_traceback(_traceback(own[0]))
    before = parts.before.rstrip()
    for relation in ("__cause__", "__context__"):
        if before.endswith(_RELATIONS[relation]):
            setattr(group, relation, _rebuilt(before.removesuffix(_RELATIONS[relation]), depth))
    return group


@lru_cache(maxsize=1_000)
def _group_type(kind: str, is_exception: bool) -> Any:
    """Return a type of group of this name."""
    base = ExceptionGroup if is_exception else BaseExceptionGroup
    module, _, name = kind.rpartition(".")
    if not module and name in ("ExceptionGroup", "BaseExceptionGroup"):
        return base
    return type(name, (base,), {"__module__": module or "builtins", "__qualname__": name})


def _exception(raised: Raised) -> BaseException:
    kind = _stand_in(raised.kind)
    error: BaseException = kind.__new__(kind, raised.text)  # unlike a call, it asks for no other arguments
    setattr(error, _TEXT, raised.text)
    return error.with_traceback(_traceback(raised))


def _traceback(raised: Raised) -> TracebackType | None:
    traceback = None
    for frame in reversed(raised.frames):
        if frame.path:
            traceback = TracebackType(traceback, _at_rest(frame.path, frame.function), 0, max(frame.line, 1))
    return traceback


@lru_cache(maxsize=1_000)
def _stand_in(kind: str) -> Any:
    """Return a type with this name; a subclass of the named type if that is built in or imported."""
    module, _, name = kind.rpartition(".")
    known: Any = getattr(sys.modules.get(module or "builtins"), name, None)
    if not (isinstance(known, type) and issubclass(known, BaseException)):
        known = Exception
    if issubclass(known, BaseExceptionGroup):  # its members are not known
        known = Exception
    namespace = {"__module__": module or "builtins", "__qualname__": name, "__str__": _text}
    try:
        return type(name, (known,), namespace)
    except TypeError:  # a type that may not have subclasses
        return type(name, (Exception,), namespace)


def _text(error: BaseException) -> str:
    return str(getattr(error, _TEXT))


@lru_cache(maxsize=10_000)
def _at_rest(path: str, function: str) -> FrameType:
    """Return a frame with this path and function; it is that of a suspended generator, without a caller."""
    name = function or "<module>"
    code = _generator.__code__.replace(co_filename=path, co_name=name, co_qualname=name)
    generator: Any = FunctionType(code, {"__name__": None})()
    frame: FrameType = generator.gi_frame
    return frame


def _generator() -> Any:
    yield
