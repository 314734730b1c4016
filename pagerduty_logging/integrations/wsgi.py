"""WSGI: pages for records that are logged during a request show that request."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pagerduty_logging.events_api import options
from pagerduty_logging.integrations.uncaught import Handled
from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class PagerDutyMiddleware:
    """Adds method, path and, if known, route and view to the pages of all records of a request.

    Each request starts without breadcrumbs.

    Args:
        app: the WSGI application, such as `app.wsgi_app` of Flask.
        report: page for each exception that leaves the application, whether or not the server logs it, and
            raise it again. The handlers attached to the root logger page, else those of any other, else one
            made from the environment. The server's own record of the same exception does not page again.
            False: only what the framework or the server logs pages.

    Raises:
        TypeError: naming the argument that is wrong.
    """

    def __init__(self, app: WSGIApplication, *, report: bool = False) -> None:
        self._app = app
        self._report = options.flag("report", report)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        BreadcrumbHandler.forget()
        handled = Handled("wsgi", environ, report=self._report)
        with handled:
            body = self._app(environ, start_response)
        return body if _is_finished(body, environ.get("wsgi.file_wrapper")) else _Body(body, handled)


def _is_finished(body: Iterable[bytes], file_wrapper: Callable[..., Any] | None) -> bool:
    """Return whether no code of the application is left to run; servers send such bodies faster unwrapped."""
    if isinstance(body, (list, tuple, io.IOBase)):
        return True
    return isinstance(file_wrapper, type) and isinstance(body, file_wrapper)


class _Body:
    """The rest of an answer; the request is set while each piece is made, and not in between."""

    def __init__(self, body: Iterable[bytes], handled: AbstractContextManager[None]) -> None:
        self._body = body
        self._handled = handled
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._handled:
            if self._pieces is None:
                self._pieces = iter(self._body)
            return next(self._pieces)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            with self._handled:
                close()
