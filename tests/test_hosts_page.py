"""The page of all hosts: every row says how it is known, and its code is code."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "examples" / "hosts.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| host |")
]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
BY_TEST = re.compile(r"`(tests/[\w/]+\.py)`")
BY_HAND = re.compile(r"tried on \d{4}-\d\d-\d\d with .*\d")


def test_all_hosts_are_there() -> None:
    assert len(ROWS) >= 54
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_row_is_known_by_a_test_or_was_tried(row: list[str]) -> None:
    _, _, known = row
    tests = BY_TEST.findall(known)
    assert tests or BY_HAND.search(known)
    for test in tests:
        assert (ROOT / test).is_file()


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_what_the_code_imports_from_here_is_there(snippet: str) -> None:
    for node in ast.walk(ast.parse(snippet)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("pagerduty_logging"):
            try:
                module = importlib.import_module(str(node.module))
            except ModuleNotFoundError as missing:
                pytest.skip(f"{missing.name} is not installed")
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_every_integration_is_on_the_page() -> None:
    folder = ROOT / "pagerduty_logging" / "integrations"
    named = set(re.findall(r"integrations\.(\w+)", PAGE))
    ours = {file.stem for file in folder.glob("*.py")} - {
        "__init__",
        "handlers",
        "reach",
        "reports",
        "tasks",
        "uncaught",
    }
    assert ours - named == {"django_q"}  # found by its entry point
