"""What a live run sent is what the rehearsal of its log says: the same events, in order, with their keys."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.cli.rehearse import user_format
from pagerduty_logging.cli.rehearse.rehearsal import rehearse
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from tests.cli.rehearse.logs import read_log, setting

FORMAT = "%(asctime)s %(levelname)s %(name)s %(pathname)s:%(lineno)d %(message)s"


def template(log: logging.Logger, number: int) -> None:
    log.error("order %d failed", number)


def interpolated(log: logging.Logger, number: int) -> None:
    log.error(f"customer {number} has no card of type {number * 7:x}")


def constant(log: logging.Logger, number: int) -> None:
    log.critical("no database")


def worse(log: logging.Logger, number: int) -> None:
    log.log(logging.ERROR if number % 3 else logging.CRITICAL, "feed %s is late", number)


def several_lines(log: logging.Logger, number: int) -> None:
    log.error("first of %d\nsecond: ERROR\n\n  third", number)


def caught(log: logging.Logger, number: int) -> None:
    try:
        {}[number]
    except KeyError:
        log.exception("could not charge %d", number)


def chained(log: logging.Logger, number: int) -> None:
    try:
        try:
            int("x" * number)
        except ValueError as error:
            raise RuntimeError(f"attempt {number}") from error
    except RuntimeError:
        log.exception("gave up")


def quiet(log: logging.Logger, number: int) -> None:
    log.warning("order %d is late: ERROR or not", number)


def noisy(log: logging.Logger, number: int) -> None:
    logging.getLogger(f"{log.name}.noise").error("noise %d", number)


SITES = [template, interpolated, constant, worse, several_lines, caught, chained, quiet, noisy]

OPTIONS: list[dict[str, Any]] = [
    {},
    {"min_occurrences": (3, 300)},
    {"ignore_loggers": ["*.noise"]},
    {"level": "CRITICAL"},
    {"repeat_interval": 0},
    {"fingerprint": {"exception_type": True, "function_name": False}},
    {"ignore_exceptions": ["KeyError"]},
]


@pytest.fixture(scope="module")
def stand_in() -> Any:
    with Sandbox() as running:
        yield running


def live(
    steps: list[tuple[Callable[[logging.Logger, int], None], int]],
    options: dict[str, Any],
    log: Path,
    sandbox: Sandbox,
) -> list[tuple[str, str]]:
    """Log with a handler and into a file; return severity and key of what arrived."""
    sandbox.clear()
    handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=sandbox.url, **options)
    file = logging.FileHandler(log, mode="w")
    file.setFormatter(logging.Formatter(FORMAT))
    logger = logging.getLogger("rehearsed")
    logger.propagate = False
    for each in (file, handler):
        logger.addHandler(each)
    try:
        for site, number in steps:
            site(logger, number)
            assert handler.flush(10)
    finally:
        for each in (file, handler):
            logger.removeHandler(each)
            each.close()
    return [(event["payload"]["severity"], event["dedup_key"]) for event in sandbox.events]


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.sampled_from(SITES), st.integers(0, 5)), max_size=25), st.sampled_from(OPTIONS))
def test_a_log_rehearsed_gives_the_events_that_were_sent(
    stand_in: Sandbox,
    tmp_path: Path,
    steps: list[tuple[Callable[[logging.Logger, int], None], int]],
    options: dict[str, Any],
):
    sent = live(steps, options, tmp_path / "live.log", stand_in)
    entries, _ = read_log(
        tmp_path / "copy.log", (tmp_path / "live.log").read_bytes(), only=True,
        formats=(user_format.reader_of(FORMAT),),
        level=logging.CRITICAL if "level" in options else logging.ERROR,
    )  # fmt: skip
    result = rehearse(entries, setting(**options))
    assert [(event.severity, problem.key) for problem, event in result.all_events()] == sent
    assert not any(problem.uncertain for problem in result.problems)
