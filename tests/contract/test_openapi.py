"""The sandbox does what its OpenAPI description says: schemathesis tries to prove otherwise."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox

pytest.importorskip("schemathesis")

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
HARD_LIMIT = 240  # seconds any of these runs may take


@pytest.fixture(scope="module")
def inhabited() -> Iterator[Sandbox]:
    """A sandbox that holds whatever the tests before sent it."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(["--include-path-regex", "^/v2/"], id="events"),
        pytest.param(["--include-method", "GET"], id="what they left"),
        pytest.param(["--include-path-regex", "^/api/", "--exclude-method", "GET"], id="control"),
    ],
)
def test_schemathesis_finds_nothing(inhabited: Sandbox, part: list[str], tmp_path: Path):
    command = [str(SCHEMATHESIS), "run", f"{inhabited.url}/openapi.json", *part]
    options = ["--seed", "1", "--max-examples", "20", "--generation-database", "none", "--no-color"]
    run = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=HARD_LIMIT
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "No issues found" in run.stdout
