"""aiohttp: pages for records that are logged during a request show that request.

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
    """Add method, path and, if known, route and view to the pages of all records of a request.

    It logs nothing and catches nothing: aiohttp logs what a handler raises, and that pages. Must be the first
    middleware of the application. Each request starts without breadcrumbs.
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
