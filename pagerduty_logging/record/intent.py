"""Which exceptions say that something failed, and which that somebody wanted it to stop."""

from __future__ import annotations


def stops(error: BaseException) -> bool:
    """Tell whether `error` ends a program that was told to end: Ctrl-C, `sys.exit`, or a group of such."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(stops, error.exceptions))
    return isinstance(error, (KeyboardInterrupt, SystemExit))


def fails(error: BaseException) -> bool:
    """Tell whether what `error` came out of has failed.

    What is interrupted, cancelled or closed has not; what leaves with a status or a message has.
    """
    if isinstance(error, BaseExceptionGroup):
        return any(map(fails, error.exceptions))
    if isinstance(error, SystemExit):
        return not is_success(error.code)
    return isinstance(error, Exception)


def is_success(status: object) -> bool:
    """Tell whether `sys.exit(status)` says that all is well."""
    return status is None or (isinstance(status, int) and status == 0)
