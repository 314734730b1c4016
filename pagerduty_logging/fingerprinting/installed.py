"""Applications that are installed like libraries: nothing shows which of the packages is the application."""

from __future__ import annotations

import functools
import itertools
import sys

from pagerduty_logging.record import places
from pagerduty_logging.record.places import Place, is_installed, is_library, package_of


def functions_of(here: list[Place], path: str, *, is_hosted: bool) -> str:
    """The last function of each package except the host's, if the application is an installed package too.

    Nothing shows which package it is. The last function alone would not do: if the same library raises for
    two functions of the application, these would be one problem.

    Args:
        here: the frames of the traceback.
        path: the file that logged it.
        is_hosted: whether the file is known to be a host's, see `is_host`.
    """
    if any(places.is_elsewhere(place.path) for place in here) or not _all_is_installed(len(sys.modules)):
        return ""
    last = {package_of(place.path): place.label for place in here if is_installed(place.path)}
    if is_hosted or is_host(path, here):
        last.pop(package_of(path), None)
    return ", ".join(last.values())


def is_host(path: str, here: list[Place]) -> bool:
    """Return whether the file that logged runs code that it does not import, as servers and task runners do.

    Code that calls a library imports it; a server or task runner gets the application's name as text.
    """
    if not is_library(path):
        return False
    if not is_installed(path):
        return True
    own = package_of(path)
    through = [own, *(package_of(place.path) for place in here if is_installed(place.path))]
    return any(
        callee not in (caller, own) and not _imports(_top_level_name(caller), _top_level_name(callee))
        for caller, callee in itertools.pairwise(through)
    )


def _top_level_name(package: str) -> str:
    return package.removesuffix(".py")


@functools.lru_cache(maxsize=256)
def _imports(package: str, other: str) -> bool:
    """Return whether a module of `package` has a name for `other`, or for something that `other` defines."""
    main = _top_level_name(package_of(places.main_file() or ""))
    for name, module in list(sys.modules.items()):
        if name == places.MAIN:
            name = main
        if name != package and not name.startswith(f"{package}."):
            continue
        for value in list(getattr(module, "__dict__", {}).values()):
            origin = _origin(value)
            if origin is not None and (origin == other or origin.startswith(f"{other}.")):
                return True
    return False


def _origin(value: object) -> str | None:
    """The name of the module that `value` is, or that defined it."""
    try:
        known = value.__dict__ if isinstance(value, type(sys)) else value
        name = known["__name__"] if isinstance(known, dict) else getattr(known, "__module__", None)
    except Exception:  # the value may be anything
        return None
    return name if type(name) is str else None


@functools.lru_cache(maxsize=8)
def _all_is_installed(modules: int) -> bool:
    """Return whether all `modules` that this process has loaded are installed: then the application is too.

    The number of modules is the cache's key: the answer may change when more are loaded.
    """
    for name, module in list(sys.modules.items()):
        file = places.main_file() if name == places.MAIN else _file_of(module)
        if file is None and name == places.MAIN:
            return False  # `python -c`, a console, a server that Python is embedded in
        # gunicorn's configuration is in the folder that it is started from.
        if type(file) is str and places.is_elsewhere(file) and name != "__config__":
            return False
    return True


def _file_of(module: object) -> object:
    try:
        return module.__dict__.get("__file__")
    except Exception:  # `sys.modules` may hold anything
        return None
