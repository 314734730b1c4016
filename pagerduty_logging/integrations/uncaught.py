"""Pages for exceptions that leave a web application, whether or not the server logs them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from pagerduty_logging.integrations import handlers
from pagerduty_logging.record import paged_exceptions
from pagerduty_logging.record.echoes import REPORTED
from pagerduty_logging.record.web_request import Handling

_PLACE = sys._getframe().f_code.co_filename


class Handled:
    """`with handled:` adds the request to all records in the block. Can be used again, but not nested.

    Args:
        interface: "wsgi" or "asgi": the name of the logger on the page.
        request: a WSGI environ or an ASGI scope.
        report: page for an exception that leaves the block; it is raised again.
    """

    __slots__ = ("_handling", "_interface", "_report", "_request")

    def __init__(self, interface: str, request: Mapping[str, Any], *, report: bool) -> None:
        self._interface = interface
        self._request = request
        self._report = report
        self._handling = Handling(request)

    def __enter__(self) -> None:
        self._handling.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._report and isinstance(error, Exception) and not isinstance(error, StopIteration):
                report(self._interface, error)
        finally:
            self._handling.__exit__(kind, error, traceback)


def report(interface: str, error: BaseException) -> None:
    """Page for an exception that left an application, unless it has paged already."""
    if paged_exceptions.is_marked(error, REPORTED):
        return
    paged_exceptions.mark(error, REPORTED, interface)
    # A template without words, on purpose: the exception and its origin make the problem.
    record = logging.LogRecord(
        interface,
        logging.ERROR,
        _PLACE,
        0,
        "%s",
        ("Unhandled exception",),
        (type(error), error, error.__traceback__),
    )
    handlers.call_each(None, interface, lambda handler: handler.handle(record))


def report_handled(interface: str) -> Exception | None:
    """Page for the exception that is being handled, if there is one, and return it."""
    error = sys.exc_info()[1]
    if not isinstance(error, Exception):
        return None
    report(interface, error)
    return error
