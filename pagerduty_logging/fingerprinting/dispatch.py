"""Functions that run what they were given: decorators, middlewares, buses, retry loops, tables of commands.

If it logs what it catches, it reports for all that it runs. It is recognised by the values in its frame: the
called function is one of them. A context manager that is a generator runs the `with` block.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import partial
from opcode import opmap
from types import CodeType, CoroutineType, FrameType, FunctionType, MethodType, TracebackType
from typing import Any, Final

from pagerduty_logging.record.places import entries_of, is_library

MAX_VALUES: Final = 300
"""How many values of a frame are read."""
MAX_KNOWN: Final = 4_096
_MAX_WRAPPED: Final = 4
_GENERATORS: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_RESUMABLE: Final = _GENERATORS | inspect.CO_COROUTINE
_WAITS: Final = frozenset((opmap["YIELD_VALUE"], opmap["RESUME"]))
"""Instructions at which a generator waits, for all Python versions."""
_CONTAINERS: Final = frozenset((dict, list, tuple, set, frozenset))

# Reads and writes of one entry are atomic, and what is written is the same on every thread.
_known: dict[tuple[CodeType, CodeType, str], bool] = {}


def runs_a_value(entry: TracebackType) -> bool:
    """Return whether the function of a traceback's entry ran the next one's as a value that it was given.

    Runs none of the application's code. The answer is kept for each pair of functions.
    """
    called = entry.tb_next
    if called is None or type(entry) is not TracebackType:
        return False
    code, callee = entry.tb_frame.f_code, called.tb_frame.f_code
    if _was_thrown_into(code, entry.tb_lasti):
        return True
    pair = (code, callee, callee.co_filename)  # codes are equal that are alike but for their file
    known = _known.get(pair)
    if known is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        known = _known[pair] = _is_given(entry.tb_frame, called.tb_frame)
    return known


def logged_by_runner(
    codes: tuple[CodeType, ...], traceback: TracebackType | None, path: object, function: object
) -> bool:
    """Return whether the function that logged is in a traceback, and ran the next one as a value.

    Args:
        codes: of the traceback's frames, the outermost first.
        traceback: the same.
        path, function: of the line that logged.
    """
    for i in range(len(codes) - 2, -1, -1):
        if codes[i].co_name == function and codes[i].co_filename == path:
            entry = next(itertools.islice(entries_of(traceback), i, None), None)
            return entry is not None and runs_a_value(entry)
    return False


def nobody_caught(outermost: FrameType | None) -> bool:
    """Return whether an exception left its thread's first frame, as hooks see it."""
    if outermost is None:
        return False
    if outermost.f_globals.get("__name__") == "threading":
        return True
    # A suspended generator or coroutine has no caller either, but the exception may have been caught.
    return outermost.f_back is None and not outermost.f_code.co_flags & _RESUMABLE


def is_task(outermost: FrameType | None) -> bool:
    """Return whether an exception left a coroutine that nothing but an event loop ran.

    Its frame has no caller afterwards; from Python 3.12 on that is often still the event loop's function.
    """
    if outermost is None or not outermost.f_code.co_flags & inspect.CO_COROUTINE:
        return False
    caller = outermost.f_back
    return caller is None or not caller.f_code.co_flags & _RESUMABLE


def _was_thrown_into(code: CodeType, at: int) -> bool:
    """Return whether an exception was thrown into a waiting generator, as `contextlib` does."""
    return bool(code.co_flags & _GENERATORS) and code.co_code[at] in _WAITS


def _is_given(frame: FrameType, called: FrameType) -> bool:
    code, callee = frame.f_code, called.f_code
    if not code.co_flags & inspect.CO_OPTIMIZED or is_library(callee.co_filename):
        return False  # a module's names; or a library, which says less than the message
    scope, is_nested, _ = callee.co_qualname.rpartition("<locals>.")
    if is_nested and f"{code.co_qualname}.".startswith(scope):
        return False  # it calls its own function, or a neighbour, by name
    return any(_runs(value, callee) for value in itertools.islice(_values(frame, called), MAX_VALUES))


def _values(frame: FrameType, called: FrameType) -> Iterator[object]:
    """Yield the values a function could call: of its names, of the first one's attributes, and in tables.

    A parameter counts if the function passes its other arguments on to it, `handler(request)`, or awaits it:
    with `pay(step)` the caller decides what is paid for.
    """
    code = frame.f_code
    given = set(_parameters(code))
    names = dict(frame.f_locals)
    passes_on = _shares(names, given, called)
    for name, value in names.items():
        if name in code.co_names and name not in given:
            continue  # imported here
        if type(value) is CoroutineType:
            if name in given:
                yield value.cr_code
        elif name not in given or passes_on:
            yield value
        yield from _in(value)
    if code.co_argcount:
        attributes = _attributes(names.get(code.co_varnames[0]))
        yield from attributes
        for value in attributes:
            yield from _in(value)
    for name in code.co_names:
        yield from _in(frame.f_globals.get(name))


def _shares(names: Mapping[str, object], given: Set[str], called: FrameType) -> bool:
    """Return whether a function that was called has an object that its caller was given."""
    mine = [value for name in given for value in (names.get(name), *_in(names.get(name)))]
    theirs = [called.f_locals.get(name) for name in _parameters(called.f_code)]
    theirs += [item for value in theirs for item in _in(value)]
    return any(one is other for one in mine for other in theirs if other is not None)


def _parameters(code: CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[:count]


def _in(value: Any) -> Iterable[object]:
    """Return the values of a table; nothing of a subclass, which may run the application's code."""
    kind = type(value)
    if kind not in _CONTAINERS:
        return ()
    return list(value.values()) if kind is dict else list(value)


def _attributes(value: object) -> list[object]:
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return []
    return list(found.values()) if type(found) is dict else []


def _runs(value: Any, callee: CodeType) -> bool:
    """Return whether calling `value` runs `callee`."""
    for _ in range(_MAX_WRAPPED):
        kind = type(value)
        if value is callee:
            return True
        if kind is FunctionType:
            return value.__code__ is callee
        if kind is MethodType:
            value = value.__func__
        elif kind is partial:
            value = value.func
        else:
            value = next((vars(base)["__call__"] for base in kind.__mro__ if "__call__" in vars(base)), None)
    return False
