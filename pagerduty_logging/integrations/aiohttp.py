"""aiohttp: pages for what is logged while a request is handled show which request it was.

app = web.Application(middlewares=[page_requests])
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiohttp import web

from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler
from pagerduty_logging.record.web_request import Handling


@web.middleware
async def page_requests(request: web.Request, handler: Any) -> web.StreamResponse:
    """Show method, path and, where known, route and view with all that is logged for a request.

    It logs nothing and catches nothing: aiohttp itself logs what a handler raises, and that pages. To be the
    first of an application's middlewares. Each request starts without breadcrumbs.
    """
    BreadcrumbHandler.forget()
    match = request.match_info
    resource = match.route.resource
    scope = {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "query_string": request.query_string.encode(),
        "endpoint": match.handler,
        "route": None if resource is None else SimpleNamespace(path=resource.canonical),
    }
    with Handling(scope):
        response: web.StreamResponse = await handler(request)
    return response
