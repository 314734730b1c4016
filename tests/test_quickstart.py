"""The first thing a stranger runs does what the README says."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "quickstart.py"


def test_the_quickstart_shows_few_alerts_for_many_errors():
    run = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE], timeout=120, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    rows = [line for line in run.stdout.splitlines() if line.startswith(("critical", "error"))]
    assert len(rows) == 4
    assert [row for row in rows if "payment for order" in row and "5,001" in row]
    assert [row for row in rows if "OutOfStock" in row and " 21 " in row]
    figures = re.search(r"([\d,]+) errors logged, (\d+) alerts opened", run.stdout)
    assert figures is not None
    assert (int(figures[1].replace(",", "")), int(figures[2])) == (5_024, 4)
