"""The first thing a stranger runs does what the README says."""

import os
import re
import select
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.measured import in_good_time

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "quickstart.py"
HARD_LIMIT = 120  # seconds
TABLE = r"^SEVERITY.*?opened\.$"


def test_the_quickstart_shows_few_alerts_for_many_errors():
    def run() -> None:
        run = subprocess.run(
            [sys.executable, "-W", "error", EXAMPLE],
            timeout=HARD_LIMIT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        rows = [line for line in run.stdout.splitlines() if line.startswith(("critical", "error"))]
        assert len(rows) == 4
        assert [row for row in rows if "payment for order" in row and "5,001" in row]
        assert [row for row in rows if "OutOfStock" in row and " 21 " in row]
        figures = re.search(r"([\d,]+) errors logged, (\d+) alerts opened", run.stdout)
        assert figures is not None
        assert (int(figures[1].replace(",", "")), int(figures[2])) == (5_024, 4)

    in_good_time(run)  # a busy machine needs more than its repeat interval of a second: other figures


def test_its_table_is_the_one_of_the_readme_but_for_the_time():
    (shown,) = re.findall(TABLE, (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)

    def run() -> None:
        run = subprocess.run(
            [sys.executable, EXAMPLE], timeout=HARD_LIMIT, capture_output=True, text=True, check=True
        )
        (printed,) = re.findall(TABLE, run.stdout, re.DOTALL | re.MULTILINE)
        assert re.sub(r"\d\d:\d\d:\d\d", "", printed) == re.sub(r"\d\d:\d\d:\d\d", "", shown)
        assert "…" in printed

    in_good_time(run)  # a busy machine needs more than its repeat interval of a second: another table


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal that a program can hold")
def test_in_a_terminal_it_waits_with_its_inbox_until_ctrl_c():
    import pty

    ours, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, EXAMPLE],
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    ) as run:
        try:
            os.close(terminal)
            said = ""
            while (address := re.search(r"press Ctrl-C: (http://[\w.:]+)\s", said)) is None:
                assert select.select([ours], [], [], HARD_LIMIT)[0], said
                said += os.read(ours, 4096).decode()
            with urllib.request.urlopen(address[1], timeout=HARD_LIMIT) as inbox:
                assert "card declined" in inbox.read().decode()
            run.send_signal(signal.SIGINT)
            assert run.wait(HARD_LIMIT) == 0
        finally:
            run.kill()
            os.close(ours)
