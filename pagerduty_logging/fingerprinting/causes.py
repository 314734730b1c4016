"""What an exception is, and where it came from, from the exception itself or from a printed traceback.

A group counts as its members; an exception from another process counts as what failed there.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeGuard

from pagerduty_logging.events_api import safejson
from pagerduty_logging.record import printed_traceback
from pagerduty_logging.record.exceptions import is_group, members_of
from pagerduty_logging.record.places import (
    COMPREHENSIONS,
    MAINS,
    Place,
    innermost_name,
    is_library,
    places_of,
)

Chosen: TypeAlias = Callable[[list[Place]], str]
"""Chooses, from the places of a traceback, the function to name."""

MAX_MEMBERS: Final = 100
_MAX_PRINTED_CHARS: Final = 40_000
_ELSEWHERE: Final = frozenset(("ename", "excinfo"))
"""Attributes of exceptions that pass on what a notebook or another interpreter raised."""
_STAND_FOR: Final = _ELSEWHERE | {"exceptions"}
_MAX_WRAPPERS: Final = 5
_MADE_OF: Final = "\nThe above exception was the direct cause of the following exception:\n"
_STACK: Final = "\nStack (most recent call last):"
_FRAME = re.compile(r'(?:^|\n)[ \t]*File "([^"\n]*)", line [0-9]+, in ([^\n]+)')
_TYPE = re.compile(r"\n([A-Za-z_][\w.]*)(?=:|\n|$)", re.ASCII)
_INDENTED_TYPE = re.compile(r"\n[ \t]+((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?=: |\s*$)", re.ASCII)
# File ~/shop/pay.py:12, in pay(order); Cell In[2], line 3, in pay(order)
_CELL_FRAME = re.compile(
    r"(?:^|\n)(?:File ([^\n]{1,500}?):[0-9]+|Cell In ?\[[0-9]+\], line [0-9]+), in ([^\n(]{1,200})\("
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MARGIN = re.compile(r"^[ \t|]*(?:\| ?|\+(?= Exception Group))", re.MULTILINE)
_MEMBER = re.compile(r"\n[ |]*+\+[-+]*+(?<=---) (?:[0-9]{1,9}|\.\.\.) -{3,}")
_GROUP_HEADER: Final = "Exception Group Traceback (most recent call last)"


class Failure(NamedTuple):
    """An exception's qualified type, and the function it came from ("" where unknown)."""

    type: str
    function: str = ""
    members: tuple[str, ...] = ()
    """A group's causes, sorted, each once."""

    @property
    def joined(self) -> tuple[str, ...]:
        """The parts that join a key."""
        if self.members:
            return tuple(f"cause={member}" for member in self.members)
        kind = f"exception={self.type}"
        return (kind, f"function={self.function}") if self.function else (kind,)

    def is_all_of(self, text: str, traceback: str) -> bool:
        """Return whether a text is what the exception of a printed traceback says, and nothing else."""
        return traceback.rstrip().endswith(f"\n{self.type}: {text}" if text else f"\n{self.type}")


def innermost(places: list[Place]) -> str:
    """Return the bare name of the function that raised, as printed tracebacks have it."""
    return next((p.function for p in reversed(places) if p.function not in COMPREHENSIONS), "")


def is_exception(value: object) -> TypeGuard[BaseException]:
    """Return whether `value` is an exception; its `__class__` may be wrong, or raise."""
    return issubclass(type(value), BaseException)


def reported_exception(exc_info: object, message: object) -> BaseException | None:
    """Return the exception that a record reports, in its `exc_info` or as its message."""
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        if isinstance(exc_info[1], BaseException):
            return exc_info[1]
    elif isinstance(exc_info, BaseException):
        return exc_info
    return message if isinstance(message, BaseException) else None


def raised(exception: BaseException, chosen: Chosen = innermost) -> Failure:
    """Return what `exception` is and where it was raised; of a group, the same of its members."""
    if is_group(exception):
        causes = {_cause(exception_type(leaf), chosen(places_behind(leaf))) for leaf in _leaves(exception)}
        return Failure(exception_type(exception), members=tuple(sorted(causes)))
    if chosen is innermost and exception.__cause__ is None and _ELSEWHERE.isdisjoint(exception.__dict__):
        return Failure(exception_type(exception), innermost_name(exception.__traceback__))
    return Failure(exception_type(exception), chosen(places_behind(exception)))


def joined_of_plain(exception: BaseException) -> tuple[str, ...] | None:
    """Return what `raised` joins for an exception that stands for no other; None if it may."""
    kind = type(exception)
    if (
        exception.__cause__ is not None
        or type(type(exception)) is not type
        or issubclass(kind, BaseExceptionGroup)
        or not _STAND_FOR.isdisjoint(exception.__dict__)
    ):
        return None
    hashed: Any = kind  # by its address: its metaclass is `type`
    return _joined_of_type(hashed, innermost_name(exception.__traceback__))


@functools.lru_cache(maxsize=512)
def _joined_of_type(kind: Any, function: str) -> tuple[str, ...]:
    return Failure(name_of_class(kind), function).joined


def members(errors: Sequence[BaseException]) -> tuple[str, ...]:
    """Return the parts that these exceptions add to a key, as if they were a group's members."""
    causes = {cause for error in errors[:MAX_MEMBERS] for cause in _members(error)}
    return tuple(f"cause={cause}" for cause in sorted(causes))


def _members(error: BaseException) -> tuple[str, ...]:
    found = raised(error)
    return found.members or (_cause(found.type, found.function),)


def printed(text: str, chosen: Chosen = innermost) -> Failure | None:
    """Return what a printed traceback says about its exception, or None."""
    text = text.partition(_STACK)[0]
    if len(text) > _MAX_PRINTED_CHARS:
        text = text[-_MAX_PRINTED_CHARS:]
    sections = _MEMBER.split(text) if "- 1 -" in text else [text]
    if len(sections) == 1:
        return _section(text, chosen)
    group, *members = ((section, _member(_MARGIN.sub("", section), chosen)) for section in sections)
    causes = {
        _cause(found.type, found.function)
        for section, found in members
        if found is not None and _GROUP_HEADER not in section
    }
    return Failure(group[1].type if group[1] else "", members=tuple(sorted(causes))) if causes else None


def within(exception: BaseException, chosen: Chosen) -> Failure | None:
    """Return what failed in the application, if an exception has the traceback of that in its text.

    Restate's server makes a `VMException` so of what any step of any service raised (restate-sdk 1.3).
    """
    held = printed_traceback.find_in(safejson.text(exception, _MAX_PRINTED_CHARS))
    if held is None or not _has_application(_printed_places(held.traceback)):
        return None
    return printed(held.traceback, chosen)


def holds_traceback(exception: BaseException) -> bool:
    """Return whether an exception has a printed traceback in its text. Runs its `__str__`."""
    args = exception.args
    if len(args) == 1 and type(args[0]) is str and type(exception).__str__ is BaseException.__str__:
        return printed_traceback.MARK in args[0]
    return printed_traceback.MARK in safejson.text(exception, _MAX_PRINTED_CHARS)


def behind_wrapper(exception: BaseException) -> BaseException:
    """Return the cause that came out of the application, if a library has wrapped it in its own exception.

    The Model Context Protocol's server logs an `UnexpectedToolError` for whatever a tool raises (mcp 2.3).
    """
    link: BaseException | None = exception
    for _ in range(_MAX_WRAPPERS):
        if link is None or is_group(link):
            break
        if _has_application(places_of(link.__traceback__)):
            return link
        link = link.__cause__
    return exception


def places_printed(text: str) -> tuple[list[Place], bool]:
    """Return the places of a printed traceback, and whether it is a group's."""
    seen: list[list[Place]] = [[]]

    def keep(printed: list[Place]) -> str:
        seen.append(printed)
        return ""

    found = printed(text, keep)
    return seen[-1], found is not None and bool(found.members)


def without_wrappers(printed_text: str) -> str:
    """Return the part of a printed traceback for the exception that `behind_wrapper` returns."""
    if _MADE_OF not in printed_text:
        return printed_text
    sections = reversed(printed_text.split(_MADE_OF)[-_MAX_WRAPPERS:])
    from_application = (section for section in sections if _has_application(_printed_places(section)))
    return next(from_application, printed_text)


def _has_application(found: list[Place]) -> bool:
    return not all(is_library(place.path) for place in found)


def exception_type(exception: BaseException) -> str:
    """Return the type's qualified name, as a traceback prints it, and the type that it passes on."""
    name = name_of_class(type(exception))
    handed_on = exception.__dict__.get("ename") or getattr(_in_interpreter(exception), "__qualname__", None)
    return f"{name} of {handed_on}" if type(handed_on) is str else name


def _in_interpreter(exception: BaseException) -> object:
    """Return the described type of an exception from another interpreter; None for any other exception."""
    described = exception.__dict__.get("excinfo")
    return getattr(described, "type", None) if type(exception).__name__ == "ExecutionFailed" else None


def name_of_class(cls: type) -> str:
    """Return a class's qualified name, bare for Python's own and for those of the main module."""
    module = cls.__module__
    if not isinstance(module, str) or module == "builtins" or module in MAINS:
        return cls.__qualname__
    return f"{module}.{cls.__qualname__}"


def places_behind(exception: BaseException) -> list[Place]:
    """Return the frames of `exception`, then those of the process or notebook that it came from."""
    places = places_of(exception.__traceback__)
    cause = exception.__cause__
    if cause is not None:
        printed_text = getattr(cause, "tb", None)
        text = printed_text if type(printed_text) is str else safejson.text(cause, _MAX_PRINTED_CHARS)
        if printed_traceback.MARK in text:
            held = printed_traceback.find_in(text)
            places += _printed_places(held.traceback) if held is not None else []
    if _in_interpreter(exception) is not None:
        places += _printed_places(safejson.text(exception, _MAX_PRINTED_CHARS))
    if "ename" in exception.__dict__:  # nbclient and papermill pass on what a notebook raised so
        text = _COLOUR.sub("", safejson.text(exception, _MAX_PRINTED_CHARS))
        for path, function in _CELL_FRAME.findall(text):
            places.append(Place(os.path.expanduser(path or "cell"), function.strip()))
    return places


def _cause(kind: str, function: str) -> str:
    return f"{kind} in {function}" if function else kind


def _leaves(group: BaseException) -> Iterator[BaseException]:
    waiting, seen, given = [group], {id(group)}, 0
    while waiting and given < MAX_MEMBERS:
        exception = waiting.pop()
        members = members_of(exception)
        if not members:
            given += 1
            yield exception
        for member in members:
            if id(member) not in seen:
                seen.add(id(member))
                waiting.append(member)


def _printed_places(text: str) -> list[Place]:
    return [Place(found[1], found[2].strip()) for found in _FRAME.finditer(text)]


def _member(text: str, chosen: Chosen) -> Failure | None:
    """Read a group, or a member of it; one that was never raised has no frames."""
    found = _section(text, chosen)
    if found is not None:
        return found
    kind = _TYPE.match(text) if printed_traceback.MARK not in text else None
    return None if kind is None else Failure(kind[1])


def _section(text: str, chosen: Chosen) -> Failure | None:
    frames = list(_FRAME.finditer(text))
    if not frames:
        return None
    end = frames[-1].end()
    kind = _TYPE.search(text, end) or _INDENTED_TYPE.search(text, end)
    if kind is None:
        return None
    return Failure(kind[1], chosen([Place(found[1], found[2].strip()) for found in frames]))
