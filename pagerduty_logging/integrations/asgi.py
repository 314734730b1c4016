"""ASGI: pages show which request they are about, and the last ones leave before the server ends."""

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
    """Shows method, path and, where known, route and view with all that is logged for a request.

    Each request starts without breadcrumbs. A websocket is shown as a request of the method `WEBSOCKET`.

    When the server shuts down, what is pending is sent first, for at most the handlers' `flush_timeout`
    seconds: uvicorn ends its processes by a signal, which nothing of Python's survives.

    Args:
        app: the ASGI application; one that knows no lifespan, such as Django's, gets one here.
        report: page for each exception that leaves the application, or keeps it from starting, whatever the
            server does with it, and raise it again. The handlers attached to the root logger page, else
            those of any other, else one made from the environment. What the server logs of the same
            exception does not page again. False: a failure is reported by the framework or the server
            alone, and pages if that is logged.

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
        # A frame below `__call__`: what is paged for here is seen to be passed on from there.
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
                failed = report_handled(_INTERFACE)  # before the server logs the text of it
            if kind.startswith("lifespan.shutdown."):
                process.drain()  # blocks the loop, which has nothing left to serve
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
