"""Task queues with their integration: a task that is given up is one page, and its arguments are on none."""

import importlib.util
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.reliability.programs import until

from .workers import PATIENCE, pages, run, started, stop, wait_for

PROGRAMS = Path(__file__).parent / "programs"

TWO = {"pay": "ValueError: boom", "ship": "LookupError: no stock"}
TIRES = {"tire": "TimeoutError: still no answer"}


@dataclass(frozen=True)
class Host:
    """A task queue, and the pages that its program calls for.

    Attributes:
        module: the program, without its suffix.
        worker: what `python` is given to run a worker.
        page: the summary of a task's page, in which ids are `…`.
        raised: what tasks raise that are given up, by their name; each is a page.
        quiet: tasks that page nobody.
        before: what `python` is given before.
        status: the worker's exit status after SIGTERM.
    """

    module: str
    worker: str
    page: str
    raised: dict[str, str]
    quiet: tuple[str, ...] = ("mend",)
    before: tuple[str, ...] = ()
    redis: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    exact: dict[str, str] = field(default_factory=dict)


HOSTS = {
    "dramatiq": Host(
        "dramatiq_tasks",
        "-m dramatiq dramatiq_tasks --processes 1 --threads 2",
        "Message {0}[…] raised {1}",
        TWO | TIRES,
        quiet=("mend", "expect"),
        redis=True,
    ),
    "huey, threads": Host(
        "huey_tasks", "-m huey.bin.huey_consumer huey_tasks.huey -w 2", "Task {0}[…] raised {1}", TWO | TIRES
    ),
    "huey, processes": Host(
        "huey_tasks",
        "-m huey.bin.huey_consumer huey_tasks.huey -k process",
        "Task {0}[…] raised {1}",
        TWO | TIRES | {"slow": "TaskTimeout: timeout (1s)"},
    ),
    "arq": Host(
        "arq_tasks",
        "-m arq arq_tasks.WorkerSettings",
        "Job {0}[…] raised {1}",
        TWO,
        quiet=("mend",),
        redis=True,
        exact={"tire": "Job tire[…] was given up after 3 tries"},
    ),
    "dask": Host("dask_tasks", "dask_tasks.py", "Task {0}[{0}-…] raised {1}", TWO | TIRES),
    "django_q": Host(
        "django_q_tasks",
        "-m django qcluster",
        "Task failing.{0}[…] raised {1}",
        TWO,
        before=("-m", "django", "migrate", "--verbosity", "0"),
        environment={"DJANGO_SETTINGS_MODULE": "django_q_settings"},
    ),
}


@dataclass(frozen=True)
class Place:
    """Where a host's program is run."""

    host: Host
    folder: Path
    sandbox: Sandbox
    settings: dict[str, str]

    def send(self, *tasks: str) -> None:
        """Run tasks in a separate program."""
        code = f"import {self.host.module} as tasks; tasks.send(*{tasks!r})"
        run(["-c", code], self.folder, self.sandbox, **self.settings)


def place_of(name: str, folder: Path, sandbox: Sandbox, request: pytest.FixtureRequest) -> Place:
    """Make ready what a host's program needs."""
    host = HOSTS[name]
    if importlib.util.find_spec(host.module.removesuffix("_tasks")) is None:
        pytest.skip(f"{name} is not installed")
    for program in PROGRAMS.glob("*.py"):
        shutil.copy(program, folder)
    settings = dict(host.environment)
    if host.redis:
        settings["REDIS_URL"] = request.getfixturevalue("redis")
    if host.before:
        run(list(host.before), folder, sandbox, **settings)
    return Place(host, folder, sandbox, settings)


@pytest.mark.parametrize("name", HOSTS)
def test_a_task_that_is_given_up_is_one_page_and_its_arguments_are_on_none(
    sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    place = place_of(name, tmp_path, sandbox, request)
    host = place.host
    expected = {task: host.page.format(task, raised) for task, raised in host.raised.items()} | host.exact
    with started(host.worker.split(), tmp_path, sandbox, **place.settings) as process:
        place.send(*expected, *host.quiet)
        wait_for(sandbox, set(expected.values()), tmp_path)
        sandbox.fail_next(503)
        sandbox.fail_next(503)
        place.send("late")
        until((tmp_path / "late").exists, timeout=PATIENCE)
        assert stop(process) == 0, (tmp_path / "output.txt").read_text()[-3000:]
    expected["late"] = host.page.format("late", "OSError: too late")
    found = pages(sandbox)
    assert set(found) == set(expected.values())
    for task, summary in expected.items():
        assert found[summary]["task_name"].endswith(task)
        assert found[summary]["task_id"]
    assert "CUST4711" not in json.dumps(sandbox.events)


@pytest.mark.parametrize("name", [name for name in HOSTS if name != "huey, processes"])
def test_the_next_success_resolves_a_task_if_that_is_wanted(
    sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    place = place_of(name, tmp_path, sandbox, request)
    worker, settings = place.host.worker.split(), place.settings | {"RESOLVES": "yes"}
    with started(worker, tmp_path, sandbox, **settings):
        place.send("heal")
        sandbox.wait_until(lambda: sandbox.alerts, timeout=PATIENCE)
        assert sandbox.alerts[0].state == "triggered"
        place.send("heal")
        sandbox.wait_until(lambda: sandbox.alerts[0].state == "resolved", timeout=PATIENCE)
    assert [event["event_action"] for event in sandbox.events] == ["trigger", "resolve"]


MULTIPROCESS = """
import logging, sys
when = sys.argv[1]
if when == "before": import multiprocess
from pagerduty_logging import PagerDutyHandler, install_hooks
logging.getLogger().addHandler(PagerDutyHandler())
if when != "in the child": install_hooks()
import multiprocess

def pay():
    install_hooks()
    raise ValueError("boom")

process = multiprocess.Process(target=pay, name="payer")
process.start()
process.join()
"""


@pytest.mark.parametrize("when", ["before", "after", "in the child"])
def test_a_process_of_multiprocess_that_dies_pages_once(sandbox: Sandbox, tmp_path: Path, when: str) -> None:
    if importlib.util.find_spec("multiprocess") is None:
        pytest.skip("multiprocess is not installed")
    (tmp_path / "shop.py").write_text(MULTIPROCESS)
    run(["shop.py", when], tmp_path, sandbox)
    assert set(pages(sandbox)) == {"Uncaught exception in process payer: ValueError: boom"}
    assert len(sandbox.events) == 1


HUEY = """
import logging, sys
from huey import MemoryHuey
from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.huey import install
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)
install(MemoryHuey(), PagerDutyHandler())
logging.getLogger("huey.consumer").warning("Worker %d died, restarting.", 1)  # huey 3: consumer.py
"""


def test_a_worker_of_huey_that_died_with_its_task_pages(sandbox: Sandbox, tmp_path: Path) -> None:
    if importlib.util.find_spec("huey") is None:
        pytest.skip("huey is not installed")
    (tmp_path / "shop.py").write_text(HUEY)
    assert run(["shop.py"], tmp_path, sandbox) == "WARNING Worker 1 died, restarting.\n"
    (event,) = sandbox.events
    assert (event["payload"]["summary"], event["payload"]["severity"]) == (
        "Worker 1 died, restarting.",
        "error",
    )
