"""What the README shows works: each Python block runs as a program of its own, against the stand-in."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    pytest.param(block[1], id=f"line-{README.count(chr(10), 0, block.start()) + 1}")
    for block in re.finditer(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
]


@pytest.mark.parametrize("program", BLOCKS)
def test_a_block_of_the_readme_runs(program: str, tmp_path: Path):
    with Sandbox() as sandbox:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env={
                **os.environ,
                "PAGERDUTY_ROUTING_KEY": EXAMPLE_ROUTING_KEY,
                "PAGERDUTY_EVENTS_URL": sandbox.url,
            },
            cwd=tmp_path,
            timeout=60,
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stderr


def test_the_first_block_pages_once():
    with Sandbox() as sandbox:
        subprocess.run(
            [sys.executable, "-W", "error", "-c", BLOCKS[0].values[0]],
            env={
                **os.environ,
                "PAGERDUTY_ROUTING_KEY": EXAMPLE_ROUTING_KEY,
                "PAGERDUTY_EVENTS_URL": sandbox.url,
            },
            timeout=60,
            check=True,
        )
        assert [alert.summary for alert in sandbox.alerts] == ["payment 4711 failed"]


def test_every_file_that_the_readme_links_to_is_there():
    links = re.findall(r"\]\(((?!https?:|#)[^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_heading_that_the_readme_links_to_is_there():
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", README) if link not in anchors] == []
