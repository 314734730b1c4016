"""Loads what a page needs in advance, also in programs with lazy imports (Python 3.15, PEP 810).

A module that is first used by the first page would be loaded at the worst moment: without a file
descriptor left, after the main thread's end, in a child between fork and exec.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any, Final

_OURS: Final = frozenset(
    {"pagerduty_logging", "cachetools", "certifi", "charset_normalizer", "idna", "requests", "urllib3"}
)
_PARTS: Final = ("email.parser", "encodings.idna")
"""Modules used as attributes of their package, so that nothing shows whether they are loaded."""


def load_lazy_imports() -> None:
    """Load all lazy imports of this package, and of what it needs."""
    kind = getattr(types, "LazyImportType", None)
    if kind is None or not getattr(sys, "lazy_modules", None):
        return
    for name in _PARTS:
        importlib.import_module(name)
    waiting = [module for name, module in list(sys.modules.items()) if _is_of_ours(name)]
    seen = set(map(id, waiting))
    while waiting:
        for module in _imported(waiting.pop(), kind):
            if id(module) not in seen:
                seen.add(id(module))
                waiting.append(module)


def _imported(module: types.ModuleType, kind: type) -> Iterator[types.ModuleType]:
    """Load what `module` imports, and yield the modules that these names come from."""
    for name, value in list(vars(module).items()):
        if type(value) is kind:
            value = _loaded(module, name)
        origin: Any = value if type(value) is types.ModuleType else getattr(value, "__module__", None)
        found = sys.modules.get(origin) if type(origin) is str else origin
        if type(found) is types.ModuleType and _is_needed(found.__name__):
            yield found


def _loaded(module: types.ModuleType, name: str) -> object:
    try:
        return getattr(module, name)  # this loads it
    except Exception:  # not installed, or not for this system: it fails when it is used, as always
        return None


def _is_of_ours(name: str) -> bool:
    return name.partition(".")[0] == "pagerduty_logging"


def _is_needed(name: str) -> bool:
    first = name.partition(".")[0]
    return first in _OURS or first in sys.stdlib_module_names
