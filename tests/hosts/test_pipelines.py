"""Pipelines with their integration: what fails for good is one page, and its parameters are on none.

They are heavy, and need environments of their own: only tried with HEAVY=1, where they are installed.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox

from .test_tasks import PROGRAMS
from .workers import run

pytestmark = [
    pytest.mark.skipif(os.environ.get("HEAVY") != "1", reason="only with HEAVY=1"),
    pytest.mark.timeout(600),
]

_RUN = re.compile(r"\[[^\]]+\]")


def ran(program: str, folder: Path, sandbox: Sandbox, **settings: str) -> list[tuple[str, str, str]]:
    """Run a program with two refusals at its start; return what was asked for: action, dedup key, summary."""
    if importlib.util.find_spec(program.partition("_")[0]) is None:
        pytest.skip("it is not installed")
    shutil.copy(PROGRAMS / f"{program}.py", folder)
    for _ in range(2):
        sandbox.fail_next(503)
    run([f"{program}.py"], folder, sandbox, patience=400.0, **settings)
    assert "CUST4711" not in json.dumps(sandbox.events)
    return sorted(
        (
            event["event_action"],
            event["dedup_key"],
            _RUN.sub("[…]", event.get("payload", {}).get("summary", "")),
        )
        for event in sandbox.events
    )


def test_prefect(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = {
        "PREFECT_HOME": str(tmp_path / "home"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # 20 is too few on a busy machine
    }
    assert ran("prefect_flows", tmp_path, sandbox, **settings) == [
        ("resolve", "prefect/billing/mend", ""),
        ("trigger", "prefect/billing/pay", "Task billing/pay[…] raised ValueError: boom"),
        ("trigger", "prefect/own", "Flow own[…] raised OSError: of the flow's own"),
        ("trigger", "prefect/tiring/tire", "Task tiring/tire[…] raised LookupError: still nothing"),
        (
            "trigger",
            "prefect/unfits/unfit",
            "Task unfits/unfit[…] finished in state Failed: "
            "Task run encountered an exception PermissionError: not tried again",
        ),
    ]


def test_dagster(sandbox: Sandbox, tmp_path: Path) -> None:
    found = ran("dagster_job", tmp_path, sandbox, DAGSTER_HOME=str(tmp_path / "home"))
    own = [event for event in found if event[2] == "no address for order 7"]
    assert len(own) == 1
    assert [event for event in found if event not in own] == [
        ("resolve", "dagster/billing/mend", ""),
        ("trigger", "dagster/billing/pay", "Step billing/pay[…] raised ValueError: boom"),
        ("trigger", "dagster/billing/ship", "Step billing/ship[…] raised LookupError: no stock"),
    ]


def test_airflow(sandbox: Sandbox, tmp_path: Path) -> None:
    if importlib.util.find_spec("airflow") is None:
        pytest.skip("it is not installed")
    settings = {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
    }
    (tmp_path / "dags").mkdir()
    shutil.copy(PROGRAMS / "airflow_dag.py", tmp_path / "dags")
    airflow = Path(sys.executable).with_name("airflow")
    for words in ("db migrate", "dags reserialize"):
        subprocess.run([airflow, *words.split()], env={**os.environ, **settings}, check=True, timeout=300)
    assert ran("airflow_dag", tmp_path, sandbox, **settings) == [
        ("resolve", "airflow/billing/fine", ""),
        ("trigger", "airflow/billing/pay", "Task billing/pay[…] raised ValueError: boom"),
        ("trigger", "airflow/billing/ship", "Task billing/ship[…] raised LookupError: no stock"),
    ]


def test_temporal(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sorted(summary for _, _, summary in ran("temporalio_worker", tmp_path, sandbox)) == [
        "Activity late[…] raised OSError: too late",
        "Activity pay[…] raised ValueError: boom",
        "Activity refuse[…] raised ApplicationError: refused",
        "Activity ship[…] raised LookupError: no stock",
        "Activity tire[…] raised TimeoutError: still no answer",
        "Workflow Order[…] raised KeyError in temporalio_worker.run: KeyError: 'address'",
    ]
