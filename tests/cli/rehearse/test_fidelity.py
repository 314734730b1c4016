"""What a live run sent is what the rehearsal of its log says: the same events, in order, with their keys."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.cli.rehearse import user_format
from pagerduty_logging.cli.rehearse.comparing import Checked, checked, read_ledger
from pagerduty_logging.cli.rehearse.rehearsal import rehearse
from pagerduty_logging.cli.rehearse.result import Event, Problem, Result
from pagerduty_logging.events_api.clock import Clocks
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox
from pagerduty_logging.state.why import Why
from tests.cli.rehearse.logs import read_log, setting, unidentified
from tests.turned import Client

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


def grouped(log: logging.Logger, number: int) -> None:
    try:
        raise ExceptionGroup(f"attempt {number}", [ValueError(number), KeyError("card")])
    except ExceptionGroup:
        log.exception("could not settle %d", number)


def says_little(log: logging.Logger, number: int) -> None:
    log.error(f"failed: {KeyError(number)}")


def quiet(log: logging.Logger, number: int) -> None:
    log.warning("order %d is late: ERROR or not", number)


def noisy(log: logging.Logger, number: int) -> None:
    logging.getLogger(f"{log.name}.noise").error("noise %d", number)


SITES = [
    template,
    interpolated,
    constant,
    worse,
    several_lines,
    caught,
    chained,
    grouped,
    says_little,
    quiet,
    noisy,
]

ROUTING = [
    {"logger": "rehearsed.noise", "routing_key": "R" * 32},
    {"level": "CRITICAL", "routing_key": "C" * 32},
]

OPTIONS: list[dict[str, Any]] = [
    {},
    {"min_occurrences": (3, 300)},
    {"ignore_loggers": ["*.noise"]},
    {"level": "CRITICAL"},
    {"repeat_interval": 0},
    {"fingerprint": {"exception_type": True, "function_name": False}},
    {"ignore_exceptions": ["KeyError"]},
    {"escalation": "alert"},
    {"escalation": "alert", "escalation_rate": 2},
    {"routing": ROUTING},
    {"environment": "production", "client": "shop"},
]
Step = tuple[Callable[[logging.Logger, int], None], int]


@pytest.fixture(scope="module")
def stand_in() -> Any:
    with Sandbox() as running:
        yield running


@contextmanager
def logger_of(*handlers: logging.Handler) -> Iterator[logging.Logger]:
    logger = logging.getLogger("rehearsed")
    logger.propagate = False
    for each in handlers:
        logger.addHandler(each)
    try:
        yield logger
    finally:
        for each in handlers:
            logger.removeHandler(each)
            each.close()


def log_file(path: Path) -> logging.FileHandler:
    file = logging.FileHandler(path, mode="w")
    file.setFormatter(logging.Formatter(FORMAT))
    return file


def rehearsal_of(log: Path, options: dict[str, Any]) -> Result:
    entries, _ = read_log(
        log.with_suffix(".copy"), log.read_bytes(), only=True,
        formats=(user_format.reader_of(FORMAT),),
        level=logging.CRITICAL if "level" in options else logging.ERROR,
        zone=datetime.now().astimezone().tzinfo,
    )  # fmt: skip
    result = rehearse(unidentified(entries), setting(**options))
    times = [entry.time or 0.0 for entry in entries]
    result.read = {"earliest": min(times, default=None), "latest": max(times, default=None)}
    return result


def told(severity: str, key: str, why: str) -> tuple[str, str, str]:
    return severity, key, Why(why.partition(":")[0]).name.lower()


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.sampled_from(SITES), st.integers(0, 5)), max_size=25), st.sampled_from(OPTIONS))
def test_a_log_rehearsed_gives_the_events_that_were_sent(
    stand_in: Sandbox, tmp_path: Path, steps: list[Step], options: dict[str, Any]
):
    stand_in.clear()
    handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=stand_in.url, **options)
    with logger_of(log_file(tmp_path / "live.log"), handler) as logger:
        for site, number in steps:
            site(logger, number)
            assert handler.flush(10)
        events = list(stand_in.events)
        handler.close()  # reports problems that are worth it before their time
        assert handler.flush(10)
        last = list(stand_in.events)[len(events) :]
    result = rehearsal_of(tmp_path / "live.log", options)
    rehearsed = [told_of(event, problem) for problem, event in result.all_events()]
    sent, sizes = ([told(e["payload"]["severity"], e["dedup_key"], e["payload"]["custom_details"]["why"])
                    for e in some] for some in (events, last))  # fmt: skip
    assert rehearsed[: len(sent)] == sent
    assert sorted(rehearsed[len(sent) :]) == sorted(sizes)
    assert not any(problem.uncertain for problem in result.problems)


def told_of(event: Event, problem: Problem) -> tuple[str, str, str]:
    return event.severity, event.second or problem.key, event.why


class Turned(PagerDutyHandler):
    """The handler, at times that the test says, with a stand-in for its client."""

    def __init__(self, **options: Any) -> None:
        self.now = 1_795_953_600.0
        self.client = Client()
        self.client.timeout = 0.06  # a call waits for no budget: the clock stands still in it
        self._clocks = Clocks(lambda: self.now, lambda: self.now, lambda: 0.5)
        super().__init__(EXAMPLE_ROUTING_KEY, base_url="http://127.0.0.1:9", background=False, **options)
        self.times: list[float] = []

    def handle(self, record: logging.LogRecord, _now: Any = None) -> bool:
        return super().handle(record, lambda: self.now)

    def turn(self, until: float) -> None:
        assert self._delivery is not None
        while True:
            wait = self._delivery.step(10.0)
            self.times += [self.now] * (len(self.client.events) - len(self.times))
            report = self._pipeline.follow_ups.wait(self.now)
            wait = min((w for w in (wait, report) if w is not None), default=None)
            if wait is None or self.now + wait > until:
                break
            self.now += max(wait, 1e-6)
        self.now = until


TURNED: list[dict[str, Any]] = [
    {},
    {"follow_up": 0, "max_repeat_interval": 600},
    {"min_occurrences": (3, 300)},
    {"max_events_per_minute": 3},
    {"escalation": "alert", "escalation_rate": 2},
    {"repeat_interval": 30, "follow_up": 5},
]


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(SITES), st.integers(0, 3), st.sampled_from([0, 1, 20, 400, 4_000, 90_000]),
            st.integers(1, 15),
        ),
        max_size=12,
    ),
    st.sampled_from(TURNED),
)  # fmt: skip
def test_hours_of_a_log_give_the_events_that_were_sent_when_they_were(
    tmp_path: Path, steps: list[tuple[Any, int, int, int]], options: dict[str, Any]
):
    handler = Turned(**options)
    handler.addFilter(lambda record: setattr(record, "created", handler.now) or True)
    file = log_file(tmp_path / "turned.log")
    file.formatter.default_msec_format = None  # type: ignore[union-attr]
    with logger_of(handler, file) as logger, handler.delivering_by(handler.client):  # type: ignore[arg-type]
        for site, number, seconds, times in steps:
            handler.turn(handler.now + seconds)
            for _ in range(times):
                site(logger, number)
                handler.turn(handler.now)
        handler.turn(handler.now + 7 * 86_400)
    result = rehearsal_of(tmp_path / "turned.log", options)
    assert [(round(event.at, 3), *told_of(event, problem)) for problem, event in result.all_events()] == [
        (round(at, 3), *told(e["payload"]["severity"], e["dedup_key"], e["payload"]["custom_details"]["why"]))
        for at, e in zip(handler.times, handler.client.events, strict=True)
    ]


def test_the_ledger_of_a_live_handler_agrees_with_the_rehearsal_of_its_log(tmp_path: Path):
    ledger = tmp_path / "pages.jsonl"
    handler = Turned(ledger=str(ledger), escalation="alert", min_occurrences=(2, 300))
    handler.addFilter(lambda record: setattr(record, "created", handler.now) or True)
    file = log_file(tmp_path / "turned.log")
    file.formatter.default_msec_format = None  # type: ignore[union-attr]
    with logger_of(handler, file) as logger, handler.delivering_by(handler.client):  # type: ignore[arg-type]
        for round_ in range(40):
            for site in (template, caught, worse):
                handler.turn(handler.now + 100)
                site(logger, round_)
        handler.resolve("feed")
        handler.turn(handler.now + 600)
    result = rehearsal_of(tmp_path / "turned.log", {"escalation": "alert", "min_occurrences": (2, 300)})
    sent = read_ledger(ledger.read_text())
    assert len(sent) > 5
    assert checked(result, sent) == Checked(len(sent), 0, 0)
