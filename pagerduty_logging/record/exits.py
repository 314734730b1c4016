"""Which exceptions mean a failure, and which an intended stop; and the records that only report a stop."""

from __future__ import annotations

from typing import Final

from pagerduty_logging.record.places import is_library, package_of, place_in, places_of

_ASYNCIO: Final = "asyncio"


DESTROYED: Final = "Task was destroyed but it is pending"
"""What asyncio logs when an unfinished task is destroyed."""


def stops(error: BaseException) -> bool:
    """Return whether `error` is an intended stop: Ctrl-C, `sys.exit`, or a group of these."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(stops, error.exceptions))
    return isinstance(error, (KeyboardInterrupt, SystemExit))


def fails(error: BaseException) -> bool:
    """Return whether the job that raised `error` has failed.

    An interrupted, cancelled or closed job has not failed; `sys.exit` with a message, or a status other than
    0, is a failure.
    """
    if isinstance(error, BaseExceptionGroup):
        return any(map(fails, error.exceptions))
    if isinstance(error, SystemExit):
        return not is_success(error.code)
    return isinstance(error, Exception)


def is_success(status: object) -> bool:
    """Return whether `sys.exit(status)` means success."""
    return status is None or (isinstance(status, int) and status == 0)


def reports_unfinished_task(message: object) -> bool:
    """Return whether asyncio reports a destroyed task; at the end of a process that is not a failure."""
    return type(message) is str and message.startswith(DESTROYED)


def reports_clean_exit(error: BaseException, *, logger: object, path: str, function: str | None) -> bool:
    """Return whether a record only reports `error`, a `SystemExit` with success.

    Either a library reports an exit that it called itself, such as a server that stops during a request; or
    asyncio reports one, which then ends the process anyway. The application's own record of an exit
    pages, and so does a library's report that the application exited: the task was left undone.

    Args:
        error: what it reports.
        logger, path, function: where it was logged.
    """
    if not (issubclass(type(error), SystemExit) and is_success(getattr(error, "code", 1))):
        return False
    if logger == _ASYNCIO:
        return True
    frames = places_of(error.__traceback__)
    return (
        bool(frames)
        and is_library(path)
        and package_of(path) == package_of(frames[-1].path)
        and place_in(frames, path, function) is None
    )
