"""Regular expressions that are compiled when they are first used, or by `compile_all`.

All of them take a fifth of the time to import the handler, and a program that logs no error needs none.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

_METHODS: Final = ("search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn")
_waiting: list[_Late] = []


class _Late:
    def __init__(self, pattern: str, flags: int) -> None:
        self._made_of = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        pattern = re.compile(*self._made_of)
        for method in _METHODS:
            setattr(self, method, getattr(pattern, method))
        return getattr(pattern, name)


def late(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return what can be used as `re.compile(pattern, flags)` can, without the cost yet."""
    made = _Late(pattern, flags)
    _waiting.append(made)
    return cast("re.Pattern[str]", made)


def compile_all() -> None:
    """Compile all that are not compiled yet, on as many threads as call this."""
    while True:
        try:
            late = _waiting.pop()
        except IndexError:
            return
        _ = late.search
