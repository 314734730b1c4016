"""Notebooks that run as jobs: what a cell logs or raises is a page."""

import subprocess
import sys
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.reliability.programs import environment

from .workers import EXAMPLES, PATIENCE, pages

pytest.importorskip("ipykernel")
pytest.importorskip("nbclient")


def test_an_error_in_a_cell_is_one_page(sandbox: Sandbox, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "jupyter", "execute", str(EXAMPLES / "notebook.ipynb")],
        env=environment(sandbox.url, measured=False),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "KeyError" in run.stderr  # the cell shows it as ever
    found = pages(sandbox)
    assert set(found) == {"the report of today is late", "KeyError: 'pears'"}, run.stderr
    assert '    count("pears")' in found["KeyError: 'pears'"]["traceback"]
