"""Where a handler is attached, and why it gets no records any more: which code has removed it.

Libraries that configure logging themselves remove what was attached before: prefect as soon as `flow` is
imported, locust once it has read its locustfile, litestar with each application, Alembic with its `env.py`.
`dictConfig`, `fileConfig` and `basicConfig(force=True)` close every handler that they find, with logging's
locks held, before they attach their own.
"""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

_MAX_NAMED = 3
# Named as in the code objects: in a packed program `__file__` is another name.
_LOGGING: Final = logging.shutdown.__code__.co_filename
_CONFIG: Final = logging.config.dictConfig.__code__.co_filename
_SET_UPS = {
    (_CONFIG, "dictConfig"): "logging.config.dictConfig()",
    (_CONFIG, "fileConfig"): "logging.config.fileConfig()",
    (_LOGGING, "basicConfig"): "logging.basicConfig(force=True)",
}
_MAX_FRAMES = 30
"""Frames to search for the set-up that closes a handler; four are usual."""


class Attachment(NamedTuple):
    """Where a handler is attached, and why no error reaches it there."""

    at: tuple[str, ...]
    """The names of the loggers, the root logger first; a queue or a buffer may be in between."""
    trouble: str
    """What keeps every ERROR from it, worded to follow its name; "" if at least one logger's reach it."""


def attachment_of(handler: logging.Handler) -> Attachment:
    """Return where `handler` is attached now, and what is wrong with that; changes nothing."""
    holders = [logger for logger in loggers() if _has(logger, handler)]
    at = tuple(logger.name for logger in holders)
    if not holders:
        return Attachment((), _why_detached(handler))
    obstacles = [_obstacle_at(logger) for logger in holders]
    if not all(obstacles):
        return Attachment(at, "")
    return Attachment(at, f"gets no errors of the logger {at[0]!r}: {obstacles[0]}")


def holders_above(handler: logging.Handler, name: object) -> tuple[str, ...]:
    """Return the loggers that have `handler`, among those that a record of the logger `name` passes."""
    known = logging.Logger.manager.loggerDict.get(name) if type(name) is str else None
    here = known if isinstance(known, logging.Logger) else logging.getLogger()
    found = []
    while here is not None:
        if _has(here, handler):
            found.append(here.name)
        here = here.parent if here.propagate else None  # type: ignore[assignment]
    return tuple(found)


def put_back(handler: logging.Handler, names: Iterable[str]) -> tuple[str, ...]:
    """Attach `handler` to those of these loggers that lack it; return their names.

    Args:
        handler: one that was removed.
        names: of the loggers it was attached to, as `attachment_of` returned them; "root" is the root logger.
    """
    lacking = [logger for logger in map(_named, names) if not _has(logger, handler)]
    for logger in lacking:
        logger.addHandler(handler)
    return tuple(logger.name for logger in lacking)


def loggers() -> list[logging.Logger]:
    """Return the root logger, and all others that exist, by name."""
    known = sorted(logging.Logger.manager.loggerDict.items())
    return [logging.getLogger(), *(logger for _, logger in known if isinstance(logger, logging.Logger))]


def behind(handler: logging.Handler) -> Iterator[logging.Handler]:
    """Yield a handler, and the handlers in its attributes to which it passes records, as a queue does."""
    return _behind(handler, set())


def _behind(handler: logging.Handler, seen: set[int]) -> Iterator[logging.Handler]:
    if id(handler) in seen:
        return
    seen.add(id(handler))
    yield handler
    for value in list(getattr(handler, "__dict__", {}).values()):  # a mock may have none
        found = value if isinstance(value, (list, tuple)) else (value, *_listeners_handlers(value))
        for further in found:
            if isinstance(further, logging.Handler):
                yield from _behind(further, seen)


def _listeners_handlers(value: object) -> tuple[Any, ...]:
    """Return the handlers of a `QueueListener`; none of anything else."""
    listens = isinstance(value, logging.handlers.QueueListener)
    return tuple(getattr(value, "handlers", ())) if listens else ()


def set_up_under_way() -> str | None:
    """Return which function this thread is configuring logging with, and where that was called, or None."""
    frame = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame.f_back is None:
            return None
        words = _SET_UPS.get((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
        if words is not None:
            return f"{words}, called at {frame.f_code.co_filename}:{frame.f_lineno}"
    return None


def closed_by_logging() -> bool:
    """Return whether logging itself is closing the handler, as `logging.shutdown` does."""
    frame = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame.f_code.co_filename == _LOGGING and frame.f_code.co_name == "shutdown":
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def _named(name: str) -> logging.Logger:
    return logging.getLogger(None if name == logging.getLogger().name else name)


def _has(logger: logging.Logger, handler: logging.Handler) -> bool:
    return any(known is handler for given in logger.handlers for known in behind(given))


def _obstacle_at(logger: logging.Logger) -> str:
    """Return what keeps a logger's own errors from its handlers; "" if nothing does."""
    if logger.disabled:
        return "it is disabled"
    if logger.manager.disable >= logging.ERROR:
        return "logging.disable() turns it off"
    level = logger.getEffectiveLevel()
    return f"its level is {logging.getLevelName(level)}" if level > logging.ERROR else ""


def _why_detached(handler: logging.Handler) -> str:
    """Say what happened to a handler that no logger has."""
    # `dictConfig` and `fileConfig` close all existing handlers before they add their own.
    closed = getattr(handler, "_closed", False)
    words = "is attached to no logger" + (", and was closed, as by dictConfig" if closed else "")
    others = [f"{type(one).__module__}.{type(one).__qualname__}" for one in logging.getLogger().handlers]
    if not others:
        return words
    named = ", ".join(dict.fromkeys(others[:_MAX_NAMED]))
    return f"{words}; the root logger has {named}"
