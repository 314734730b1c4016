"""Any WSGI or ASGI server: what leaves the application pages once, by our middleware, and is not lost."""

import importlib.util
import json
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.ports import free_port

from .web_servers import PATIENCE, Server, pages, serving
from .workers import run

PROGRAM = Path(__file__).parent / "programs" / "any_server.py"

SERVERS = {
    # name: the command, and the exit status after SIGTERM
    "waitress": ("any_server.py waitress {port}", 0),
    "cheroot": ("any_server.py cheroot {port}", 0),
    "wsgiref": ("any_server.py wsgiref {port}", 0),
    "bottle": ("any_server.py bottle {port}", 0),
    "gunicorn": ("-m gunicorn --bind 127.0.0.1:{port} any_server:wsgi_app", 0),
    "granian wsgi": (
        "-m granian --interface wsgi --host 127.0.0.1 --port {port} any_server:wsgi_app",
        0,
    ),
    "granian asgi": (
        "-m granian --interface asgi --host 127.0.0.1 --port {port} any_server:asgi_app",
        0,
    ),
    "hypercorn": ("-m hypercorn --bind 127.0.0.1:{port} any_server:asgi_app", 0),
    "daphne": ("-m daphne --bind 127.0.0.1 --port {port} any_server:asgi_app", 0),
    "uvicorn": ("-m uvicorn --port {port} any_server:asgi_app", -signal.SIGTERM),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(PROGRAM, tmp_path)
    return tmp_path


def require(name: str) -> None:
    if importlib.util.find_spec(name.partition(" ")[0]) is None:
        pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize("name", SERVERS)
def test_an_exception_that_leaves_the_application_is_one_page_for_every_server(
    sandbox: Sandbox, folder: Path, name: str
) -> None:
    require(name)
    command, status = SERVERS[name]
    with serving(command, folder, sandbox) as server:
        for path in ("/pay", "/pay", "/ship", "/item/1", "/item/2?q=CUST4711"):
            assert asked(server, path) in (500, 0)
        sandbox.wait_for(3, timeout=PATIENCE)
        sandbox.fail_next(503)
        assert asked(server, "/last") in (500, 0)
        assert server.stop() == status
    # The end of the process may report how often each failure was repeated.
    first = [
        event["payload"] for event in sandbox.events if event["payload"]["custom_details"]["why"] == "first"
    ]
    shown = [(payload["class"], payload["custom_details"]["request"]) for payload in first]
    assert sorted((kind, request["method"], request["path"]) for kind, request in shown) == [
        ("KeyError", "GET", "/item/1"),
        ("RuntimeError", "GET", "/last"),
        ("ValueError", "GET", "/pay"),
        ("ValueError", "GET", "/ship"),
    ]


def asked(server: Server, path: str) -> int:
    """Return the status of the answer; 0 where the server gives none."""
    try:
        return server.get(path)
    except OSError:
        return 0


def test_a_websocket_that_fails_is_shown_with_its_path(sandbox: Sandbox, folder: Path) -> None:
    for name in ("uvicorn", "websockets"):
        require(name)
    with serving(SERVERS["uvicorn"][0], folder, sandbox) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(
                b"GET /pay?token=hush HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                b"Sec-WebSocket-Version: 13\r\n\r\n"
            )
            connection.settimeout(PATIENCE)
            assert connection.recv(100)
        server.stop()
    assert pages(sandbox) == {
        "Unhandled exception in any_server.pay: ValueError: boom": {
            "method": "WEBSOCKET",
            "path": "/pay",
            "query_names": "token",
        }
    }


AIOHTTP = """
import logging, sys
from aiohttp import web
from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.aiohttp import page_requests
logging.getLogger().addHandler(PagerDutyHandler())
async def item(request): raise KeyError(request.match_info["number"])
async def slow(request): raise TimeoutError("no answer")
async def home(request): return web.Response()
app = web.Application(middlewares=[page_requests])
app.router.add_get("/item/{number}", item)
app.router.add_get("/slow", slow)
app.router.add_get("/", home)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""
SANIC = """
import logging, sys
from sanic import Sanic, text
from pagerduty_logging import PagerDutyHandler
app = Sanic("shop", configure_logging=False)
@app.get("/item/<number>")
async def item(request, number): raise KeyError(number)
@app.get("/")
async def home(request): return text("")
if __name__ == "__main__":
    logging.getLogger().addHandler(PagerDutyHandler())
    app.run(host="127.0.0.1", port=int(sys.argv[1]), single_process=True, access_log=False)
"""


@pytest.mark.parametrize(
    ("name", "program", "route"),
    [("aiohttp", AIOHTTP, "/item/{number}"), ("sanic", SANIC, "/item/<number:str>")],
    ids=["aiohttp", "sanic"],
)
def test_a_server_of_its_own_kind_shows_the_request_and_no_value_of_its_query(
    sandbox: Sandbox, tmp_path: Path, name: str, program: str, route: str
) -> None:
    require(name)
    (tmp_path / "application.py").write_text(program)
    with serving("application.py {port}", tmp_path, sandbox) as server:
        sandbox.fail_next(503)
        assert server.get("/item/7?token=hush") == 500
        sandbox.wait_for(1, timeout=30)
        assert server.get("/item/8?token=hush") == 500
        assert server.stop() == 0
    assert len(sandbox.alerts) == 1
    request = sandbox.events[0]["payload"]["custom_details"]["request"]
    assert (request["method"], request["path"], request["route"]) == ("GET", "/item/7", route)
    assert "hush" not in json.dumps(sandbox.events)


def test_an_exception_that_aiohttp_does_not_pass_on_is_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    require("aiohttp")
    (tmp_path / "application.py").write_text(AIOHTTP)
    with serving("application.py {port}", tmp_path, sandbox) as server:
        assert server.get("/slow?token=hush") == 504
        assert server.stop() == 0
    assert list(pages(sandbox)) == [
        "Error handling request from 127.0.0.1 in application.slow: TimeoutError: no answer"
    ]


NO_START = """
import logging
from contextlib import asynccontextmanager
from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.asgi import PagerDutyMiddleware
from starlette.applications import Starlette
logging.getLogger().addHandler(PagerDutyHandler())
if {propagates}:
    logging.getLogger("uvicorn").propagate = True
def connect(): raise ConnectionRefusedError("no database")
@asynccontextmanager
async def lifespan(app):
    connect()
    yield
app = PagerDutyMiddleware(Starlette(lifespan=lifespan), report=True)
"""


@pytest.mark.parametrize("propagates", [False, True])
def test_an_application_that_does_not_start_is_one_page(
    sandbox: Sandbox, tmp_path: Path, propagates: bool
) -> None:
    for name in ("uvicorn", "starlette"):
        require(name)
    (tmp_path / "no_start.py").write_text(NO_START.format(propagates=propagates))
    starts = f"[{sys.executable!r}, '-m', 'uvicorn', 'no_start:app', '--port', '{free_port()}']"
    run(
        ["-c", f"import subprocess, sys; sys.exit(subprocess.call({starts}) - 3)"], tmp_path, sandbox
    )  # uvicorn's status for an application that does not start
    assert list(pages(sandbox)) == [
        "Unhandled exception in no_start.connect: ConnectionRefusedError: no database"
    ]


TORNADO = """
import asyncio, logging, signal, sys
from pagerduty_logging import PagerDutyHandler
from tornado.web import Application, HTTPError, RequestHandler
logging.getLogger().addHandler(PagerDutyHandler())
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Broken(RequestHandler):
    def get(self): raise ValueError("boom")
class Answers(RequestHandler):
    def get(self): self.set_status(500)
class Asks(RequestHandler):
    def get(self): raise HTTPError(503)
async def main():
    routes = [("/broken", Broken), ("/answers", Answers), ("/asks", Asks)]
    Application(routes).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_tornados_access_line_pages_only_where_no_exception_does(sandbox: Sandbox, tmp_path: Path) -> None:
    require("tornado")
    (tmp_path / "application.py").write_text(TORNADO)
    with serving("application.py {port}", tmp_path, sandbox) as server:
        assert server.get("/broken") == 500
        assert server.get("/answers") == 500
        assert server.get("/asks") == 503
        assert server.stop() == 0
    lines = sorted(alert.custom_details["logger"] for alert in sandbox.alerts)
    assert lines[0] == "tornado.access"
    assert lines[-1] == "tornado.application"
    assert sum(line == "tornado.application" for line in lines) == 1
    assert not any("/broken" in alert.summary for alert in sandbox.alerts if "access" in alert.component)
