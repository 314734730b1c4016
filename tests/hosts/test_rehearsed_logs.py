"""Logs that real hosts write under load are read line by line, and rehearsed: each failure is one record."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pagerduty_logging.cli import main
from pagerduty_logging.cli.rehearse.counts import Counts
from pagerduty_logging.cli.rehearse.entries import Entry
from pagerduty_logging.sandbox import Sandbox
from tests.cli.rehearse.logs import read_log, rehearsed
from tests.reliability.programs import until

from .web_servers import Server, serving
from .workers import PATIENCE, run, started, stop

FAILURES = 20
SHOP = """
class Declined(Exception): pass

def charge(order):
    raise Declined(f"no card for order {order}")

def pay(order):
    try:
        charge(order)
    except Declined as error:
        raise RuntimeError(f"order {order} failed") from error
"""


def ask(server: Server) -> None:
    """Ask for pages that fail, and for others in between, many at once."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(server.get, [f"/pay/{n}" if n % 2 else f"/ready/{n}" for n in range(2 * FAILURES)]))


def read(path: Path, log: str | None = None) -> tuple[list[Entry], Counts]:
    return read_log(path.with_suffix(".copy"), path.read_text() if log is None else log)


def assert_failures(entries: Sequence[Entry], message: str, logger: str) -> None:
    """Assert that all these records are failures that the program raised, each whole."""
    assert len(entries) == FAILURES
    for entry in entries:
        assert entry.message.startswith(message), entry
        assert entry.logger == logger
        assert "Declined: no card for order" in entry.traceback
        assert "\nRuntimeError: order" in entry.traceback


def test_gunicorn(sandbox: Sandbox, tmp_path: Path):
    pytest.importorskip("gunicorn")
    (tmp_path / "app.py").write_text(f"{SHOP}\ndef app(environ, start):\n"
        "    kind, order = (environ['PATH_INFO'] + '/').split('/')[1:3]\n"
        "    if kind == 'pay':\n        pay(order)\n"
        "    start('200 OK', [])\n    return [b'ready']\n")  # fmt: skip
    command = "-m gunicorn --workers 3 --threads 2 --log-level debug --bind 127.0.0.1:{port} app:app"
    with serving(command, tmp_path, sandbox) as server:
        ask(server)
        server.stop()
    entries, counts = read(server.output)
    assert_failures(entries, "Error handling request", "gunicorn.error")
    assert counts.not_understood == 0
    assert counts.formats.keys() == {"gunicorn"}
    assert rehearsed(entries).alerts == 1


def test_uvicorn_in_a_container(sandbox: Sandbox, tmp_path: Path):
    pytest.importorskip("uvicorn")
    (tmp_path / "app.py").write_text(f"{SHOP}\nasync def app(scope, receive, send):\n"
        "    if scope['type'] != 'http': return\n"
        "    if scope['path'].startswith('/pay/'): pay(scope['path'][5:])\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b''})\n")  # fmt: skip
    with serving("-m uvicorn --port {port} app:app", tmp_path, sandbox) as server:
        ask(server)
        server.stop()
    lines = server.output.read_text().splitlines(keepends=True)
    assert read(server.output)[1].without_time == FAILURES
    about = {"stream": "stderr", "time": "2026-11-29T03:12:07.123456789Z"}
    entries, counts = read(
        server.output, "".join(json.dumps({"log": line, **about}) + "\n" for line in lines)
    )
    assert_failures(entries, "Exception in ASGI application", "uvicorn.error")
    assert counts.not_understood == 0
    assert rehearsed(entries).alerts == 1


def test_django(sandbox: Sandbox, tmp_path: Path):
    pytest.importorskip("django")
    pytest.importorskip("gunicorn")
    (tmp_path / "site_.py").write_text(f"""{SHOP}
import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, LOGGING={{
    "version": 1, "disable_existing_loggers": False,
    "formatters": {{"verbose": {{"style": "{{",
        "format": "{{levelname}} {{asctime}} {{module}} {{process:d}} {{thread:d}} {{message}}"}}}},
    "handlers": {{"file": {{
        "class": "logging.FileHandler", "filename": "django.log", "formatter": "verbose"}}}},
    "loggers": {{"django": {{"handlers": ["file"], "level": "DEBUG"}}}},
}})
urlpatterns = [path("pay/<int:order>", lambda request, order: pay(order)),
               path("ready/<int:order>", lambda request, order: HttpResponse())]
from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
""")  # fmt: skip
    command = "-m gunicorn --workers 3 --bind 127.0.0.1:{port} site_:app"
    with serving(command, tmp_path, sandbox) as server:
        ask(server)
        server.stop()
    entries, counts = read(tmp_path / "django.log")
    assert_failures(entries, "Internal Server Error: /pay/", "log")  # Django's format names the module only
    assert counts.not_understood == 0


def test_celery(sandbox: Sandbox, tmp_path: Path):
    pytest.importorskip("celery")
    (tmp_path / "tasks.py").write_text(f"{SHOP}\nimport os\nfrom celery import Celery\n"
        "queue = {name: 'queue' for name in ('data_folder_in', 'data_folder_out', 'control_folder')}\n"
        "os.makedirs('queue', exist_ok=True)\n"
        "app = Celery(broker='filesystem://', broker_transport_options=queue)\n"
        "app.conf.broker_connection_retry_on_startup = False\n"
        "@app.task(name='shop.pay')\ndef pay_(order): pay(order)\n"
        "@app.task(name='shop.ready')\ndef ready(order): return order\n")  # fmt: skip
    send = f"import tasks; [t.delay(n) for n in range({FAILURES}) for t in (tasks.pay_, tasks.ready)]"
    run(["-c", send], tmp_path, sandbox)
    worker = "-m celery -A tasks worker --loglevel INFO --concurrency 3 --without-mingle --without-gossip"
    output = tmp_path / "output.txt"
    with started(worker.split(), tmp_path, sandbox) as process:
        until(lambda: output.read_text().count("succeeded in") == FAILURES
              and output.read_text().count("raised unexpected") == FAILURES, PATIENCE)  # fmt: skip
        stop(process)
    entries, counts = read(output)
    assert_failures(entries, "Task shop.pay[", "")
    # What it greets with is no log.
    assert {line for _, line in counts.examples} <= set(output.read_text().splitlines()[:40])
    assert rehearsed(entries).alerts == 1


@pytest.mark.parametrize("named", [True, False], ids=["a format with times", "its own format"])
def test_rq(named: bool, sandbox: Sandbox, tmp_path: Path, redis: str, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("rq")
    (tmp_path / "jobs.py").write_text(SHOP + "\ndef ready(order): pass\n")
    send = ("import os, jobs; from redis import Redis; from rq import Queue; "
            "queue = Queue(connection=Redis.from_url(os.environ['REDIS_URL'])); "
            f"[queue.enqueue(f, n) for n in range({FAILURES}) for f in (jobs.pay, jobs.ready)]")  # fmt: skip
    run(["-c", send], tmp_path, sandbox, REDIS_URL=redis)
    form = ["--log-format", "%(asctime)s %(levelname)s %(name)s: %(message)s"] if named else []
    form += ["--date-format", "%Y-%m-%d %H:%M:%S"] if named else []
    worker = ["-m", "rq.cli", "worker", "--burst", "--worker-class", "rq.SimpleWorker", "--url", redis, *form]
    with started(worker, tmp_path, sandbox) as process:
        assert process.wait(PATIENCE) == 0
    output = tmp_path / "output.txt"
    if not named:  # a time of day, no level: nothing of it may page
        assert main(["rehearse", str(output)]) == 2
        assert "--format" in capsys.readouterr().err
        return
    entries, counts = read(output)
    raised = [entry for entry in entries if entry.traceback]
    assert_failures(raised, "Worker ", "rq.worker")
    assert counts.not_understood == 0
