"""ASGI: pages for what is logged while a request is handled tell which request it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pagerduty_logging.breadcrumbs import BreadcrumbHandler
from pagerduty_logging.request_details import Handling

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class RequestDetailsMiddleware:
    """Shows method, path and, where known, route and view with all that is logged for a request.

    It logs nothing and catches nothing: a failure is reported by the server. Breadcrumbs begin anew with
    each request. Whatever is no HTTP request, such as a websocket, passes through untouched.

    Args:
        app: the ASGI application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        BreadcrumbHandler.forget()
        with Handling(scope):
            await self._app(scope, receive, send)
