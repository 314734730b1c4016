"""What failed and where, for records that say nothing else: exception type and function."""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
from types import FrameType, TracebackType
from typing import Final, NamedTuple

from pagerduty_logging.record.intent import is_clean
from pagerduty_logging.record.web_request import view_of

_ASYNCIO: Final = "asyncio"
_DJANGO: Final = "django.request"  # logs every failed request from one line
# Packages that run the application's code, and report from one line whatever it raises.
_HOSTS: Final = frozenset(
    {
        "aiohttp",
        "apscheduler",
        "celery",
        "daphne",
        "django",
        "dramatiq",
        "flask",
        "grpc",
        "gunicorn",
        "huey",
        "hypercorn",
        "rq",
        "tornado",
        "uvicorn",
        "waitress",
    }
)
_MAX_FRAMES: Final = 3_000  # above the interpreter's default recursion limit
_STANDARD_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep
_SCRIPTS: Final = os.path.dirname(sys.executable or os.__file__)  # None where Python is embedded
_INSTALLED: Final = re.compile(r"[\\/](?:site|dist)-packages[\\/]")
# Where a formatter has appended a traceback to the text, as QueueHandler.prepare does.
_APPENDED = re.compile(r"\n(?:Traceback|  \+ Exception Group Traceback|Stack) \(most recent call last\):")
_STACK: Final = "\nStack (most recent call last):"
_PRINTED_FRAME = re.compile(r'\n  File "[^"\n]*", line [0-9]+, in ([^\n]+)')
_PRINTED_TYPE = re.compile(r"\n([A-Za-z_][\w.]*)(?=:|\n|$)", re.ASCII)
_MAX_PRINTED_CHARS: Final = 20_000
# Comprehensions have frames of their own up to Python 3.11 only.
_COMPREHENSIONS: Final = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
_RESUMABLE: Final = 0x20 | 0x80 | 0x200  # inspect.CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
_COMPREHENSION = re.compile(r"(?:\.<locals>)?\.<(?:list|set|dict)comp>")


class Failure(NamedTuple):
    """An exception's qualified type, and the function it came from ("" where unknown)."""

    type: str
    function: str


def split_traceback(text: str) -> tuple[str, str]:
    """Return TEXT up to the traceback that a formatter appended, and that traceback."""
    if "(most recent call last):" not in text:
        return text, ""
    found = _APPENDED.search(text)
    return (text[: found.start()], text[found.start() :]) if found else (text, "")


def read_traceback(text: str) -> Failure | None:
    """Return what a printed traceback says of its exception, or None."""
    text = text.partition(_STACK)[0][-_MAX_PRINTED_CHARS:]
    frames = [f for f in _PRINTED_FRAME.finditer(text) if f[1] not in _COMPREHENSIONS]
    printed_type = _PRINTED_TYPE.search(text, frames[-1].end()) if frames else None
    return Failure(printed_type[1], frames[-1][1]) if printed_type else None


def exception_of(record: logging.LogRecord) -> BaseException | None:
    """Return the exception that RECORD reports, in `exc_info` or as its message."""
    exc_info = record.exc_info
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        if isinstance(exc_info[1], BaseException):
            return exc_info[1]
    elif isinstance(exc_info, BaseException):
        return exc_info
    return record.msg if isinstance(record.msg, BaseException) else None


def raised(exception: BaseException) -> Failure:
    """Return the type of EXCEPTION and the function that raised it."""
    # The bare name, as printed tracebacks have it: a queue may have left nothing but those.
    names = [f.f_code.co_name for f in _frames(exception.__traceback__)]
    innermost = next((n for n in reversed(names) if n not in _COMPREHENSIONS), "")
    return Failure(type_name(exception), innermost)


def type_name(exception: BaseException) -> str:
    """Return the type's qualified name, as a traceback prints it."""
    cls = type(exception)
    module = cls.__module__
    if not isinstance(module, str) or module in ("builtins", "__main__"):
        return cls.__qualname__
    return f"{module}.{cls.__qualname__}"


def reported_crash(record: logging.LogRecord) -> Failure | None:
    """Return what RECORD's exception is, if the record merely reports somebody else's crash.

    One call site then speaks for every failure of the application, and its template tells
    nothing apart: an uncaught-exception hook, a web framework, a task runner, an executor. The
    function given is the last one in the application, or Django's view; where the application is
    itself installed, as libraries are, the last one of each package.
    """
    exception = exception_of(record)
    if exception is None or record.exc_info is None:
        return None
    outermost = exception.__traceback__
    if outermost is None:
        return None
    others, nobody_caught = speaks_for_others(record), _nobody_caught(outermost.tb_frame)
    if not others and (not nobody_caught or _passes_through(outermost, record)):
        return None
    frames = _frames(outermost)
    if not (
        nobody_caught
        or record.name == _DJANGO
        or any(_is_application(f) for f in frames)
        or (_is_host(record.pathname) and _installed_functions(frames, record))
    ):
        return None
    return Failure(type_name(exception), _failed_function(frames, record))


def reported_answer(record: logging.LogRecord) -> tuple[str, tuple[str, ...]] | None:
    """Return the template and what joins it, if Django reports a view that answered with a failure.

    No exception tells such answers apart then: their reason and the view do, and not the path.
    """
    args = record.args
    if record.name != _DJANGO or record.exc_info or record.msg != "%s: %s" or type(args) is not tuple:
        return None
    reason = str(args[0]) if args else ""
    view = view_of(record.__dict__.get("request"))
    return f"{reason}: %s", (f"view={view}",) if view else ()


def speaks_for_others(record: logging.LogRecord) -> bool:
    """Whether the line that logged may report crashes of code that is not its own."""
    return record.name == _DJANGO or _is_library(record.pathname)


def reports_clean_exit(record: logging.LogRecord, error: BaseException) -> bool:
    """Whether RECORD merely reports ERROR, by which somebody left with all well.

    A library that reports an exit which it called for itself does: a server that is told to stop in
    the midst of an answer. So does asyncio, which lets an exit go on to end the program besides. Who
    catches an exit and logs it means it, and so does a library that reports the application's: what it
    was to do was not done.
    """
    if not (issubclass(type(error), SystemExit) and is_clean(getattr(error, "code", 1))):
        return False
    if record.name == _ASYNCIO:
        return True
    traceback = error.__traceback__
    return (
        traceback is not None
        and _is_library(record.pathname)
        and _package(record.pathname) == _package(_frames(traceback)[-1].f_code.co_filename)
        and not _passes_through(traceback, record)
    )


def _failed_function(frames: list[FrameType], record: logging.LogRecord) -> str:
    """The last function of the application's; else Django's view, or the last of another library's."""
    installed = _installed_functions(frames, record)
    if installed:
        return installed
    application = next((f for f in reversed(frames) if _is_application(f)), None)
    if application is not None:
        return _function(application)
    view = view_of(record.__dict__.get("request")) if record.name == _DJANGO else ""
    own = _package(record.pathname)
    other = next((f for f in reversed(frames) if _package(f.f_code.co_filename) != own), frames[-1])
    return view or _function(other)


def _installed_functions(frames: list[FrameType], record: logging.LogRecord) -> str:
    """The last function of each package but the host's, if the application is an installed package too.

    Nothing tells which of them it is. The last of all would not do: what two functions of the
    application let the same library raise would be one problem.
    """
    files = [frame.f_code.co_filename for frame in frames]
    if any(map(_is_elsewhere, files)) or not _all_is_installed(len(sys.modules)):
        return ""
    last = {
        _package(f): _function(frame) for f, frame in zip(files, frames, strict=True) if _INSTALLED.search(f)
    }
    if _is_host(record.pathname):
        last.pop(_package(record.pathname), None)
    return ", ".join(last.values())


def _is_host(filename: str) -> bool:
    """Whether FILENAME is of what runs the application, Python itself included, and no part of it."""
    return _is_library(filename) and (not _INSTALLED.search(filename) or _package(filename) in _HOSTS)


@functools.lru_cache(maxsize=8)
def _all_is_installed(modules: int) -> bool:
    """Whether all that this process has loaded, so many MODULES, is installed: then the application is."""
    for name, module in list(sys.modules.items()):
        file = _file_of(module)
        if file is None and name == "__main__":
            return False  # `python -c`, a console, a server that Python is embedded in
        # gunicorn's configuration stands where it is started from.
        if type(file) is str and _is_elsewhere(file) and name != "__config__":
            return False
    return True


def _file_of(module: object) -> object:
    try:
        return module.__dict__.get("__file__")
    except Exception:  # anything may stand where a module should
        return None


def _is_elsewhere(filename: str) -> bool:
    """Whether FILENAME is not installed: no library, no generated code, no script that starts a library."""
    return not (filename.startswith("<") or _is_library(filename) or os.path.dirname(filename) == _SCRIPTS)


def _frames(traceback: TracebackType | None) -> list[FrameType]:
    frames: list[FrameType] = []
    while traceback is not None and len(frames) < _MAX_FRAMES:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return frames


def _passes_through(traceback: TracebackType, record: logging.LogRecord) -> bool:
    """Whether the function that logged is one the exception came through: it caught it."""
    function, path = record.funcName, record.pathname
    here: TracebackType | None = traceback
    for _ in range(_MAX_FRAMES):
        if here is None:
            break
        code = here.tb_frame.f_code
        if code.co_name == function and code.co_filename == path:
            return True
        here = here.tb_next
    return False


def _nobody_caught(outermost: FrameType) -> bool:
    """Whether the exception left its thread's first frame, as hooks see it."""
    if outermost.f_globals.get("__name__") == "threading":
        return True
    # A generator or coroutine at rest has no caller either; somebody may well have caught it.
    return outermost.f_back is None and not outermost.f_code.co_flags & _RESUMABLE


@functools.lru_cache(maxsize=1_024)
def _is_library(filename: str) -> bool:
    return filename.startswith(("<frozen", _STANDARD_LIBRARY)) or _INSTALLED.search(filename) is not None


def _is_application(frame: FrameType) -> bool:
    return not _is_library(frame.f_code.co_filename)


def _package(filename: str) -> str:
    """The folder directly in site-packages or the standard library that FILENAME is under."""
    installed = _INSTALLED.search(filename)
    rest = filename[installed.end() :] if installed else filename.removeprefix(_STANDARD_LIBRARY)
    return re.split(r"[\\/]", rest, maxsplit=1)[0]


def _function(frame: FrameType) -> str:
    module = frame.f_globals.get("__name__")
    name = _COMPREHENSION.sub("", frame.f_code.co_qualname)
    return f"{module}.{name}" if isinstance(module, str) else name
