"""Names what failed where Python can only print an exception: a finaliser, a callback, a generator.

Up to Python 3.12 `sys.unraisablehook` gets the object. Later versions describe more and more of them as text
instead, and from 3.14 on all: "Exception ignored while calling deallocator <function Till.__del__ at
0x7fd55d25fed0>" (CPython: Python/errors.c, `PyErr_FormatUnraisable`). The name is the same either way.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Final

_MAX_CHARS: Final = 1_000
_PREFIX: Final = "Exception ignored "
# Where the object begins: the first bracket without a space before it.
_OBJECT = re.compile(r"(?:^|(?<=\s))(?:<|[\w.]+\().*", re.DOTALL)
_QUALIFIED: Final = r"[^\W\d]\w*(?:\.(?:<locals>|<lambda>|[^\W\d]\w*))*|<lambda>"
# <function Till.__del__ at 0x…>, <bound method Till.close of …>, <generator object lines at 0x…>
_FUNCTION = re.compile(
    r"<(?:function|cyfunction|bound method|built-in function"
    r"|generator object|coroutine object|async_generator object)"
    rf" ({_QUALIFIED})(?= at | of |>)"
)
# <shop.Till object at 0x…>, <class 'shop.Till'>, <_io.TextIOWrapper name=…>, functools.partial(…)
_INSTANCE = re.compile(rf"<class '({_QUALIFIED})'>|<({_QUALIFIED})(?= object at 0x| \w+=)|({_QUALIFIED})\(")
ADDRESS: Final = re.compile(r" at 0x[0-9A-Fa-f]+")
"""The address of an object in its usual `repr`."""


def failed(unraisable: Any) -> str:
    """Return what failed, as the end of "Uncaught exception …": `in Till.__del__`.

    Args:
        unraisable: the argument of `sys.unraisablehook`.
    """
    owner = unraisable.object
    if owner is not None:
        return f"in {getattr(owner, '__qualname__', type(owner).__qualname__)}"
    words = (unraisable.err_msg or "")[:_MAX_CHARS].removeprefix(_PREFIX)
    found = _OBJECT.search(words)
    name = (_described(found[0]) if found else "") or _called(unraisable.exc_traceback)
    return f"in {name}" if name else ADDRESS.sub("", words)


def _described(text: str) -> str:
    """Return the name in an object's usual `repr`: a function's own, else that of the type."""
    function = _FUNCTION.match(text)
    if function:
        return function[1]
    instance = _INSTANCE.match(text)
    return _without_module(next(filter(None, instance.groups()))) if instance else ""


def _without_module(name: str) -> str:
    parts = name.split(".")
    modules = (number for number in range(len(parts) - 1, 0, -1) if ".".join(parts[:number]) in sys.modules)
    return ".".join(parts[next(modules, 0) :])


def _called(traceback: Any) -> str:
    """Return the function that Python called, or the type of the object that it called."""
    if traceback is None:
        return ""
    name: str = traceback.tb_frame.f_code.co_qualname
    return name.removesuffix(".__call__")
