"""One failing application for every server, plain WSGI and plain ASGI, reported by the middleware alone."""

import logging
import signal
import sys
from typing import Any

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations import asgi, wsgi

logging.getLogger().addHandler(PagerDutyHandler())


def pay(path: str) -> None:
    raise ValueError("boom")


def ship(path: str) -> None:
    raise ValueError("boom")


def item(path: str) -> None:
    raise KeyError(path)


def view(path: str) -> None:
    if path.startswith("/item/"):
        item(path)
    if path in ("/pay", "/ship"):
        (pay if path == "/pay" else ship)(path)
    if path == "/last":
        raise RuntimeError("the last of all")


def wsgi_view(environ: Any, start_response: Any) -> Any:
    view(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"well"]


async def asgi_view(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for moment in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{moment}.complete"})
        return
    view(scope["path"])
    await receive()
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})


wsgi_app = wsgi.PagerDutyMiddleware(wsgi_view, report=True)
asgi_app = asgi.PagerDutyMiddleware(asgi_view, report=True)


def serve(name: str, port: int) -> None:
    """Serve with what has no command, or one that ends by the signal."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if name == "waitress":
        import waitress

        waitress.serve(wsgi_app, host="127.0.0.1", port=port)
    elif name == "cheroot":
        from cheroot.wsgi import Server

        server = Server(("127.0.0.1", port), wsgi_app)
        server.safe_start()
    elif name == "wsgiref":
        from wsgiref.simple_server import make_server

        make_server("127.0.0.1", port, wsgi_app).serve_forever()  # type: ignore[arg-type]
    elif name == "bottle":
        import bottle

        app = bottle.Bottle(catchall=False)
        app.route("/<path:path>", callback=lambda path: view(f"/{path}"))
        app.route("/", callback=lambda: "well")
        bottle.run(wsgi.PagerDutyMiddleware(app, report=True), server="waitress", port=port, quiet=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
