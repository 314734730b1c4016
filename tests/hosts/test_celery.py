"""Celery's workers: one page for a task that fails, which says which task it was, and none lost."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.reliability.programs import until

from .workers import PATIENCE, copied, pages, run, started, stop, wait_for

pytest.importorskip("celery")

SEND = "import tasks; [t.delay(n) for n in (1, 2) for t in (tasks.pay, tasks.pay_carefully)]; "
SEND_ALL = SEND + "tasks.ship.delay(7); tasks.remind.delay(7)"
WORKER = "-m celery -A {} worker --loglevel INFO --concurrency 2 --without-mingle --without-gossip {}"

PAY = "Task tasks.pay[…] raised Declined: order 1: no money left"
PAY_CAREFULLY = "cannot charge order 1: Declined: order 1: no money left"
SHIP = "Task tasks.ship[…] raised KeyError: 'pears'"
REMIND = "no address for order 7"

HARD_TASKS = """
import os, signal, time
from pathlib import Path
from celery.exceptions import Ignore, Reject
from tasks import app
app.conf.worker_lost_wait = 0.5
@app.task
def crash(secret): os.kill(os.getpid(), signal.SIGKILL)
@app.task(time_limit=1)
def sleep(secret): time.sleep(60)
@app.task
def leave(secret): raise SystemExit(3)
@app.task
def ignore(secret): raise Ignore
@app.task
def reject(secret): raise Reject("enough")
@app.task(throws=KeyError)
def expect(secret): raise KeyError(7)
@app.task
def say_nothing(secret): raise RuntimeError
@app.task
def linger(secret):
    Path("lingers").touch()
    while not Path("go").exists():
        time.sleep(0.05)
    raise TimeoutError("it took long")
"""


def worker(module: str, options: str) -> list[str]:
    return WORKER.format(module, options).split()


POOLS = ["--pool prefork", "--pool prefork --max-tasks-per-child 1", "--pool threads", "--pool solo"]


def test_a_task_that_fails_is_one_page_in_every_pool(tmp_path: Path) -> None:
    folder = copied("celery_app", tmp_path)
    with Sandbox() as nobody:
        run(["-c", SEND_ALL], folder, nobody)
    expected = {PAY, PAY_CAREFULLY, SHIP, REMIND}
    with ExitStack() as running:  # all at once: workers take their time to stop
        sandboxes, processes = {}, {}
        for number, pool in enumerate(POOLS):
            own = Path(shutil.copytree(folder, tmp_path / str(number)))
            sandboxes[pool] = running.enter_context(Sandbox())
            processes[pool] = running.enter_context(started(worker("tasks", pool), own, sandboxes[pool]))
        for number, pool in enumerate(POOLS):
            wait_for(sandboxes[pool], expected, tmp_path / str(number))
            processes[pool].terminate()
        assert {pool: process.wait(PATIENCE) for pool, process in processes.items()} == dict.fromkeys(
            POOLS, 0
        )
        for sandbox in sandboxes.values():
            require_pages(pages(sandbox))


def require_pages(found: dict[str, dict[str, Any]]) -> None:
    assert set(found) == {PAY, PAY_CAREFULLY, SHIP, REMIND}
    assert found[SHIP]["task_retries"] == 1
    tasks = [found[name]["task_name"] for name in (PAY, PAY_CAREFULLY, SHIP, REMIND)]
    assert tasks == ["tasks.pay", "tasks.pay_carefully", "tasks.ship", "tasks.remind"]
    for details in found.values():
        assert len(details["task_id"]) == 36
        assert details["task_queue"] == "celery"
        assert "data" not in details


def test_tasks_that_do_not_live_to_fail_page_and_controlled_ends_do_not(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = copied("celery_app", tmp_path)
    (folder / "hard.py").write_text(HARD_TASKS)
    quiet = "import hard; [t.delay('s3cret') for t in (hard.ignore, hard.reject, hard.expect)]; "
    loud = "[t.delay('s3cret') for t in (hard.crash, hard.sleep, hard.leave)]; "
    unknown = "hard.app.send_task('tasks.gone', ['s3cret'], {'a': 's3cret'}); "
    run(["-c", quiet + loud + unknown], folder, sandbox)
    with started(worker("hard", ""), folder, sandbox) as process:
        expected = {
            "Task hard.crash[…] lost its process",
            "Task hard.leave[…] lost its process",
            "Task hard.sleep[…] was killed after 1 seconds, its time limit",
            "Received unregistered task of type 'tasks.gone'.",
        }
        until(lambda: {name.partition(":")[0] for name in pages(sandbox)} >= expected, timeout=PATIENCE)
        run(["-c", "import hard; hard.say_nothing.delay(1); hard.linger.delay(1)"], folder, sandbox)
        until((folder / "lingers").exists, timeout=PATIENCE)
        with ThreadPoolExecutor(1) as pool:
            status = pool.submit(stop, process)
            (folder / "go").touch()
            assert status.result() == 0
    found = {name.partition(":")[0]: details for name, details in pages(sandbox).items()}
    silent, late = "Task hard.say_nothing[…] raised RuntimeError", "Task hard.linger[…] raised TimeoutError"
    assert set(found) == expected | {silent, late}
    assert found["Task hard.crash[…] lost its process"]["task_name"] == "hard.crash"
    assert "s3cret" not in json.dumps(sandbox.events)


DJANGO_SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["shop"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"pagerduty": {"class": "pagerduty_logging.PagerDutyHandler"}},
    "root": {"handlers": ["pagerduty"]},
}
CELERY_BROKER_URL = "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue"
}
"""
DJANGO_CELERY = """
import os
from celery import Celery
from pagerduty_logging.integrations.celery import install
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
install()
"""
DJANGO_TASKS = """
from celery import shared_task
from celery.utils.log import get_task_logger
@shared_task
def pay(order): raise ValueError("no money left")
@shared_task
def remind(order): get_task_logger(__name__).error("no address for order %d", order)
"""


def test_djangos_logging_is_left_as_it_is_and_pages(sandbox: Sandbox, tmp_path: Path) -> None:
    pytest.importorskip("django")
    (tmp_path / "queue").mkdir()
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("from .celery import app as celery_app\n")
    for name, text in (("settings", DJANGO_SETTINGS), ("celery", DJANGO_CELERY), ("tasks", DJANGO_TASKS)):
        (package / f"{name}.py").write_text(text)
    send = "import shop.tasks; shop.tasks.pay.delay(7); shop.tasks.remind.delay(7)"
    run(["-c", send], tmp_path, sandbox)
    with started(worker("shop", "--pool threads"), tmp_path, sandbox) as process:
        expected = {"Task shop.tasks.pay[…] raised ValueError: no money left", "no address for order 7"}
        wait_for(sandbox, expected, tmp_path)
        assert stop(process) == 0
    found = pages(sandbox)
    assert set(found) == expected
    assert {details["task_name"] for details in found.values()} == {"shop.tasks.pay", "shop.tasks.remind"}


def test_a_worker_whose_logging_has_no_handler_that_pages_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    program = """
from celery import Celery
from pagerduty_logging.integrations.celery import install
install()
Celery().log.setup()
"""
    said = run(["-c", program], tmp_path, sandbox)
    assert "pagerduty-logging: no handler of the application's logging pages" in said


def test_a_handler_joins_a_program_that_configures_logging_itself(sandbox: Sandbox, tmp_path: Path) -> None:
    program = """
import logging
from celery import Celery, signals
from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.celery import install
@signals.setup_logging.connect
def configure_logging(**_):
    logging.basicConfig(force=True)
handler = PagerDutyHandler(level="WARNING")
install(handler)
install(handler)
Celery().log.setup()
signals.celeryd_after_setup.send(sender="worker")
assert len(logging.getLogger().handlers) == 2
logging.error("it broke")
# What the library says of itself on stderr comes back as a record, which is not to page:
logging.getLogger("celery.redirected").warning("pagerduty-logging: PagerDuty is not reached")
"""
    run(["-c", program], tmp_path, sandbox)
    assert set(pages(sandbox)) == {"it broke"}
