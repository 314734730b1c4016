"""The recipes in `examples/`, run as a user would: short summary, exception shown, stable key."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.sandbox import Sandbox
from tests.pages import ROUTING_KEY, require_valid

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDS = {
    "through_a_queue": None,
    "through_a_socket": None,
    "with_structlog": "structlog",
    "with_structlog_json": "structlog",
    "with_loguru": "loguru",
    "with_loguru_intercepted": "loguru",
    "with_json_lines": "pythonjsonlogger",
}
RUN_ELSEWHERE = {"with_apscheduler", "with_concurrent_futures", "with_multiprocessing"}
SHOWS_FIELDS = set(NEEDS) - {"through_a_queue"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def _run(sandbox: Sandbox, name: str) -> dict[str, Any]:
    needed = NEEDS[name]
    if needed is not None and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    sandbox.clear()
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        env={**os.environ, "PAGERDUTY_ROUTING_KEY": ROUTING_KEY, "PAGERDUTY_EVENTS_URL": sandbox.url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (event,) = sandbox.events
    return event


@pytest.mark.parametrize("name", NEEDS)
def test_a_recipe_pages_as_if_the_record_came_straight(sandbox: Sandbox, name: str) -> None:
    event = _run(sandbox, name)
    require_valid(event)
    payload, details = event["payload"], event["payload"]["custom_details"]
    assert payload["summary"] in (
        "cannot charge order 7: KeyError: 'card'",
        "cannot charge order: KeyError: 'card'",
    )
    assert payload["severity"] == "error"
    assert payload["class"] == "KeyError"
    assert details["exception"] == "KeyError: 'card'"
    first, source, *rest = details["traceback"]
    assert first.startswith(f"{name}.py:")
    assert source == '    order["card"]'
    assert rest == []
    assert "Traceback" not in json.dumps(event)
    assert "defects" not in details
    if name in SHOWS_FIELDS:
        assert details["order"] == 7


def test_every_recipe_is_run() -> None:
    recipes = {path.stem for path in EXAMPLES.glob("*.py") if path.stem.startswith(("through_", "with_"))}
    assert recipes == set(NEEDS) | RUN_ELSEWHERE


@pytest.mark.parametrize("name", ["through_a_queue", "with_structlog"])
def test_the_key_is_the_same_each_time(sandbox: Sandbox, name: str) -> None:
    assert _run(sandbox, name)["dedup_key"] == _run(sandbox, name)["dedup_key"]


def test_values_of_variables_that_loguru_prints_are_shown_for_no_exception(sandbox: Sandbox) -> None:
    loguru = pytest.importorskip("loguru")
    sandbox.clear()
    handler = PagerDutyHandler(routing_key=ROUTING_KEY, base_url=sandbox.url)
    sink = loguru.logger.add(handler, format="{message}", level="ERROR")
    try:
        for fail in (_without_cause, _with_cause):
            loguru.logger.catch(fail)("CUST" + "4711")
    finally:
        loguru.logger.remove(sink)
        handler.flush()
    summaries = [event["payload"]["summary"] for event in sandbox.events]
    module = "test_records_from_elsewhere"
    assert summaries == [
        f"Error caught in {module}._without_cause: KeyError: 'rate'",
        f"Error caught in {module}._with_cause: ConnectionError: closed",
    ]
    assert "CUST4711" not in json.dumps(sandbox.events)


def _without_cause(customer: str) -> None:
    {}["rate"]


def _with_cause(customer: str) -> None:
    try:
        _without_cause(customer)
    except KeyError as error:
        raise ConnectionError("closed") from error
