"""Which exceptions mean a failure, and which a wanted stop."""

from __future__ import annotations


def stops(error: BaseException) -> bool:
    """Return whether `error` is a wanted stop: Ctrl-C, `sys.exit`, or a group of these."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(stops, error.exceptions))
    return isinstance(error, (KeyboardInterrupt, SystemExit))


def fails(error: BaseException) -> bool:
    """Return whether the job that raised `error` has failed.

    Interrupted, cancelled or closed is not failed; `sys.exit` with a status other than 0 or a message is.
    """
    if isinstance(error, BaseExceptionGroup):
        return any(map(fails, error.exceptions))
    if isinstance(error, SystemExit):
        return not is_success(error.code)
    return isinstance(error, Exception)


def is_success(status: object) -> bool:
    """Return whether `sys.exit(status)` means success."""
    return status is None or (isinstance(status, int) and status == 0)
