"""`examples/fleet`, run as a user would."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / "examples" / "fleet" / "run.py"


def test_four_workers_send_one_event_each_problem_and_count_together():
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    ran = subprocess.run(
        [sys.executable, str(RUN), "2"], timeout=90, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    logged = sum(int(line.split()[4]) for line in ran.stdout.splitlines() if line.startswith("worker "))
    got, problems = ran.stdout.split("$ pagerduty-logging problems\n")
    assert got.count("why: first") == 2
    counts = {line.split("\t")[1]: int(line.split("\t")[2]) for line in problems.splitlines()}
    assert counts == {"The database does not answer": logged, "Orders are paid and not stored": 1}
