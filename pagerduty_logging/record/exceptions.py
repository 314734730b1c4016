"""An exception as plain data: what it is, what it says, where it came from, what led to it.

Only names and numbers are taken from frames, never the values of variables; nothing that is
returned keeps a frame, a traceback or an exception alive.
"""

from __future__ import annotations

from types import CodeType, TracebackType
from typing import Any, NamedTuple, cast

from pagerduty_logging.events_api import safejson
from pagerduty_logging.events_api.safejson import PLAIN
from pagerduty_logging.record.places import MAINS

MAX_TEXT = 4_000
"""Characters of one exception's text."""
MAX_NOTES = 10
MAX_NOTE = 500
"""Characters of one note."""
OUTER_FRAMES = 10
INNER_FRAMES = 50
"""Frames kept of one traceback: the outermost show who called, the innermost where it broke."""
MAX_CHAIN = 8
"""Exceptions shown of a chain of causes; the root is always one of them."""
MAX_MEMBERS = 10
"""Exceptions shown of a group."""
MAX_WALK = 10_000
"""Exceptions looked at in a chain or a group, so that the time has a bound too."""


class Frame(NamedTuple):
    """One line of a traceback; without a path: `line` frames were left out here."""

    path: str
    line: int
    function: str
    source: str | None = None
    """The source line, if it is known already; None: to be looked up."""


class LoggedFailure:
    """What is known of the exception of a record.

    Attributes:
        kind: its type.
        is_known: whether it is a failure that was paged already.
        is_echo: whether the record only says that a failure already paged ends the process.
        deferred: what its key is still to be found from; None: nothing.
    """

    __slots__ = ("deferred", "is_echo", "is_known", "kind")

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.is_known = self.is_echo = False
        self.deferred: object = None


class Raised(NamedTuple):
    """One exception, its frames outermost first."""

    kind: str
    """Its type's dotted name, bare for Python's own."""
    text: str
    frames: tuple[Frame, ...] = ()
    notes: tuple[str, ...] = ()
    relation: str = ""
    """Its relation to the exception before it in the chain; "" for the one that was logged."""
    members: tuple[Raised, ...] = ()
    """A group's members, those of nested groups included."""
    more_members: int = 0
    lines: tuple[CodeType | int, ...] = ()
    """From which `with_frames` makes the frames: for each its code object, then its line number."""

    @property
    def name(self) -> str:
        """The type's name without its module."""
        return self.kind.rpartition(".")[2]

    @property
    def headline(self) -> str:
        """Type and text, as Python prints them."""
        return f"{self.kind}: {self.text}" if self.text else self.kind


def with_frames(chain: tuple[Raised, ...]) -> tuple[Raised, ...]:
    """Return what `caught` returned, with its frames."""
    return tuple(
        raised._replace(frames=_frames(raised.lines), members=with_frames(raised.members), lines=())
        for raised in chain
    )


def caught(error: BaseException, traceback: TracebackType | None = None) -> tuple[Raised, ...]:
    """Return `error` and the exceptions that led to it, the nearest first; `with_frames` adds frames.

    Runs the application's code (`__str__`). Raises only a `BaseException` that this code raises.

    Args:
        error: the exception.
        traceback: where it came from, if its own traceback does not show that.
    """
    if error.__cause__ is None and (error.__suppress_context__ or error.__context__ is None):
        return (_raised(error, "", traceback or error.__traceback__),)  # the usual case
    links = _links(error)
    left_out = len(links) - MAX_CHAIN
    if left_out > 0:
        root, _ = links[-1]
        links = [*links[: MAX_CHAIN - 1], (root, f"{left_out} exceptions further back, at the root:")]
    (logged, relation), *before = links
    return (
        _raised(logged, relation, traceback or logged.__traceback__),
        *(_raised(link, relation, link.__traceback__) for link, relation in before),
    )


def kind_of(cls: type[BaseException]) -> str:
    """Return the dotted name of an exception's type, bare for Python's own."""
    try:
        module, name = cls.__module__, cls.__qualname__
        if module == "builtins" or module in MAINS:
            return safejson.text(name, 200)
        return safejson.text(f"{module}.{name}", 200)
    except Exception:
        return "(an exception whose type has no name)"


def _links(error: BaseException) -> list[tuple[BaseException, str]]:
    links: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    link: BaseException | None = error
    relation = ""
    while isinstance(link, BaseException) and id(link) not in seen and len(links) < MAX_WALK:
        seen.add(id(link))
        links.append((link, relation))
        if link.__cause__ is not None:
            link, relation = link.__cause__, "caused by"
        elif link.__suppress_context__:
            break
        else:
            link, relation = link.__context__, "while handling"
    return links


def _raised(
    error: BaseException, relation: str, traceback: TracebackType | None, *, with_members: bool = True
) -> Raised:
    members: tuple[Raised, ...] = ()
    more = 0
    if with_members and members_of(error):
        leaves, more = _leaves(error)
        members = tuple(_raised(leaf, "", leaf.__traceback__, with_members=False) for leaf in leaves)
    notes, lines = _notes(error), _lines(traceback)
    kind, text = kind_of(type(error)), safejson.text(error, MAX_TEXT)
    return Raised(kind, text, (), notes, relation, members, more, lines)


def is_group(error: BaseException) -> bool:
    """Return whether an exception is a group, whose members say what failed; libraries make some too."""
    return isinstance(error, BaseExceptionGroup) or bool(members_of(error))


def members_of(error: BaseException) -> tuple[BaseException, ...]:
    """Return what a group holds; () of any other exception."""
    try:
        if not isinstance(error, BaseExceptionGroup) and "exceptions" not in error.__dict__:
            return ()
        found: Any = error.exceptions  # type: ignore[attr-defined]
    except Exception:  # a subclass may override it
        return ()
    if type(error) is ExceptionGroup:
        return found  # type: ignore[no-any-return]
    if type(found) not in (tuple, list) or not all(isinstance(member, BaseException) for member in found):
        return ()
    return tuple(found)


def is_plain(error: BaseException) -> bool:
    """Return whether `error` has no cause, is not a group, and can be read without the application's code."""
    return error.__cause__ is None and has_plain_words(error) and not is_group(error)


def has_plain_words(error: BaseException) -> bool:
    """Return whether the words of `error` can be read without the application's code."""
    kind = type(error)
    if type(kind) is not type or kind.__str__ not in _WORDS or not PLAIN.issuperset(map(type, error.args)):
        return False
    return not isinstance(error, OSError) or (
        type(error.filename) in PLAIN and type(error.filename2) in PLAIN
    )


def _leaves(group: BaseException) -> tuple[list[BaseException], int]:
    """Return the first members that are not groups themselves, and how many more there are."""
    leaves: list[BaseException] = []
    more = 0
    seen: set[int] = set()
    waiting: list[BaseException] = [group]
    while waiting and len(seen) < MAX_WALK:
        error = waiting.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        members = members_of(error)
        if members:
            waiting.extend(members[::-1])
        elif len(leaves) < MAX_MEMBERS:
            leaves.append(error)
        else:
            more += 1
    return leaves, more + len(waiting)


def _notes(error: BaseException) -> tuple[str, ...]:
    try:
        notes = getattr(error, "__notes__", None)
        if not isinstance(notes, (list, tuple)):
            return ()
        return tuple(safejson.text(note, MAX_NOTE) for note in notes[:MAX_NOTES])
    except Exception as broken:
        return (f"(notes that could not be read: {type(broken).__name__})",)


def _lines(traceback: TracebackType | None) -> tuple[CodeType | int, ...]:
    lines: list[CodeType | int] = []
    while traceback is not None:
        lines.append(traceback.tb_frame.f_code)
        lines.append(traceback.tb_lineno)
        traceback = traceback.tb_next
    left_out = len(lines) // 2 - OUTER_FRAMES - INNER_FRAMES
    if left_out > 0:
        lines[2 * OUTER_FRAMES : -2 * INNER_FRAMES] = [_SKIPPED, left_out]
    return tuple(lines)


def _frames(lines: tuple[CodeType | int, ...]) -> tuple[Frame, ...]:
    codes, numbers = cast("tuple[CodeType, ...]", lines[::2]), cast("tuple[int, ...]", lines[1::2])
    return tuple(
        Frame("", line, "") if code is _SKIPPED else Frame(code.co_filename, line, code.co_qualname)
        for code, line in zip(codes, numbers, strict=True)
    )


_WORDS = (BaseException.__str__, KeyError.__str__, OSError.__str__)
"""The `__str__` methods of Python's own exceptions: none of the application's code."""
_SKIPPED = compile("", "", "exec")  # stands for skipped frames
