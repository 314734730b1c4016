"""A printed traceback becomes an exception again: its type, text, frames, and what led to it.

So the handler sees what it would have seen: a key may depend on the type and on where it came from. None of
the application's code is imported or run. Of an exception group, or of what is not a Python traceback, the
text is all there is.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from types import FrameType, FunctionType, TracebackType
from typing import Any, Final

from pagerduty_logging.record import printed_traceback
from pagerduty_logging.record.exceptions import Raised

_GROUP: Final = "Exception Group Traceback"
_TEXT: Final = "__rehearsed_text__"


def rebuilt(traceback: str) -> BaseException | None:
    """Return the exception of a printed traceback; None if there is none."""
    if not traceback or _GROUP in traceback:
        return None
    chain = printed_traceback.parse(traceback)
    if not chain or not chain[0].frames:
        return None
    errors = [_exception(raised) for raised in chain]
    for error, cause, raised in zip(errors, errors[1:], chain[1:], strict=False):
        if raised.relation == "caused by":
            error.__cause__ = cause
        else:
            error.__context__ = cause
    return errors[0]


def _exception(raised: Raised) -> BaseException:
    error: BaseException = BaseException.__new__(_stand_in(raised.kind), raised.text)
    setattr(error, _TEXT, raised.text)
    traceback = None
    for frame in reversed(raised.frames):
        if frame.path:
            traceback = TracebackType(traceback, _at_rest(frame.path, frame.function), 0, max(frame.line, 1))
    return error.with_traceback(traceback)


@lru_cache(maxsize=1_000)
def _stand_in(kind: str) -> Any:
    """Return a type of this name, below the one that it names if that is Python's own, or imported."""
    module, _, name = kind.rpartition(".")
    known: Any = getattr(sys.modules.get(module or "builtins"), name, None)
    if not (isinstance(known, type) and issubclass(known, BaseException)):
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
    """Return a frame with this path and function. It has no caller, as a generator at rest has none."""
    name = function or "<module>"
    code = _generator.__code__.replace(co_filename=path, co_name=name, co_qualname=name)
    generator: Any = FunctionType(code, {"__name__": None})()
    frame: FrameType = generator.gi_frame
    return frame


def _generator() -> Any:
    yield
