"""Which problem an exception object was paged for, so that the same failure is not paged again elsewhere.

The mark is an attribute of the exception itself: most exceptions allow no weak references, and strong ones
would keep their frames alive. It is plain data, so that a marked exception can still be pickled.
"""

from __future__ import annotations

import inspect
import re
from opcode import opmap
from types import TracebackType
from typing import Any, Literal, NamedTuple

from pagerduty_logging.record.places import is_standard_library

MARK_SECONDS = 60.0
"""Seconds for which a mark is valid; a failure gets from one line that logs it to the next much faster."""
MAX_FRAMES = 10_000
"""Frames that are compared; a longer traceback counts as another failure."""

Relation = Literal["same", "passed on", "raised again", "another"]

_CALLBACK = "Exception in callback"
_PREFIX = "__pagerduty_logging_"
_RAISE = opmap["RAISE_VARARGS"]
_INSTALLED = re.compile(r"[\\/](?:site|dist)-packages[\\/]")


class Mark(NamedTuple):
    """What is noted on an exception.

    The handler's hot path writes only the first two, as a plain tuple: more would slow down every repeat.
    """

    key: str | list[str]
    """The dedup key of its problem, or the list that gets the key when it is found."""
    logger: str
    at: float = float("inf")
    """When it was logged, on the handler's clock; infinity: unknown."""
    traceback: int = 0
    """The `id` of its traceback at that time; 0: unknown."""


def name(owner: str) -> str:
    """Return the name of the attribute in which `owner` keeps its marks."""
    return f"{_PREFIX}{owner}__"


JOB = name("job")
"""The attribute by which a guarded job marks an exception that it has paged for."""


def mark(error: BaseException, attribute: str, value: object) -> None:
    """Set a mark; an exception that allows no attributes stays without one."""
    try:
        error.__dict__[attribute] = value
    except Exception:  # a type may do anything to its attributes
        return


def copy_marks(error: BaseException, other: BaseException) -> None:
    """Set the marks of one exception on another that stands for the same failure."""
    try:
        marks = {name: value for name, value in error.__dict__.items() if name.startswith(_PREFIX)}
    except Exception:
        return
    for attribute, value in marks.items():
        # When and with which traceback it was paged is not so of the other.
        mark(other, attribute, value[:2] if type(value) is tuple else value)


def of_task(traceback: TracebackType | None, message: object, args: object) -> TracebackType | None:
    """Return the traceback to note: a task's own, if an event loop says that a callback raised it again.

    Code that awaits the task gets that one, without the callback's frames: aio-pika's callback raises what a
    consumer raised, and then aiormq logs it.

    Args:
        traceback: of the exception that is logged.
        message: `msg` of the record.
        args: its arguments.
    """
    if not _is_about_callback(message, args):
        return traceback
    here = traceback
    for _ in range(MAX_FRAMES):
        if here is None or here.tb_frame.f_code.co_flags & inspect.CO_COROUTINE:
            break
        here = here.tb_next
    return here or traceback


def _is_about_callback(message: object, args: object) -> bool:
    if type(message) is not str:
        return False
    text = args[0] if message == "%s" and type(args) is tuple and args else message  # as our hooks log it
    return type(text) is str and text.startswith(_CALLBACK)


def is_marked(error: BaseException, attribute: str) -> bool:
    """Return whether there is a mark of any kind."""
    try:
        return attribute in error.__dict__
    except Exception:
        return False


def mark_of(error: BaseException, attribute: str) -> Mark | None:
    """Return the mark that was set on this exception object; None if there is none."""
    try:
        found: Any = error.__dict__.get(attribute)
        return Mark(*found) if type(found) is tuple else None
    except Exception:
        return None


def relation(found: Mark, traceback: TracebackType | None, now: float) -> Relation:
    """Return how an exception that is logged now relates to the page for the same object.

    Returns:
        "same" if nothing has happened to it since; "passed on" if it went on to the functions that called
        the one that logged it; "raised again" if it looks passed on, but never left the function that logged
        it, or came out of a future before; "another" if the page is too old, or if the exception was raised
        again, as a stored exception is.
    """
    if now - found.at > MARK_SECONDS:
        return "another"
    if id(traceback) == found.traceback:
        return "same"
    outermost = traceback
    handed_over = again = False
    for _ in range(MAX_FRAMES):
        if traceback is None or outermost is None:
            # No frame of it raised the exception: a future handed it over, without where it came from.
            return "another" if outermost is None else "raised again"
        before = traceback.tb_next
        handed_over = handed_over or _hands_over(traceback)
        again = again or (before is not None and before.tb_frame is outermost.tb_frame)
        if before is None and not found.traceback:
            return "raised again" if again else "passed on"
        if _raises_again(traceback):
            return "another"
        traceback = before
        if id(traceback) == found.traceback and traceback is not None:
            never_left = outermost.tb_frame is traceback.tb_frame
            return (
                "raised again" if never_left or (handed_over and _was_handed_over(traceback)) else "passed on"
            )
    return "another"


def _hands_over(traceback: TracebackType) -> bool:
    """Return whether a frame of the standard library raises what it has kept, as a future does."""
    code = traceback.tb_frame.f_code
    return code.co_code[traceback.tb_lasti] == _RAISE and is_standard_library(code.co_filename)


def _was_handed_over(traceback: TracebackType | None) -> bool:
    for _ in range(MAX_FRAMES):
        if traceback is None:
            return False
        if _hands_over(traceback):
            return True
        traceback = traceback.tb_next
    return False


def _raises_again(traceback: TracebackType) -> bool:
    """Return whether a frame raised the exception itself; otherwise it only passed through.

    `raise error` where it was caught is still the same failure; so is what a library passes on, such as the
    exception of a future.
    """
    code = traceback.tb_frame.f_code
    before = traceback.tb_next
    return (
        code.co_code[traceback.tb_lasti] == _RAISE
        and not (before is not None and before.tb_frame is traceback.tb_frame)
        and not is_standard_library(code.co_filename)
        and _INSTALLED.search(code.co_filename) is None
    )
