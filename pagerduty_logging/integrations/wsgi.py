"""WSGI: pages for what is logged while a request is handled tell which request it was."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler
from pagerduty_logging.record.web_request import Handling

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class PagerDutyMiddleware:
    """Shows method, path and, where known, route and view with all that is logged for a request.

    It logs nothing and catches nothing: a failure is reported by the framework or the server. Breadcrumbs
    begin anew with each request.

    Args:
        app: the WSGI application, such as `app.wsgi_app` of Flask.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        BreadcrumbHandler.forget()
        with Handling(environ):
            body = self._app(environ, start_response)
        return body if _is_finished(body, environ.get("wsgi.file_wrapper")) else _Body(body, environ)


def _is_finished(body: Iterable[bytes], file_wrapper: Callable[..., Any] | None) -> bool:
    """Tell whether no code of the application is left to run; servers send such bodies faster as they are."""
    if isinstance(body, (list, tuple, io.IOBase)):
        return True
    return isinstance(file_wrapper, type) and isinstance(body, file_wrapper)


class _Body:
    """The rest of an answer; each piece is made with its request named, and nothing stays named between."""

    def __init__(self, body: Iterable[bytes], environ: WSGIEnvironment) -> None:
        self._body = body
        self._environ = environ
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with Handling(self._environ):
            if self._pieces is None:
                self._pieces = iter(self._body)
            return next(self._pieces)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            with Handling(self._environ):
                close()
