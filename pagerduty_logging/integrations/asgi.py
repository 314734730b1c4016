"""ASGI: pages tell which request they are about, and the last ones leave before the server ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pagerduty_logging.delivery import process
from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler
from pagerduty_logging.record.web_request import Handling

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class PagerDutyMiddleware:
    """Shows method, path and, where known, route and view with all that is logged for a request.

    It logs nothing and catches nothing: a failure is reported by the server. Breadcrumbs begin anew with
    each request. Whatever is no HTTP request, such as a websocket, passes through untouched.

    When the server shuts down, what is pending is sent first, for at most the handlers' `flush_timeout`
    seconds: uvicorn ends its processes by a signal, which nothing of Python's survives.

    Args:
        app: the ASGI application; one that knows no lifespan, such as Django's, gets one here.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request, or a lifespan."""
        if scope["type"] == "http":
            BreadcrumbHandler.forget()
            with Handling(scope):
                await self._app(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Message, receive: Receive, send: Send) -> None:
        is_known = False

        async def listen() -> Message:
            nonlocal is_known
            is_known = True
            return await receive()

        async def tell(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                process.drain()  # blocks the loop, which has nothing left to serve
            await send(message)

        try:
            await self._app(scope, listen, tell)
        except Exception:
            if is_known:
                raise
        if not is_known:
            for moment in ("startup", "shutdown"):
                await receive()
                await tell({"type": f"lifespan.{moment}.complete"})
