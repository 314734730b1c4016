"""Whose code a file is (the application's, an installed library's, Python's own), and its module's name."""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Final, NamedTuple

MAIN: Final = "__main__"
MAINS: Final = frozenset({MAIN, "__mp_main__"})
"""The main module's names: the second in a process that multiprocessing spawned."""
MAX_FRAMES: Final = 3_000  # above the interpreter's default recursion limit
# Comprehensions have frames of their own up to Python 3.11 only.
COMPREHENSIONS: Final = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})

# In cx_Freeze `os` has no file, but its code object still names the folder it was packed from.
_IN_PACKAGE: Final = os.path.dirname(logging.Handler.handle.__code__.co_filename)
STANDARD_LIBRARY: Final = os.path.dirname(getattr(os, "__file__", _IN_PACKAGE)) + os.sep
_SCRIPTS: Final = os.path.dirname(sys.executable or STANDARD_LIBRARY)  # None where Python is embedded
# In a checkout it is not installed like a library.
OURSELVES: Final = os.path.dirname(os.path.dirname(sys._getframe().f_code.co_filename)) + os.sep
"""This package's folder, as in its code objects: in a packed program `__file__` is another one."""
_INSTALLED: Final = re.compile(r"[\\/](?:site|dist)-packages[\\/]")
_SEPARATOR: Final = re.compile(r"[\\/]")
_COMPREHENSION = re.compile(r"(?:\.<locals>)?\.<(?:list|set|dict)comp>")
_MAX_PACKAGES: Final = 20

# CherryPy and others put an object's address into the name of a logger: it differs in each process.
_IN_FRONT: Final = re.compile(r"\[[0-9]{1,10}\] ?(?=[^\W\d])")
_NUMBERED: Final = re.compile(r"\.[0-9]{4,}(?![^.])|\.0x[0-9a-f]+(?![^.])", re.ASCII)

_main_file: str | None = None


class Place(NamedTuple):
    """One frame of a traceback, real or printed."""

    path: str
    function: str
    """Its bare name."""
    frame: FrameType | None = None

    @property
    def label(self) -> str:
        """The function's qualified name with its module's, as far as known."""
        if self.frame is None:  # a printed path is not opened: anybody may have written it
            return f"{_SEPARATOR.split(self.path)[-1].partition('.')[0]}.{self.function}"
        module = self.frame.f_globals.get("__name__")
        name = _COMPREHENSION.sub("", self.frame.f_code.co_qualname)
        if module in MAINS:
            module = name_of_main(self.path)
        return f"{module}.{name}" if isinstance(module, str) else name


def places_of(traceback: TracebackType | None) -> list[Place]:
    """Return the frames of a traceback, outermost first."""
    places: list[Place] = []
    add, new = places.append, tuple.__new__
    for _ in range(MAX_FRAMES):
        if traceback is None:
            break
        frame = traceback.tb_frame
        code = frame.f_code
        file = code.co_filename
        add(new(Place, (file_of(frame) if file.isidentifier() else file, code.co_name, frame)))
        traceback = traceback.tb_next
    return places


def file_of(frame: FrameType) -> str:
    """Return the file of a frame's code; of generated code, whose file is a bare name, its module's file.

    Sanic compiles its `handle_request` again, with such a name.
    """
    file = frame.f_code.co_filename
    if file.isidentifier():
        found = getattr(sys.modules.get(frame.f_globals.get("__name__", "")), "__file__", None)
        return found if type(found) is str else file
    return file


def entries_of(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """Yield the entries of a traceback, outermost first."""
    for _ in range(MAX_FRAMES):
        if traceback is None:
            return
        yield traceback
        traceback = traceback.tb_next


def place_in(places: list[Place], path: str, function: str | None) -> int | None:
    """Return the index of the innermost place in this function, or None."""
    for i in range(len(places) - 1, -1, -1):
        if places[i].function == function and places[i].path == path:
            return i
    return None


def without_numbers(logger: str, shown: str = "") -> str:
    """Return a logger's name without numbers that differ in each process, `shown` in their place.

    CherryPy's loggers end in an address; Conductor's begin with the process's number, in brackets.
    """
    if type(logger) is str and logger[:1] == "[":
        logger = _IN_FRONT.sub("", logger)
    if type(logger) is str and logger[-1:].isalnum() and not logger[-1:].isalpha():
        return _NUMBERED.sub(shown, logger)
    return logger


def innermost_name(traceback: TracebackType | None) -> str:
    """Return the bare name of the last function of a traceback."""
    name = ""
    for _ in range(MAX_FRAMES):
        if traceback is None:
            break
        function = traceback.tb_frame.f_code.co_name
        if function not in COMPREHENSIONS:
            name = function
        traceback = traceback.tb_next
    return name


def remember_main() -> None:
    """Remember the file of `__main__`: Python 3.14 forgets it before the last exit hooks run."""
    global _main_file
    file = getattr(sys.modules.get(MAIN), "__file__", None)
    if type(file) is str:
        _main_file = file


def main_file() -> str | None:
    """Return the file of `__main__`; None for `python -c`, a console, an embedded Python."""
    remember_main()
    return _main_file


def name_of_main(path: str) -> str:
    """Return the name by which the module in `path`, which runs as `__main__`, would be imported."""
    spec = getattr(sys.modules.get(MAIN), "__spec__", None)
    name = getattr(spec, "name", None)
    if type(name) is str and getattr(spec, "origin", None) == path:
        return name
    return module_of_file(path)


@functools.lru_cache(maxsize=1_024)
def module_of_file(path: str) -> str:
    """Return the dotted name of the module in `path`, from the outermost folder with an `__init__.py` on."""
    folder, file = os.path.split(path)
    stem = file.rpartition(".")[0] or file
    parts = [] if stem == "__init__" else [stem]
    if os.path.isabs(path):
        for _ in range(_MAX_PACKAGES):
            if not os.path.isfile(os.path.join(folder, "__init__.py")):
                break
            folder, package = os.path.split(folder)
            parts.append(package)
    if parts == [MAIN]:  # a folder or an archive that is run
        parts.append(os.path.basename(folder).partition(".")[0])
    return ".".join(reversed(parts))


@functools.lru_cache(maxsize=1_024)
def is_library(filename: str) -> bool:
    """Whether `filename` is Python's own or installed, so not the application's."""
    return (
        filename.startswith(("<frozen", STANDARD_LIBRARY, OURSELVES))
        or _INSTALLED.search(filename) is not None
        or _is_packed(filename)
    )


@functools.lru_cache(maxsize=1_024)
def is_standard_library(filename: str) -> bool:
    """Whether `filename` is Python's own."""
    if filename.startswith(STANDARD_LIBRARY):
        return _INSTALLED.search(filename) is None
    return _is_packed(filename) and _first_part(filename) in sys.stdlib_module_names


@functools.lru_cache(maxsize=1_024)
def is_installed(filename: str) -> bool:
    """Whether `filename` is in an installed package, Python's own library apart."""
    if _INSTALLED.search(filename) is not None:
        return True
    return _is_packed(filename) and not is_standard_library(filename)


def is_elsewhere(filename: str) -> bool:
    """Whether `filename` is not installed: no library, no generated code, no script that starts a library."""
    return not (
        filename.startswith(("<", _unpacked()))
        or is_library(filename)
        or os.path.dirname(filename) == _SCRIPTS
    )


@functools.lru_cache(maxsize=1_024)
def package_of(filename: str) -> str:
    """Return the folder or file of site-packages or the standard library that `filename` is under."""
    installed = _INSTALLED.search(filename)
    rest = filename[installed.end() :] if installed else filename.removeprefix(STANDARD_LIBRARY)
    return _SEPARATOR.split(rest, maxsplit=1)[0]


def is_frozen() -> bool:
    """Whether this program was packed by PyInstaller or a similar tool."""
    return bool(getattr(sys, "frozen", False))


def _first_part(filename: str) -> str:
    return package_of(filename).removesuffix(".py").removesuffix(".pyc")


def _is_packed(filename: str) -> bool:
    """Whether `filename` was packed by PyInstaller, whose modules have relative names.

    Application and libraries are packed together: nothing shows which module is whose.
    """
    return is_frozen() and filename[:1] != "<" and not os.path.isabs(filename)


def _unpacked() -> str:
    """The folder that PyInstaller's modules say they are in."""
    return str(getattr(sys, "_MEIPASS", "<"))


def looks_like_library(path: str) -> bool:
    """Whether a file is a library's, from its path alone, which may be of another machine."""
    if _is_packed(path):
        return is_standard_library(path) or is_ours(path)
    return is_library(path) or "/lib/python3." in path or path.endswith(".rs")  # from Rust, by pyo3-log


def is_ours(path: str) -> bool:
    """Whether a file belongs to this package."""
    return path.startswith(OURSELVES)


def short_path(path: str) -> str:
    """Return a path without the prefix that all paths of this machine have."""
    *_, below = _INSTALLED.split(path)
    if below != path:
        return below.replace("\\", "/")
    if path.startswith(STANDARD_LIBRARY):
        return path[len(STANDARD_LIBRARY) :]
    roots = [root.rstrip(os.sep) + os.sep for root in sys.path if isinstance(root, str) and len(root) > 1]
    found = [root for root in roots if path.startswith(root)]
    return path[len(max(found, key=len)) :] if found else path


remember_main()
