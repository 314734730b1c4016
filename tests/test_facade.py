"""What the package shows of itself."""

import subprocess
import sys

import pytest

import pagerduty_logging


def test_the_public_names_are_sorted_and_all_there():
    assert pagerduty_logging.__all__ == sorted(pagerduty_logging.__all__)
    for name in pagerduty_logging.__all__:
        value = getattr(pagerduty_logging, name)
        assert value.__name__ == name
        assert value.__doc__
    assert set(pagerduty_logging.__all__) <= set(dir(pagerduty_logging))


def test_the_handler_that_dict_config_made_is_found():
    program = """
import logging.config
import pagerduty_logging
assert pagerduty_logging.handlers() == []
logging.config.dictConfig({
    "version": 1,
    "handlers": {"pages": {"class": "pagerduty_logging.PagerDutyHandler", "routing_key": "0" * 32}},
    "loggers": {"shop": {"handlers": ["pages"]}},
})
assert pagerduty_logging.handlers() == logging.getLogger("shop").handlers
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], timeout=60, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = pagerduty_logging.Nonsense


@pytest.mark.parametrize("heavy", ["requests", "urllib3", "flask", "django", "hypothesis", "asyncio"])
def test_importing_the_handler_imports_nothing_heavy(heavy: str):
    program = f"""
import sys
from pagerduty_logging import PagerDutyHandler
sys.exit({heavy!r} in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
