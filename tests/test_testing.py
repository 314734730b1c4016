"""The fixture `pagerduty`, as the tests of somebody else's application use it."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parent.parent / "pagerduty_logging" / "sandbox" / "README.md").read_text(
    encoding="utf-8"
)
HARD_LIMIT = 120  # seconds any of these runs may take

APPLICATION = """
import logging.config

logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "pagerduty": {
            "class": "pagerduty_logging.PagerDutyHandler",
            "routing_key": "11111111111111111111111111111111",
            "base_url": "https://pagerduty.invalid",
        }
    },
    "root": {"handlers": ["pagerduty"]},
})

def pay(order):
    logging.getLogger("shop").error("payment %s failed", order, extra={"order": order})
"""

TESTS = """
import os
import pytest
import shop  # configures logging at import, before any fixture

@pytest.mark.parametrize("time", ["first", "second"])
def test_it_pages_every_time(pagerduty, time):
    shop.pay(4711)
    alert = pagerduty.alert(summary="payment 4711 failed", severity="error", timeout=60)
    assert alert.custom_details["order"] == 4711

def test_it_pages_after_all(pagerduty):
    pagerduty.fail_next(503)
    shop.pay(4711)
    pagerduty.settle(timeout=60)
    assert [alert.summary for alert in pagerduty.alerts] == ["payment 4711 failed"]

def test_nobody_is_woken(pagerduty):
    pagerduty.assert_no_pages()

def test_what_a_test_patches_is_undone(pagerduty, monkeypatch):
    monkeypatch.delenv("PAGERDUTY_ROUTING_KEY")

def test_nothing_is_left_in_the_environment():
    assert "PAGERDUTY_ROUTING_KEY" not in os.environ
    assert "PAGERDUTY_EVENTS_URL" not in os.environ

def test_that_fails(pagerduty):
    shop.pay(4711)
    pagerduty.settle(timeout=60)
    pagerduty.alert(summary="payment 4711 failed", severity="critical", timeout=0)
"""


def pytest_in(directory: Path, *, all_plugins: bool = False) -> str:
    """Run pytest as a person does, every warning an error; return what it says.

    With all plugins ours is found by its entry point; without, which is faster, it is named.
    """
    options = ["-p", "no:cacheprovider", "-W", "error"]
    environment = dict(os.environ)
    if not all_plugins:
        options += ["-p", "pagerduty_logging.testing"]
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=HARD_LIMIT,
    )
    assert run.stderr == ""
    return run.stdout


def test_an_application_is_tested_with_the_fixture(tmp_path: Path):
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "test_shop.py").write_text(TESTS)
    said = pytest_in(tmp_path, all_plugins=True)
    assert "1 failed, 6 passed" in said, said
    assert "E           severity: expected 'critical', got 'error'" in said
    assert "def alert(" not in said, "the failure shows the test's own line, not ours"


def test_the_example_of_the_page_passes(tmp_path: Path):
    example = re.search(r"<!-- example: test -->\s+```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert example is not None
    (tmp_path / "test_shop.py").write_text(example[1])
    said = pytest_in(tmp_path)
    assert "2 passed" in said, said


def test_a_run_without_the_fixture_imports_nothing_of_it(tmp_path: Path):
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n"
        "def test_nothing():\n"
        "    ours = {name for name in sys.modules if name.startswith('pagerduty_logging')}\n"
        "    assert ours == {'pagerduty_logging', 'pagerduty_logging.testing'}\n"
        "    assert not {'flask', 'requests'} & set(sys.modules)\n"
    )
    assert "1 passed" in pytest_in(tmp_path)


def test_without_flask_the_fixture_says_what_to_install(tmp_path: Path):
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['flask'] = None\n")
    (tmp_path / "test_shop.py").write_text("def test_it_pages(pagerduty):\n    pass\n")
    assert "needs Flask: pip install 'pagerduty-logging[sandbox]'" in pytest_in(tmp_path)
