"""ASGI: pages show their request, and pending ones are sent before the server ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pagerduty_logging.delivery import process
from pagerduty_logging.events_api import options
from pagerduty_logging.integrations.uncaught import Handled, report, report_handled
from pagerduty_logging.record import paged_exceptions
from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_INTERFACE = "asgi"


class PagerDutyMiddleware:
    """Adds method, path and, if known, route and view to the pages of all records of a request.

    Each request starts without breadcrumbs. A websocket is shown as a request with the method `WEBSOCKET`.

    When the server shuts down, pending events are sent first, within the handlers' `flush_timeout` seconds:
    uvicorn ends its processes by a signal, after which no Python code runs.

    Args:
        app: the ASGI application; one without lifespan support, such as Django's, gets it here.
        report: page for each exception that leaves the application, or that prevents its start, whether or
            not the server logs it, and raise it again. The handlers attached to the root logger page, else
            those of any other, else one made from the environment. The server's own record of the same
            exception does not page again. False: only what the framework or the server logs pages.

    Raises:
        TypeError: naming the argument that is wrong.
    """

    def __init__(self, app: Application, *, report: bool = False) -> None:
        self._app = app
        self._report = options.flag("report", report)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request, a websocket, or a lifespan."""
        if scope["type"] in ("http", "websocket"):
            await self._handle(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _handle(self, scope: Message, receive: Receive, send: Send) -> None:
        # A frame below `__call__`, which shows that the exception was passed on from here.
        BreadcrumbHandler.forget()
        with Handled(_INTERFACE, scope, report=self._report):
            await self._app(scope, receive, send)

    async def _live(self, scope: Message, receive: Receive, send: Send) -> None:
        is_known = False

        async def listen() -> Message:
            nonlocal is_known
            is_known = True
            return await receive()

        async def forward(message: Message) -> None:
            kind = message["type"]
            failed = None
            if self._report and kind.endswith(".failed"):
                failed = report_handled(_INTERFACE)  # before the server logs its text
            if kind.startswith("lifespan.shutdown."):
                process.drain()  # this blocks the loop, which has nothing left to serve
            try:
                await send(message)
            except Exception as answer:
                if failed is not None:
                    paged_exceptions.copy_marks(failed, answer)  # hypercorn raises an error of its own
                raise

        try:
            await self._app(scope, listen, forward)
        except Exception as error:
            if is_known:
                if self._report:
                    report(_INTERFACE, error)
                raise
        if not is_known:
            for moment in ("startup", "shutdown"):
                await receive()
                await forward({"type": f"lifespan.{moment}.complete"})
