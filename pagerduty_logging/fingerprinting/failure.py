"""Lines that report failures of other code: what failed decides the key, not the line's words."""

from __future__ import annotations

import inspect
import itertools
import logging
import sys
from copy import copy
from types import TracebackType
from typing import Any, Final

from pagerduty_logging.events_api import safejson
from pagerduty_logging.record import exceptions, places, reporters
from pagerduty_logging.record.places import Place, is_library, package_of, place_in
from pagerduty_logging.record.web_request import view_of

from . import causes, dispatch, installed, shapes
from .causes import Failure

_ASYNCIO: Final = "asyncio"
_DJANGO: Final = "django.request"  # logs every failed request from one line
_DJANGO_TASKS: Final = "django.tasks"
LOGGERS: Final = (_ASYNCIO, _DJANGO, _DJANGO_TASKS)
"""Loggers that are known to report for others."""
_KNOWN_LOGGERS: Final = frozenset(LOGGERS)
MAX_SHAPES: Final = 2_000
"""Shapes of exceptions for which the answers are known."""
# Reads and writes of one entry are atomic, and what is written is the same on every thread.
_joined: dict[object, tuple[str, ...]] = {}
_handed: dict[object, bool] = {}
_FRAMES: Final = range(places.MAX_FRAMES)


def reported_crash(
    record: logging.LogRecord, appended: str = "", *, ordinary: bool | None = None
) -> Failure | None:
    """Return what `record`'s exception is, if the record only reports a crash of other code.

    One call site then reports every failure of the application, and its template distinguishes
    nothing: an uncaught-exception hook, a web framework, a task runner, an executor, a catch-all
    of the application (`_is_caught_for_all`). The function given is the last one in the
    application, or Django's view; where the application is itself installed, as libraries are, the
    last one of each package.

    Args:
        record: the record.
        ordinary: what `is_ordinary` returned, if it was called already.
        appended: the traceback that a queue appended to the text, if there is no exception object.
    """
    if not (record.exc_info or appended):
        return None

    def chosen(found: list[Place]) -> str:
        return _failed_function(found, record)

    exception = causes.reported_exception(record.exc_info, record.msg) if record.exc_info else None
    if exception is None:
        if not appended or _is_ordinary_text(appended, record):
            return None
        if reports_for_others(record):
            appended = causes.without_wrappers(appended)
        here, is_group = causes.places_printed(appended)
    elif exception.__traceback__ is None:
        # It was never raised, but given to a future, for example.
        if _says_nothing_itself(record):
            return causes.raised(exception)
        return causes.within(exception, chosen) if reports_for_others(record) else None
    elif is_ordinary(record) if ordinary is None else ordinary:
        return None
    else:
        if reports_for_others(record):
            exception = causes.behind_wrapper(exception)
        here, is_group = causes.places_behind(exception), exceptions.is_group(exception)
    if not here or not _reports_for(here, record, exception, is_group=is_group):
        return causes.within(exception, chosen) if exception and reports_for_others(record) else None
    if exception is None:
        return causes.printed(appended, chosen)
    if is_group:
        return causes.raised(exception, chosen)
    # pyspark's PythonException, and what Powertools raises of a batch, hold what a worker printed.
    held = causes.within(exception, chosen)
    return held or Failure(causes.exception_type(exception), chosen(here))


def _says_nothing_itself(record: logging.LogRecord) -> bool:
    """Return whether `record` is asyncio's or our hooks': their words are the same for every failure."""
    return record.name == _ASYNCIO or record.__dict__.get("_pagerduty_uncaught") is True


def is_ordinary(record: logging.LogRecord, exception: BaseException | None = None) -> bool:
    """Return whether `record`'s line is the application's and caught what it logs: a quick check.

    Args:
        record: the record.
        exception: what it logs; None: what it has in `exc_info`, or as its message.
    """
    path, function = record.pathname, record.funcName
    if exception is None:
        raised = record.exc_info
        # The usual kind of record first: this runs for every repeat with an exception.
        given = type(raised) is tuple and len(raised) == 3 and isinstance(raised[1], BaseException)
        exception = raised[1] if given and raised else causes.reported_exception(record.exc_info, record.msg)
    if exception is None or is_library(path) or record.name in _KNOWN_LOGGERS:
        return False
    here, attributes = exception.__traceback__, exception.__dict__
    if here is None or exception.__cause__ is not None or "excinfo" in attributes:
        return False
    if isinstance(exception, BaseExceptionGroup) or (
        "exceptions" in attributes and exceptions.is_group(exception)
    ):
        return False
    outermost = here.tb_frame
    own = library = False
    catcher: TracebackType | None = None
    last = ""
    frame = outermost
    for _ in _FRAMES:
        code = frame.f_code
        file = code.co_filename
        if file is not last:
            last = file
            if file is not path and is_library(places.file_of(frame)):
                library = True
            elif own and library:
                return False
        if file == path and code.co_name == function:
            own, library, catcher = True, False, here
        here = here.tb_next
        if here is None:
            break
        frame = here.tb_frame
    if catcher is not None:
        return not dispatch.runs_a_value(catcher)
    if library:
        return False
    if outermost.f_back is not None and not outermost.f_code.co_flags & inspect.CO_COROUTINE:
        # Most are: checked first, because it is the fastest check.
        return outermost.f_globals.get("__name__") != "threading"
    return not (dispatch.nobody_caught(outermost) or dispatch.is_task(outermost))


def joined_of(record: logging.LogRecord, *, ordinary: bool | None = None) -> tuple[str, ...] | None:
    """Return what the exception of a record joins to its key, as `reported_crash` finds it; () for nothing.

    None: only the application's code can tell.

    Args:
        record: with an exception in `exc_info`, of none of `LOGGERS`.
        ordinary: what `is_ordinary` said, where it was asked already.
    """
    if is_ordinary(record) if ordinary is None else ordinary:
        return ()
    info: Any = record.exc_info
    key = _key_of_shape(record, info[1]) if type(info) is tuple and len(info) == 3 else None
    if key is None or (reports_for_others(record) and not _shows_all(record, info[1])):
        return None
    if causes.holds_traceback(info[1]):
        return None
    known = _joined.get(key)
    if known is None:
        crash = reported_crash(record, ordinary=False)
        if len(_joined) >= MAX_SHAPES:
            _joined.clear()
        known = _joined[key] = () if crash is None else crash.joined
    return known


def _shows_all(record: logging.LogRecord, exception: BaseException) -> bool:
    """Whether a library's line reports what a shape shows: no cause that it may have wrapped, and no hook."""
    return exception.__cause__ is None and "_pagerduty_uncaught" not in record.__dict__


def may_be_handed(record: logging.LogRecord, exception: BaseException) -> bool:
    """Return whether `record`, without `exc_info`, may report other code's exception, see `with_handled`."""
    if exception.__traceback__ is None or is_ordinary(record, exception):
        return False
    # A library's line is given the exception that it handles, see `reporters`.
    return reports_for_others(record) or _is_handed_by_shape(record, exception) is not False


def _is_handed_by_shape(record: logging.LogRecord, exception: BaseException) -> bool | None:
    """Return what `_is_handed` returns for all exceptions of a shape; None if this one has none."""
    key = _key_of_shape(record, exception)
    if key is None:
        return None
    known = _handed.get(key)
    if known is None:
        if len(_handed) >= MAX_SHAPES:
            _handed.clear()
        known = _handed[key] = _is_handed(record, exception)
    return known


def _key_of_shape(record: logging.LogRecord, exception: object) -> object:
    """Return what decides the answers for a shape of exception; None if it has none."""
    shape = shapes.shape_of(exception)
    # What is installed, and so what is the application, may change with each module that is loaded.
    return None if shape is None else (record.name, record.pathname, record.funcName, shape, len(sys.modules))


def _reports_for(
    here: list[Place], record: logging.LogRecord, exception: BaseException | None, *, is_group: bool
) -> bool:
    """Return whether the line that logged reports for the code that the exception came through."""
    nobody_caught = dispatch.nobody_caught(here[0].frame)
    if not reports_for_others(record):
        if nobody_caught and place_in(here, record.pathname, record.funcName) is None:
            return True
        return has_place(record) and (is_group or _is_caught_for_all(here, record, exception))
    return (
        nobody_caught
        or is_group
        or record.name in (_DJANGO, _ASYNCIO)
        or any(map(_is_application, here))
        or (
            installed.is_host(record.pathname, here)
            and bool(installed.functions_of(here, record.pathname, is_hosted=record.name == _DJANGO))
        )
    )


def _is_handed(record: logging.LogRecord, exception: BaseException) -> bool:
    """Return whether `record`'s line is the application's, and reports an exception that was passed to it.

    To an ordinary `except` around its own call nothing was passed.
    """
    if reports_for_others(record) or not has_place(record) or is_ordinary(record, exception):
        return False
    here = causes.places_behind(exception)
    return bool(here) and _reports_for(here, record, exception, is_group=exceptions.is_group(exception))


def with_handled(record: logging.LogRecord) -> logging.LogRecord:
    """Return the record, or a copy with an exception that was passed to its line, and that its words report.

    `log.error(f"unhandled error: {error}")` in a catch-all reports other code's failures, as a line with
    `exc_info` does. What an ordinary `except` caught around its own call is not added: the line's words say
    what failed. Call it on the thread that logs. The exception is one of the arguments, or is being handled
    there, and the message has its text. Runs that exception's `__str__`.
    """
    about = record.__dict__
    if about.get("exc_info") or about.get("exc_text"):
        return record
    msg, args = about.get("msg"), about.get("args")
    error = _raised_among(args)
    if error is None:
        error = sys.exception()
        if not isinstance(error, Exception) or not _has_words_of(error, msg, args):
            return record
    elif exceptions.is_group(error):
        return record
    if not _is_handed(record, error):
        return record
    whole = copy(record)
    whole.exc_info = (type(error), error, error.__traceback__)
    return whole


def with_handed(record: logging.LogRecord) -> logging.LogRecord | None:
    """Return what `with_handled` returns; None if only the application's code, or a closer look, can tell."""
    error = _raised_among(record.args)
    among = error is not None
    if error is None:
        error = sys.exception()
    if error is None:
        return record
    if reports_for_others(record):
        return record if reporters.with_exception(record) is record else None
    if error.__traceback__ is None or is_ordinary(record, error):
        return record
    handed = _is_handed_by_shape(record, error)
    if not handed:
        return None if handed is None else record
    if among and exceptions.is_group(error):
        return None
    if not among and shapes.words_of(error) is None:
        return None
    if not among and not (isinstance(error, Exception) and _has_words_of(error, record.msg, record.args)):
        return record
    whole = copy(record)
    whole.exc_info = (type(error), error, error.__traceback__)
    return whole


def _raised_among(args: Any) -> BaseException | None:
    """Return the first raised exception among a record's arguments."""
    if not args or type(args) not in (tuple, dict):
        return None
    for value in args.values() if type(args) is dict else args:
        if causes.is_exception(value) and value.__traceback__ is not None:
            return value
    return None


def _has_words_of(error: Exception, msg: Any, args: Any) -> bool:
    """Return whether the message, or one of its arguments, has an exception's text in it."""
    words = safejson.text(error).strip() or type(error).__name__
    texts = (msg, *args) if type(args) is tuple else (msg,)
    return any(type(text) is str and words in text for text in texts)


def application_function(here: list[Place]) -> str:
    """Return the last function of the application in a traceback, or else the last of all."""
    found = next((place for place in reversed(here) if _is_application(place)), None)
    return found.label if found is not None else causes.innermost(here)


def reported_answer(record: logging.LogRecord) -> tuple[str, tuple[str, ...]] | None:
    """Return the template and what joins it, if Django reports a view that answered with a failure.

    There is no exception: reason and view distinguish such answers; the path does not.
    """
    args = record.args
    if record.name != _DJANGO or record.exc_info or record.msg != "%s: %s" or type(args) is not tuple:
        return None
    reason = str(args[0]) if args else ""
    view = view_of(record.__dict__.get("request"))
    return f"{reason}: %s", (f"view={view}",) if view else ()


def reported_task(record: logging.LogRecord) -> tuple[str, ...]:
    """Return what joins the key of a failed task of Django's: the task's own path, a problem each."""
    args = record.args
    if record.name != _DJANGO_TASKS or type(args) is not tuple:
        return ()
    paths = [arg for arg in args if type(arg) is str and _is_dotted(arg)]
    return (f"task={paths[0]}",) if paths else ()


def reports_for_others(record: logging.LogRecord) -> bool:
    """Return whether the line that logged may report crashes of other code.

    asyncio's records may name any function: an event loop in C has no frame, so its caller is named.
    """
    return record.name in (_DJANGO, _ASYNCIO) or is_library(record.pathname)


def has_place(record: logging.LogRecord) -> bool:
    """Return whether the record has the file and function that logged it."""
    return bool(record.pathname and record.funcName) and record.pathname != "(unknown file)"


def _is_ordinary_text(traceback: str, record: logging.LogRecord) -> bool:
    """Return whether a printed traceback, and the line that logged, have only the application's own code."""
    return not (
        reports_for_others(record)
        or "-packages" in traceback
        or places.STANDARD_LIBRARY in traceback
        or "Exception Group Traceback" in traceback
        or places.is_frozen()
    )


def _is_caught_for_all(here: list[Place], record: logging.LogRecord, exception: BaseException | None) -> bool:
    """Return whether a line of the application logs failures from anywhere in it, which a library passes on.

    The exception did not come through an error handler: a library or an event loop called that. It did come
    through a middleware, with a library's functions between it and the application's innermost one, or the
    middleware ran a value. An ordinary `except` around its own call is neither: its words say what failed.
    """
    own = place_in(here, record.pathname, record.funcName)
    if own is None:
        return any(is_library(place.path) for place in here) or dispatch.is_task(here[0].frame)
    if _runs_a_value(exception, own):
        return True
    inner = next((i for i in range(len(here) - 1, own, -1) if _is_application(here[i])), own)
    return any(is_library(place.path) for place in here[own + 1 : inner])


def _runs_a_value(exception: BaseException | None, own: int) -> bool:
    """Whether the function at the index `own` ran a value; a printed traceback does not show that."""
    if exception is None:
        return False
    entry = next(itertools.islice(places.entries_of(exception.__traceback__), own, None), None)
    return entry is not None and dispatch.runs_a_value(entry)


def _is_application(place: Place) -> bool:
    return not is_library(place.path)


def _failed_function(here: list[Place], record: logging.LogRecord) -> str:
    """Return the last function of the application; else Django's view, or the last of another library."""
    functions = installed.functions_of(here, record.pathname, is_hosted=record.name == _DJANGO)
    if functions:
        return functions
    application = next((place for place in reversed(here) if _is_application(place)), None)
    if application is not None:
        return application.label
    view = view_of(record.__dict__.get("request")) if record.name == _DJANGO else ""
    own = package_of(record.pathname)
    other = next((place for place in reversed(here) if package_of(place.path) != own), None)
    if other is None and here:
        other = here[-1]
    return view or (other.label if other is not None else "")


def _is_dotted(text: str) -> bool:
    return "." in text and all(map(str.isidentifier, text.split(".")))
