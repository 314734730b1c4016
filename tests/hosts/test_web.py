"""Flask under gunicorn and FastAPI under uvicorn: one page for one unhandled exception, and none lost."""

import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.reliability.programs import until

from .web_servers import PATIENCE, Server, copied, pages, serving

ORDER = "there is no order 7"
STOCK = "the stock of pears cannot be told: OSError: the shelf of pears does not answer"


@pytest.mark.parametrize(
    "workers",
    # A gevent worker that is told to stop before it has begun never hears of it: one, which has answered.
    ["sync --workers 2", "gthread --threads 2 --workers 2", "gevent --workers 1"],
)
def test_flask_under_gunicorn(sandbox: Sandbox, tmp_path: Path, workers: str):
    for host in ("flask", "gunicorn", "gevent"):
        pytest.importorskip(host)
    options = f"--preload --worker-class {workers} --graceful-timeout 9 --bind 127.0.0.1:{{port}}"
    with serving(f"-m gunicorn {options} shop:app", copied("flask_app", tmp_path), sandbox) as server:
        sandbox.fail_next(503)  # so that something is pending as the server stops
        assert server.get("/orders/7?token=hush") == 500
        assert server.get("/stock/pears") == 500
        assert server.stop() == 0
    assert pages(sandbox) == {
        f"Exception on /orders/7 [GET] in shop.order: LookupError: {ORDER}": {
            "method": "GET",
            "path": "/orders/7",
            "query_names": "token",
            "route": "/orders/<int:number>",
            "view": "order",
        },
        STOCK: {"method": "GET", "path": "/stock/pears", "route": "/stock/<fruit>", "view": "stock"},
    }


PLAIN = """
import logging, pathlib, time
from pagerduty_logging import PagerDutyHandler

logging.getLogger().addHandler(PagerDutyHandler())
logging.getLogger("gunicorn.error").propagate = True

def app(environ, start_response):
    if environ["PATH_INFO"] == "/broken":
        raise LookupError("there is no order 7")
    if environ["PATH_INFO"] == "/slow":
        pathlib.Path("begun").touch()
        time.sleep(600)
    start_response("204 No Content", [])
    return []
"""


def hang_up(server: Server) -> None:
    with suppress(OSError):  # the server may go without an answer
        server.get("/slow")


def test_gunicorn_stopped_at_once_during_an_answer_wakes_nobody(sandbox: Sandbox, tmp_path: Path):
    pytest.importorskip("gunicorn")
    (tmp_path / "plain.py").write_text(PLAIN)
    with serving("-m gunicorn --bind 127.0.0.1:{port} plain:app", tmp_path, sandbox) as server:
        assert server.get("/broken?token=hush") == 500
        client = threading.Thread(target=hang_up, args=[server])
        client.start()
        until((tmp_path / "begun").exists, PATIENCE)
        assert server.stop(signal.SIGINT) == 0
        client.join(PATIENCE)
    assert "SystemExit: 0" in server.output.read_text()
    assert pages(sandbox) == {
        f"Error handling request GET /broken?token in plain.app: LookupError: {ORDER}": {}
    }


def test_fastapi_under_uvicorn(sandbox: Sandbox, tmp_path: Path):
    for host in ("fastapi", "uvicorn"):
        pytest.importorskip(host)
    command = "-m uvicorn --workers 2 --port {port} shop:app"
    with serving(command, copied("fastapi_app", tmp_path), sandbox) as server:
        sandbox.fail_next(503)  # so that something is pending as the server stops
        assert server.get("/orders/7?token=hush") == 500
        assert server.get("/orders/7/invoice") == 500
        assert server.get("/stock/pears") == 500
        assert server.stop() == 0
    assert pages(sandbox) == {
        "Exception in ASGI application in shop.invoice: ValueError: there is no printer": {
            "method": "GET",
            "path": "/orders/7/invoice",
            "route": "/orders/{number}/invoice",
            "view": "shop.invoice",
        },
        f"Exception in ASGI application in shop.order: LookupError: {ORDER}": {
            "method": "GET",
            "path": "/orders/7",
            "query_names": "token",
            "route": "/orders/{number}",
            "view": "shop.order",
        },
        STOCK: {"method": "GET", "path": "/stock/pears", "route": "/stock/{fruit}", "view": "shop.stock"},
    }
