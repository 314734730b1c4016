"""RQ's workers: one page for a job that fails, which says which job it was, and none lost."""

import json
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox

from .workers import PATIENCE, copied, pages, run, started

pytest.importorskip("rq")


ENQUEUE = """
import os, sys
from redis import Redis
from rq import Queue, Retry
import jobs
queue = Queue("mail", connection=Redis.from_url(os.environ["REDIS_URL"]))
for order in (1, 2):
    queue.enqueue(jobs.pay, order)
    queue.enqueue(jobs.pay_carefully, order)
queue.enqueue(jobs.remind, 7)
queue.enqueue("jobs.gone", "s3cret", secret="s3cret")
queue.enqueue("retried.mend", retry=Retry(max=2))
queue.enqueue("retried.tire", retry=Retry(max=2))
"""
RETRIED = """
from pathlib import Path
def mend():
    if not Path("mended").exists():
        Path("mended").touch()
        raise ConnectionError("once")
def tire():
    with open("tries", "a") as tries:
        tries.write("x")
    raise TimeoutError("still no answer")
"""


@pytest.mark.parametrize(
    "kind", ["rq.Worker", "rq.SimpleWorker", "pagerduty_logging.integrations.rq.SpawnWorker"]
)
def test_a_job_that_fails_is_one_page(sandbox: Sandbox, tmp_path: Path, redis: str, kind: str) -> None:
    folder = copied("rq_jobs", tmp_path)
    (folder / "retried.py").write_text(RETRIED)
    run(["-c", ENQUEUE], folder, sandbox, REDIS_URL=redis)
    worker = f"-m rq.cli worker -c settings --burst --worker-class {kind} mail"
    with started(worker.split(), folder, sandbox, REDIS_URL=redis) as process:
        assert process.wait(PATIENCE) == 0
    found = pages(sandbox)
    assert set(found) == {
        "Job jobs.pay[…] raised Declined: order 1: no money left",
        "cannot charge order 1: Declined: order 1: no money left",
        "no address for order 7",
        "Job jobs.gone[…] raised ValueError: Invalid attribute name: gone",
        "Job retried.tire[…] raised TimeoutError: still no answer",
    }, (folder / "output.txt").read_text()
    tired = [event for event in sandbox.events if "tire" in event["payload"]["summary"]]
    assert len(tired) == 1  # at the last of three tries
    assert (folder / "tries").read_text() == "xxx"
    assert {details["queue"] for details in found.values()} == {"mail"}
    names = {details["func"] for details in found.values()}
    assert names == {"jobs.pay", "jobs.pay_carefully", "jobs.remind", "jobs.gone", "retried.tire"}
    assert "s3cret" not in json.dumps(sandbox.events)


KILLED = """
import os
from redis import Redis
from rq import Queue
queue = Queue("mail", connection=Redis.from_url(os.environ["REDIS_URL"]))
for _ in range(2):
    queue.enqueue(os.kill, 0, 9)  # the process group of the job
queue.enqueue(os._exit, 3)
"""


def test_a_job_that_is_killed_pages(sandbox: Sandbox, tmp_path: Path, redis: str) -> None:
    folder = copied("rq_jobs", tmp_path)
    run(["-c", KILLED], folder, sandbox, REDIS_URL=redis)
    worker = (
        "-m rq.cli worker -c settings --burst --worker-class pagerduty_logging.integrations.rq.Worker mail"
    )
    with started(worker.split(), folder, sandbox, REDIS_URL=redis) as process:
        assert process.wait(PATIENCE) == 0
    found = pages(sandbox)
    killed, left = (
        "Job posix.kill[…] lost its process: it was killed by SIGKILL",
        "Job posix._exit[…] lost its process: it ended with status 3",
    )
    assert set(found) == {killed, left}, (folder / "output.txt").read_text()
    assert (found[killed]["func"], found[killed]["queue"]) == ("posix.kill", "mail")
